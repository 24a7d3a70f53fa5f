/** BCS layouts of the system side: the shared `System` object and what it holds, storage, blobs, attributes. */
import { bcs } from '@mysten/sui/bcs';
import {
  balance,
  blobId,
  bool,
  compressedG1,
  epoch,
  extendedField,
  id,
  string,
  u16,
  u32,
  u64,
  u8,
  uncompressedG1,
  vecMap,
} from '../move-values.ts';

/** The shared object `system::System`. */
export const System = bcs.struct('System', {
  id,
  version: u64,
  packageId: id,
  newPackageId: bcs.option(id),
});

export const BlsCommitteeMember = bcs.struct('BlsCommitteeMember', {
  publicKey: uncompressedG1,
  weight: u16,
  nodeId: id,
});

/** Members ascend by node id; a signers' bitmap counts them in this order. */
export const BlsCommittee = bcs.struct('BlsCommittee', {
  members: bcs.vector(BlsCommitteeMember),
  nShards: u16,
  epoch,
  totalAggregatedKey: compressedG1,
});

export const FutureAccounting = bcs.struct('FutureAccounting', {
  epoch,
  usedCapacity: u64,
  rewardsToDistribute: balance,
});

/** The entry of epoch `current + i` stands at `ringBuffer[(currentIndex + i) % length]`. */
export const FutureAccountingRingBuffer = bcs.struct('FutureAccountingRingBuffer', {
  currentIndex: u32,
  length: u32,
  ringBuffer: bcs.vector(FutureAccounting),
});

export const EventBlob = bcs.struct('EventBlob', { blobId, endingCheckpointSequenceNumber: u64 });

export const EventBlobCertificationState = bcs.struct('EventBlobCertificationState', {
  latestCertifiedBlob: bcs.option(EventBlob),
  aggregateWeightPerBlob: vecMap(EventBlob, u16),
});

/** Dynamic field of `System` under the name `u64 = version`. */
export const SystemStateInnerV1 = bcs.struct('SystemStateInnerV1', {
  committee: BlsCommittee,
  totalCapacitySize: u64,
  usedCapacitySize: u64,
  storagePricePerUnitSize: u64,
  writePricePerUnitSize: u64,
  futureAccounting: FutureAccountingRingBuffer,
  eventBlobCertificationState: EventBlobCertificationState,
  denyListSizes: extendedField,
});

/** Value of the extended field `SystemStateInnerV1.denyListSizes`. */
export const DenyListSizes = vecMap(id, u64);

export const EpochParams = bcs.struct('EpochParams', {
  totalCapacitySize: u64,
  storagePricePerUnitSize: u64,
  writePricePerUnitSize: u64,
});

/** Reserved space, 48 bytes: `[startEpoch, endEpoch)`, size in encoded bytes. */
export const Storage = bcs.struct('Storage', {
  id,
  startEpoch: epoch,
  endEpoch: epoch,
  storageSize: u64,
});

/** 127 bytes while registered, 131 once certified. `size` is that of the unencoded blob. */
export const Blob = bcs.struct('Blob', {
  id,
  registeredEpoch: epoch,
  blobId,
  size: u64,
  encodingType: u8,
  certifiedEpoch: bcs.option(epoch),
  storage: Storage,
  deletable: bool,
});

export const SharedBlob = bcs.struct('SharedBlob', { id, blob: Blob, funds: balance });

/** Attributes: dynamic field of a blob under the name `vector<u8> = "metadata"`. Updating a key moves it to the end. */
export const Metadata = bcs.struct('Metadata', { metadata: vecMap(string, string) });

export type System = typeof System.$inferType;
export type BlsCommitteeMember = typeof BlsCommitteeMember.$inferType;
export type BlsCommittee = typeof BlsCommittee.$inferType;
export type FutureAccounting = typeof FutureAccounting.$inferType;
export type FutureAccountingRingBuffer = typeof FutureAccountingRingBuffer.$inferType;
export type EventBlob = typeof EventBlob.$inferType;
export type EventBlobCertificationState = typeof EventBlobCertificationState.$inferType;
export type SystemStateInnerV1 = typeof SystemStateInnerV1.$inferType;
export type EpochParams = typeof EpochParams.$inferType;
export type Storage = typeof Storage.$inferType;
export type Blob = typeof Blob.$inferType;
export type SharedBlob = typeof SharedBlob.$inferType;
export type Metadata = typeof Metadata.$inferType;
