/** The storage node. */
export { errors as nodeFailures } from './errors.ts';
export type { NodeParameters } from './epochs/upkeep.ts';
export type { NodeLedger, Operator, OperatorLedger } from './ledger-port.ts';
export type { CollectionReport } from './garbage-collector.ts';
export { defaultLimits as NODE_LIMITS, type NodeLimits } from './limits.ts';
export { type DirectoryIdentity, NODE_FORMAT_VERSION } from './node-directory.ts';
export { type DenyList, DenyListFile } from './deny-list.ts';
export { SegmentLog, type SegmentLogModules, type SegmentLogOptions } from './segment-log/segment-log.ts';
export { type StoredSegment, storedSegments } from './segment-log/stored-segments.ts';
export { REFUSED_FIRST_TABLES, SALVAGED_TABLES } from './tables.ts';
export type { SliverKey, SliverStore, SliverStoreStatus } from './sliver-store.ts';
export {
  StorageNode,
  type StorageNodeConfig,
  type StorageNodeModules,
  type StorageNodeStatus,
} from './storage-node.ts';
export {
  type VerificationProgress,
  type VerificationReport,
  verifyDirectory,
} from './verification/verify-directory.ts';
