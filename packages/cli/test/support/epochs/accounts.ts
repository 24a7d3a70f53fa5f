/**
 * What every FROST must be doing, and who has which shards, computed anew from what the ledger's transactions say: plain
 * maps and big integers after the contracts' rules, nothing of the ledger's own code. Nodes come and go; no deny lists, no
 * subsidies, no slashing: what does not occur on a development network is not modelled, and throws.
 */
import type { ContractEvent } from '@floe/contracts';
import { encodedLength, type Geometry, type NodeId, type ObjectId } from '@floe/protocol';
import { ActiveSet, apportion, type Assignment, type Candidate, movedShards, reassign } from './committee-model.ts';

const MIB = 1_048_576n;
const MAX_U64 = (1n << 64n) - 1n;

/** WAL for shares; undefined is one for one. */
type Rate = { readonly wal: bigint; readonly shares: bigint } | undefined;

export interface PoolAccount {
  readonly nodeId: NodeId;
  walBalance: bigint;
  numShares: bigint;
  rewardsPool: bigint;
  commission: bigint;
  /** Undefined: there is no entry. */
  blocked: bigint | undefined;
  commissionRate: number;
  storagePrice: bigint;
  writePrice: bigint;
  capacity: bigint;
  readonly pendingStake: Map<number, bigint>;
  readonly pendingShares: Map<number, bigint>;
  readonly preActive: Map<number, bigint>;
  readonly pendingRate: Map<number, number>;
  readonly rates: Map<number, Rate>;
}

export interface StakeAccount {
  readonly nodeId: NodeId;
  principal: bigint;
  readonly activation: number;
  withdrawEpoch: number | undefined;
}

/** What the test did in a transaction, for those that leave no event. */
export type Action =
  | { readonly kind: 'stake'; readonly nodeId: NodeId; readonly amount: bigint; readonly stakeId: ObjectId }
  | { readonly kind: 'request'; readonly stakeId: ObjectId }
  | { readonly kind: 'withdraw'; readonly stakeId: ObjectId }
  | { readonly kind: 'split'; readonly stakeId: ObjectId; readonly amount: bigint; readonly partId: ObjectId }
  | { readonly kind: 'join'; readonly stakeId: ObjectId; readonly otherId: ObjectId }
  | {
      readonly kind: 'votes';
      readonly nodeId: NodeId;
      readonly storagePrice?: bigint;
      readonly writePrice?: bigint;
      readonly capacity?: bigint;
    }
  | { readonly kind: 'commission'; readonly nodeId: NodeId; readonly basisPoints: number }
  | { readonly kind: 'collect'; readonly nodeId: NodeId }
  | { readonly kind: 'several'; readonly actions: readonly Action[] }
  | {
      readonly kind: 'register';
      readonly nodeId: NodeId;
      readonly commissionBasisPoints: number;
      readonly storagePrice: bigint;
      readonly writePrice: bigint;
      readonly capacity: bigint;
    };

export interface ChainTransaction {
  readonly digest: string;
  readonly events: readonly ContractEvent[];
  /** What the senders' WAL grew or shrank by, all addresses together. */
  readonly walChange: bigint;
}

export interface EpochRecord {
  readonly epoch: number;
  pot: bigint;
  burned: bigint;
  rewards: bigint;
  commission: bigint;
  leftover: bigint;
  usedBytes: bigint;
  storagePrice: bigint;
  writePrice: bigint;
  transactions: number;
  /** Shards that another node has in the next epoch. */
  moved: number;
  /** Nodes that have other shards then. */
  affected: number;
}

export interface AccountsStart {
  readonly geometry: Geometry;
  readonly epoch: number;
  readonly supply: bigint;
  readonly storagePrice: bigint;
  readonly writePrice: bigint;
  readonly totalCapacity: bigint;
  readonly pools: readonly PoolAccount[];
  /** The next epoch's committee and capacity, where voting on them has ended already. */
  readonly nextCommittee: Assignment | undefined;
  readonly nextCapacity: bigint | undefined;
  readonly committee: Assignment;
  readonly previous: readonly NodeId[];
  readonly activeSet: readonly Candidate[];
  /** Stakes from before that the test may touch. */
  readonly stakes?: ReadonlyMap<ObjectId, StakeAccount>;
}

