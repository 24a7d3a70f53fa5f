/** `system` for storage pools: what they cost and how they grow and shrink. Walrus contract rules: storage pools. */
import type { layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU32, asU64 } from '../execution/integers.ts';
import { readBlobCertificate } from './blob-certificate.ts';
import type { Coin } from './framework.ts';
import { reserveSpaceAhead } from './reservation.ts';
import { accountCapacity, maxEpochsAhead, payStorage, payWriteFee } from './storage-accounting.ts';
import {
  burnExpiredBlob,
  certifyPooledBlob,
  createPool,
  deletePooledBlob,
  type PooledBlobTerms,
  poolState,
  registerPooledBlob,
  requireLive,
  type StoragePool,
  unusedBytes,
} from './storage-pool.ts';
import { createStorage, destroyStorage } from './storage-resource.ts';
import { currentEpoch, type System, type SystemState, systemState } from './system-state.ts';

type Storage = layouts.Storage;

const at = (state: SystemState) => ({ epoch: currentEpoch(state), nShards: state.committee.nShards });

/** Buys space and makes a pool of it. */
export function buyPool(
  call: Call,
  inner: Ref<SystemState>,
  size: bigint,
  epochsAhead: number,
  payment: Ref<Coin>,
): StoragePool {
  const storage = reserveSpaceAhead(call, inner, size, epochsAhead, payment);
  return createPool(call, storage, currentEpoch(inner.value));
}

/** Registers a blob in the pool and pays for its being written. */
export function buyPooledBlob(
  call: Call,
  inner: Ref<SystemState>,
  pool: StoragePool,
  terms: PooledBlobTerms,
  payment: Ref<Coin>,
): void {
  const encodedLength = registerPooledBlob(call, pool, terms, at(inner.value));
  payWriteFee(call, inner, encodedLength, payment);
}

/** Buys more epochs for the whole pool, with its event. */
export function extendPool(
  call: Call,
  inner: Ref<SystemState>,
  pool: StoragePool,
  epochs: number,
  payment: Ref<Coin>,
): void {
  const epoch = currentEpoch(inner.value);
  const state = poolState(call, pool);
  const { storage } = state.value;
  if (epochs === 0 || storage.endEpoch <= epoch) call.abort('system_state_inner', 'EInvalidEpochsAhead');
  const from = storage.endEpoch - epoch;
  if (from + epochs > maxEpochsAhead(inner.value)) call.abort('system_state_inner', 'EInvalidEpochsAhead');
  const range = { from, to: from + epochs };
  payStorage(call, inner, range, storage.storageSize, payment);
  accountCapacity(call, inner, range, storage.storageSize);
  const endEpoch = asU32(storage.endEpoch + epochs) as Epoch;
  state.value = { ...state.value, storage: { ...storage, endEpoch } };
  call.emit({ kind: 'StoragePoolExtended', epoch, storagePoolId: pool.id, newEndEpoch: endEpoch });
}

/** Buys more bytes for what is left of the pool's time. */
export function growPool(
  call: Call,
  inner: Ref<SystemState>,
  pool: StoragePool,
  size: bigint,
  payment: Ref<Coin>,
): void {
  const epoch = currentEpoch(inner.value);
  if (size === 0n) call.abort('system_state_inner', 'EInvalidResourceSize');
  const state = poolState(call, pool);
  requireLive(call, state.value, epoch);
  const { storage } = state.value;
  const range = { from: 0, to: storage.endEpoch - epoch };
  payStorage(call, inner, range, size, payment);
  accountCapacity(call, inner, range, size);
  state.value = { ...state.value, storage: { ...storage, storageSize: asU64(storage.storageSize + size) } };
}

function growWithStorage(call: Call, epoch: Epoch, pool: StoragePool, added: Storage): void {
  const state = poolState(call, pool);
  requireLive(call, state.value, epoch);
  const { storage } = state.value;
  if (added.startEpoch > epoch) call.abort('storage_pool', 'EResourceBounds');
  if (added.endEpoch !== storage.endEpoch) call.abort('storage_pool', 'EIncompatibleEndEpoch');
  destroyStorage(call, added);
  const storageSize = asU64(storage.storageSize + added.storageSize);
  state.value = { ...state.value, storage: { ...storage, storageSize } };
}

