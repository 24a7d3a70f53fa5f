/** BCS layouts of storage pools: one reservation that many blobs share. */
import { bcs } from '@mysten/sui/bcs';
import { blobId, bool, epoch, id, table, u64, u8 } from '../move-values.ts';
import { Storage } from './system.ts';

/** Its inner state is a dynamic field under the name `u64 = version`. */
export const StoragePool = bcs.struct('StoragePool', { id, version: u64 });

export const StoragePoolInnerV1 = bcs.struct('StoragePoolInnerV1', {
  storage: Storage,
  usedEncodedBytes: u64,
  blobCount: u64,
  blobs: table,
});

export const PooledBlob = bcs.struct('PooledBlob', {
  id,
  registeredEpoch: epoch,
  blobId,
  unencodedSize: u64,
  encodingType: u8,
  certifiedEpoch: bcs.option(epoch),
  storagePoolId: id,
  deletable: bool,
});

export type StoragePool = typeof StoragePool.$inferType;
export type StoragePoolInnerV1 = typeof StoragePoolInnerV1.$inferType;
export type PooledBlob = typeof PooledBlob.$inferType;
