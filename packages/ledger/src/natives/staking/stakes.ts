/**
 * `staking` and `staked_wal` for those who stake: in, out, split and join. Walrus contract rules: staking, user
 * operations; the order of checks is part of them.
 */
import type { layouts } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../../execution/call.ts';
import { asU32, asU64 } from '../../execution/integers.ts';
import { toShares } from '../../staking/exchange-rate.ts';
import { addPending, reducePending } from '../../staking/pending-values.ts';
import { type Coin, coinIntoBalance, newCoin } from '../framework.ts';
import { type Pool, rateAt, rewardsOf } from './pool.ts';
import {
  findPool,
  isCommitteeSelected,
  isMember,
  poolOf,
  refreshForNextVote,
  type Staking,
  type StakingState,
  stakingState,
} from './state.ts';

export type StakedWal = layouts.StakedWal;

/** The least that one stake holds: 1 WAL. */
const MIN_STAKE = 1_000_000_000n;
const STAKED: layouts.StakedWal['state'] = { $kind: 'Staked', Staked: true };

function withdrawEpochOf(stake: StakedWal): number | undefined {
  return stake.state.$kind === 'Withdrawing' ? stake.state.Withdrawing.withdrawEpoch : undefined;
}

/** A new stake in `pool`. */
function stake(call: Call, state: StakingState, pool: Ref<Pool>, amount: bigint): StakedWal {
  if (pool.value.state.$kind !== 'Active') call.abort('staking_pool', 'EPoolIsNotActive');
  if (amount === 0n) call.abort('staking_pool', 'EZeroStake');
  if (amount < MIN_STAKE) call.abort('staked_wal', 'EStakeBelowThreshold');
  const activationEpoch = asU32(state.epoch + (isCommitteeSelected(state) ? 2 : 1)) as Epoch;
  pool.value = { ...pool.value, pendingStake: addPending(pool.value.pendingStake, activationEpoch, amount) };
  return { id: call.freshId(), state: STAKED, nodeId: pool.value.id, principal: amount, activationEpoch };
}

/** Whether a stake can be taken out at once: no committee that counts on it is chosen. */
function canWithdrawEarly(state: StakingState, stake: StakedWal): boolean {
  if (withdrawEpochOf(stake) !== undefined) return false;
  if (stake.activationEpoch === state.epoch + 2) return true;
  return stake.activationEpoch === state.epoch + 1 && !isMember(state.nextCommittee, stake.nodeId);
}

/** The stake as one that is to be paid out later. */
function requestWithdraw(call: Call, state: StakingState, pool: Ref<Pool>, stake: StakedWal): StakedWal {
  checkStake(call, pool.value, stake);
  if (withdrawEpochOf(stake) !== undefined) call.abort('staking_pool', 'ENotStaked');
  if (canWithdrawEarly(state, stake)) call.abort('staking_pool', 'EWithdrawDirectly');
  const { epoch } = state;
  const { activationEpoch, principal, nodeId } = stake;
  if (activationEpoch === epoch + 1) {
    // The next committee counts on it: it is active for that one epoch.
    const withdrawEpoch = asU32(epoch + 2) as Epoch;
    const preActiveWithdrawals = addPending(pool.value.preActiveWithdrawals, withdrawEpoch, principal);
    pool.value = { ...pool.value, preActiveWithdrawals };
    return withdrawing(stake, withdrawEpoch);
  }
  if (activationEpoch > epoch) call.abort('staking_pool', 'EActivationEpochNotReached');
  const withdrawEpoch = withdrawalEpoch(call, state, nodeId);
  const shares = toShares(rateAt(call, pool.value, activationEpoch), principal);
  if (shares === 0n) call.abort('staking_pool', 'EZeroShares');
  const pendingSharesWithdraw = addPending(pool.value.pendingSharesWithdraw, withdrawEpoch, shares);
  pool.value = { ...pool.value, pendingSharesWithdraw };
  return withdrawing(stake, withdrawEpoch);
}

function withdrawalEpoch(call: Call, state: StakingState, nodeId: ObjectId): Epoch {
  if (isMember(state.nextCommittee, nodeId)) return asU32(state.epoch + 2) as Epoch;
  if (isMember(state.committee, nodeId)) return asU32(state.epoch + 1) as Epoch;
  return call.abort('staking_pool', 'EWithdrawDirectly');
}

function withdrawing(stake: StakedWal, withdrawEpoch: Epoch): StakedWal {
  return { ...stake, state: { $kind: 'Withdrawing', Withdrawing: { withdrawEpoch } } };
}

/** Pays a stake out: its principal and what it earned, in FROST. */
function withdraw(call: Call, state: StakingState, pool: Ref<Pool>, stake: StakedWal): bigint {
  checkStake(call, pool.value, stake);
  const { activationEpoch, principal } = stake;
  const early = canWithdrawEarly(state, stake);
  const earned = early ? 0n : settleWithdrawal(call, state, pool, stake);
  if (early) reduceStake(call, pool, activationEpoch, principal);
  const reward = earned < pool.value.rewardsPool ? earned : pool.value.rewardsPool;
  pool.value = { ...pool.value, rewardsPool: pool.value.rewardsPool - reward };
  call.deleteId(stake.id);
  return asU64(principal + reward);
}

