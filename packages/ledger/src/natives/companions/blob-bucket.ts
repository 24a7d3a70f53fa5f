/** `blob_bucket`: a shared storage pool whose cap's holder decides what is in it. Walrus contract rules: buckets. */
import { fieldType, innerStateFieldId, layouts } from '@floe/contracts';
import { type Call, type FieldRef, type Native, native, type Ref } from '../../execution/call.ts';
import type { Codec } from '../../execution/datatypes.ts';
import type { Coin } from '../framework.ts';
import { deletePooledBlob, poolState, type StoragePool } from '../storage-pool.ts';
import { buyPool, buyPooledBlob, certifyInPool, extendPool, growPool } from '../system-pools.ts';
import { currentEpoch, type System, type SystemState, systemState } from '../system-state.ts';

type Bucket = layouts.BlobBucket;
type Cap = layouts.BlobBucketCap;

const VERSION = 1n;

function innerField(call: Call, bucket: Bucket): FieldRef<layouts.BlobBucketInnerV1> {
  return call.field({
    parent: bucket.id,
    fieldId: innerStateFieldId(bucket.id, bucket.version),
    fieldType: fieldType('u64', `${call.addresses.blob_bucket}::blob_bucket_inner_v1::BlobBucketInnerV1`),
    layout: layouts.BlobBucketInnerField as unknown as Codec,
    name: bucket.version,
  });
}

function poolOf(call: Call, bucket: Bucket): StoragePool {
  if (bucket.version !== VERSION) call.abort('blob_bucket', 'EWrongVersion', 'blob_bucket');
  const { value } = innerField(call, bucket);
  return value === undefined ? call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui') : value.storagePool;
}

/** The pool of a bucket that has not ended. */
function livePool(call: Call, bucket: Bucket, state: SystemState): StoragePool {
  const pool = poolOf(call, bucket);
  if (poolState(call, pool).value.storage.endEpoch <= currentEpoch(state)) {
    call.abort('blob_bucket_inner_v1', 'EBlobBucketStorageExpired', 'blob_bucket');
  }
  return pool;
}

function requireCap(call: Call, bucket: Bucket, cap: Cap): void {
  if (cap.bucketId !== bucket.id) call.abort('blob_bucket', 'EInvalidBlobBucketCap', 'blob_bucket');
}

export const blobBucketNatives: Readonly<Record<string, Native>> = {
  new: native((call, system: Ref<System>, size: bigint, epochs: number, payment: Ref<Coin>) => {
    const bucket: Bucket = { id: call.freshId(), version: VERSION };
    const cap: Cap = { id: call.freshId(), bucketId: bucket.id };
    const storagePool = buyPool(call, systemState(call, system.value), size, epochs, payment);
    innerField(call, bucket).value = { storagePool };
    call.transfer(`${call.addresses.blob_bucket}::blob_bucket::BlobBucket`, bucket, 'shared');
    return [cap];
  }),
  bucket_id: native((_call, cap: Cap) => [cap.bucketId]),
  storage_pool_id: native((call, bucket: Bucket) => [poolOf(call, bucket).id]),
  register_blob: native(
    (
      call,
      bucket: Ref<Bucket>,
      cap: Cap,
      system: Ref<System>,
      blobId: bigint,
      rootHash: bigint,
      unencodedSize: bigint,
      encodingType: number,
      deletable: boolean,
      payment: Ref<Coin>,
    ) => {
      requireCap(call, bucket.value, cap);
      const inner = systemState(call, system.value);
      const pool = livePool(call, bucket.value, inner.value);
      const terms = { blobId, rootHash, unencodedSize, encodingType, deletable };
      buyPooledBlob(call, inner, pool, terms, payment);
    },
  ),
  certify_blob: native(
    (
      call,
      bucket: Ref<Bucket>,
      system: System,
      blobId: bigint,
      signature: Uint8Array,
      bitmap: Uint8Array,
      message: Uint8Array,
    ) => {
      const state = systemState(call, system).value;
      const pool = livePool(call, bucket.value, state);
      certifyInPool(call, state, pool, blobId, { signature, bitmap, message });
    },
  ),
  delete_blob: native((call, bucket: Ref<Bucket>, cap: Cap, system: System, blobId: bigint) => {
    requireCap(call, bucket.value, cap);
    const state = systemState(call, system).value;
    const at = { epoch: currentEpoch(state), nShards: state.committee.nShards };
    deletePooledBlob(call, livePool(call, bucket.value, state), blobId, at);
  }),
  extend_storage_pool: native(
    (call, bucket: Ref<Bucket>, cap: Cap, system: Ref<System>, epochs: number, payment: Ref<Coin>) => {
      requireCap(call, bucket.value, cap);
      const inner = systemState(call, system.value);
      extendPool(call, inner, livePool(call, bucket.value, inner.value), epochs, payment);
    },
  ),
  increase_storage_pool_capacity: native(
    (call, bucket: Ref<Bucket>, cap: Cap, system: Ref<System>, size: bigint, payment: Ref<Coin>) => {
      requireCap(call, bucket.value, cap);
      const inner = systemState(call, system.value);
      growPool(call, inner, livePool(call, bucket.value, inner.value), size, payment);
    },
  ),
};
