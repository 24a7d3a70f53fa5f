/** BCS layouts of the system side: the shared `System` object and what it holds, storage, blobs, attributes. */
import {
  balance,
  blobId,
  bool,
  compressedG1,
  epoch,
  extendedField,
  id,
  option,
  string,
  struct,
  u16,
  u32,
  u64,
  u8,
  uncompressedG1,
  vecMap,
  vector,
} from "../move-values.ts";

/** The shared object `system::System`. */
export const System = struct("System", {
  id,
  version: u64,
  packageId: id,
  newPackageId: option(id),
});

export const BlsCommitteeMember = struct("BlsCommitteeMember", {
  publicKey: uncompressedG1,
  weight: u16,
  nodeId: id,
});

/** Members ascend by node id; a signers' bitmap counts them in this order. */
export const BlsCommittee = struct("BlsCommittee", {
  members: vector(BlsCommitteeMember),
  nShards: u16,
  epoch,
  totalAggregatedKey: compressedG1,
});

export const FutureAccounting = struct("FutureAccounting", {
  epoch,
  usedCapacity: u64,
  rewardsToDistribute: balance,
});

/** The entry of epoch `current + i` stands at `ringBuffer[(currentIndex + i) % length]`. */
export const FutureAccountingRingBuffer = struct("FutureAccountingRingBuffer", {
  currentIndex: u32,
  length: u32,
  ringBuffer: vector(FutureAccounting),
});

export const EventBlob = struct("EventBlob", { blobId, endingCheckpointSequenceNumber: u64 });

export const EventBlobCertificationState = struct("EventBlobCertificationState", {
  latestCertifiedBlob: option(EventBlob),
  aggregateWeightPerBlob: vecMap(EventBlob, u16),
});

/** Dynamic field of `System` under the name `u64 = version`. */
export const SystemStateInnerV1 = struct("SystemStateInnerV1", {
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

export const EpochParams = struct("EpochParams", {
  totalCapacitySize: u64,
  storagePricePerUnitSize: u64,
  writePricePerUnitSize: u64,
});

/** Reserved space, 48 bytes: `[startEpoch, endEpoch)`, size in encoded bytes. */
export const Storage = struct("Storage", {
  id,
  startEpoch: epoch,
  endEpoch: epoch,
  storageSize: u64,
});

/** 127 bytes while registered, 131 once certified. `size` is that of the unencoded blob. */
export const Blob = struct("Blob", {
  id,
  registeredEpoch: epoch,
  blobId,
  size: u64,
  encodingType: u8,
  certifiedEpoch: option(epoch),
  storage: Storage,
  deletable: bool,
});

export const SharedBlob = struct("SharedBlob", { id, blob: Blob, funds: balance });

/** Attributes: dynamic field of a blob under the name `vector<u8> = "metadata"`. Updating a key moves it to the end. */
export const Metadata = struct("Metadata", { metadata: vecMap(string, string) });

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
