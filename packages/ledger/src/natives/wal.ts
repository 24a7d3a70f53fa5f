/** `wal`: the supply of WAL, which only ever shrinks. Walrus contract rules: WAL. */
import { dynamicFieldId, fieldType, layouts } from '@floe/contracts';
import { assert } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';
import { asU64 } from '../execution/integers.ts';
import { type Coin, coinIntoBalance, newCoin } from './framework.ts';

export type ProtectedTreasury = layouts.ProtectedTreasury;

const NAME_BYTES = Uint8Array.of(0);

/** The cap behind the treasury, which counts what exists. */
function treasuryCap(call: Call, treasury: ProtectedTreasury): Ref<layouts.TreasuryCap> {
  const { sui, wal } = call.addresses;
  const nameType = `${sui}::dynamic_object_field::Wrapper<${wal}::wal::TreasuryCapKey>`;
  const fieldId = dynamicFieldId(treasury.id, nameType, NAME_BYTES);
  const { value: capId } = call.field<ObjectId>({
    parent: treasury.id,
    fieldId,
    fieldType: fieldType(nameType, `${sui}::object::ID`),
    layout: layouts.TreasuryCapField as unknown as Codec,
    name: { dummyField: false },
  });
  assert(capId !== undefined, 'the treasury holds its cap');
  const cap = call.child<layouts.TreasuryCap>({
    owner: fieldId,
    id: capId,
    type: `${sui}::coin::TreasuryCap<${wal}::wal::WAL>`,
    layout: layouts.TreasuryCap as unknown as Codec,
  });
  assert(cap.value !== undefined, 'the treasury cap exists');
  return cap as Ref<layouts.TreasuryCap>;
}

/** Takes `amount` out of the world. */
export function burnWal(call: Call, treasury: Ref<ProtectedTreasury>, amount: bigint): void {
  burnCoin(call, treasury.value, newCoin(call, amount));
}

function burnCoin(call: Call, treasury: ProtectedTreasury, coin: Coin): void {
  const cap = treasuryCap(call, treasury);
  cap.value = { ...cap.value, totalSupply: asU64(cap.value.totalSupply - coinIntoBalance(call, coin)) };
}

export const walNatives: Readonly<Record<string, Native>> = {
  burn: native((call, treasury: Ref<ProtectedTreasury>, coin: Coin) => burnCoin(call, treasury.value, coin)),
  total_supply: native((call, treasury: ProtectedTreasury) => [treasuryCap(call, treasury).value.totalSupply]),
};
