/**
 * `storage_pool`: one reservation that many blobs share. Walrus contract rules: storage pools and buckets.
 *
 * The blobs' encoded sizes never add up to more than the reservation. Whoever can change the pool can do all of this.
 */
import { dynamicFieldId, fieldType, innerStateFieldId, layouts, moveValues } from '@floe/contracts';
import { assert } from '@floe/platform';
import { blobIdFromU256, type Epoch, type ObjectId } from '@floe/protocol';
import { type Call, type FieldRef, type Native, native, type Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';
import { asU64 } from '../execution/integers.ts';
import type { BlobCertificate } from './blob-certificate.ts';
import { deriveBlobId, encodedBlobLength } from './encoding.ts';
import { emptyMetadata, type Metadata, metadataField, removePair, withoutPair, withPair } from './metadata.ts';

export type StoragePool = layouts.StoragePool;
export type PoolState = layouts.StoragePoolInnerV1;
export type PooledBlob = layouts.PooledBlob;
type Storage = layouts.Storage;

const POOL_VERSION = 1n;

function poolStateField(call: Call, pool: StoragePool): FieldRef<PoolState> {
  return call.field<PoolState>({
    parent: pool.id,
    fieldId: innerStateFieldId(pool.id, pool.version),
    fieldType: fieldType('u64', `${call.addresses.walrus}::storage_pool::StoragePoolInnerV1`),
    layout: layouts.StoragePoolInnerField as unknown as Codec,
    name: pool.version,
  });
}

/** The state behind a pool, to read or replace. */
export function poolState(call: Call, pool: StoragePool): Ref<PoolState> {
  if (pool.version !== POOL_VERSION) call.abort('storage_pool', 'EWrongVersion');
  const field = poolStateField(call, pool);
  if (field.value === undefined) return call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
  return field as Ref<PoolState>;
}

/** A pool without blobs on `storage`, with its event. */
export function createPool(call: Call, storage: Storage, epoch: Epoch): StoragePool {
  const pool = { id: call.freshId(), version: POOL_VERSION };
  const blobs = { id: call.freshId(), size: 0n };
  poolStateField(call, pool).value = { storage, usedEncodedBytes: 0n, blobCount: 0n, blobs };
  call.emit({
    kind: 'StoragePoolCreated',
    epoch,
    storagePoolId: pool.id,
    reservedEncodedCapacityBytes: storage.storageSize,
    startEpoch: storage.startEpoch,
    endEpoch: storage.endEpoch,
  });
  return pool;
}

/** A blob's field in the table of the pool, and the blob it names. */
function blobPlaces(call: Call, state: PoolState, blobId: bigint) {
  const { sui, walrus } = call.addresses;
  const parent = state.blobs.id;
  const nameType = `${sui}::dynamic_object_field::Wrapper<u256>`;
  const fieldId = dynamicFieldId(parent, nameType, moveValues.u256.serialize(blobId).toBytes());
  const field = call.field<ObjectId>({
    parent,
    fieldId,
    fieldType: fieldType(nameType, `${sui}::object::ID`),
    layout: layouts.PooledBlobField as unknown as Codec,
    name: blobId,
  });
  const child = (id: ObjectId) =>
    call.child<PooledBlob>({
      owner: fieldId,
      id,
      type: `${walrus}::storage_pool::PooledBlob`,
      layout: layouts.PooledBlob as unknown as Codec,
    });
  return { field, child };
}

function findBlob(call: Call, state: PoolState, blobId: bigint): Ref<PooledBlob> | undefined {
  const { field, child } = blobPlaces(call, state, blobId);
  if (field.value === undefined) return undefined;
  const blob = child(field.value);
  assert(blob.value !== undefined, 'the table of pooled blobs holds the blob');
  return blob as Ref<PooledBlob>;
}

/** A blob of the pool, which must be there. */
function blobOf(call: Call, state: PoolState, blobId: bigint): Ref<PooledBlob> {
  return findBlob(call, state, blobId) ?? call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
}

export interface PooledBlobTerms {
  readonly blobId: bigint;
  readonly rootHash: bigint;
  readonly unencodedSize: bigint;
  readonly encodingType: number;
  readonly deletable: boolean;
}

/** Registers a blob in the pool, with its event; returns its encoded length, for which nothing is paid here. */
export function registerPooledBlob(
  call: Call,
  pool: StoragePool,
  terms: PooledBlobTerms,
  at: { epoch: Epoch; nShards: number },
): bigint {
  const inner = poolState(call, pool);
  const { unencodedSize, encodingType, deletable } = terms;
  const { storage } = inner.value;
  if (storage.startEpoch > at.epoch || storage.endEpoch <= at.epoch) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const id = call.freshId();
  const encodedLength = encodedBlobLength(call, unencodedSize, encodingType, at.nShards);
  if (deriveBlobId(terms.rootHash, encodingType, unencodedSize) !== terms.blobId) {
    call.abort('storage_pool', 'EInvalidBlobId');
  }
  const used = asU64(inner.value.usedEncodedBytes + encodedLength);
  if (used > storage.storageSize) call.abort('storage_pool', 'EInsufficientCapacity');
  const { field, child } = blobPlaces(call, inner.value, terms.blobId);
  if (field.value !== undefined) call.abort('dynamic_field', 'EFieldAlreadyExists', 'sui');
  const blobId = blobIdFromU256(terms.blobId);
  field.value = id;
  child(id).value = {
    id,
    registeredEpoch: at.epoch,
    blobId,
    unencodedSize,
    encodingType,
    certifiedEpoch: null,
    storagePoolId: pool.id,
    deletable,
  };
  const { blobs, blobCount } = inner.value;
  inner.value = {
    ...inner.value,
    usedEncodedBytes: used,
    blobCount: blobCount + 1n,
    blobs: { ...blobs, size: blobs.size + 1n },
  };
  call.emit({
    kind: 'PooledBlobRegistered',
    epoch: at.epoch,
    blobId,
    unencodedSize,
    encodingType,
    deletable,
    objectId: id,
    storagePoolId: pool.id,
  });
  return encodedLength;
}

/** Marks a blob of the pool as certified, with its event. */
export function certifyPooledBlob(
  call: Call,
  pool: StoragePool,
  blobId: bigint,
  epoch: Epoch,
  certificate: BlobCertificate,
): void {
  const state = poolState(call, pool).value;
  const blob = blobOf(call, state, blobId);
  if (certificate.blobId !== blob.value.blobId) call.abort('storage_pool', 'EInvalidBlobId');
  if (epoch >= state.storage.endEpoch) call.abort('storage_pool', 'EResourceBounds');
  if (blob.value.certifiedEpoch !== null) call.abort('storage_pool', 'EAlreadyCertified');
  const isDeletable = certificate.deletableObjectId !== undefined;
  const { id, deletable } = blob.value;
  if (isDeletable !== deletable) call.abort('storage_pool', 'EInvalidBlobPersistenceType');
  if (isDeletable && certificate.deletableObjectId !== id) call.abort('storage_pool', 'EInvalidBlobObject');
  blob.value = { ...blob.value, certifiedEpoch: epoch };
  const named = blob.value.blobId;
  call.emit({ kind: 'PooledBlobCertified', epoch, blobId: named, deletable, objectId: id, storagePoolId: pool.id });
}

/** Takes a blob out of the pool: its encoded size is free again. */
function removeBlob(call: Call, pool: StoragePool, blobId: bigint, nShards: number): PooledBlob {
  const inner = poolState(call, pool);
  const blob = blobOf(call, inner.value, blobId).value;
  const { field, child } = blobPlaces(call, inner.value, blobId);
  const encodedLength = encodedBlobLength(call, blob.unencodedSize, blob.encodingType, nShards);
  field.value = undefined;
  child(blob.id).value = undefined;
  metadataField(call, blob.id).value = undefined;
  call.deleteId(blob.id);
  const { blobs, blobCount, usedEncodedBytes } = inner.value;
  inner.value = {
    ...inner.value,
    usedEncodedBytes: asU64(usedEncodedBytes - encodedLength),
    blobCount: blobCount - 1n,
    blobs: { ...blobs, size: blobs.size - 1n },
  };
  return blob;
}

/** Deletes a deletable blob before the pool's end, with its event. */
export function deletePooledBlob(
  call: Call,
  pool: StoragePool,
  blobId: bigint,
  at: { epoch: Epoch; nShards: number },
): void {
  requireLive(call, poolState(call, pool).value, at.epoch);
  const blob = blobOf(call, poolState(call, pool).value, blobId).value;
  if (!blob.deletable) call.abort('storage_pool', 'EBlobNotDeletable');
  removeBlob(call, pool, blobId, at.nShards);
  call.emit({
    kind: 'PooledBlobDeleted',
    epoch: at.epoch,
    blobId: blob.blobId,
    objectId: blob.id,
    wasCertified: blob.certifiedEpoch !== null,
    storagePoolId: pool.id,
  });
}

/** Removes any blob once the pool has ended. */
export function burnExpiredBlob(
  call: Call,
  pool: StoragePool,
  blobId: bigint,
  at: { epoch: Epoch; nShards: number },
): void {
  const { storage } = poolState(call, pool).value;
  if (storage.endEpoch > at.epoch) call.abort('system_state_inner', 'EInvalidEpochsAhead');
  removeBlob(call, pool, blobId, at.nShards);
}

/** The pool's reservation must not have ended. */
export function requireLive(call: Call, state: PoolState, epoch: Epoch): void {
  if (state.storage.endEpoch <= epoch) call.abort('system_state_inner', 'EInvalidEpochsAhead');
}

/** Bytes of the reservation that no blob uses. */
export function unusedBytes(state: PoolState): bigint {
  return asU64(state.storage.storageSize - state.usedEncodedBytes);
}

/** Gives up an empty pool for its reservation. */
function destroyPool(call: Call, pool: StoragePool): Storage {
  const state = poolState(call, pool).value;
  if (state.blobCount !== 0n) call.abort('storage_pool', 'EPoolNotEmpty');
  poolStateField(call, pool).value = undefined;
  call.deleteId(state.blobs.id);
  call.deleteId(pool.id);
  return state.storage;
}

/** The attributes of a pooled blob, there or not. */
function attributesOf(call: Call, pool: StoragePool, blobId: bigint): FieldRef<Metadata> {
  return metadataField(call, blobOf(call, poolState(call, pool).value, blobId).value.id);
}

/** The attributes of a pooled blob, which must be there. */
function requireAttributes(call: Call, pool: StoragePool, blobId: bigint): Ref<Metadata> {
  const field = attributesOf(call, pool, blobId);
  return field.value === undefined ? call.abort('storage_pool', 'EMissingMetadata') : (field as Ref<Metadata>);
}

const attributes: Readonly<Record<string, Native>> = {
  add_blob_metadata: native((call, self: Ref<StoragePool>, blobId: bigint, metadata: Metadata) => {
    const field = attributesOf(call, self.value, blobId);
    if (field.value !== undefined) call.abort('storage_pool', 'EDuplicateMetadata');
    field.value = metadata;
  }),
  add_or_replace_blob_metadata: native((call, self: Ref<StoragePool>, blobId: bigint, metadata: Metadata) => {
    const field = attributesOf(call, self.value, blobId);
    const before = field.value ?? null;
    field.value = metadata;
    return [before];
  }),
  take_blob_metadata: native((call, self: Ref<StoragePool>, blobId: bigint) => {
    const { value } = requireAttributes(call, self.value, blobId);
    attributesOf(call, self.value, blobId).value = undefined;
    return [value];
  }),
  insert_or_update_blob_metadata_pair: native(
    (call, self: Ref<StoragePool>, blobId: bigint, key: string, value: string) => {
      const field = attributesOf(call, self.value, blobId);
      field.value = withPair(field.value ?? emptyMetadata, key, value);
    },
  ),
  remove_blob_metadata_pair: native((call, self: Ref<StoragePool>, blobId: bigint, key: string) =>
    removePair(call, requireAttributes(call, self.value, blobId), key),
  ),
  remove_blob_metadata_pair_if_exists: native((call, self: Ref<StoragePool>, blobId: bigint, key: string) => {
    const field = requireAttributes(call, self.value, blobId);
    const { metadata, value } = withoutPair(field.value, key);
    field.value = metadata;
    return [value ?? null];
  }),
};

const view = <T>(read: (state: PoolState) => T): Native =>
  native((call, self: StoragePool) => [read(poolState(call, self).value)]);

export const storagePoolNatives: Readonly<Record<string, Native>> = {
  ...attributes,
  start_epoch: view(({ storage }) => storage.startEpoch),
  end_epoch: view(({ storage }) => storage.endEpoch),
  reserved_encoded_capacity_bytes: view(({ storage }) => storage.storageSize),
  used_encoded_bytes: view(({ usedEncodedBytes }) => usedEncodedBytes),
  available_encoded_bytes: view(unusedBytes),
  blob_count: view(({ blobCount }) => blobCount),
  contains_blob: native((call, self: StoragePool, blobId: bigint) => [
    findBlob(call, poolState(call, self).value, blobId) !== undefined,
  ]),
  blob_object_id: native((call, self: StoragePool, blobId: bigint) => [
    blobOf(call, poolState(call, self).value, blobId).value.id,
  ]),
  object_id: native((_call, self: StoragePool) => [self.id]),
  destroy: native((call, self: StoragePool) => [destroyPool(call, self)]),
};
