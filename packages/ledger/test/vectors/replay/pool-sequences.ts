/** Group `pool`: one staking pool through stakes, withdrawals and epochs. */
import type { layouts } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import type { Ref } from '../../../src/execution/call.ts';
import type { Coin } from '../../../src/natives/framework.ts';
import {
  addCommission,
  advancePool,
  blockedCommission,
  clearBlockedCommission,
  type Pool,
  rateField,
  walAt,
} from '../../../src/natives/staking/pool.ts';
import { Chain } from '../../support/chain.ts';
import { type Action, type Observed, type Replay, replaySequence, requireFields, type Sequence } from './vector-file.ts';

const MEMBERSHIP = [0] as layouts.Committee[number]['value'];

class PoolReplay implements Replay {
  readonly chain = new Chain({ nShards: 1 });
  readonly nodeId: ObjectId;
  readonly #stakes: (layouts.StakedWal | undefined)[] = [];

  constructor(sequence: Sequence) {
    const rate = (sequence as unknown as { initial_commission_rate: number }).initial_commission_rate;
    const cap = this.chain.register({ commissionRate: rate });
    this.nodeId = cap.nodeId;
    const { sender } = this.chain.call;
    this.pool.value = { ...this.pool.value, commissionReceiver: { $kind: 'Address', Address: sender } };
  }

  get pool(): Ref<Pool> {
    return this.chain.pool(this.nodeId);
  }

  #stake(index: unknown): Ref<layouts.StakedWal> {
    const stakes = this.#stakes;
    return {
      get value() {
        return stakes[index as number] as layouts.StakedWal;
      },
      set value(value) {
        stakes[index as number] = value;
      },
    };
  }

  step(action: Action): Observed {
    const { chain } = this;
    const { stakingState } = chain;
    const stake = this.#stake(action['stake_index']);
    const amount = () => BigInt(action['amount'] as string);
    switch (action.op) {
      case 'select_committee': {
        const next = action['in_next_committee'] === true ? [{ key: this.nodeId, value: MEMBERSHIP }] : [];
        chain.stakingState = { ...stakingState, nextCommittee: next };
        return {};
      }
      case 'clear_blocked_commission':
        clearBlockedCommission(chain.call, this.pool);
        return {};
      case 'set_next_commission':
        chain.run('staking::set_next_commission', chain.staking, { nodeId: this.nodeId }, action['rate']);
        return {};
      case 'stake': {
        const made = chain.run<layouts.StakedWal>(
          'staking::stake_with_pool',
          chain.staking,
          chain.coin(amount()),
          this.nodeId,
        );
        this.#stakes[action['stake_index'] as number] = made;
        return { activation_epoch: made.activationEpoch };
      }
      case 'request_withdraw':
        chain.run('staking::request_withdraw_stake', chain.staking, stake);
        return { withdraw_epoch: chain.run('staked_wal::withdraw_epoch', stake.value) };
      case 'withdraw': {
        const coin = chain.run<Coin>('staking::withdraw_stake', chain.staking, stake.value);
        return { paid_out: String(coin.balance) };
      }
      case 'split':
        this.#stakes[action['new_stake_index'] as number] = chain.run('staked_wal::split', stake, amount());
        return {};
      case 'join':
        chain.run('staked_wal::join', stake, this.#stakes[action['consumed_stake_index'] as number]);
        return {};
      case 'collect_commission': {
        const who = chain.run('auth::authenticate_sender');
        const coin = chain.run<Coin>('staking::collect_commission', chain.staking, this.nodeId, who);
        return { paid_out: String(coin.balance) };
      }
      case 'add_commission':
        addCommission(chain.call, this.pool, amount(), action['blocked'] === true);
        return {};
      case 'epoch_change':
        this.#changeEpoch(action);
        return {};
      default:
        throw new TypeError(`the replay does not know ${action.op}`);
    }
  }

  #changeEpoch(action: Action): void {
    const { chain } = this;
    const { stakingState } = chain;
    const isPart = stakingState.committee.length > 0 || (stakingState.nextCommittee ?? []).length > 0;
    if (isPart !== action['pool_advanced']) throw new TypeError('the pool is advanced when it was or will be a member');
    const epoch = (stakingState.epoch + 1) as Epoch;
    if (isPart) advancePool(chain.call, this.pool, BigInt(action['reward'] as string), epoch);
    chain.stakingState = {
      ...stakingState,
      epoch,
      committee: stakingState.nextCommittee ?? [],
      nextCommittee: null,
    };
  }

  observed(): Observed {
    const { call, stakingState } = this.chain;
    const pool = this.pool.value;
    const { epoch } = stakingState;
    const pending = (values: layouts.PendingValues) =>
      Object.fromEntries(values.map(({ key, value }) => [key, String(value)]));
    const rate = this.#currentRate(pool, epoch);
    return {
      epoch,
      committee_selected: stakingState.nextCommittee !== null,
      in_current_committee: stakingState.committee.length > 0,
      in_next_committee: (stakingState.nextCommittee ?? []).length > 0,
      wal_balance: String(pool.walBalance),
      num_shares: String(pool.numShares),
      rewards_pool: String(pool.rewardsPool),
      commission: String(pool.commission),
      blocked_commission: String(blockedCommission(call, pool)),
      commission_rate: pool.commissionRate,
      latest_epoch: pool.latestEpoch,
      wal_balance_at_next_epoch: String(walAt(call, pool, epoch + 1)),
      wal_balance_at_next_next_epoch: String(walAt(call, pool, epoch + 2)),
      pending_stake: pending(pool.pendingStake),
      pending_shares_withdraw: pending(pool.pendingSharesWithdraw),
      pre_active_withdrawals: pending(pool.preActiveWithdrawals),
      pending_commission_rate: pending(pool.pendingCommissionRate),
      exchange_rate_at_epoch: rate,
    };
  }

  #currentRate(pool: Pool, epoch: number): unknown {
    for (let at = epoch; at >= pool.activationEpoch; at -= 1) {
      const rate = rateField(this.chain.call, pool, at).value;
      if (rate === undefined) continue;
      if (rate.$kind === 'Flat') return null;
      return { wal: String(rate.Variable.walAmount), shares: String(rate.Variable.shareAmount) };
    }
    return null;
  }
}

export function replayPool(sequence: Sequence): void {
  requireFields(sequence, ['initial_commission_rate', 'initial_state', 'steps', 'final_aborting_action']);
  replaySequence(sequence, new PoolReplay(sequence), (state, changed) => ({ ...state, ...changed }));
}
