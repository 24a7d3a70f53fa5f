/** The exchange and both kinds of subsidies, written a second time from their rules alone, for the model. */
import { abort, add, MAX_U64, type Model } from './model.ts';

const BASIS_POINTS = 10_000n;

export type Side = 'wal' | 'sui';

/** WAL for SUI and back. */
export class ExchangeModel {
  readonly held = { wal: 0n, sui: 0n };
  rate = { wal: 1n, sui: 1n };

  constructor(wal: bigint) {
    this.held.wal = wal;
  }

  /** Puts `amount` of a coin of `balance` in. */
  add(side: Side, amount: bigint, balance: bigint): void {
    if (balance < amount) abort('wal_exchange::1');
    this.held[side] += amount;
  }

  withdraw(side: Side, amount: bigint, isAdmin: boolean): void {
    if (!isAdmin) abort('wal_exchange::2');
    if (this.held[side] < amount) abort('wal_exchange::0');
    this.held[side] -= amount;
  }

  /** Gives the other side for `amount` of a coin of `balance`. */
  exchange(side: Side, amount: bigint, balance: bigint): bigint {
    if (balance < amount) abort('wal_exchange::1');
    const other = side === 'wal' ? 'sui' : 'wal';
    if (amount * this.rate[other] > MAX_U64) abort('ARITHMETIC_ERROR');
    const due = (amount * this.rate[other]) / this.rate[side];
    if (this.held[other] < due) abort('wal_exchange::0');
    this.held[other] -= due;
    this.held[side] += amount;
    return due;
  }

  setRate(rate: { wal: bigint; sui: bigint }, isAdmin: boolean): void {
    if (!isAdmin) abort('wal_exchange::2');
    if (rate.wal === 0n || rate.sui === 0n) abort('wal_exchange::3');
    this.rate = rate;
  }
}

/** `subsidies`: part of a price goes back to the buyer, and more to the nodes. */
export class CreditsModel {
  buyer = 0;
  system = 0;
  pool = 0n;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  setRate(whose: 'buyer' | 'system', rate: number, isAdmin: boolean): void {
    if (!isAdmin) abort('subsidies::1');
    if (rate > 10_000) abort('subsidies::0');
    this[whose] = rate;
  }

  withdraw(amount: bigint, isAdmin: boolean): void {
    if (!isAdmin) abort('subsidies::1');
    if (this.pool < amount) abort('balance::2');
    this.pool -= amount;
  }

  /** What the buyer gets back of `cost`, once the nodes have their part over `epochs` from now. */
  refund(cost: bigint, epochs: number): bigint {
    const rates = { buyer: BigInt(this.buyer), system: BigInt(this.system) };
    const full = { buyer: (cost * rates.buyer) / BASIS_POINTS, system: (cost * rates.system) / BASIS_POINTS };
    const isEnough = this.pool >= full.buyer + full.system;
    const part = (rate: bigint) => (this.pool * rate) / (rates.buyer + rates.system);
    const given = isEnough ? full : { buyer: part(rates.buyer), system: part(rates.system) };
    this.pool -= given.buyer + given.system;
    if (given.system > 0n) this.#model.subsidise(given.system, epochs);
    return given.buyer;
  }
}

/** `walrus_subsidies`: nodes get a fixed amount for an epoch, and more for what users pay. */
export class SubsidiesModel {
  rate = 0;
  base = 0n;
  perShard = 0n;
  pool = 0n;
  latestEpoch = 0;
  /** Of each epoch from now: what was there when it was subsidised last. */
  already = new Map<number, bigint>();
  #firstEpoch: number;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
    this.#firstEpoch = model.epoch;
    this.latestEpoch = Math.max(0, model.epoch - 1);
    for (let at = model.epoch; at < model.epoch + model.epochsAhead; at += 1) {
      this.already.set(at, model.kept.get(at) ?? 0n);
    }
  }

  setRate(rate: number, isAdmin: boolean): void {
    if (!isAdmin) abort('walrus_subsidies::0');
    if (rate > 1_000_000) abort('walrus_subsidies_inner::0');
    this.rate = rate;
  }

  setFixed(change: { base?: bigint; perShard?: bigint }, isAdmin: boolean): void {
    if (!isAdmin) abort('walrus_subsidies::0');
    const { base, perShard } = { base: this.base, perShard: this.perShard, ...change };
    if (base + 1000n * perShard > MAX_U64) abort('ARITHMETIC_ERROR');
    Object.assign(this, change);
  }

  process(): void {
    const model = this.#model;
    const isFixedDue = model.epoch > 0 && this.latestEpoch < model.epoch - 1;
    const fixed = isFixedDue
      ? [...model.previous].map(([index, held]): [number, bigint] => [
          index,
          this.base + BigInt(held.length) * this.perShard,
        ])
      : [];
    let left = this.pool;
    const take = (amount: bigint) => {
      if (amount > left) abort('walrus_subsidies_inner::1');
      left -= amount;
    };
    for (const [, amount] of fixed) take(amount);
    // What rounding left of the epoch before was subsidised when it was paid; remembered once an epoch.
    const isFirst = this.#firstEpoch < model.epoch;
    const already = new Map<number, bigint>();
    const amounts: [number, bigint][] = [];
    for (let at = model.epoch; at < model.epoch + model.epochsAhead; at += 1) {
      const known = (this.already.get(at) ?? 0n) + (isFirst && at === model.epoch ? model.leftover : 0n);
      const kept = model.kept.get(at) ?? 0n;
      const amount = ((kept - known) * BigInt(this.rate)) / BASIS_POINTS;
      if (kept < known || amount > MAX_U64 || kept + amount > MAX_U64) abort('ARITHMETIC_ERROR');
      take(amount);
      already.set(at, kept + amount);
      amounts.push([at, amount]);
    }
    this.pool = left;
    this.already = already;
    this.#firstEpoch = model.epoch;
    for (const [index, amount] of fixed) model.addCommission(index, amount);
    if (isFixedDue) this.latestEpoch = model.epoch - 1;
    for (const [at, amount] of amounts) add(model.kept, at, amount);
  }
}