export class Accounts {
  readonly pools: Map<NodeId, PoolAccount>;
  readonly stakes: Map<ObjectId, StakeAccount>;
  readonly activeSet: ActiveSet;
  committee: Assignment;
  nextCommittee: Assignment | undefined;
  readonly ring = new Map<number, { used: bigint; rewards: bigint }>();
  /** One for each epoch that ended. */
  readonly records: EpochRecord[] = [];
  readonly counts = {
    stake: 0,
    request: 0,
    withdraw: 0,
    split: 0,
    join: 0,
    votes: 0,
    commission: 0,
    collect: 0,
    register: 0,
  };
  epoch: number;
  supply: bigint;
  storagePrice: bigint;
  writePrice: bigint;
  totalCapacity: bigint;
  /** FROST that stakers and operators were paid beyond what they had put in. */
  earned = 0n;
  readonly #geometry: Geometry;
  readonly #blobs = new Map<ObjectId, { endEpoch: number; readonly encodedBytes: bigint }>();
  readonly #attested = new Map<string, number>();
  /** Chosen where the vote ended; until then undefined. */
  #nextCapacity: bigint | undefined;
  /** Members of the epoch before; none in the first: nobody's commission can be blocked then. */
  #previous: readonly NodeId[];
  #transactions = 0;

  constructor(start: AccountsStart) {
    this.#geometry = start.geometry;
    this.epoch = start.epoch;
    this.supply = start.supply;
    this.storagePrice = start.storagePrice;
    this.writePrice = start.writePrice;
    this.totalCapacity = start.totalCapacity;
    this.#nextCapacity = start.nextCapacity;
    this.pools = new Map(start.pools.map((pool) => [pool.nodeId, pool]));
    this.stakes = new Map(start.stakes);
    this.committee = start.committee;
    this.nextCommittee = start.nextCommittee;
    this.#previous = start.previous;
    this.activeSet = new ActiveSet(start.activeSet);
  }

  /** Applies the next transaction of the ledger. */
  apply({ digest, events, walChange }: ChainTransaction, action: Action | undefined): void {
    this.#transactions += 1;
    let expected = action === undefined ? 0n : this.#act(action);
    for (const event of events) expected += this.#follow(event);
    if (walChange !== expected) {
      throw new Error(`transaction ${digest} (${action?.kind ?? events[0]?.kind}) moved ${walChange}, not ${expected}`);
    }
  }

