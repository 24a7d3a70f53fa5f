/** The storage node. */
export { errors as nodeFailures } from './errors.ts';
export type { NodeParameters } from './epochs/upkeep.ts';
export type { NodeLedger, Operator, OperatorLedger } from './ledger-port.ts';
export { defaultLimits as NODE_LIMITS, type NodeLimits } from './limits.ts';
export { type DirectoryIdentity, NODE_FORMAT_VERSION } from './node-directory.ts';
export type { DenyList } from './reads.ts';
export { SegmentLog, type SegmentLogModules, type SegmentLogOptions } from './segment-log/segment-log.ts';
export type { SliverKey, SliverStore, SliverStoreStatus } from './sliver-store.ts';
export {
  StorageNode,
  type StorageNodeConfig,
  type StorageNodeModules,
  type StorageNodeStatus,
} from './storage-node.ts';
