/**
 * The staking side of a new chain, as it stands after registration, stake, voting end, the change to epoch 1 and every
 * node's attestation: pools advanced once without reward, caps that attested, the first committee.
 */
import { extendedFieldId, layouts, moveValues, type PackageAddresses, typeNames } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import { FRAMEWORK_ID } from '../type-constants.ts';
import { AMENDMENTS_NAME_TYPE, AMENDMENTS_VALUE_TYPE } from '../natives/staking/amendments.ts';
import type { CheckedConfig } from './config.ts';
import type { PlacedNode } from './committee.ts';
import type { GenesisObjects } from './object-builder.ts';

export const FIRST_EPOCH = 1 as Epoch;
const VERSION = 4n;
const ACTIVE_SET_MAX_SIZE = 150;

const EMPTY_NAME = { dummyField: false } as const;
const EMPTY_NAME_BYTES = Uint8Array.of(0);
const SHARED = { kind: 'shared', initialVersion: 1n } as const;

interface Context {
  readonly objects: GenesisObjects;
  readonly config: CheckedConfig;
  readonly addresses: PackageAddresses;
}

/** Adds an extended field's value under its id. */
export function addExtendedField(
  { objects, addresses }: Context,
  extendedField: ObjectId,
  valueType: string,
  layout: { serialize(value: never): { toBytes(): Uint8Array } },
  value: unknown,
): void {
  const id = objects.field({
    parent: extendedField,
    nameType: `${addresses.walrus}::extended_field::Key`,
    nameBytes: EMPTY_NAME_BYTES,
    valueType,
    layout,
    name: EMPTY_NAME,
    value,
  });
  if (id !== extendedFieldId(extendedField, addresses.walrus)) throw new TypeError('extended field ids differ');
}

/** Adds the `Staking` object and all it holds. `nodes` ascend by id; `activeOrder` is the order of registration. */
export function addStaking(
  context: Context,
  ids: { staking: ObjectId; pools: ObjectId; activeSet: ObjectId; nextKeys: ObjectId },
  nodes: readonly PlacedNode[],
  activeOrder: readonly PlacedNode[],
): void {
  const { objects, config, addresses } = context;
  const names = typeNames(addresses.walrus);
  const staking = { id: ids.staking, version: VERSION, packageId: addresses.walrus, newPackageId: null };
  objects.add({
    id: ids.staking,
    type: names.staking,
    owner: SHARED,
    contents: layouts.Staking.serialize(staking).toBytes(),
    hasPublicTransfer: false,
  });
  const inner: layouts.StakingInnerV1 = {
    nShards: config.nShards,
    epochDuration: BigInt(config.epochDurationMs),
    firstEpochStart: BigInt(config.startTimestampMs),
    pools: { id: ids.pools, size: BigInt(nodes.length) },
    epoch: FIRST_EPOCH,
    activeSet: ids.activeSet,
    nextCommittee: null,
    committee: nodes
      .filter(({ shards }) => shards.length > 0)
      .map(({ nodeId, shards }) => ({ key: nodeId, value: [...shards] })),
    previousCommittee: [],
    nextEpochParams: null,
    epochState: { $kind: 'EpochChangeDone', EpochChangeDone: BigInt(config.startTimestampMs) },
    nextEpochPublicKeys: ids.nextKeys,
  };
  objects.field({
    parent: ids.staking,
    nameType: 'u64',
    nameBytes: moveValues.u64.serialize(VERSION).toBytes(),
    valueType: names.stakingInner,
    layout: layouts.StakingInnerField,
    name: VERSION,
    value: inner,
  });
  objects.field({
    parent: ids.staking,
    nameType: AMENDMENTS_NAME_TYPE,
    nameBytes: layouts.AMENDMENTS_NAME_BYTES,
    valueType: AMENDMENTS_VALUE_TYPE,
    layout: layouts.AmendmentsField,
    name: layouts.AMENDMENTS_NAME,
    // The first committee has attested already, and nobody was paid yet.
    value: [0n, 0n],
  });
  addExtendedField(context, ids.activeSet, `${addresses.walrus}::active_set::ActiveSet`, layouts.ActiveSetField, {
    maxSize: ACTIVE_SET_MAX_SIZE,
    thresholdStake: 0n,
    nodes: activeOrder.map(({ nodeId, stake }) => ({ nodeId, stakedAmount: stake })),
    totalStake: activeOrder.reduce((sum, { stake }) => sum + stake, 0n),
  });
  const keysType = `${FRAMEWORK_ID}::vec_map::VecMap<${FRAMEWORK_ID}::object::ID,${FRAMEWORK_ID}::group_ops::Element<${FRAMEWORK_ID}::bls12381::UncompressedG1>>`;
  addExtendedField(context, ids.nextKeys, keysType, layouts.NextEpochPublicKeysField, []);
}

/** Ids of what a pool is made of, in the order registration takes them. */
export interface PoolIds {
  readonly pool: ObjectId;
  readonly exchangeRates: ObjectId;
  readonly metadata: ObjectId;
  readonly extraFields: ObjectId;
  readonly cap: ObjectId;
}

