/** How many shares a pool's WAL is worth. Walrus contract rules: exchange rates. Rounding is always down. */
import type { layouts } from '@floe/contracts';
import type { Call } from '../execution/call.ts';
import { asU64, divide } from '../execution/integers.ts';

export type ExchangeRate = layouts.PoolExchangeRate;

export const FLAT_RATE: ExchangeRate = { $kind: 'Flat', Flat: true };

/** The rate of a pool that holds `walAmount` in `shareAmount` shares. */
export function exchangeRate(call: Call, walAmount: bigint, shareAmount: bigint): ExchangeRate {
  if (shareAmount > walAmount) call.abort('pool_exchange_rate', 'EInvalidRate');
  if (walAmount === 0n || shareAmount === 0n) return FLAT_RATE;
  return { $kind: 'Variable', Variable: { walAmount, shareAmount } };
}

/** FROST as shares. */
export function toShares(rate: ExchangeRate, amount: bigint): bigint {
  if (rate.$kind === 'Flat') return amount;
  const { walAmount, shareAmount } = rate.Variable;
  return asU64(divide(amount * shareAmount, walAmount));
}

/** Shares as FROST. */
export function toWal(rate: ExchangeRate, shares: bigint): bigint {
  if (rate.$kind === 'Flat') return shares;
  const { walAmount, shareAmount } = rate.Variable;
  return asU64(divide(shares * walAmount, shareAmount));
}
