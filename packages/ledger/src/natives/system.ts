/** `system`: buying storage, registering, certifying, extending and deleting blobs. Walrus contract rules: storage resource, blobs. */
import type { layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU32 } from '../execution/integers.ts';
import { certifyBlob, createBlob, deleteBlob, extendBlob, extendBlobWithResource } from './blob.ts';
import { readBlobCertificate } from './blob-certificate.ts';
import { encodedBlobLength } from './encoding.ts';
import type { Coin } from './framework.ts';
import { committeeNatives } from './system-committee.ts';
import { accountCapacity, maxEpochsAhead, payStorage, payWriteFee } from './storage-accounting.ts';
import { createStorage } from './storage-resource.ts';
import { currentEpoch, type System, type SystemState, systemState } from './system-state.ts';

type Blob = layouts.Blob;
type Storage = layouts.Storage;

/** Buys `size` bytes for `[start, end)`; a start in the past counts as now. */
export function reserveSpace(
  call: Call,
  inner: Ref<SystemState>,
  terms: { size: bigint; startEpoch: number; endEpoch: number },
  payment: Ref<Coin>,
): Storage {
  const current = currentEpoch(inner.value);
  const startEpoch = Math.max(terms.startEpoch, current);
  if (terms.endEpoch <= startEpoch || terms.endEpoch - current > maxEpochsAhead(inner.value)) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const range = { from: startEpoch - current, to: terms.endEpoch - current };
  payStorage(call, inner, range, terms.size, payment);
  if (terms.size === 0n) call.abort('system_state_inner', 'EInvalidResourceSize');
  accountCapacity(call, inner, range, terms.size);
  return createStorage(call, startEpoch, terms.endEpoch, terms.size);
}

const storage: Readonly<Record<string, Native>> = {
  reserve_space: native((call, system: Ref<System>, size: bigint, epochsAhead: number, payment: Ref<Coin>) => {
    const inner = systemState(call, system.value);
    if (epochsAhead === 0 || epochsAhead > maxEpochsAhead(inner.value)) {
      call.abort('system_state_inner', 'EInvalidEpochsAhead');
    }
    const startEpoch = currentEpoch(inner.value);
    return [reserveSpace(call, inner, { size, startEpoch, endEpoch: asU32(startEpoch + epochsAhead) }, payment)];
  }),
  reserve_space_for_epochs: native(
    (call, system: Ref<System>, size: bigint, startEpoch: number, endEpoch: number, payment: Ref<Coin>) => [
      reserveSpace(call, systemState(call, system.value), { size, startEpoch, endEpoch }, payment),
    ],
  ),
};

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
      const inner = systemState(call, system.value);
      const blob = createBlob(call, inner.value, { space, blobId, rootHash, size, encodingType, deletable });
      payWriteFee(call, inner, encodedBlobLength(call, size, encodingType, inner.value.committee.nShards), payment);
      return [blob];
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

export const systemNatives: Readonly<Record<string, Native>> = { ...storage, ...blobs, ...views, ...committeeNatives };
