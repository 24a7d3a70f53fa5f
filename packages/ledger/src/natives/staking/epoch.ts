/**
 * `staking` through an epoch: voting end, change, sync, prices. Walrus contract rules: price and capacity votes,
 * committee selection, epoch state machine. All but `epoch_sync_done` may be called by anyone.
 *
 *     EpochChangeDone ── voting_end ──▶ NextParamsSelected ── initiate_epoch_change_v2 ──▶ EpochChangeSync
 *            ▲                                                                                   │
 *            └─────────────────── epoch_sync_done by a quorum of shards ────────────────────────┘
 */
import type { layouts } from '@floe/contracts';
import { equalBytes, FloeError } from '@floe/platform';
import type { Epoch, ObjectId } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../../execution/call.ts';
import { asU32 } from '../../execution/integers.ts';
import { apportionShards } from '../../staking/apportionment.ts';
import { firstAssignment, type ShardCount, transitionShards } from '../../staking/shard-assignment.ts';
import { isQuorumOf, quorumAtOrAbove, quorumAtOrBelow, scaledCapacity } from '../../staking/votes.ts';
import { advanceSystem, blsCommittee, burnShare } from '../system-epoch.ts';
import { ringEntry } from '../storage-accounting.ts';
import { type System, type SystemState, systemState } from '../system-state.ts';
import type { ProtectedTreasury } from '../wal.ts';
import { amendForEpoch, amendmentsOf } from './amendments.ts';
import { advancePool, clearBlockedCommission, type Pool } from './pool.ts';
import {
  activeSetOf,
  isMember,
  nextKeysOf,
  poolOf,
  refreshActiveSet,
  shardsOf,
  type Staking,
  type StakingState,
  stakingState,
} from './state.ts';

type Clock = { readonly timestampMs: bigint };
type Committee = layouts.Committee;

const MAX_U64 = (1n << 64n) - 1n;
/** Units of computation for each pool that a change of epoch reads or writes. */
const POOL_UNITS = 10n;

/** The committee that the active set's stakes give. */
export function selectCommittee(call: Call, state: StakingState): Committee {
  const { nodes } = activeSetOf(call, state).value;
  call.work(POOL_UNITS * BigInt(nodes.length));
  const counts = apportion(
    call,
    nodes.map(({ stakedAmount }) => stakedAmount),
    state.nShards,
  );
  const wanted: ShardCount[] = nodes
    .map(({ nodeId }, i) => ({ nodeId, count: counts[i] as number }))
    .filter(({ count }) => count > 0);
  if (state.committee.length === 0) return firstAssignment(wanted);
  return transitionShards(state.committee, wanted) ?? call.abort('committee', 'EInvalidShardAssignment');
}

function apportion(call: Call, stakes: readonly bigint[], shardCount: number): readonly number[] {
  try {
    return apportionShards(stakes, shardCount);
  } catch (error) {
    if (!(error instanceof FloeError)) throw error;
    if (error.code === 'NO_STAKE') return call.abort('staking_inner', 'ENoStake');
    return call.abort('apportionment_queue', 'EPopFromEmptyHeap');
  }
}

/** What the nodes of the next committee take together, by their votes. */
function votedCapacity(call: Call, state: StakingState, committee: Committee): bigint {
  const votes = committee.map(({ key, value }) => {
    const { nodeCapacity } = poolOf(call, state, key).value.votingParams;
    return { value: scaledCapacity(nodeCapacity, value.length, state.nShards), weight: value.length };
  });
  return quorumAtOrAbove(votes, state.nShards);
}

/** Sets both prices to what the current committee votes for. */
function updatePrices(call: Call, state: StakingState, system: Ref<SystemState>): void {
  const votes = state.committee.map(({ key, value }) => ({
    params: poolOf(call, state, key).value.votingParams,
    weight: value.length,
  }));
  call.work(POOL_UNITS * BigInt(votes.length));
  const voted = (price: 'storagePrice' | 'writePrice') =>
    quorumAtOrBelow(
      votes.map(({ params, weight }) => ({ value: params[price], weight })),
      state.nShards,
    );
  const [storagePrice, writePrice] = [voted('storagePrice'), voted('writePrice')];
  system.value = {
    ...system.value,
    storagePricePerUnitSize: storagePrice,
    writePricePerUnitSize: writePrice,
  };
  call.emit({ kind: 'PricesUpdated', epoch: state.epoch, storagePrice, writePrice });
}

