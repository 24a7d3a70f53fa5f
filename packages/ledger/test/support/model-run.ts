/** Random calls to the contracts and to the model at once; after every step both must show the same, and nothing be lost. */
import type { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { expect } from 'vitest';
import type { Ref } from '../../src/execution/call.ts';
import type { Coin } from '../../src/natives/framework.ts';
import { blockedCommission } from '../../src/natives/staking/pool.ts';
import { denyListSizes } from '../../src/natives/system-epoch.ts';
import { Chain } from './chain.ts';
import { Model, ModelAbort, type ModelPool, type ModelStake } from './model.ts';
import { outcomeOf } from './native-call.ts';

const SUPPLY = 5_000_000_000_000_000_000n;
const WAL = 1_000_000_000n;
const DURATION_MS = 1000;
/** Nodes that a run has at most; each costs time in every check. */
const MAX_NODES = 10;
/** FROST that a buyer offers. */
const OFFER = 10n ** 12n;

/** Numbers of a seed (xorshift32). */
function numbersOf(seed: number): (limit: number) => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}

/** Outcomes of a run, by what was called. */
export type Tally = Map<string, { succeeded: number; aborted: number }>;

class Pair {
  readonly chain: Chain;
  readonly model: Model;
  readonly caps: Ref<layouts.StorageNodeCap>[];
  readonly stakes: { chain: layouts.StakedWal; model: ModelStake }[] = [];
  readonly pools: { chain: layouts.StoragePool; model: ModelPool }[] = [];
  readonly #pick: (limit: number) => number;
  /** FROST in coins. */
  #wallet = SUPPLY;

  constructor(pick: (limit: number) => number) {
    this.#pick = pick;
    const shards = [4, 7, 10, 31, 50][pick(5)]!;
    const epochsAhead = [1, 2, 5, 9][pick(4)]!;
    const nodes = Array.from({ length: 1 + pick(7) }, () => ({ rate: [0, 500, 10_000][pick(3)]! }));
    this.chain = new Chain({ nShards: shards, epochDurationMs: DURATION_MS, maxEpochsAhead: epochsAhead });
    this.model = new Model({ shards, durationMs: DURATION_MS, epochsAhead, nodes });
    this.caps = nodes.map(({ rate }) => ({ value: this.chain.register({ commissionRate: rate }) }));
  }

  /** One random call; its name, and whether it succeeded. */
  step(): { name: string; succeeded: boolean } {
    const [name, onChain, onModel] = this.#call();
    const before = new Map(this.chain.fields);
    const outcome = outcomeOf(onChain);
    if ('abort' in outcome) {
      this.chain.fields.clear();
      for (const [id, value] of before) this.chain.fields.set(id, value);
    }
    const expected = modelOutcome(onModel);
    if (textOf(outcome) !== textOf(expected)) expect(outcome, name).toEqual(expected);
    return { name, succeeded: !('abort' in outcome) };
  }

  #amount(): bigint {
    const [pick] = [this.#pick];
    const sizes = [0n, WAL - 1n, WAL, WAL + BigInt(pick(1000)), BigInt(pick(1_000_000)) * WAL, 433n * 10n ** 15n];
    return sizes[pick(sizes.length)]!;
  }