function shrink(call: Call, pool: StoragePool, size: bigint): Storage {
  const state = poolState(call, pool);
  if (size === 0n) call.abort('system', 'EZeroExtractSize');
  if (unusedBytes(state.value) < size) call.abort('storage_pool', 'EInsufficientCapacity');
  const { storage } = state.value;
  state.value = { ...state.value, storage: { ...storage, storageSize: storage.storageSize - size } };
  return createStorage(call, storage.startEpoch, storage.endEpoch, size);
}

const blobs: Readonly<Record<string, Native>> = {
  register_pooled_blob: native(
    (
      call,
      system: Ref<System>,
      pool: Ref<StoragePool>,
      blobId: bigint,
      rootHash: bigint,
      unencodedSize: bigint,
      encodingType: number,
      deletable: boolean,
      payment: Ref<Coin>,
    ) => {
      const terms = { blobId, rootHash, unencodedSize, encodingType, deletable };
      buyPooledBlob(call, systemState(call, system.value), pool.value, terms, payment);
    },
  ),
  certify_pooled_blob: native(
    (
      call,
      system: System,
      pool: Ref<StoragePool>,
      blobId: bigint,
      signature: Uint8Array,
      bitmap: Uint8Array,
      message: Uint8Array,
    ) => certifyInPool(call, systemState(call, system).value, pool.value, blobId, { signature, bitmap, message }),
  ),
  delete_pooled_blob: native((call, system: System, pool: Ref<StoragePool>, blobId: bigint) =>
    deletePooledBlob(call, pool.value, blobId, at(systemState(call, system).value)),
  ),
  burn_expired_pooled_blob: native((call, system: System, pool: Ref<StoragePool>, blobId: bigint) =>
    burnExpiredBlob(call, pool.value, blobId, at(systemState(call, system).value)),
  ),
};

/** Certifies a pooled blob with a quorum's certificate of this epoch. */
export function certifyInPool(
  call: Call,
  state: SystemState,
  pool: StoragePool,
  blobId: bigint,
  signed: { signature: Uint8Array; bitmap: Uint8Array; message: Uint8Array },
): void {
  const certificate = readBlobCertificate(call, state.committee, signed);
  if (certificate.epoch !== currentEpoch(state)) call.abort('system_state_inner', 'EInvalidIdEpoch');
  certifyPooledBlob(call, pool, blobId, currentEpoch(state), certificate);
}

export const systemPoolNatives: Readonly<Record<string, Native>> = {
  ...blobs,
  create_storage_pool: native((call, system: Ref<System>, size: bigint, epochsAhead: number, payment: Ref<Coin>) => [
    buyPool(call, systemState(call, system.value), size, epochsAhead, payment),
  ]),
  create_storage_pool_with_storage: native((call, system: System, storage: Storage) => {
    const epoch = currentEpoch(systemState(call, system).value);
    if (storage.storageSize === 0n) call.abort('system_state_inner', 'EInvalidResourceSize');
    if (storage.startEpoch > epoch || storage.endEpoch <= epoch) {
      call.abort('system_state_inner', 'EInvalidEpochsAhead');
    }
    return [createPool(call, storage, epoch)];
  }),
  extend_storage_pool: native((call, system: Ref<System>, pool: Ref<StoragePool>, epochs: number, payment: Ref<Coin>) =>
    extendPool(call, systemState(call, system.value), pool.value, epochs, payment),
  ),
  increase_storage_pool_capacity: native(
    (call, system: Ref<System>, pool: Ref<StoragePool>, size: bigint, payment: Ref<Coin>) =>
      growPool(call, systemState(call, system.value), pool.value, size, payment),
  ),
  increase_storage_pool_capacity_with_storage: native((call, system: System, pool: Ref<StoragePool>, added: Storage) =>
    growWithStorage(call, currentEpoch(systemState(call, system).value), pool.value, added),
  ),
  decrease_storage_pool_capacity_by_size: native((call, system: System, pool: Ref<StoragePool>, size: bigint) => {
    requireLive(call, poolState(call, pool.value).value, currentEpoch(systemState(call, system).value));
    return [shrink(call, pool.value, size)];
  }),
  decrease_storage_pool_unused_capacity_by_percent: native(
    (call, system: System, pool: Ref<StoragePool>, percent: number) => {
      const epoch = currentEpoch(systemState(call, system).value);
      if (percent > 100) call.abort('storage_pool', 'EInvalidPercent');
      const state = poolState(call, pool.value).value;
      requireLive(call, state, epoch);
      return [shrink(call, pool.value, (unusedBytes(state) * BigInt(percent)) / 100n)];
    },
  ),
};