/** Since when the epoch counts: since its committee attested its shards, or until half an epoch ago for one that never did. */
function epochStart(call: Call, state: StakingState, deadlineMs: bigint | undefined, now: bigint): bigint {
  const { epochState } = state;
  if (epochState.$kind === 'EpochChangeDone') return epochState.EpochChangeDone;
  const isOverdue = epochState.$kind === 'EpochChangeSync' && deadlineMs !== undefined && now >= deadlineMs;
  return isOverdue ? now - state.epochDuration / 2n : call.abort('staking_inner', 'EWrongEpochState');
}

function votingEnd(call: Call, inner: Ref<StakingState>, deadlineMs: bigint | undefined, now: bigint): void {
  const state = inner.value;
  const since = epochStart(call, state, deadlineMs, now);
  const due = state.epoch === 0 ? state.firstEpochStart : since + state.epochDuration / 2n;
  if (now < due) call.abort('staking_inner', 'EWrongEpochState');
  if (state.nextCommittee !== null) call.abort('staking_inner', 'ECommitteeSelected');
  for (const { key } of state.previousCommittee) clearBlockedCommission(call, poolOf(call, state, key));
  const nextCommittee = selectCommittee(call, state);
  if (nextCommittee.some(({ value }) => value.length === 0)) call.abort('staking_inner', 'EZeroNodeWeight');
  nextKeysOf(call, state).value = nextCommittee.map(({ key }) => {
    const { nodeInfo } = poolOf(call, state, key).value;
    return { key, value: nodeInfo.nextEpochPublicKey ?? nodeInfo.publicKey };
  });
  inner.value = {
    ...state,
    nextCommittee,
    nextEpochParams: {
      totalCapacitySize: votedCapacity(call, state, nextCommittee),
      // As in the original: prices follow the votes when the epoch begins, and what stands here is never charged.
      storagePricePerUnitSize: MAX_U64,
      writePricePerUnitSize: MAX_U64,
    },
    epochState: { $kind: 'NextParamsSelected', NextParamsSelected: since },
  };
  call.emit({ kind: 'EpochParametersSelected', nextEpoch: asU32(state.epoch + 1) as Epoch });
}

/** Keys by node, as they were at voting end; they are used up by it. */
function takeNextKeys(call: Call, state: StakingState, committee: Committee): readonly Uint8Array[] {
  const keys = nextKeysOf(call, state);
  const taken = keys.value;
  const isInOrder = taken.length === committee.length && taken.every(({ key }, i) => key === committee[i]?.key);
  if (!isInOrder) call.abort('staking_inner', 'EIncorrectNodeOrder');
  keys.value = [];
  return taken.map(({ value }) => value);
}

/** @returns what rounding left of the rewards */
function changeEpoch(
  call: Call,
  staking: Ref<StakingState>,
  system: Ref<SystemState>,
  treasury: Ref<ProtectedTreasury>,
  now: bigint,
): bigint {
  const before = staking.value;
  const { nextCommittee, nextEpochParams, epochState } = before;
  if (nextCommittee === null || nextEpochParams === null) {
    return call.abort('staking_inner', 'ENextCommitteeIsEmpty');
  }
  const epoch = asU32(before.epoch + 1) as Epoch;
  burnShare(call, system, treasury);
  const keys = takeNextKeys(call, before, nextCommittee);
  const members = nextCommittee.map(({ key, value }, i) => ({
    publicKey: keys[i] as Uint8Array,
    weight: value.length,
    nodeId: key,
  }));
  const pot = ringEntry(call, system.value.futureAccounting, 0).rewardsToDistribute;
  const rewards = advanceSystem(call, system, blsCommittee(call, epoch, members), nextEpochParams.totalCapacitySize);
  if (epochState.$kind !== 'NextParamsSelected') return call.abort('staking_inner', 'EWrongEpochState');
  const since = epochState.NextParamsSelected;
  const due = before.epoch === 0 ? before.firstEpochStart : since + before.epochDuration;
  if (now < due) call.abort('staking_inner', 'EWrongEpochState');
  staking.value = {
    ...before,
    epoch,
    previousCommittee: before.committee,
    committee: nextCommittee,
    nextCommittee: null,
    epochState: { $kind: 'EpochChangeSync', EpochChangeSync: 0 },
  };
  const captured = new Map(members.map(({ nodeId, publicKey }) => [nodeId, publicKey]));
  advancePools(call, staking.value, rewards, captured);
  call.emit({ kind: 'EpochChangeStart', epoch });
  updatePrices(call, staking.value, system);
  return rewards.reduce((left, { reward }) => left - reward, pot);
}

/** A change of epoch, and what a chain of this ledger does beyond the original's. */
function initiateEpochChange(
  call: Call,
  staking: Staking,
  system: Ref<SystemState>,
  treasury: Ref<ProtectedTreasury>,
  now: bigint,
): void {
  const inner = stakingState(call, staking);
  const leftover = changeEpoch(call, inner, system, treasury, now);
  if (amendmentsOf(call, staking) === undefined) return;
  amendForEpoch(call, staking, { now, durationMs: inner.value.epochDuration, leftover });
  inner.value = { ...inner.value, nextEpochParams: null };
}