  /** Name, what the contracts do, what the model does; both return what can be compared. */
  #call(): [string, () => unknown, () => unknown] {
    const pick = this.#pick;
    // Time and the state machine get a third of the calls, so that epochs pass.
    if (pick(3) === 0) return this.#epochCall(12 + pick(4));
    const kind = pick(14);
    return kind < 5 ? this.#stakeCall(kind) : kind < 12 ? this.#nodeCall(kind) : this.#growthCall(kind);
  }

  #stakeCall(kind: number): [string, () => unknown, () => unknown] {
    const { chain, model } = this;
    const index = this.#pick(this.caps.length);
    if (kind <= 1 || this.stakes.length === 0) {
      const amount = this.#amount();
      if (amount > this.#wallet) return this.#epochCall(12);
      let made: layouts.StakedWal;
      return [
        'stake',
        () => {
          const { nodeId } = this.caps[index]!.value;
          made = chain.run('staking::stake_with_pool', chain.staking, chain.coin(amount), nodeId);
          return made.activationEpoch;
        },
        () => {
          const stake = model.atomically(() => model.stake(index, amount));
          this.#wallet -= amount;
          this.stakes.push({ chain: made, model: stake });
          return stake.activation;
        },
      ];
    }
    const at = this.#pick(this.stakes.length);
    const stake = this.stakes[at]!;
    if (kind <= 3) {
      return [
        'request',
        () => {
          const ref = { value: stake.chain };
          chain.run('staking::request_withdraw_stake', chain.staking, ref);
          stake.chain = ref.value;
          return chain.run('staked_wal::withdraw_epoch', ref.value);
        },
        () => {
          const asked = { ...stake.model };
          model.atomically(() => model.request(asked));
          stake.model = asked;
          return asked.withdrawAt;
        },
      ];
    }
    return [
      'withdraw',
      () => chain.run<Coin>('staking::withdraw_stake', chain.staking, stake.chain).balance,
      () => {
        const paid = model.atomically(() => model.withdraw(stake.model));
        this.stakes.splice(at, 1);
        this.#wallet += paid;
        return paid;
      },
    ];
  }

  #nodeCall(kind: number): [string, () => unknown, () => unknown] {
    const { chain, model } = this;
    const pick = this.#pick;
    const index = pick(this.caps.length);
    const cap = this.caps[index]!.value;
    const price = () => BigInt(pick(5)) * 1000n;
    switch (kind) {
      case 5: {
        const votes = { storage: price(), write: price(), capacity: BigInt(pick(2 ** 31)) * 1000n };
        return [
          'vote',
          () => {
            chain.run('staking::set_storage_price_vote', chain.staking, cap, votes.storage);
            chain.run('staking::set_write_price_vote', chain.staking, cap, votes.write);
            chain.run('staking::set_node_capacity_vote', chain.staking, cap, votes.capacity);
          },
          () => {
            model.nodes[index]!.votes = votes;
          },
        ];
      }
      case 6: {
        const rate = [0, 777, 10_000, 10_001][pick(4)]!;
        return [
          'next rate',
          () => chain.run('staking::set_next_commission', chain.staking, cap, rate),
          () => model.setNextRate(index, rate),
        ];
      }
      case 7:
        return [
          'collect',
          () => {
            const who = chain.run('auth::authenticate_with_object', cap);
            return chain.run<Coin>('staking::collect_commission', chain.staking, cap.nodeId, who).balance;
          },
          () => {
            const paid = model.collect(index);
            this.#wallet += paid;
            return paid;
          },
        ];
      case 8: {
        const amount = BigInt(pick(1_000_000));
        return [
          'add commission',
          () => chain.run('staking::add_commission_to_pools', chain.staking, [cap.nodeId], [amount]),
          () => {
            model.addCommission(index, amount);
            this.#wallet -= amount;
          },
        ];
      }
      case 9: {
        const [amount, epochs] = [BigInt(pick(2 ** 31)) * 1000n, pick(model.epochsAhead + 2)];
        return [
          'subsidise',
          () => chain.run('system::add_subsidy', chain.system, chain.coin(amount), epochs),
          () => {
            model.subsidise(amount, epochs);
            this.#wallet -= amount;
          },
        ];
      }
      case 10: {
        const size = BigInt(pick(3)) * BigInt(pick(2 ** 30));
        return [
          'deny list',
          () => {
            const sizes = denyListSizes(chain.call, chain.systemState);
            const others = (sizes.value ?? []).filter(({ key }) => key !== cap.nodeId);
            sizes.value = [...others, { key: cap.nodeId, value: size }];
          },
          () => {
            model.nodes[index]!.denied = size;
          },
        ];
      }
      default: {
        const [size, epochs] = [BigInt(pick(2 ** 30)) * BigInt(pick(3)), pick(model.epochsAhead + 2)];
        const purse = { value: chain.coin(OFFER) };
        return [
          'reserve',
          () => {
            chain.run('system::reserve_space', chain.system, size, epochs, purse);
            return OFFER - purse.value.balance;
          },
          () => {
            const cost = model.atomically(() => model.reserve(size, epochs, OFFER));
            this.#wallet -= cost;
            return cost;
          },
        ];
      }
    }
  }

  /** Nodes that join, and storage pools. */
  #growthCall(kind: number): [string, () => unknown, () => unknown] {
    const { chain, model } = this;
    const pick = this.#pick;
    if (kind === 12) {
      const commissionRate = [0, 500, 10_000, 10_001][pick(4)]!;
      if (this.caps.length === MAX_NODES) return this.#epochCall(12);
      let cap: layouts.StorageNodeCap;
      return [
        'register',
        () => {
          cap = chain.register({ commissionRate });
          return chain.pool(cap.nodeId).value.activationEpoch;
        },
        () => {
          model.register(commissionRate);
          this.caps.push({ value: cap });
          return model.nodes.at(-1)!.activation;
        },
      ];
    }
    const purse = { value: chain.coin(OFFER) };
    const paid = () => OFFER - purse.value.balance;
    const size = BigInt(pick(2 ** 26)) * BigInt(pick(3));
    const epochs = pick(3) === 0 ? pick(model.epochsAhead + 2) : 1;
    const at = pick(this.pools.length + 1);
    const pool = this.pools[at];
    if (pool === undefined) {
      let made: layouts.StoragePool;
      return [
        'create pool',
        () => {
          made = chain.run('system::create_storage_pool', chain.system, size, epochs, purse);
          return paid();
        },
        () => {
          const created = model.atomically(() => model.createPool(size, epochs, OFFER));
          this.pools.push({ chain: made, model: created.pool });
          this.#wallet -= created.cost;
          return created.cost;
        },
      ];
    }
    const view = () => [
      paid(),
      chain.run('storage_pool::end_epoch', pool.chain),
      chain.run('storage_pool::reserved_encoded_capacity_bytes', pool.chain),
    ];
    const change = (run: (model: ModelPool) => bigint) => () => {
      const changed = { ...pool.model };
      const cost = model.atomically(() => run(changed));
      pool.model = changed;
      this.#wallet -= cost;
      return [cost, changed.end, changed.size];
    };
    const ref = { value: pool.chain };
    return pick(2) === 0
      ? [
          'extend pool',
          () => {
            chain.run('system::extend_storage_pool', chain.system, ref, epochs, purse);
            return view();
          },
          change((changed) => model.extendPool(changed, epochs, OFFER)),
        ]
      : [
          'grow pool',
          () => {
            chain.run('system::increase_storage_pool_capacity', chain.system, ref, size, purse);
            return view();
          },
          change((changed) => model.growPool(changed, size, OFFER)),
        ];
  }

  #epochCall(kind: number): [string, () => unknown, () => unknown] {
    const { chain, model } = this;
    const tick = () => {
      const ms = [1, DURATION_MS / 2, DURATION_MS][this.#pick(3)]!;
      chain.clockMs += ms;
      model.now += BigInt(ms);
    };
    switch (kind) {
      case 12:
        tick();
        return [
          'voting end',
          () => void chain.run('staking::voting_end', chain.staking, chain.clock),
          () => model.votingEnd(),
        ];
      case 13: {
        tick();
        const args = [chain.staking, chain.system, chain.treasury, chain.clock];
        return [
          'epoch change',
          () => void chain.run('staking::initiate_epoch_change_v2', ...args),
          () => model.atomically(() => model.changeEpoch()),
        ];
      }
      case 14:
        return [
          'update prices',
          () => void chain.run('staking::update_prices', chain.staking, chain.system),
          () => model.updatePrices(),
        ];
      default: {
        const index = this.#pick(this.caps.length);
        const cap = { value: this.caps[index]!.value };
        const epoch = chain.stakingState.epoch;
        return [
          'sync done',
          () => {
            chain.run('staking::epoch_sync_done', chain.staking, cap, epoch, chain.clock);
            this.caps[index]!.value = cap.value;
          },
          () => model.syncDone(index),
        ];
      }
    }
  }

  /** All that both can see is the same, and what must always hold does. */
  check(where: string): void {
    // Texts first: comparing them is what makes long runs short.
    const [shown, modelled] = [this.#chainView(), this.#modelView()];
    if (textOf(shown) !== textOf(modelled)) expect(shown, where).toEqual(modelled);
    const { chain } = this;
    const { stakingState: staking, systemState: system } = chain;
    let total = this.#wallet + this.stakes.reduce((sum, { chain: stake }) => sum + stake.principal, 0n);
    for (const { rewardsToDistribute } of system.futureAccounting.ringBuffer) total += rewardsToDistribute;
    for (const { value } of this.caps) {
      const pool = chain.pool(value.nodeId).value;
      total += pool.rewardsPool + pool.commission;
      if (pool.numShares > pool.walBalance) throw new Error(`${where}: shares are worth less than their WAL`);
    }
    if (total !== chain.walSupply) throw new Error(`${where}: there are ${total} FROST of ${chain.walSupply}`);
    for (const committee of [staking.committee, staking.nextCommittee ?? []].filter(({ length }) => length > 0)) {
      const shards = committee.flatMap(({ value }) => value);
      const isWhole = shards.length === staking.nShards && new Set(shards).size === shards.length;
      if (!isWhole || shards.some((shard) => shard >= staking.nShards))
        throw new Error(`${where}: shards are not whole`);
    }
    if (system.committee.epoch !== staking.epoch) throw new Error(`${where}: epochs differ`);
    if (system.usedCapacitySize > system.totalCapacitySize) throw new Error(`${where}: more is used than there is`);
  }

  #chainView(): unknown {
    const { chain } = this;
    const { stakingState: staking, systemState: system } = chain;
    const indexOf = new Map(this.caps.map(({ value }, i): [ObjectId, number] => [value.nodeId, i]));
    const committee = (value: layouts.Committee) => value.map((entry) => [indexOf.get(entry.key), entry.value]);
    const { currentIndex, ringBuffer } = system.futureAccounting;
    return {
      epoch: staking.epoch,
      phase: { EpochChangeSync: 'sync', EpochChangeDone: 'done', NextParamsSelected: 'selected' }[
        staking.epochState.$kind
      ],
      committee: committee(staking.committee),
      previous: committee(staking.previousCommittee),
      next: staking.nextCommittee === null ? undefined : committee(staking.nextCommittee),
      activeSet: chain.activeSet.nodes.map(({ nodeId, stakedAmount }) => [indexOf.get(nodeId), stakedAmount]),
      capacity: system.totalCapacitySize,
      prices: [system.storagePricePerUnitSize, system.writePricePerUnitSize],
      burned: SUPPLY - chain.walSupply,
      ring: ringBuffer.map((_, offset) => {
        const entry = ringBuffer[(currentIndex + offset) % ringBuffer.length]!;
        return [entry.epoch, entry.usedCapacity, entry.rewardsToDistribute];
      }),
      nodes: this.caps.map(({ value }) => {
        const pool = chain.pool(value.nodeId).value;
        const { walBalance, numShares, rewardsPool, commission, commissionRate, latestEpoch } = pool;
        const blocked = blockedCommission(chain.call, pool);
        return [walBalance, numShares, rewardsPool, commission, blocked, commissionRate, latestEpoch];
      }),
    };
  }

  #modelView(): unknown {
    const { model } = this;
    return {
      epoch: model.epoch,
      phase: model.phase,
      committee: [...model.committee],
      previous: [...model.previous],
      next: model.next === undefined ? undefined : [...model.next],
      activeSet: model.activeSet.map(({ node, stake }) => [node, stake]),
      capacity: model.capacity,
      prices: [model.storagePrice, model.writePrice],
      burned: model.burned,
      ring: Array.from({ length: model.epochsAhead }, (_, offset) => {
        const at = model.epoch + offset;
        return [at, model.used.get(at) ?? 0n, model.kept.get(at) ?? 0n];
      }),
      nodes: model.nodes.map((node) => [
        node.wal,
        node.shares,
        node.rewardsPool,
        node.commission,
        node.blocked ?? 0n,
        node.rate,
        node.latestEpoch,
      ]),
    };
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}

function modelOutcome(run: () => unknown): { value: unknown } | { abort: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof ModelAbort) return { abort: error.message };
    throw error;
  }
}

/** Runs `steps` calls of a seed; throws at the first difference. Counts what was called in `tally`. */
export function runAgainstModel(seed: number, steps: number, tally: Tally): void {
  const pair = new Pair(numbersOf(seed));
  for (let index = 0; index < steps; index += 1) {
    const { name, succeeded } = pair.step();
    const counts = tally.get(name) ?? { succeeded: 0, aborted: 0 };
    counts[succeeded ? 'succeeded' : 'aborted'] += 1;
    tally.set(name, counts);
    pair.check(`seed ${seed}, step ${index}, ${name}`);
  }
}
