/** What both the contracts and the model show after every call, and what must hold of it whatever was called. */
import type { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { expect } from 'vitest';
import { nextKeysOf } from '../../../src/natives/staking/state.ts';
import { metadataField } from '../../../src/natives/metadata.ts';
import { blockedCommission, type Pool } from '../../../src/natives/staking/pool.ts';
import { isSame, type Pair, SUPPLY } from './pair.ts';
import { poolView, poolViewOf } from './pool-calls.ts';

const PHASES = { EpochChangeSync: 'sync', EpochChangeDone: 'done', NextParamsSelected: 'selected' };

/** The nodes' pools, as they are stored. */
function poolsOf({ chain, caps }: Pair): Pool[] {
  return caps.map(({ value }) => chain.fields.get(value.nodeId) as Pool);
}

function chainView({ chain, caps }: Pair, pools: readonly Pool[]): readonly unknown[] {
  const { stakingState: staking, systemState: system } = chain;
  const indexOf = new Map(caps.map(({ value }, i): [ObjectId, number] => [value.nodeId, i]));
  const committee = (value: layouts.Committee) => value.map((entry) => [indexOf.get(entry.key), entry.value]);
  const { currentIndex, ringBuffer } = system.futureAccounting;
  return [
    staking.epoch,
    PHASES[staking.epochState.$kind],
    committee(staking.committee),
    committee(staking.previousCommittee),
    committee(staking.nextCommittee ?? []),
    chain.activeSet.nodes.map(({ nodeId, stakedAmount }) => [indexOf.get(nodeId), stakedAmount]),
    [staking.nextEpochParams?.totalCapacitySize, system.totalCapacitySize],
    [system.storagePricePerUnitSize, system.writePricePerUnitSize],
    SUPPLY - chain.walSupply,
    ringBuffer.map((_, offset) => {
      const entry = ringBuffer[(currentIndex + offset) % ringBuffer.length]!;
      return [entry.epoch, entry.usedCapacity, entry.rewardsToDistribute];
    }),
    system.committee.members.map(({ nodeId, publicKey, weight }) => [indexOf.get(nodeId), publicKey[0], weight]),
    nextKeysOf(chain.call, staking).value.map(({ key, value }) => [indexOf.get(key), value[0]]),
    pools.map((pool) => {
      const { walBalance, numShares, rewardsPool, commission, commissionRate, latestEpoch, nodeInfo } = pool;
      const { publicKey, nextEpochPublicKey } = nodeInfo;
      const blocked = blockedCommission(chain.call, pool);
      const keys = [publicKey[0], nextEpochPublicKey?.[0], pool.commissionReceiver.$kind];
      return [walBalance, numShares, rewardsPool, commission, blocked, commissionRate, latestEpoch, ...keys];
    }),
  ];
}

function modelView({ model }: Pair): readonly unknown[] {
  return [
    model.epoch,
    model.phase,
    [...model.committee],
    [...model.previous],
    [...(model.next ?? [])],
    model.activeSet.map(({ node, stake }) => [node, stake]),
    [model.nextCapacity, model.capacity],
    [model.storagePrice, model.writePrice],
    model.burned,
    Array.from({ length: model.epochsAhead }, (_, offset) => {
      const at = model.epoch + offset;
      return [at, model.used.get(at) ?? 0n, model.kept.get(at) ?? 0n];
    }),
    [...model.committee].map(([index, held], i) => [index, model.keys[i], held.length]),
    [...model.nextKeys],
    model.nodes.map((node) => [
      node.wal,
      node.shares,
      node.rewardsPool,
      node.commission,
      node.blocked ?? 0n,
      node.rate,
      node.latestEpoch,
      node.key,
      node.nextKey,
      node.receiver === 'cap' ? 'ObjectID' : 'Address',
    ]),
  ];
}

/** One pool and one blob in turn: nothing but their own calls changes them. */
function checkHeld(pair: Pair, step: number, where: string): void {
  const { chain, pools, blobs } = pair;
  const pool = pools[step % Math.max(1, pools.length)];
  if (pool !== undefined) expectSame(poolView(pair, pool.chain), poolViewOf(pool.model), where);
  const blob = blobs[step % Math.max(1, blobs.length)];
  if (blob === undefined) return;
  const attributes = metadataField(chain.call, blob.chain.id).value?.metadata.map(({ key, value }) => [key, value]);
  expectSame(attributes, blob.model.attributes, where);
  const { space } = blob.model;
  expectSame([blob.chain.storage.endEpoch, blob.chain.storage.storageSize], [space.end, space.size], where);
}

function expectSame(shown: unknown, modelled: unknown, where: string): void {
  if (!isSame(shown, modelled)) expect(shown, where).toEqual(modelled);
}

/** FROST wherever it can be. */
function walOf(pair: Pair, pools: readonly Pool[]): bigint {
  const { chain } = pair;
  const stakes = pair.stakes.reduce((sum, { chain: stake }) => sum + stake.principal, 0n);
  const shared = pair.shared.reduce((sum, { chain: blob }) => sum + blob.funds, 0n);
  const { exchange, credits, subsidies } = pair;
  let total = pair.wallet + stakes + shared + exchange.chain.value.wal + credits.chain.value.subsidyPool;
  const subsidised = pair.subsidiesPool();
  if (subsidies.model.pool !== subsidised) throw new Error('the pools of subsidies differ');
  total += subsidised;
  for (const { rewardsToDistribute } of chain.systemState.futureAccounting.ringBuffer) total += rewardsToDistribute;
  for (const { rewardsPool, commission } of pools) total += rewardsPool + commission;
  return total;
}

function requireThat(condition: boolean, what: string, where: string): void {
  if (!condition) throw new Error(`${where}: ${what}`);
}

/** WAL, SUI, shards, capacity, epochs and rates: what must hold in every state. */
function checkInvariants(pair: Pair, pools: readonly Pool[], where: string): void {
  const { chain } = pair;
  const { stakingState: staking, systemState: system } = chain;
  const total = walOf(pair, pools);
  requireThat(total === chain.walSupply, `there are ${total} FROST of ${chain.walSupply}`, where);
  requireThat(pair.sui + pair.exchange.chain.value.sui === 10n ** 18n, 'SUI is lost or made', where);
  for (const committee of [staking.committee, staking.nextCommittee ?? []].filter(({ length }) => length > 0)) {
    const shards = committee.flatMap(({ value }) => value);
    const isWhole = shards.length === staking.nShards && new Set(shards).size === shards.length;
    requireThat(isWhole && shards.every((shard) => shard < staking.nShards), 'shards are not whole', where);
  }
  const { currentIndex, ringBuffer } = system.futureAccounting;
  requireThat(system.committee.epoch === staking.epoch, 'epochs differ', where);
  requireThat(ringBuffer[currentIndex]?.epoch === staking.epoch, 'the ring is not in step', where);
  requireThat(system.usedCapacitySize === ringBuffer[currentIndex]?.usedCapacity, 'two counts of what is used', where);
  for (const { epoch, usedCapacity } of ringBuffer) {
    const isOver = epoch === staking.epoch && usedCapacity > system.totalCapacitySize;
    requireThat(!isOver, `epoch ${epoch} uses more than there is`, where);
  }
  for (const { numShares, walBalance } of pools) {
    requireThat(numShares <= walBalance, 'shares are worth less than their WAL', where);
  }
}

/** @throws at the first difference, naming `where` */
export function checkPair(pair: Pair, step: number, where: string): void {
  const pools = poolsOf(pair);
  expectSame(chainView(pair, pools), modelView(pair), where);
  checkHeld(pair, step, where);
  checkInvariants(pair, pools, where);
}