/** What a stake earned that is not taken out early. */
function settleWithdrawal(call: Call, state: StakingState, pool: Ref<Pool>, stake: StakedWal): bigint {
  const { epoch } = state;
  const { activationEpoch, principal, nodeId } = stake;
  const withdrawEpoch = withdrawEpochOf(stake);
  const isOutside = !isMember(state.committee, nodeId) && !isMember(state.nextCommittee, nodeId);
  if (isOutside && withdrawEpoch === undefined) {
    if (activationEpoch > epoch) {
      reduceStake(call, pool, activationEpoch, principal);
      return 0n;
    }
    const shares = toShares(rateAt(call, pool.value, activationEpoch), principal);
    const pendingSharesWithdraw = addPending(pool.value.pendingSharesWithdraw, epoch, shares);
    pool.value = { ...pool.value, pendingSharesWithdraw };
    return rewardsOf(call, pool.value, principal, activationEpoch, epoch);
  }
  if (withdrawEpoch === undefined) return call.abort('staking_pool', 'ENotWithdrawing');
  if (withdrawEpoch > epoch) call.abort('staking_pool', 'EWithdrawEpochNotReached');
  if (activationEpoch > epoch) call.abort('staking_pool', 'EActivationEpochNotReached');
  return rewardsOf(call, pool.value, principal, activationEpoch, withdrawEpoch);
}

function reduceStake(call: Call, pool: Ref<Pool>, epoch: number, amount: bigint): void {
  pool.value = { ...pool.value, pendingStake: reducePending(call, pool.value.pendingStake, epoch, amount) };
}

function checkStake(call: Call, pool: Pool, stake: StakedWal): void {
  if (stake.principal === 0n) call.abort('staking_pool', 'EZeroStake');
  if (stake.nodeId !== pool.id) call.abort('staking_pool', 'EIncorrectPoolId');
}

/** `self` with the principal of `other`, which must be of the same pool, epoch and state. */
function join(call: Call, self: StakedWal, other: StakedWal): StakedWal {
  const isSame =
    self.nodeId === other.nodeId &&
    self.activationEpoch === other.activationEpoch &&
    withdrawEpochOf(self) === withdrawEpochOf(other);
  if (!isSame) call.abort('staked_wal', 'EMetadataMismatch');
  call.deleteId(other.id);
  return { ...self, principal: asU64(self.principal + other.principal) };
}

function split(call: Call, self: Ref<StakedWal>, amount: bigint): StakedWal {
  const { principal } = self.value;
  if (principal <= amount) call.abort('staked_wal', 'EInvalidAmount');
  if (amount < MIN_STAKE || principal - amount < MIN_STAKE) call.abort('staked_wal', 'EStakeBelowThreshold');
  self.value = { ...self.value, principal: principal - amount };
  return { ...self.value, id: call.freshId(), principal: amount };
}

export const stakedWalNatives: Readonly<Record<string, Native>> = {
  node_id: native((_call, self: StakedWal) => [self.nodeId]),
  value: native((_call, self: StakedWal) => [self.principal]),
  activation_epoch: native((_call, self: StakedWal) => [self.activationEpoch]),
  is_staked: native((_call, self: StakedWal) => [withdrawEpochOf(self) === undefined]),
  is_withdrawing: native((_call, self: StakedWal) => [withdrawEpochOf(self) !== undefined]),
  withdraw_epoch: native((call, self: StakedWal) => [
    withdrawEpochOf(self) ?? call.abort('staked_wal', 'ENotWithdrawing'),
  ]),
  join: native((call, self: Ref<StakedWal>, other: StakedWal) => {
    self.value = join(call, self.value, other);
  }),
  split: native((call, self: Ref<StakedWal>, amount: bigint) => [split(call, self, amount)]),
};

export const stakeNatives: Readonly<Record<string, Native>> = {
  stake_with_pool: native((call, staking: Ref<Staking>, coin: Coin, nodeId: ObjectId) => {
    const state = stakingState(call, staking.value).value;
    const pool = poolOf(call, state, nodeId);
    const staked = stake(call, state, pool, coinIntoBalance(call, coin));
    refreshForNextVote(call, state, pool.value);
    return [staked];
  }),
  request_withdraw_stake: native((call, staking: Ref<Staking>, stake: Ref<StakedWal>) => {
    const state = stakingState(call, staking.value).value;
    const pool = poolOf(call, state, stake.value.nodeId);
    stake.value = requestWithdraw(call, state, pool, stake.value);
    refreshForNextVote(call, state, pool.value);
  }),
  withdraw_stake: native((call, staking: Ref<Staking>, stake: StakedWal) => {
    const state = stakingState(call, staking.value).value;
    const pool = poolOf(call, state, stake.nodeId);
    const paid = withdraw(call, state, pool, stake);
    refreshForNextVote(call, state, pool.value);
    return [newCoin(call, paid)];
  }),
  try_join_active_set: native((call, staking: Ref<Staking>, cap: layouts.StorageNodeCap) => {
    const state = stakingState(call, staking.value).value;
    refreshForNextVote(call, state, poolOf(call, state, cap.nodeId).value);
  }),
  calculate_rewards: native(
    (call, staking: Staking, nodeId: ObjectId, principal: bigint, activation: number, withdrawal: number) => {
      const pool = findPool(call, stakingState(call, staking).value, nodeId);
      if (pool === undefined) return call.abort('staking_inner', 'EPoolNotFound');
      return [rewardsOf(call, pool.value, principal, activation, withdrawal)];
    },
  ),
  can_withdraw_staked_wal_early: native((call, staking: Staking, stake: StakedWal) => [
    canWithdrawEarly(stakingState(call, staking).value, stake),
  ]),
};
