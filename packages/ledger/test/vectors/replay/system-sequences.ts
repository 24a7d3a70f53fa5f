/** Group `system`: staking, system and treasury together, from the contracts' initialisation on. */
import type { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { Ref } from '../../../src/execution/call.ts';
import { deriveBlobId, encodedBlobLength } from '../../../src/natives/encoding.ts';
import type { Coin } from '../../../src/natives/framework.ts';
import { blockedCommission } from '../../../src/natives/staking/pool.ts';
import { denyListSizes } from '../../../src/natives/system-epoch.ts';
import { Chain } from '../../support/chain.ts';
import { type Action, type Observed, type Replay, replaySequence, requireFields, type Sequence } from './vector-file.ts';

interface SystemCase extends Sequence {
  readonly n_shards: number;
  readonly epoch_zero_duration_ms: number;
  readonly epoch_duration_ms: number;
  readonly max_epochs_ahead: number;
  readonly initial_wal_total_supply: string;
  readonly nodes: readonly {
    readonly node: number;
    readonly commission_rate: number;
    readonly storage_price: string;
    readonly write_price: string;
    readonly node_capacity: string;
  }[];
}

const PURSE = 1n << 63n;
const RING_ENTRIES_SHOWN = 8;

class SystemReplay implements Replay {
  readonly chain: Chain;
  readonly #caps: Ref<layouts.StorageNodeCap>[];
  readonly #labels: Map<ObjectId, number>;
  readonly #stakes: (layouts.StakedWal | undefined)[] = [];

  constructor(sequence: SystemCase) {
    this.chain = new Chain({
      nShards: sequence.n_shards,
      firstEpochStartMs: sequence.epoch_zero_duration_ms,
      epochDurationMs: sequence.epoch_duration_ms,
      maxEpochsAhead: sequence.max_epochs_ahead,
      walSupply: BigInt(sequence.initial_wal_total_supply),
    });
    this.#caps = sequence.nodes.map((node) => ({
      value: this.chain.register({
        commissionRate: node.commission_rate,
        storagePrice: BigInt(node.storage_price),
        writePrice: BigInt(node.write_price),
        nodeCapacity: BigInt(node.node_capacity),
      }),
    }));
    this.#labels = new Map(this.#caps.map(({ value }, i) => [value.nodeId, (sequence.nodes[i] as { node: number }).node]));
  }

  step(action: Action, expected: Observed): Observed {
    return this.#stakingStep(action) ?? this.#epochStep(action) ?? this.#systemStep(action, expected);
  }

  #cap(action: Action): Ref<layouts.StorageNodeCap> {
    return this.#caps[action['node'] as number] as Ref<layouts.StorageNodeCap>;
  }

  #stakingStep(action: Action): Observed | undefined {
    const { chain } = this;
    const { staking } = chain;
    const amount = () => BigInt(action['amount'] as string);
    const stake = () => ({ value: this.#stakes[action['stake_index'] as number] as layouts.StakedWal });
    switch (action.op) {
      case 'stake': {
        const { nodeId } = this.#cap(action).value;
        const made = chain.run<layouts.StakedWal>('staking::stake_with_pool', staking, chain.coin(amount()), nodeId);
        this.#stakes.push(made);
        return { stake_index: this.#stakes.length - 1, activation_epoch: made.activationEpoch };
      }
      case 'request_withdraw': {
        const asked = stake();
        chain.run('staking::request_withdraw_stake', staking, asked);
        this.#stakes[action['stake_index'] as number] = asked.value;
        return { withdraw_epoch: chain.run('staked_wal::withdraw_epoch', asked.value) };
      }
      case 'withdraw':
        return { paid_out: String(chain.run<Coin>('staking::withdraw_stake', staking, stake().value).balance) };
      case 'vote': {
        const cap = this.#cap(action).value;
        for (const [call, field] of [
          ['set_storage_price_vote', 'storage_price'],
          ['set_write_price_vote', 'write_price'],
          ['set_node_capacity_vote', 'node_capacity'],
        ] as const) {
          chain.run(`staking::${call}`, staking, cap, BigInt(action[field] as string));
        }
        return {};
      }
      case 'collect_commission': {
        const cap = this.#cap(action).value;
        const who = chain.run('auth::authenticate_with_object', cap);
        const coin = chain.run<Coin>('staking::collect_commission', staking, cap.nodeId, who);
        return { paid_out: String(coin.balance) };
      }
      case 'set_next_commission':
        chain.run('staking::set_next_commission', staking, this.#cap(action).value, action['rate']);
        return {};
      case 'try_join_active_set':
        chain.run('staking::try_join_active_set', staking, this.#cap(action).value);
        return {};
      case 'add_commission_to_pool':
        chain.run('staking::add_commission_to_pools', staking, [this.#cap(action).value.nodeId], [amount()]);
        return {};
      default:
        return undefined;
    }
  }

  #epochStep(action: Action): Observed | undefined {
    const { chain } = this;
    switch (action.op) {
      case 'advance_clock':
        chain.clockMs += action['ms'] as number;
        return {};
      case 'voting_end':
        chain.run('staking::voting_end', chain.staking, chain.clock);
        return { next_total_capacity_vote: String(chain.stakingState.nextEpochParams?.totalCapacitySize) };
      case 'epoch_change':
        return this.#changeEpoch();
      case 'epoch_sync_done': {
        const cap = this.#cap(action);
        chain.run('staking::epoch_sync_done', chain.staking, cap, chain.stakingState.epoch, chain.clock);
        return {};
      }
      case 'update_prices':
        chain.run('staking::update_prices', chain.staking, chain.system);
        return {};
      default:
        return undefined;
    }
  }

  #changeEpoch(): Observed {
    const { chain } = this;
    const custody = (nodeId: ObjectId) => {
      const pool = chain.pool(nodeId).value;
      return pool.rewardsPool + pool.commission;
    };
    const members = chain.systemState.committee.members.map(({ nodeId }) => ({ nodeId, before: custody(nodeId) }));
    const supply = chain.walSupply;
    const nextEntry = this.#ring(1);
    chain.run('staking::initiate_epoch_change_v2', chain.staking, chain.system, chain.treasury, chain.clock);
    return {
      burned: String(supply - chain.walSupply),
      rewards_before_commission: Object.fromEntries(
        members.map(({ nodeId, before }) => [this.#labels.get(nodeId), String(custody(nodeId) - before)]),
      ),
      leftover_carried_to_new_epoch: String(this.#ring(0).rewardsToDistribute - nextEntry.rewardsToDistribute),
    };
  }

  #ring(offset: number): layouts.FutureAccounting {
    const { currentIndex, length, ringBuffer } = this.chain.systemState.futureAccounting;
    return ringBuffer[(currentIndex + offset) % length] as layouts.FutureAccounting;
  }

  #systemStep(action: Action, expected: Observed): Observed {
    const { chain } = this;
    const { system } = chain;
    const purse: Ref<Coin> = { value: chain.coin(PURSE) };
    switch (action.op) {
      case 'reserve_space':
        chain.run('system::reserve_space', system, BigInt(action['storage_amount'] as string), action['epochs_ahead'], purse);
        return { cost: String(PURSE - purse.value.balance) };
      case 'reserve_and_register_blob': {
        const size = BigInt(action['unencoded_size'] as string);
        const length = encodedBlobLength(chain.call, size, 1, chain.systemState.committee.nShards);
        const space = chain.run('system::reserve_space', system, length, action['epochs_ahead'], purse);
        chain.run('system::register_blob', system, space, deriveBlobId(0n, 1, size), 0n, size, 1, false, purse);
        return { encoded_length: String(length), cost: String(PURSE - purse.value.balance) };
      }
      case 'add_subsidy':
        chain.run('system::add_subsidy', system, chain.coin(BigInt(action['amount'] as string)), action['epochs_ahead']);
        return {};
      case 'set_deny_list_size': {
        const { nodeId } = this.#cap(action).value;
        const sizes = denyListSizes(chain.call, chain.systemState);
        const others = (sizes.value ?? []).filter(({ key }) => key !== nodeId);
        sizes.value = [...others, { key: nodeId, value: BigInt(action['size'] as string) }];
        return {};
      }
      case 'certify_event_blob':
        return this.#certifyEventBlob(action, expected);
      default:
        throw new TypeError(`the replay does not know ${action.op}`);
    }
  }

  #certifyEventBlob(action: Action, expected: Observed): Observed {
    const { chain } = this;
    const size = BigInt(action['unencoded_size'] as string);
    const root = BigInt(action['root_hash_u256'] as string);
    const before = chain.systemState.eventBlobCertificationState;
    chain.run(
      'system::certify_event_blob',
      chain.system,
      this.#cap(action),
      deriveBlobId(root, 1, size),
      root,
      size,
      1,
      BigInt(action['ending_checkpoint_sequence_num'] as number),
      chain.stakingState.epoch,
    );
    const after = chain.systemState.eventBlobCertificationState;
    if (expected['outcome'] === undefined) return {};
    if (after.latestCertifiedBlob !== before.latestCertifiedBlob) return { outcome: 'certified' };
    const isCounted = after.aggregateWeightPerBlob !== before.aggregateWeightPerBlob;
    return { outcome: isCounted ? 'counted' : 'ignored_already_certified' };
  }

  observed(): Observed {
    const { chain } = this;
    const { stakingState: staking, systemState: system, activeSet } = chain;
    const committee = (value: layouts.Committee | null) =>
      value === null ? null : Object.fromEntries(value.map((entry) => [this.#labels.get(entry.key), entry.value]));
    const [kind, value] = Object.entries(staking.epochState).find(([key]) => key !== '$kind') as [string, unknown];
    const latest = system.eventBlobCertificationState.latestCertifiedBlob;
    return {
      epoch: staking.epoch,
      epoch_state: { kind, value: Number(value) },
      clock_ms: chain.clockMs,
      next_committee: committee(staking.nextCommittee),
      committee: committee(staking.committee),
      previous_committee: committee(staking.previousCommittee),
      total_capacity_size: String(system.totalCapacitySize),
      used_capacity_size: String(system.usedCapacitySize),
      storage_price: String(system.storagePricePerUnitSize),
      write_price: String(system.writePricePerUnitSize),
      wal_total_supply: String(chain.walSupply),
      future_accounting_next_epochs: Array.from({ length: RING_ENTRIES_SHOWN }, (_, offset) => {
        const { epoch, usedCapacity, rewardsToDistribute } = this.#ring(offset);
        return [epoch, String(usedCapacity), String(rewardsToDistribute)];
      }),
      latest_certified_event_blob_checkpoint: latest === null ? null : String(latest.endingCheckpointSequenceNumber),
      tracked_event_blobs: system.eventBlobCertificationState.aggregateWeightPerBlob.length,
      active_set: activeSet.nodes.map(({ nodeId, stakedAmount }) => [this.#labels.get(nodeId), String(stakedAmount)]),
      active_set_total: String(activeSet.totalStake),
      pools: Object.fromEntries(this.#caps.map(({ value: cap }) => [this.#labels.get(cap.nodeId), this.#pool(cap.nodeId)])),
    };
  }

  #pool(nodeId: ObjectId): Observed {
    const pool = this.chain.pool(nodeId).value;
    return {
      wal_balance: String(pool.walBalance),
      num_shares: String(pool.numShares),
      rewards_pool: String(pool.rewardsPool),
      commission: String(pool.commission),
      blocked_commission: String(blockedCommission(this.chain.call, pool)),
      commission_rate: pool.commissionRate,
      latest_epoch: pool.latestEpoch,
    };
  }
}

export function replaySystem(sequence: Sequence): void {
  requireFields(sequence, [
    'n_shards',
    'epoch_zero_duration_ms',
    'epoch_duration_ms',
    'max_epochs_ahead',
    'initial_wal_total_supply',
    'nodes',
    'epochs',
    'initial_state',
    'steps',
    'final_aborting_action',
  ]);
  replaySequence(sequence, new SystemReplay(sequence as SystemCase), (state, changed) => ({
    ...state,
    ...changed,
    pools: { ...(state['pools'] as object), ...(changed['pools'] as object | undefined) },
  }));
}
