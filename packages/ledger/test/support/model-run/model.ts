/**
 * The control plane written a second time, from its rules alone: plain maps and big integers, nothing shared with the
 * ledger. Slow and simple on purpose. Calls throw `module::code` where the contracts abort, having changed nothing.
 */

export interface ModelNode {
  wal: bigint;
  shares: bigint;
  rewardsPool: bigint;
  commission: bigint;
  blocked: bigint | undefined;
  rate: number;
  latestEpoch: number;
  activation: number;
  readonly stakeIn: Map<number, bigint>;
  readonly sharesOut: Map<number, bigint>;
  readonly preActiveOut: Map<number, bigint>;
  readonly nextRates: Map<number, number>;
  /** Epoch to [wal, shares]; undefined: one to one. */
  readonly rates: Map<number, readonly [bigint, bigint] | undefined>;
  votes: { storage: bigint; write: bigint; capacity: bigint };
  denied: bigint;
  syncedEpoch: number;
  /** First byte of the key in force, and of the one that waits. */
  key: number;
  nextKey: number | undefined;
  /** Who collects the commission: the holder of the node's cap, or the account that registered it. */
  receiver: Authority;
}

export type Authority = 'cap' | 'account';

export interface ModelStake {
  readonly node: number;
  principal: bigint;
  readonly activation: number;
  withdrawAt: number | undefined;
}

const WAL = 1_000_000_000n;
const MIB = 1n << 20n;
export const MAX_U64 = (1n << 64n) - 1n;
export const quorum = (weight: number, shards: number) => 3 * weight > 2 * shards;
export const add = (map: Map<number, bigint>, key: number, amount: bigint) =>
  map.set(key, (map.get(key) ?? 0n) + amount);

/** A storage node without stake, whose rates count from `activation` on. */
function newNode(rate: number, activation: number, epoch: number): ModelNode {
  return {
    wal: 0n,
    shares: 0n,
    rewardsPool: 0n,
    commission: 0n,
    blocked: undefined,
    rate,
    latestEpoch: epoch,
    activation,
    stakeIn: new Map(),
    sharesOut: new Map(),
    preActiveOut: new Map(),
    nextRates: new Map(),
    rates: new Map([[activation, undefined]]),
    votes: { storage: 0n, write: 0n, capacity: 0n },
    denied: 0n,
    syncedEpoch: 0,
    key: 0,
    nextKey: undefined,
    receiver: 'cap',
  };
}

/** Thrown where the contracts abort; its message is `module::code`. */
export class ModelAbort extends Error {}

export function abort(code: string): never {
  throw new ModelAbort(code);
}

export interface ModelOptions {
  readonly shards: number;
  readonly durationMs: number;
  readonly epochsAhead: number;
  readonly nodes: readonly { rate: number }[];
  readonly isAmended: boolean;
}

export class Model {
  epoch = 0;
  phase: 'done' | 'selected' | 'sync' = 'done';
  since = 0n;
  synced = 0;
  now = 0n;
  nodes: ModelNode[] = [];
  /** Node to shards, in the order they are held. */
  committee = new Map<number, number[]>();
  previous = new Map<number, number[]>();
  next: Map<number, number[]> | undefined;
  /** Capacity of the next epoch, by the votes; on an amended chain gone when it is in force. */
  nextCapacity: bigint | undefined;
  /** Keys of the next committee, as they were at voting end. */
  nextKeys = new Map<number, number>();
  /** Keys of the committee. */
  keys: number[] = [];
  /** What rounding left when the epoch before was paid out. */
  leftover = 0n;
  syncDeadline = 0n;
  readonly slashing = new Map<number, { epoch: number; weight: number; voters: number[] }>();
  activeSet: { node: number; stake: bigint }[] = [];
  capacity = 0n;
  storagePrice = 0n;
  writePrice = 0n;
  /** Absolute epoch to what is used and kept for it. */
  used = new Map<number, bigint>();
  kept = new Map<number, bigint>();
  burned = 0n;
  readonly shards: number;
  readonly durationMs: bigint;
  readonly epochsAhead: number;
  /** With what this ledger does beyond the original contracts. */
  readonly isAmended: boolean;

