/** `system`: buying storage, registering, certifying, extending and deleting blobs. Walrus contract rules: storage resource, blobs. */
import type { layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { type BlobTerms, certifyBlob, createBlob, deleteBlob, extendBlob, extendBlobWithResource } from './blob.ts';
import { readBlobCertificate } from './blob-certificate.ts';
import { encodedBlobLength } from './encoding.ts';
import { eventBlobNatives } from './event-blob.ts';
import { type Coin, coinIntoBalance } from './framework.ts';
import { committeeNatives } from './system-committee.ts';
import { reserveSpace, reserveSpaceAhead } from './reservation.ts';
import { addSubsidy, maxEpochsAhead, payWriteFee } from './storage-accounting.ts';
import { systemPoolNatives } from './system-pools.ts';
import { currentEpoch, type System, type SystemState, systemState } from './system-state.ts';

type Blob = layouts.Blob;
type Storage = layouts.Storage;

const storage: Readonly<Record<string, Native>> = {
  reserve_space: native((call, system: Ref<System>, size: bigint, epochsAhead: number, payment: Ref<Coin>) => {
    return [reserveSpaceAhead(call, systemState(call, system.value), size, epochsAhead, payment)];
  }),
  reserve_space_for_epochs: native(
    (call, system: Ref<System>, size: bigint, startEpoch: number, endEpoch: number, payment: Ref<Coin>) => [
      reserveSpace(call, systemState(call, system.value), { size, startEpoch, endEpoch }, payment),
    ],
  ),
};

/** Registers a blob on space already bought and pays for its being written. */
export function buyBlob(call: Call, inner: Ref<SystemState>, terms: BlobTerms, payment: Ref<Coin>): Blob {
  const blob = createBlob(call, inner.value, terms);
  const { nShards } = inner.value.committee;
  payWriteFee(call, inner, encodedBlobLength(call, terms.size, terms.encodingType, nShards), payment);
  return blob;
}

const blobs: Readonly<Record<string, Native>> = {
  register_blob: native(
    (
      call,
      system: Ref<System>,
      space: Storage,
      blobId: bigint,
      rootHash: bigint,
      size: bigint,
      encodingType: number,
      deletable: boolean,
      payment: Ref<Coin>,
    ) => {
      const terms = { space, blobId, rootHash, size, encodingType, deletable };
      return [buyBlob(call, systemState(call, system.value), terms, payment)];
    },
  ),
  certify_blob: native(
    (call, system: System, blob: Ref<Blob>, signature: Uint8Array, bitmap: Uint8Array, message: Uint8Array) => {
      const state = systemState(call, system).value;
      const certificate = readBlobCertificate(call, state.committee, { signature, bitmap, message });
      if (certificate.epoch !== currentEpoch(state)) call.abort('system_state_inner', 'EInvalidIdEpoch');
      blob.value = certifyBlob(call, blob.value, currentEpoch(state), certificate);
    },
  ),
  delete_blob: native((call, system: System, blob: Blob) => {
    const state = systemState(call, system).value;
    return [deleteBlob(call, blob, currentEpoch(state))];
  }),
  extend_blob: native((call, system: Ref<System>, blob: Ref<Blob>, epochs: number, payment: Ref<Coin>) => {
    blob.value = extendBlob(call, systemState(call, system.value), blob.value, epochs, payment);
  }),
  extend_blob_with_resource: native((call, system: System, blob: Ref<Blob>, extension: Storage) => {
    const epoch = currentEpoch(systemState(call, system).value);
    blob.value = extendBlobWithResource(call, blob.value, extension, epoch);
  }),
};

const views: Readonly<Record<string, Native>> = {
  epoch: native((call, system: System): readonly [Epoch] => [currentEpoch(systemState(call, system).value)]),
  total_capacity_size: native((call, system: System) => [systemState(call, system).value.totalCapacitySize]),
  used_capacity_size: native((call, system: System) => [systemState(call, system).value.usedCapacitySize]),
  n_shards: native((call, system: System) => [systemState(call, system).value.committee.nShards]),
  version: native((_call, system: System) => [system.version]),
};

/** Adds a subsidy in equal parts to the next epochs; what does not divide goes to the current one. */
export function addSubsidies(call: Call, inner: Ref<SystemState>, amount: bigint, epochsAhead: number): void {
  if (epochsAhead === 0 || epochsAhead > maxEpochsAhead(inner.value)) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const part = amount / BigInt(epochsAhead);
  for (let offset = 0; offset < epochsAhead; offset += 1) addSubsidy(call, inner, offset, part);
  addSubsidy(call, inner, 0, amount % BigInt(epochsAhead));
}

/** Adds the i-th amount to the i-th epoch from now. */
export function addPerEpochSubsidies(call: Call, inner: Ref<SystemState>, amounts: readonly bigint[]): void {
  if (amounts.length > maxEpochsAhead(inner.value)) call.abort('system_state_inner', 'EInvalidEpochsAhead');
  for (const [offset, amount] of amounts.entries()) addSubsidy(call, inner, offset, amount);
}

const subsidies: Readonly<Record<string, Native>> = {
  add_subsidy: native((call, system: Ref<System>, coin: Coin, epochsAhead: number) =>
    addSubsidies(call, systemState(call, system.value), coinIntoBalance(call, coin), epochsAhead),
  ),
  add_per_epoch_subsidies: native((call, system: Ref<System>, amounts: readonly bigint[]) =>
    addPerEpochSubsidies(call, systemState(call, system.value), amounts),
  ),
};

export const systemNatives: Readonly<Record<string, Native>> = {
  ...storage,
  ...blobs,
  ...subsidies,
  ...views,
  ...committeeNatives,
  ...eventBlobNatives,
  ...systemPoolNatives,
};