/** Adds a storage node: its pool in the table of pools, its cap, its first stake. */
export function addNode(context: Context, poolsTable: ObjectId, ids: PoolIds, placed: PlacedNode): void {
  const { objects, addresses } = context;
  const names = typeNames(addresses.walrus);
  const owner = { kind: 'address', address: placed.node.address } as const;
  objects.objectField({
    parent: poolsTable,
    nameType: `${FRAMEWORK_ID}::object::ID`,
    nameBytes: moveValues.id.serialize(ids.pool).toBytes(),
    layout: layouts.PoolField,
    name: ids.pool,
    child: {
      id: ids.pool,
      type: names.stakingPool,
      contents: layouts.StakingPool.serialize(poolValue(context, ids, placed)).toBytes(),
    },
  });
  const rateType = `${addresses.walrus}::pool_exchange_rate::PoolExchangeRate`;
  for (const epoch of isMember(placed) ? [0, FIRST_EPOCH] : [0]) {
    objects.field({
      parent: ids.exchangeRates,
      nameType: 'u32',
      nameBytes: moveValues.epoch.serialize(epoch).toBytes(),
      valueType: rateType,
      layout: layouts.ExchangeRateField,
      name: epoch,
      value: { Flat: true },
    });
  }
  const { imageUrl = '', projectUrl = '', description = '' } = placed.node.metadata ?? {};
  addExtendedField(
    context,
    ids.metadata,
    `${addresses.walrus}::node_metadata::NodeMetadata`,
    layouts.NodeMetadataField,
    { imageUrl, projectUrl, description, extraFields: [] },
  );
  if (isMember(placed)) {
    objects.field({
      parent: ids.extraFields,
      nameType: `${addresses.walrus}::staking_pool::NewEpochCommissionBlockedForCollection`,
      nameBytes: EMPTY_NAME_BYTES,
      valueType: 'u64',
      layout: bcs.struct('Field', { id: moveValues.id, name: moveValues.empty, value: moveValues.u64 }),
      name: EMPTY_NAME,
      value: 0n,
    });
  }
  objects.add({ id: ids.cap, type: names.storageNodeCap, owner, contents: capBytes(ids) });
  const stakeId = objects.freshId();
  objects.add({ id: stakeId, type: names.stakedWal, owner, contents: stakeBytes(stakeId, ids.pool, placed.stake) });
}

/** Whether the node is in the first committee; the pools of others were not advanced at the change to epoch 1. */
function isMember({ shards }: PlacedNode): boolean {
  return shards.length > 0;
}

function poolValue({ config }: Context, ids: PoolIds, placed: PlacedNode): layouts.StakingPool {
  const { node, expandedKey, stake, shards } = placed;
  const isActive = isMember(placed);
  // The vote that, scaled to all shards, is the configured capacity.
  const shardTotal = BigInt(config.nShards);
  const nodeCapacity = (config.capacity * BigInt(shards.length) + shardTotal - 1n) / shardTotal;
  return {
    id: ids.pool,
    state: { $kind: 'Active', Active: true },
    votingParams: { storagePrice: config.storagePrice, writePrice: config.writePrice, nodeCapacity },
    nodeInfo: {
      name: node.name,
      nodeId: ids.pool,
      networkAddress: node.networkAddress,
      publicKey: expandedKey,
      nextEpochPublicKey: null,
      networkPublicKey: node.networkPublicKey,
      metadata: ids.metadata,
    },
    activationEpoch: 0 as Epoch,
    latestEpoch: (isActive ? FIRST_EPOCH : 0) as Epoch,
    walBalance: isActive ? stake : 0n,
    numShares: isActive ? stake : 0n,
    pendingSharesWithdraw: [],
    preActiveWithdrawals: [],
    pendingCommissionRate: [],
    commissionRate: node.commissionRate ?? 0,
    exchangeRates: { id: ids.exchangeRates, size: isActive ? 2n : 1n },
    pendingStake: isActive ? [] : [{ key: FIRST_EPOCH, value: stake }],
    rewardsPool: 0n,
    commission: 0n,
    commissionReceiver: { $kind: 'ObjectID', ObjectID: ids.cap },
    governanceAuthorized: { $kind: 'Address', Address: node.address },
    extraFields: { id: ids.extraFields, size: isActive ? 1n : 0n },
  };
}

function capBytes(ids: PoolIds): Uint8Array {
  const cap: layouts.StorageNodeCap = {
    id: ids.cap,
    nodeId: ids.pool,
    lastEpochSyncDone: FIRST_EPOCH,
    lastEventBlobAttestation: null,
    denyListRoot: 0n,
    denyListSequence: 0n,
    denyListSize: 0n,
  };
  return layouts.StorageNodeCap.serialize(cap).toBytes();
}

function stakeBytes(id: ObjectId, nodeId: ObjectId, principal: bigint): Uint8Array {
  const stake: layouts.StakedWal = {
    id,
    state: { $kind: 'Staked', Staked: true },
    nodeId,
    principal,
    activationEpoch: FIRST_EPOCH,
  };
  return layouts.StakedWal.serialize(stake).toBytes();
}
