/** Random calls of the exchange and of both kinds of subsidies. */
import type { layouts } from '@floe/contracts';
import type { Coin } from '../../../src/natives/framework.ts';
import type { Side } from './companions-model.ts';
import { OFFER, type Pair, type PairCall, WAL } from './pair.ts';
import { someSize } from './storage-calls.ts';

/** Moves an amount out of the run's coins (or into them, when negative). */
function spend(pair: Pair, side: Side, amount: bigint): void {
  if (side === 'wal') pair.wallet -= amount;
  else pair.sui -= amount;
}

const heldBy = ({ chain }: Pair['exchange']) => [chain.value.wal, chain.value.sui];

export function exchangeCall(pair: Pair): PairCall {
  const { chain, exchange, pick } = pair;
  const { model } = exchange;
  const side: Side = pick(2) === 0 ? 'wal' : 'sui';
  const other: Side = side === 'wal' ? 'sui' : 'wal';
  const balance = [0n, BigInt(pick(1_000_000)) * 1_000_000n, 10n ** 17n][pick(3)]!;
  const amount = pick(4) === 0 ? balance + 1n : balance / BigInt(1 + pick(3));
  const isAdmin = pick(6) > 0;
  const cap = isAdmin ? exchange.cap : { id: chain.call.freshId() };
  const call = (name: string, ...args: unknown[]): Coin | undefined =>
    chain.run(`wal_exchange::wal_exchange::${name}`, exchange.chain, ...args);
  const whenDone = (run: () => unknown) => {
    const before = exchange.chain.value;
    try {
      return run();
    } catch (error) {
      exchange.chain.value = before;
      throw error;
    }
  };
  const purse = pair.coin(balance);
  switch (pick(6)) {
    case 0:
      return [
        'add to exchange',
        () => whenDone(() => (call(`add_${side}`, purse, amount), heldBy(exchange))),
        () => {
          model.add(side, amount, balance);
          spend(pair, side, amount);
          return [model.held.wal, model.held.sui];
        },
      ];
    case 1:
      return [
        'withdraw from exchange',
        () => whenDone(() => [call(`withdraw_${side}`, cap, amount)!.balance, ...heldBy(exchange)]),
        () => {
          model.withdraw(side, amount, isAdmin);
          spend(pair, side, -amount);
          return [amount, model.held.wal, model.held.sui];
        },
      ];
    case 2: {
      const rate = { wal: BigInt(pick(5)), sui: BigInt(pick(5)) };
      return [
        'set exchange rate',
        () => whenDone(() => void call('set_exchange_rate', cap, rate.wal, rate.sui)),
        () => model.setRate(rate, isAdmin),
      ];
    }
    default: {
      const isAll = pick(2) === 0;
      const given = isAll ? balance : amount;
      return [
        'exchange',
        () =>
          whenDone(() => {
            const got = isAll
              ? call(`exchange_all_for_${other}`, purse.value)
              : call(`exchange_for_${other}`, purse, amount);
            return [got!.balance, ...heldBy(exchange)];
          }),
        () => {
          const due = model.exchange(side, given, balance);
          spend(pair, side, given);
          spend(pair, other, -due);
          return [due, model.held.wal, model.held.sui];
        },
      ];
    }
  }
}

export function creditsCall(pair: Pair): PairCall {
  const { chain, credits, pick } = pair;
  const { model } = credits;
  const isAdmin = pick(6) > 0;
  const cap = isAdmin ? credits.cap : { ...credits.cap, subsidiesId: chain.call.freshId() };
  const target = (name: string) => `subsidies::subsidies::${name}`;
  switch (pick(7)) {
    case 0:
    case 1: {
      const amount = BigInt(pick(2 ** 31)) * 10n;
      return [
        'fund credits',
        () => {
          chain.run(target('add_funds'), credits.chain, chain.coin(amount));
          return credits.chain.value.subsidyPool;
        },
        () => {
          model.pool += amount;
          pair.wallet -= amount;
          return model.pool;
        },
      ];
    }
    case 2: {
      const whose = pick(2) === 0 ? 'buyer' : 'system';
      const rate = [0, 333, 5000, 10_000, 10_001][pick(5)]!;
      return [
        'set credits rate',
        () => void chain.run(target(`set_${whose}_subsidy_rate`), credits.chain, cap, rate),
        () => model.setRate(whose, rate, isAdmin),
      ];
    }
    case 3: {
      const amount = BigInt(pick(2 ** 31));
      return [
        'withdraw credits',
        () => chain.run<Coin>(target('withdraw_balance'), credits.chain, cap, amount).balance,
        () => {
          model.withdraw(amount, isAdmin);
          pair.wallet += amount;
          return amount;
        },
      ];
    }
    case 4:
      return creditedExtension(pair);
    default:
      return creditedReservation(pair);
  }
}

