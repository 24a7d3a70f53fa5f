/** `shared_blob`: blobs that anyone can fund and extend. Walrus contract rules: shared blobs. */
import { type layouts, typeNames } from '@floe/contracts';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU64 } from '../execution/integers.ts';
import { extendBlob } from './blob.ts';
import { type Coin, coinIntoBalance, newCoin } from './framework.ts';
import { type System, systemState } from './system-state.ts';

type Blob = layouts.Blob;
type SharedBlob = layouts.SharedBlob;

function share(call: Call, blob: Blob, funds: bigint): void {
  call.transfer(
    typeNames(call.addresses.walrus).sharedBlob,
    { id: call.freshId(), blob, funds } as SharedBlob,
    'shared',
  );
}

export const sharedBlobNatives: Readonly<Record<string, Native>> = {
  new: native((call, blob: Blob) => share(call, blob, 0n)),
  new_funded: native((call, blob: Blob, funds: Coin) => share(call, blob, coinIntoBalance(call, funds))),
  fund: native((call, self: Ref<SharedBlob>, added: Coin) => {
    self.value = { ...self.value, funds: asU64(self.value.funds + coinIntoBalance(call, added)) };
  }),
  extend: native((call, self: Ref<SharedBlob>, system: Ref<System>, epochs: number) => {
    // The funds become a coin for the time of the payment, which takes a fresh id.
    const coin: Ref<Coin> = { value: newCoin(call, self.value.funds) };
    const blob = extendBlob(call, systemState(call, system.value), self.value.blob, epochs, coin);
    self.value = { ...self.value, blob, funds: coinIntoBalance(call, coin.value) };
  }),
};