/** Nodes of the old committee with their rewards, then those that joined. */
function advancePools(
  call: Call,
  state: StakingState,
  rewards: readonly { nodeId: ObjectId; reward: bigint }[],
  captured: ReadonlyMap<ObjectId, Uint8Array>,
): void {
  const joined = state.committee
    .filter(({ key }) => !isMember(state.previousCommittee, key))
    .map(({ key }) => ({ nodeId: key, reward: 0n }));
  call.work(POOL_UNITS * BigInt(rewards.length + joined.length));
  for (const { nodeId, reward } of [...rewards, ...joined]) {
    const pool = poolOf(call, state, nodeId);
    advancePool(call, pool, reward, state.epoch);
    rotateKey(pool, captured.get(nodeId));
    refreshActiveSet(call, state, pool.value, state.epoch + 1);
  }
}

/**
 * The pool's key becomes the one that the committee has. A key set after voting end waits for the epoch after, where the
 * original puts it in force at once, so that committee and pool differ for an epoch.
 */
function rotateKey(pool: Ref<Pool>, captured: Uint8Array | undefined): void {
  const { nodeInfo } = pool.value;
  const { nextEpochPublicKey } = nodeInfo;
  const publicKey = captured ?? nextEpochPublicKey ?? nodeInfo.publicKey;
  const isTaken = nextEpochPublicKey !== null && equalBytes(nextEpochPublicKey, publicKey);
  const next = isTaken ? null : nextEpochPublicKey;
  if (next === nextEpochPublicKey && publicKey === nodeInfo.publicKey) return;
  pool.value = { ...pool.value, nodeInfo: { ...nodeInfo, publicKey, nextEpochPublicKey: next } };
}

function syncDone(
  call: Call,
  inner: Ref<StakingState>,
  cap: Ref<layouts.StorageNodeCap>,
  epoch: number,
  now: bigint,
): void {
  const state = inner.value;
  if (epoch !== state.epoch) call.abort('staking_inner', 'EInvalidSyncEpoch');
  if (cap.value.lastEpochSyncDone >= state.epoch) call.abort('staking_inner', 'EDuplicateSyncDone');
  const shards = shardsOf(state.committee, cap.value.nodeId);
  if (shards === undefined) return call.abort('staking_inner', 'ENotInCommittee');
  cap.value = { ...cap.value, lastEpochSyncDone: state.epoch };
  if (state.epochState.$kind === 'EpochChangeSync') {
    const weight = state.epochState.EpochChangeSync + shards.length;
    const isDone = isQuorumOf(weight, state.nShards);
    inner.value = {
      ...state,
      epochState: isDone
        ? { $kind: 'EpochChangeDone', EpochChangeDone: now }
        : { $kind: 'EpochChangeSync', EpochChangeSync: weight },
    };
    if (isDone) call.emit({ kind: 'EpochChangeDone', epoch: state.epoch });
  }
  call.emit({ kind: 'ShardsReceived', epoch: state.epoch, shards: [...shards] as never });
}

export const epochNatives: Readonly<Record<string, Native>> = {
  epoch: native((call, staking: Staking) => [stakingState(call, staking).value.epoch]),
  compute_next_committee: native((call, staking: Staking) => [
    selectCommittee(call, stakingState(call, staking).value),
  ]),
  voting_end: native((call, staking: Ref<Staking>, clock: Clock) =>
    votingEnd(
      call,
      stakingState(call, staking.value),
      amendmentsOf(call, staking.value)?.syncDeadlineMs,
      clock.timestampMs,
    ),
  ),
  initiate_epoch_change: native((call) => call.abort('staking', 'EDeprecatedFunction')),
  initiate_epoch_change_v2: native(
    (call, staking: Ref<Staking>, system: Ref<System>, treasury: Ref<ProtectedTreasury>, clock: Clock) =>
      initiateEpochChange(call, staking.value, systemState(call, system.value), treasury, clock.timestampMs),
  ),
  epoch_sync_done: native(
    (call, staking: Ref<Staking>, cap: Ref<layouts.StorageNodeCap>, epoch: number, clock: Clock) =>
      syncDone(call, stakingState(call, staking.value), cap, epoch, clock.timestampMs),
  ),
  update_prices: native((call, staking: Ref<Staking>, system: Ref<System>) =>
    updatePrices(call, stakingState(call, staking.value).value, systemState(call, system.value)),
  ),
};