function creditedReservation(pair: Pair): PairCall {
  const { chain, credits, storage, pick } = pair;
  const [size, epochs] = [someSize(pair), pick(pair.model.epochsAhead + 2)];
  const purse = pair.coin(OFFER);
  const pool = { value: credits.chain.value };
  let made: layouts.Storage;
  return [
    'reserve with credits',
    () => {
      made = chain.run('subsidies::subsidies::reserve_space', pool, chain.system, size, epochs, purse);
      credits.chain.value = pool.value;
      return [OFFER - purse.value.balance, pool.value.subsidyPool];
    },
    () => {
      const { space, cost } = storage.reserveAhead(size, epochs, OFFER);
      const paid = cost - credits.model.refund(cost, epochs);
      pair.spaces.push({ chain: made, model: space });
      pair.wallet -= paid;
      return [paid, credits.model.pool];
    },
  ];
}

function creditedExtension(pair: Pair): PairCall {
  const { chain, credits, storage, pick } = pair;
  const blob = pair.some(pair.blobs);
  if (blob === undefined) return creditedReservation(pair);
  const epochs = pick(pair.model.epochsAhead + 1);
  const purse = pair.coin(OFFER);
  const [pool, ref] = [{ value: credits.chain.value }, { value: blob.chain }];
  return [
    'extend with credits',
    () => {
      chain.run('subsidies::subsidies::extend_blob', pool, chain.system, ref, epochs, purse);
      blob.chain = ref.value;
      credits.chain.value = pool.value;
      return [OFFER - purse.value.balance, pool.value.subsidyPool, ref.value.storage.endEpoch];
    },
    () => {
      const cost = storage.extend(blob.model, epochs, OFFER);
      const paid = cost - credits.model.refund(cost, epochs);
      pair.wallet -= paid;
      return [paid, credits.model.pool, blob.model.space.end];
    },
  ];
}

export function subsidiesCall(pair: Pair): PairCall {
  const { chain, subsidies, pick } = pair;
  const { model } = subsidies;
  const isAdmin = pick(6) > 0;
  const cap = isAdmin ? subsidies.cap : { ...subsidies.cap, subsidiesId: chain.call.freshId() };
  const call = (name: string, ...args: unknown[]) =>
    chain.run(`walrus_subsidies::walrus_subsidies::${name}`, subsidies.chain, ...args);
  switch (pick(6)) {
    case 0: {
      const amount = BigInt(pick(2 ** 31)) * 10n;
      return [
        'fund subsidies',
        () => void call('add_coin', chain.coin(amount)),
        () => {
          model.pool += amount;
          pair.wallet -= amount;
        },
      ];
    }
    case 1: {
      const rate = [0, 1000, 5000, 80_000, 1_000_001][pick(5)]!;
      return [
        'set subsidy rate',
        () => void call('set_system_subsidy_rate', cap, rate),
        () => model.setRate(rate, isAdmin),
      ];
    }
    case 2: {
      const amount = [0n, BigInt(pick(1000)), WAL, 2n ** 64n - 1n][pick(4)]!;
      const isBase = pick(2) === 0;
      return [
        'set fixed subsidy',
        () => void call(isBase ? 'set_base_subsidy' : 'set_per_shard_subsidy', cap, amount),
        () => model.setFixed(isBase ? { base: amount } : { perShard: amount }, isAdmin),
      ];
    }
    default:
      return [
        'process subsidies',
        () => void call('process_subsidies', chain.staking, chain.system, chain.clock),
        () => model.process(),
      ];
  }
}