  get #isSelected(): boolean {
    return this.#nextCapacity !== undefined;
  }

  /** @returns what the sender's WAL changes by */
  #act(action: Action): bigint {
    if (action.kind === 'several') return action.actions.reduce((sum, each) => sum + this.#act(each), 0n);
    this.counts[action.kind] += 1;
    switch (action.kind) {
      case 'stake': {
        const { nodeId, amount } = action;
        const activation = this.epoch + (this.#isSelected ? 2 : 1);
        add(this.#pool(nodeId).pendingStake, activation, amount);
        this.stakes.set(action.stakeId, { nodeId, principal: amount, activation, withdrawEpoch: undefined });
        this.#reconsider(nodeId);
        return -amount;
      }
      case 'request': {
        const stake = this.#stake(action.stakeId);
        this.#request(stake);
        this.#reconsider(stake.nodeId);
        return 0n;
      }
      case 'withdraw': {
        const stake = this.#stake(action.stakeId);
        this.stakes.delete(action.stakeId);
        const paid = this.#withdraw(stake);
        this.#reconsider(stake.nodeId);
        return paid;
      }
      case 'split': {
        const stake = this.#stake(action.stakeId);
        stake.principal -= action.amount;
        this.stakes.set(action.partId, { ...stake, principal: action.amount });
        return 0n;
      }
      case 'join': {
        this.#stake(action.stakeId).principal += this.#stake(action.otherId).principal;
        this.stakes.delete(action.otherId);
        return 0n;
      }
      case 'votes': {
        const pool = this.#pool(action.nodeId);
        pool.storagePrice = action.storagePrice ?? pool.storagePrice;
        pool.writePrice = action.writePrice ?? pool.writePrice;
        pool.capacity = action.capacity ?? pool.capacity;
        return 0n;
      }
      case 'commission':
        this.#pool(action.nodeId).pendingRate.set(this.epoch + 2, action.basisPoints);
        return 0n;
      case 'collect': {
        const pool = this.#pool(action.nodeId);
        const free = pool.commission - (pool.blocked ?? 0n);
        pool.commission -= free;
        this.earned += free;
        return free;
      }
      case 'register':
        this.#register(action);
        return 0n;
    }
  }

  #register(node: Action & { readonly kind: 'register' }): void {
    const { nodeId, commissionBasisPoints: commissionRate, storagePrice, writePrice, capacity } = node;
    this.pools.set(nodeId, {
      nodeId,
      walBalance: 0n,
      numShares: 0n,
      rewardsPool: 0n,
      commission: 0n,
      blocked: undefined,
      commissionRate,
      storagePrice,
      writePrice,
      capacity,
      pendingStake: new Map(),
      pendingShares: new Map(),
      preActive: new Map(),
      pendingRate: new Map(),
      rates: new Map([[this.epoch + (this.#isSelected ? 1 : 0), undefined]]),
    });
  }

  /** The pool's stake, as it will be when the next committee that can still be chosen begins, decides its place. */
  #reconsider(nodeId: NodeId): void {
    this.activeSet.update(nodeId, walAt(this.#pool(nodeId), this.epoch + (this.#isSelected ? 2 : 1)));
  }

  #request(stake: StakeAccount): void {
    const pool = this.#pool(stake.nodeId);
    if (stake.withdrawEpoch !== undefined || this.#isEarly(stake)) throw new Error('the stake cannot be asked back');
    const isNext = this.nextCommittee?.has(stake.nodeId) === true;
    if (!isNext && !this.committee.has(stake.nodeId)) throw new Error('the stake can be withdrawn at once');
    if (stake.activation === this.epoch + 1) {
      stake.withdrawEpoch = this.epoch + 2;
      add(pool.preActive, stake.withdrawEpoch, stake.principal);
      return;
    }
    stake.withdrawEpoch = this.epoch + (isNext ? 2 : 1);
    add(pool.pendingShares, stake.withdrawEpoch, toShares(rateAt(pool, stake.activation), stake.principal));
  }

  #withdraw({ nodeId, principal, activation, withdrawEpoch }: StakeAccount): bigint {
    const pool = this.#pool(nodeId);
    const isOut = !this.committee.has(nodeId) && this.nextCommittee?.has(nodeId) !== true;
    if (this.#isEarly({ nodeId, activation, withdrawEpoch })) {
      add(pool.pendingStake, activation, -principal);
      return principal;
    }
    if (withdrawEpoch === undefined) {
      if (!isOut) throw new Error('the stake was not asked back');
      add(pool.pendingShares, this.epoch, toShares(rateAt(pool, activation), principal));
    } else if (withdrawEpoch > this.epoch) throw new Error('the stake is not due yet');
    const due = withdrawEpoch ?? this.epoch;
    const worth = toWal(rateAt(pool, due), toShares(rateAt(pool, activation), principal));
    const reward = min(worth > principal ? worth - principal : 0n, pool.rewardsPool);
    pool.rewardsPool -= reward;
    this.earned += reward;
    return principal + reward;
  }

  /** Whether a stake that is not active yet can leave at once; nodes of the next committee have theirs bound. */
  #isEarly({ nodeId, activation, withdrawEpoch }: Omit<StakeAccount, 'principal'>): boolean {
    if (withdrawEpoch !== undefined) return false;
    const isNext = this.nextCommittee?.has(nodeId) === true;
    return activation === this.epoch + 2 || (activation === this.epoch + 1 && !isNext);
  }

  /** @returns what the sender's WAL changes by */
  #follow(event: ContractEvent): bigint {
    switch (event.kind) {
      case 'BlobRegistered':
        return -this.#registerBlob(event.objectId, Number(event.size), event.epoch, event.endEpoch);
      case 'BlobCertified':
        return event.isExtension ? -this.#extend(event.objectId, event.endEpoch) : 0n;
      case 'PricesUpdated':
        this.#checkPrices(event);
        return 0n;
      case 'EpochParametersSelected':
        this.#endVoting(event.nextEpoch);
        return 0n;
      case 'EpochChangeStart':
        this.#changeEpoch(event.epoch);
        return 0n;
      case 'EpochChangeDone':
        this.#isEpoch(event.epoch);
        return 0n;
      case 'ShardsReceived':
        this.#attest(event.epoch, event.shards);
        return 0n;
      default:
        throw new Error(`${event.kind} is not expected here`);
    }
  }

  #registerBlob(objectId: ObjectId, sizeBytes: number, epoch: number, endEpoch: number): bigint {
    this.#isEpoch(epoch);
    const encodedBytes = BigInt(encodedLength(this.#geometry, sizeBytes));
    const units = unitsOf(encodedBytes);
    const write = units * this.writePrice;
    this.#blobs.set(objectId, { endEpoch, encodedBytes });
    this.#slot(epoch).rewards += write;
    return write + this.#reserve(encodedBytes, epoch, endEpoch);
  }

  #extend(objectId: ObjectId, endEpoch: number): bigint {
    const blob = this.#blobs.get(objectId);
    if (blob === undefined) throw new Error(`blob ${objectId} was extended and never registered`);
    const from = blob.endEpoch;
    blob.endEpoch = endEpoch;
    return this.#reserve(blob.encodedBytes, from, endEpoch);
  }

  #reserve(encodedBytes: bigint, from: number, to: number): bigint {
    const each = unitsOf(encodedBytes) * this.storagePrice;
    for (let epoch = from; epoch < to; epoch += 1) {
      const slot = this.#slot(epoch);
      slot.used += encodedBytes;
      slot.rewards += each;
    }
    return each * BigInt(to - from);
  }

  #checkPrices(event: { readonly epoch: number; readonly storagePrice: bigint; readonly writePrice: bigint }): void {
    this.#isEpoch(event.epoch);
    const voted = (price: 'storagePrice' | 'writePrice') =>
      lowestAccepted(
        [...this.committee].map(([nodeId, { length }]) => ({ value: this.#pool(nodeId)[price], weight: length })),
        this.#geometry.nShards,
      );
    this.storagePrice = voted('storagePrice');
    this.writePrice = voted('writePrice');
    if (event.storagePrice !== this.storagePrice || event.writePrice !== this.writePrice) {
      const prices = `${event.storagePrice}, ${event.writePrice}`;
      throw new Error(`prices are ${prices}; the votes give ${this.storagePrice}, ${this.writePrice}`);
    }
  }

  #endVoting(nextEpoch: number): void {
    this.#isEpoch(nextEpoch - 1);
    for (const nodeId of this.#previous) this.#pool(nodeId).blocked = undefined;
    const { nShards } = this.#geometry;
    const next = reassign(this.committee, apportion(this.activeSet.entries, nShards));
    const votes = [...next].map(([nodeId, { length }]) => ({
      value: min(MAX_U64, (this.#pool(nodeId).capacity * BigInt(nShards)) / BigInt(length)),
      weight: length,
    }));
    this.#nextCapacity = highestOffered(votes, nShards);
    this.nextCommittee = next;
  }

  #changeEpoch(epoch: number): void {
    const capacity = this.#nextCapacity;
    const { committee: old, nextCommittee: next } = this;
    if (epoch !== this.epoch + 1 || capacity === undefined || next === undefined) {
      throw new Error(
        `epoch ${epoch} after ${this.epoch}${capacity === undefined ? ', whose voting has not ended' : ''}`,
      );
    }
    const ended = this.#slot(this.epoch);
    this.ring.delete(this.epoch);
    const burned = (ended.rewards * 3n) / 100n;
    const pot = ended.rewards - burned;
    this.supply -= burned;
    const { nShards } = this.#geometry;
    // Nobody denies anything, so each shard weighs what is used; when nothing is, nothing is shared out.
    const total = ended.used === 0n ? 1n : BigInt(nShards) * ended.used;
    const record = { epoch: this.epoch, pot: ended.rewards, burned, rewards: 0n, commission: 0n, leftover: pot };
    const settle = (nodeId: NodeId, reward: bigint): void => {
      const pool = this.#pool(nodeId);
      record.rewards += reward;
      record.leftover -= reward;
      record.commission += advance(pool, reward, epoch);
      this.activeSet.update(nodeId, walAt(pool, epoch + 1));
    };
    for (const [nodeId, { length }] of old) settle(nodeId, (BigInt(length) * ended.used * pot) / total);
    for (const nodeId of next.keys()) if (!old.has(nodeId)) settle(nodeId, 0n);
    const { storagePrice, writePrice } = this;
    const transactions = this.#transactions;
    const moved = movedShards(old, next);
    const affected = new Set(
      [...old.keys(), ...next.keys()].filter((id) => old.get(id)?.join() !== next.get(id)?.join()),
    ).size;
    this.records.push({ ...record, usedBytes: ended.used, storagePrice, writePrice, transactions, moved, affected });
    this.#transactions = 0;
    this.epoch = epoch;
    this.#previous = [...old.keys()];
    this.committee = next;
    this.nextCommittee = undefined;
    this.#nextCapacity = undefined;
    const first = this.#slot(epoch);
    first.rewards += record.leftover;
    this.totalCapacity = capacity > first.used ? capacity : first.used;
  }

  #attest(epoch: number, shards: readonly number[]): void {
    this.#isEpoch(epoch);
    const key = [...shards].join();
    const node = [...this.committee].find(([, own]) => own.join() === key);
    if (node === undefined) throw new Error(`no node has the shards ${key}`);
    if (this.#attested.get(key) === epoch) throw new Error(`${node[0]} attested epoch ${epoch} twice`);
    this.#attested.set(key, epoch);
  }

  /** Nodes that have attested the current epoch. */
  get attestations(): number {
    return [...this.#attested.values()].filter((epoch) => epoch === this.epoch).length;
  }

  #isEpoch(epoch: number): void {
    if (epoch !== this.epoch) throw new Error(`an event of epoch ${epoch} in epoch ${this.epoch}`);
  }

  #slot(epoch: number): { used: bigint; rewards: bigint } {
    const slot = this.ring.get(epoch) ?? { used: 0n, rewards: 0n };
    this.ring.set(epoch, slot);
    return slot;
  }

  #pool(nodeId: NodeId): PoolAccount {
    const pool = this.pools.get(nodeId);
    if (pool === undefined) throw new Error(`no pool ${nodeId}`);
    return pool;
  }

  #stake(stakeId: ObjectId): StakeAccount {
    const stake = this.stakes.get(stakeId);
    if (stake === undefined) throw new Error(`no stake ${stakeId}`);
    return stake;
  }
}

/** Moves a pool to `epoch`; returns the commission of its reward. */
function advance(pool: PoolAccount, reward: bigint, epoch: number): bigint {
  const commission = (reward * BigInt(pool.commissionRate)) / 10_000n;
  pool.commission += commission;
  pool.blocked = (pool.blocked ?? 0n) + commission;
  const due = [...pool.pendingRate].filter(([key]) => key <= epoch).toSorted(([a], [b]) => a - b);
  pool.commissionRate = due.at(-1)?.[1] ?? pool.commissionRate;
  for (const [key] of due) pool.pendingRate.delete(key);
  pool.rewardsPool += reward - commission;
  pool.walBalance += reward - commission;
  const rate = rateOf(pool.walBalance, pool.numShares);
  pool.rates.set(epoch, rate);
  const preActive = [...pool.preActive].filter(([key]) => key <= epoch);
  const leavingEarly = preActive.reduce((sum, [key, amount]) => sum + toShares(rateAt(pool, key - 1), amount), 0n);
  for (const [key] of preActive) pool.preActive.delete(key);
  const leaving = leavingEarly + take(pool.pendingShares, epoch);
  pool.walBalance += take(pool.pendingStake, epoch) - toWal(rate, leaving);
  pool.numShares = toShares(rate, pool.walBalance);
  return commission;
}

/** What the pool will hold when `epoch` begins, without rewards to come. */
function walAt(pool: PoolAccount, epoch: number): bigint {
  const dueIn = (pending: ReadonlyMap<number, bigint>) => [...pending].filter(([key]) => key <= epoch);
  const coming = dueIn(pool.pendingStake).reduce((sum, [, amount]) => sum + amount, 0n);
  const early = dueIn(pool.preActive).reduce((sum, [key, amount]) => sum + toShares(rateAt(pool, key - 1), amount), 0n);
  const leaving = dueIn(pool.pendingShares).reduce((sum, [, shares]) => sum + shares, early);
  return pool.walBalance + coming - toWal(rateOf(pool.walBalance, pool.numShares), leaving);
}

function rateOf(wal: bigint, shares: bigint): Rate {
  if (shares > wal) throw new Error(`${shares} shares of ${wal} FROST`);
  return wal === 0n || shares === 0n ? undefined : { wal, shares };
}

/** The rate of the last epoch up to that one which has any. */
function rateAt(pool: PoolAccount, epoch: number): Rate {
  const known = [...pool.rates.keys()].filter((key) => key <= epoch);
  return pool.rates.get(Math.max(...known));
}

function toShares(rate: Rate, wal: bigint): bigint {
  return rate === undefined ? wal : (wal * rate.shares) / rate.wal;
}

function toWal(rate: Rate, shares: bigint): bigint {
  return rate === undefined ? shares : (shares * rate.wal) / rate.shares;
}

interface Vote {
  readonly value: bigint;
  readonly weight: number;
}

const weightOf = (votes: readonly Vote[]): number => votes.reduce((sum, { weight }) => sum + weight, 0);
const isQuorum = (weight: number, nShards: number): boolean => 3 * weight >= 2 * nShards + 1;

/** The lowest price that voters with a quorum of shards accept. */
function lowestAccepted(votes: readonly Vote[], nShards: number): bigint {
  const accepted = votes.filter(({ value }) => isQuorum(weightOf(votes.filter((v) => v.value <= value)), nShards));
  return accepted.reduce((low, { value }) => min(low, value), MAX_U64);
}

/** The highest capacity that voters with a quorum of shards offer. */
function highestOffered(votes: readonly Vote[], nShards: number): bigint {
  const offered = votes.filter(({ value }) => isQuorum(weightOf(votes.filter((v) => v.value >= value)), nShards));
  return offered.reduce((high, { value }) => (value > high ? value : high), 0n);
}

function add(pending: Map<number, bigint>, epoch: number, amount: bigint): void {
  pending.set(epoch, (pending.get(epoch) ?? 0n) + amount);
}

/** Takes what is due out of `pending`. */
function take(pending: Map<number, bigint>, epoch: number): bigint {
  let sum = 0n;
  for (const [key, amount] of pending) {
    if (key > epoch) continue;
    sum += amount;
    pending.delete(key);
  }
  return sum;
}

const unitsOf = (bytes: bigint): bigint => (bytes + MIB - 1n) / MIB;
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