  constructor(options: ModelOptions) {
    this.shards = options.shards;
    this.isAmended = options.isAmended;
    this.durationMs = BigInt(options.durationMs);
    this.epochsAhead = options.epochsAhead;
    this.nodes = options.nodes.map(({ rate }) => newNode(rate, 0, 0));
  }

  /** Runs what changes these nodes; when it aborts, everything is as before. */
  #atomically<T>(indices: readonly number[], run: () => T): T {
    const { epoch, phase, committee, previous, next, capacity, burned, activeSet } = this;
    const before = { epoch, phase, committee, previous, next, capacity, burned, activeSet: [...activeSet] };
    const [used, kept] = [new Map(this.used), new Map(this.kept)];
    const nodes = indices.map((index): [number, ModelNode] => {
      const node = this.nodes[index]!;
      const maps = {
        stakeIn: new Map(node.stakeIn),
        sharesOut: new Map(node.sharesOut),
        preActiveOut: new Map(node.preActiveOut),
        nextRates: new Map(node.nextRates),
      };
      return [index, { ...node, ...maps }];
    });
    try {
      return run();
    } catch (error) {
      // Rates of an epoch that did not begin are all that the tables of rates can have too many.
      for (const [index, node] of nodes) {
        if (this.epoch > before.epoch) node.rates.delete(this.epoch);
        this.nodes[index] = node;
      }
      Object.assign(this, before, { used, kept });
      throw error;
    }
  }

  #rateAt(node: ModelNode, epoch: number): readonly [bigint, bigint] | undefined {
    for (let at = epoch; at >= node.activation; at -= 1) if (node.rates.has(at)) return node.rates.get(at);
    return undefined;
  }

  #shares(rate: readonly [bigint, bigint] | undefined, amount: bigint): bigint {
    return rate === undefined ? amount : (amount * rate[1]) / rate[0];
  }

  #wal(rate: readonly [bigint, bigint] | undefined, shares: bigint): bigint {
    return rate === undefined ? shares : (shares * rate[0]) / rate[1];
  }

  #currentRate(node: ModelNode): readonly [bigint, bigint] | undefined {
    if (node.shares > node.wal) abort('pool_exchange_rate::0');
    return node.wal === 0n || node.shares === 0n ? undefined : [node.wal, node.shares];
  }

  #sumBy(map: Map<number, bigint>, epoch: number): bigint {
    return [...map].filter(([at]) => at <= epoch).reduce((sum, [, amount]) => sum + amount, 0n);
  }

  #preActiveShares(node: ModelNode, epoch: number): bigint {
    return [...node.preActiveOut]
      .filter(([at]) => at <= epoch)
      .reduce((sum, [at, amount]) => sum + this.#shares(this.#rateAt(node, at - 1), amount), 0n);
  }

  #stakeAt(node: ModelNode, epoch: number): bigint {
    const out = this.#sumBy(node.sharesOut, epoch) + this.#preActiveShares(node, epoch);
    const stake = node.wal + this.#sumBy(node.stakeIn, epoch) - this.#wal(this.#currentRate(node), out);
    // Rounding can make the last stakes to leave worth more than the pool; amounts are not negative.
    return stake < 0n ? abort('ARITHMETIC_ERROR') : stake;
  }

  #refresh(index: number, epoch: number): void {
    const stake = this.#stakeAt(this.nodes[index]!, epoch);
    const at = this.activeSet.findIndex(({ node }) => node === index);
    if (stake === 0n) {
      if (at < 0) return;
      const last = this.activeSet.pop()!;
      if (at < this.activeSet.length) this.activeSet[at] = last;
    } else if (at >= 0) this.activeSet[at] = { node: index, stake };
    else this.activeSet.push({ node: index, stake });
  }

  #refreshForUser(index: number): void {
    this.#refresh(index, this.epoch + (this.phase === 'selected' ? 2 : 1));
  }

  stake(index: number, amount: bigint): ModelStake {
    if (amount === 0n) abort('staking_pool::7');
    if (amount < WAL) abort('staked_wal::7');
    const activation = this.epoch + (this.next === undefined ? 1 : 2);
    this.#atomically([index], () => {
      add(this.nodes[index]!.stakeIn, activation, amount);
      this.#refreshForUser(index);
    });
    return { node: index, principal: amount, activation, withdrawAt: undefined };
  }

  #isEarly(stake: ModelStake): boolean {
    if (stake.withdrawAt !== undefined) return false;
    const inNext = this.next?.has(stake.node) === true;
    return stake.activation === this.epoch + 2 || (stake.activation === this.epoch + 1 && !inNext);
  }

  /** Sets when the stake is free. */
  request(stake: ModelStake): void {
    const asked = { ...stake };
    this.#atomically([stake.node], () => this.#request(asked));
    stake.withdrawAt = asked.withdrawAt;
  }

  #request(stake: ModelStake): void {
    const node = this.nodes[stake.node]!;
    if (stake.withdrawAt !== undefined) abort('staking_pool::8');
    if (this.#isEarly(stake)) abort('staking_pool::13');
    if (stake.activation === this.epoch + 1) {
      stake.withdrawAt = this.epoch + 2;
      add(node.preActiveOut, stake.withdrawAt, stake.principal);
    } else {
      const [inNext, inNow] = [this.next?.has(stake.node) === true, this.committee.has(stake.node)];
      if (!inNext && !inNow) abort('staking_pool::13');
      const shares = this.#shares(this.#rateAt(node, stake.activation), stake.principal);
      if (shares === 0n) abort('staking_pool::18');
      stake.withdrawAt = this.epoch + (inNext ? 2 : 1);
      add(node.sharesOut, stake.withdrawAt, shares);
    }
    this.#refreshForUser(stake.node);
  }

  withdraw(stake: ModelStake): bigint {
    return this.#atomically([stake.node], () => this.#withdraw(stake));
  }

  splitStake(stake: ModelStake, amount: bigint): ModelStake {
    if (stake.principal <= amount) abort('staked_wal::2');
    if (amount < WAL || stake.principal - amount < WAL) abort('staked_wal::7');
    stake.principal -= amount;
    return { ...stake, principal: amount };
  }

  joinStake(stake: ModelStake, other: ModelStake): void {
    const isSame =
      stake.node === other.node && stake.activation === other.activation && stake.withdrawAt === other.withdrawAt;
    if (!isSame) abort('staked_wal::1');
    stake.principal += other.principal;
  }

  tryJoin(index: number): void {
    this.#refreshForUser(index);
  }

  #withdraw(stake: ModelStake): bigint {
    const node = this.nodes[stake.node]!;
    const isOut = !this.committee.has(stake.node) && this.next?.has(stake.node) !== true;
    let earned = 0n;
    if (this.#isEarly(stake)) add(node.stakeIn, stake.activation, -stake.principal);
    else if (isOut && stake.withdrawAt === undefined) {
      if (stake.activation > this.epoch) add(node.stakeIn, stake.activation, -stake.principal);
      else {
        add(node.sharesOut, this.epoch, this.#shares(this.#rateAt(node, stake.activation), stake.principal));
        earned = this.#earned(node, stake, this.epoch);
      }
    } else {
      if (stake.withdrawAt === undefined) return abort('staking_pool::10');
      if (stake.withdrawAt > this.epoch) abort('staking_pool::11');
      earned = this.#earned(node, stake, stake.withdrawAt);
    }
    const reward = earned < node.rewardsPool ? earned : node.rewardsPool;
    node.rewardsPool -= reward;
    this.#refreshForUser(stake.node);
    return stake.principal + reward;
  }

  #earned(node: ModelNode, stake: ModelStake, until: number): bigint {
    const shares = this.#shares(this.#rateAt(node, stake.activation), stake.principal);
    const worth = this.#wal(this.#rateAt(node, until), shares);
    return worth > stake.principal ? worth - stake.principal : 0n;
  }

  votingEnd(): void {
    const isOverdue = this.isAmended && this.phase === 'sync' && this.now >= this.syncDeadline;
    const since = isOverdue ? this.now - this.durationMs / 2n : this.since;
    const due = this.epoch === 0 ? 0n : since + this.durationMs / 2n;
    if ((this.phase !== 'done' && !isOverdue) || this.now < due) abort('staking_inner::0');
    if (this.activeSet.length === 0) abort('staking_inner::3');
    const next = this.#assign(this.#apportion());
    for (const index of this.previous.keys()) this.nodes[index]!.blocked = undefined;
    this.next = next;
    this.since = since;
    this.nextKeys = new Map(
      [...next.keys()].map((index) => [index, this.nodes[index]!.nextKey ?? this.nodes[index]!.key]),
    );
    const votes = [...next].map(([index, held]): [bigint, number] => {
      const scaled = (this.nodes[index]!.votes.capacity * BigInt(this.shards)) / BigInt(held.length);
      return [scaled > MAX_U64 ? MAX_U64 : scaled, held.length];
    });
    // The highest value that members of a quorum reach.
    this.nextCapacity = votes.reduce((best, [value]) => {
      const weight = votes.filter(([other]) => other >= value).reduce((sum, [, held]) => sum + held, 0);
      return quorum(weight, this.shards) && value > best ? value : best;
    }, 0n);
    this.phase = 'selected';
  }

  /** Seats from nothing, one by one to the highest quotient. */
  #apportion(): Map<number, number> {
    const count = this.activeSet.length;
    const most = count >= 20 ? Math.floor(this.shards / 10) : Math.ceil((this.shards * 20) / (count * 10));
    const seats = this.activeSet.map(() => 0);
    for (let given = 0; given < this.shards; given += 1) {
      let best = -1;
      let highest = -1n;
      for (const [i, { stake }] of this.activeSet.entries()) {
        const quotient = (stake << 64n) / BigInt(seats[i]! + 1);
        if (seats[i]! < most && quotient > highest) [best, highest] = [i, quotient];
      }
      if (best < 0) abort('apportionment_queue::0');
      seats[best]! += 1;
    }
    return new Map(this.activeSet.map(({ node }, i): [number, number] => [node, seats[i]!]).filter(([, s]) => s > 0));
  }

  #assign(wanted: Map<number, number>): Map<number, number[]> {
    const result = new Map<number, number[]>();
    if (this.committee.size === 0) {
      let first = 0;
      for (const [index, count] of [...wanted].sort(([a], [b]) => a - b)) {
        result.set(
          index,
          Array.from({ length: count }, (_, i) => first + i),
        );
        first += count;
      }
      return result;
    }
    const stack: number[] = [];
    const late: number[] = [];
    for (const [index, held] of this.committee) {
      const count = wanted.get(index) ?? 0;
      if (count > held.length) late.push(index);
      else if (count > 0) result.set(index, held.slice(0, count));
      stack.push(...(count === 0 ? held : count < held.length ? held.slice(count).reverse() : []));
    }
    const joining = [...wanted.keys()].filter((index) => !this.committee.has(index));
    for (const index of [...joining, ...late]) {
      const held = [...(this.committee.get(index) ?? [])];
      while (held.length < wanted.get(index)!) held.push(stack.pop()!);
      result.set(index, held);
    }
    return new Map([...result].sort(([a], [b]) => a - b));
  }

  changeEpoch(): void {
    if (this.next === undefined) abort('staking_inner::6');
    const due = this.epoch === 0 ? 0n : this.since + this.durationMs;
    if (this.now < due) abort('staking_inner::0');
    const next = this.next;
    this.#atomically([...new Set([...this.committee.keys(), ...next.keys()])], () => this.#changeEpoch(next));
  }

  #changeEpoch(next: Map<number, number[]>): void {
    const old = this.committee;
    const keys = new Map(this.nextKeys);
    const pot = this.kept.get(this.epoch) ?? 0n;
    const burned = (pot * 3n) / 100n;
    this.burned += burned;
    const used = this.used.get(this.epoch) ?? 0n;
    const parts = [...old].map(([index, held]): [number, bigint] => {
      const { denied } = this.nodes[index]!;
      return [index, BigInt(held.length) * (used - (denied < used ? denied : used))];
    });
    const whole = parts.reduce((sum, [, part]) => sum + part, 0n);
    const rewards = parts.map(([index, part]): [number, bigint] => [
      index,
      whole === 0n ? 0n : (part * (pot - burned)) / whole,
    ]);
    this.kept.delete(this.epoch);
    this.used.delete(this.epoch);
    this.epoch += 1;
    const paid = rewards.reduce((sum, [, reward]) => sum + reward, 0n);
    add(this.kept, this.epoch, pot - burned - paid);
    const stillUsed = this.used.get(this.epoch) ?? 0n;
    const voted = this.nextCapacity!;
    this.capacity = voted > stillUsed ? voted : stillUsed;
    this.previous = old;
    this.committee = next;
    this.next = undefined;
    this.phase = 'sync';
    this.synced = 0;
    const joined = [...next.keys()].filter((index) => !old.has(index)).map((index): [number, bigint] => [index, 0n]);
    for (const [index, reward] of [...rewards, ...joined]) {
      const node = this.nodes[index]!;
      this.#advance(node, reward);
      // A key that was set after voting end waits for the epoch after.
      const key = keys.get(index) ?? node.nextKey ?? node.key;
      node.key = key;
      if (node.nextKey === key) node.nextKey = undefined;
      this.#refresh(index, this.epoch + 1);
    }
    this.updatePrices();
    this.keys = [...next.keys()].map((index) => keys.get(index)!);
    this.nextKeys = new Map();
    if (!this.isAmended) return;
    this.leftover = pot - burned - paid;
    this.syncDeadline = this.now + 2n * this.durationMs;
    this.nextCapacity = undefined;
  }

  #advance(node: ModelNode, reward: bigint): void {
    const commission = (reward * BigInt(node.rate)) / 10_000n;
    node.commission += commission;
    node.blocked = (node.blocked ?? 0n) + commission;
    const due = [...node.nextRates.keys()].filter((at) => at <= this.epoch);
    if (due.length > 0) node.rate = node.nextRates.get(Math.max(...due))!;
    for (const at of due) node.nextRates.delete(at);
    node.rewardsPool += reward - commission;
    node.wal += reward - commission;
    node.latestEpoch = this.epoch;
    const rate = this.#currentRate(node);
    node.rates.set(this.epoch, rate);
    const out = this.#wal(rate, this.#preActiveShares(node, this.epoch) + this.#sumBy(node.sharesOut, this.epoch));
    node.wal += this.#sumBy(node.stakeIn, this.epoch);
    if (node.wal < out) abort('staking_pool::1');
    node.wal -= out;
    node.shares = this.#shares(rate, node.wal);
    for (const map of [node.stakeIn, node.sharesOut, node.preActiveOut]) {
      for (const at of map.keys()) if (at <= this.epoch) map.delete(at);
    }
  }

  syncDone(index: number): void {
    const node = this.nodes[index]!;
    if (node.syncedEpoch >= this.epoch) abort('staking_inner::2');
    const held = this.committee.get(index) ?? abort('staking_inner::4');
    node.syncedEpoch = this.epoch;
    if (this.phase !== 'sync') return;
    this.synced += held.length;
    if (!quorum(this.synced, this.shards)) return;
    this.phase = 'done';
    this.since = this.now;
  }

  updatePrices(): void {
    // The lowest value such that a quorum votes for it or less.
    const voted = (read: (node: ModelNode) => bigint) =>
      [...this.committee.keys()].reduce((best, index) => {
        const value = read(this.nodes[index]!);
        const weight = [...this.committee]
          .filter(([other]) => read(this.nodes[other]!) <= value)
          .reduce((sum, [, held]) => sum + held.length, 0);
        return quorum(weight, this.shards) && value < best ? value : best;
      }, MAX_U64);
    this.storagePrice = voted(({ votes }) => votes.storage);
    this.writePrice = voted(({ votes }) => votes.write);
  }

  setNextRate(index: number, rate: number): void {
    if (rate > 10_000) abort('staking_pool::14');
    this.nodes[index]!.nextRates.set(this.epoch + 2, rate);
  }

  collect(index: number, who: Authority): bigint {
    const node = this.nodes[index]!;
    if (who !== node.receiver) abort('staking_pool::15');
    const free = node.commission - (node.blocked ?? 0n);
    if (free <= 0n) return 0n;
    node.commission -= free;
    return free;
  }

  addCommission(index: number, amount: bigint): void {
    const node = this.nodes[index]!;
    node.commission += amount;
    if (this.phase !== 'selected') node.blocked = (node.blocked ?? 0n) + amount;
  }

  setReceiver(index: number, who: Authority, receiver: Authority): void {
    const node = this.nodes[index]!;
    if (who !== node.receiver) abort('staking_pool::15');
    node.receiver = receiver;
  }

  voteForSlashing(voter: number, candidate: number, who: Authority): void {
    if (who !== 'account') abort('slashing::0');
    const weight = this.committee.get(voter)?.length ?? abort('staking_inner::4');
    const known = this.slashing.get(candidate);
    const proposal = known?.epoch === this.epoch ? known : { epoch: this.epoch, weight: 0, voters: [] };
    if (proposal.voters.includes(voter)) abort('slashing::1');
    const voters = [...proposal.voters, voter];
    this.slashing.set(candidate, { epoch: this.epoch, weight: proposal.weight + weight, voters });
  }

  /** FROST burned. */
  slash(candidate: number): bigint {
    const proposal = this.slashing.get(candidate) ?? abort('slashing::2');
    if (proposal.epoch !== this.epoch) abort('slashing::3');
    if (!quorum(proposal.weight, this.shards)) abort('slashing::4');
    this.slashing.delete(candidate);
    const node = this.nodes[candidate]!;
    const { commission } = node;
    node.commission = 0n;
    node.blocked = undefined;
    this.burned += commission;
    return commission;
  }

  cleanSlashing(): void {
    for (const [candidate, { epoch }] of this.slashing) if (epoch < this.epoch) this.slashing.delete(candidate);
  }

  /** Joins as a candidate, in any epoch. */
  register(rate: number): void {
    if (rate > 10_000) abort('staking_pool::14');
    this.nodes.push(newNode(rate, this.epoch + (this.next === undefined ? 0 : 1), this.epoch));
  }

  /** What `size` bytes cost in every epoch. */
  #due(size: bigint): bigint {
    const due = this.storagePrice * ((size + MIB - 1n) / MIB);
    return due > MAX_U64 ? abort('ARITHMETIC_ERROR') : due;
  }

  /** Buys `size` bytes of the epochs `[from, to)`; what it cost. Nothing is changed when it aborts. */
  buy(size: bigint, from: number, to: number, funds: bigint, options: { mayBeEmpty: boolean }): bigint {
    const due = this.#due(size);
    const cost = due * BigInt(to - from);
    if (cost > funds) abort('balance::2');
    if (size === 0n && !options.mayBeEmpty) abort('system_state_inner::11');
    for (let at = from; at < to; at += 1) {
      if ((this.used.get(at) ?? 0n) + size > this.capacity) abort('system_state_inner::1');
    }
    for (let at = from; at < to; at += 1) {
      add(this.kept, at, due);
      add(this.used, at, size);
    }
    return cost;
  }

  /** Keeps `amount` for an epoch. */
  give(epoch: number, amount: bigint): void {
    add(this.kept, epoch, amount);
  }

  /** What writing `size` encoded bytes costs; not paid yet. */
  writeFee(size: bigint, funds: bigint): bigint {
    const fee = this.writePrice * ((size + MIB - 1n) / MIB);
    if (fee > MAX_U64) abort('ARITHMETIC_ERROR');
    return fee > funds ? abort('balance::2') : fee;
  }

  subsidise(amount: bigint, epochs: number): void {
    if (epochs === 0 || epochs > this.epochsAhead) abort('system_state_inner::2');
    for (let at = this.epoch; at < this.epoch + epochs; at += 1) add(this.kept, at, amount / BigInt(epochs));
    add(this.kept, this.epoch, amount % BigInt(epochs));
  }
}
