/** BCS layouts of the staking side: the shared `Staking` object and what it holds, pools (storage nodes), stakes, caps. */
import { bcs } from '@mysten/sui/bcs';
import {
  balance,
  bytes,
  epoch,
  extendedField,
  id,
  shardIndex,
  string,
  table,
  u128,
  u16,
  u256,
  u32,
  u64,
  uncompressedG1,
  vecMap,
} from '../move-values.ts';
import { EpochParams } from './system.ts';

/** The shared object `staking::Staking`. */
export const Staking = bcs.struct('Staking', {
  id,
  version: u64,
  packageId: id,
  newPackageId: bcs.option(id),
});

/** Shards of each node; entries ascend by node id. */
export const Committee = vecMap(id, bcs.vector(shardIndex));

/** Sync: shard weight attested so far. Done and selected: when the epoch's sync reached its quorum, in Unix ms. */
export const EpochState = bcs.enum('EpochState', {
  EpochChangeSync: u16,
  EpochChangeDone: u64,
  NextParamsSelected: u64,
});

/** Dynamic field of `Staking` under the name `u64 = version`. */
export const StakingInnerV1 = bcs.struct('StakingInnerV1', {
  nShards: u16,
  epochDuration: u64,
  firstEpochStart: u64,
  pools: table,
  epoch,
  activeSet: extendedField,
  nextCommittee: bcs.option(Committee),
  committee: Committee,
  previousCommittee: Committee,
  nextEpochParams: bcs.option(EpochParams),
  epochState: EpochState,
  nextEpochPublicKeys: extendedField,
});

export const ActiveSetEntry = bcs.struct('ActiveSetEntry', { nodeId: id, stakedAmount: u64 });

/** Value of the extended field `StakingInnerV1.activeSet`; the order of `nodes` decides ties. */
export const ActiveSet = bcs.struct('ActiveSet', {
  maxSize: u16,
  thresholdStake: u64,
  nodes: bcs.vector(ActiveSetEntry),
  totalStake: u64,
});

/** Value of the extended field `StakingInnerV1.nextEpochPublicKeys`. */
export const NextEpochPublicKeys = vecMap(id, uncompressedG1);

export const VotingParams = bcs.struct('VotingParams', {
  storagePrice: u64,
  writePrice: u64,
  nodeCapacity: u64,
});

export const StorageNodeInfo = bcs.struct('StorageNodeInfo', {
  name: string,
  nodeId: id,
  networkAddress: string,
  publicKey: uncompressedG1,
  nextEpochPublicKey: bcs.option(uncompressedG1),
  networkPublicKey: bytes,
  metadata: extendedField,
});

/** Value of the extended field `StorageNodeInfo.metadata`. */
export const NodeMetadata = bcs.struct('NodeMetadata', {
  imageUrl: string,
  projectUrl: string,
  description: string,
  extraFields: vecMap(string, string),
});

/** Amounts that take effect at an epoch. */
export const PendingValues = vecMap(epoch, u64);

export const PoolState = bcs.enum('PoolState', { Active: null, Withdrawing: u32, Withdrawn: null });

export const PoolExchangeRate = bcs.enum('PoolExchangeRate', {
  Flat: null,
  Variable: bcs.struct('Variable', { walAmount: u128, shareAmount: u128 }),
});

export const Authorized = bcs.enum('Authorized', { Address: id, ObjectID: id });

/** A storage node; its object id is the node id. */
export const StakingPool = bcs.struct('StakingPool', {
  id,
  state: PoolState,
  votingParams: VotingParams,
  nodeInfo: StorageNodeInfo,
  activationEpoch: epoch,
  latestEpoch: epoch,
  walBalance: u64,
  numShares: u64,
  pendingSharesWithdraw: PendingValues,
  preActiveWithdrawals: PendingValues,
  pendingCommissionRate: PendingValues,
  commissionRate: u16,
  exchangeRates: table,
  pendingStake: PendingValues,
  rewardsPool: balance,
  commission: balance,
  commissionReceiver: Authorized,
  governanceAuthorized: Authorized,
  extraFields: table,
});

export const EventBlobAttestation = bcs.struct('EventBlobAttestation', { checkpointSequenceNum: u64, epoch });

export const StorageNodeCap = bcs.struct('StorageNodeCap', {
  id,
  nodeId: id,
  lastEpochSyncDone: epoch,
  lastEventBlobAttestation: bcs.option(EventBlobAttestation),
  denyListRoot: u256,
  denyListSequence: u64,
  denyListSize: u64,
});

export const StakedWalState = bcs.enum('StakedWalState', {
  Staked: null,
  Withdrawing: bcs.struct('Withdrawing', { withdrawEpoch: epoch }),
});

/** 77 bytes while staked, 81 while withdrawing. */
export const StakedWal = bcs.struct('StakedWal', {
  id,
  state: StakedWalState,
  nodeId: id,
  principal: balance,
  activationEpoch: epoch,
});

/** The shared object `wal::ProtectedTreasury`; a dynamic object field holds the `TreasuryCap<WAL>`. */
export const ProtectedTreasury = bcs.struct('ProtectedTreasury', { id });

export type Staking = typeof Staking.$inferType;
export type Committee = typeof Committee.$inferType;
export type EpochState = typeof EpochState.$inferType;
export type StakingInnerV1 = typeof StakingInnerV1.$inferType;
export type ActiveSet = typeof ActiveSet.$inferType;
export type ActiveSetEntry = typeof ActiveSetEntry.$inferType;
export type VotingParams = typeof VotingParams.$inferType;
export type StorageNodeInfo = typeof StorageNodeInfo.$inferType;
export type NodeMetadata = typeof NodeMetadata.$inferType;
export type PendingValues = typeof PendingValues.$inferType;
export type PoolState = typeof PoolState.$inferType;
export type PoolExchangeRate = typeof PoolExchangeRate.$inferType;
export type Authorized = typeof Authorized.$inferType;
export type StakingPool = typeof StakingPool.$inferType;
export type EventBlobAttestation = typeof EventBlobAttestation.$inferType;
export type StorageNodeCap = typeof StorageNodeCap.$inferType;
export type StakedWal = typeof StakedWal.$inferType;
export type ProtectedTreasury = typeof ProtectedTreasury.$inferType;
