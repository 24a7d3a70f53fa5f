/** Builders of transactions with an exchange of WAL for SUI (`wal_exchange`): swapping, making one, filling it, its rate. */
import type { Frost, ObjectId, SuiAddress } from '@floe/protocol';
import { coinWithBalance, type Transaction } from '@mysten/sui/transactions';

/** Where the calls go. */
export interface ExchangeTarget {
  readonly packageId: ObjectId;
  readonly walType: string;
}

/** So many WAL for so many SUI, both in their smallest unit. */
export interface ExchangeRate {
  readonly wal: bigint;
  readonly sui: bigint;
}

/** What `amount` of one side is worth in the other at `rate`, rounded down as the contract does. */
export function exchangedAmount(rate: ExchangeRate, side: 'sui' | 'wal', amount: bigint): bigint {
  return side === 'sui' ? (amount * rate.wal) / rate.sui : (amount * rate.sui) / rate.wal;
}

/** Gives SUI (out of the coin that pays for gas) for WAL, or WAL for SUI; `owner` gets the other coin. */
export function exchangeCoins(
  transaction: Transaction,
  target: ExchangeTarget,
  order: {
    readonly exchangeId: ObjectId;
    readonly side: 'sui' | 'wal';
    readonly amount: bigint;
    readonly owner: SuiAddress;
  },
): void {
  const { exchangeId, side, amount, owner } = order;
  const [given] =
    side === 'sui'
      ? transaction.splitCoins(transaction.gas, [amount])
      : [transaction.add(coinWithBalance({ type: target.walType, balance: amount }))];
  const name = side === 'sui' ? 'exchange_all_for_wal' : 'exchange_all_for_sui';
  const coin = transaction.moveCall({
    target: `${target.packageId}::wal_exchange::${name}`,
    arguments: [transaction.object(exchangeId), given],
  });
  transaction.transferObjects([coin], owner);
}

/** Makes a shared exchange that holds `funds` WAL, one WAL for one SUI at first; `owner` gets the cap that governs it. */
export function createExchange(
  transaction: Transaction,
  target: ExchangeTarget,
  order: { readonly funds: Frost; readonly owner: SuiAddress },
): void {
  const coin = transaction.add(coinWithBalance({ type: target.walType, balance: order.funds }));
  const cap = transaction.moveCall({
    target: `${target.packageId}::wal_exchange::new_funded`,
    arguments: [coin, transaction.pure.u64(order.funds)],
  });
  transaction.moveCall({
    target: '0x2::coin::destroy_zero',
    typeArguments: [target.walType],
    arguments: [coin],
  });
  transaction.transferObjects([cap], order.owner);
}

/** Adds WAL to an exchange; anyone may. */
export function fundExchange(
  transaction: Transaction,
  target: ExchangeTarget,
  order: { readonly exchangeId: ObjectId; readonly funds: Frost },
): void {
  const coin = transaction.add(coinWithBalance({ type: target.walType, balance: order.funds }));
  transaction.moveCall({
    target: `${target.packageId}::wal_exchange::add_all_wal`,
    arguments: [transaction.object(order.exchangeId), coin],
  });
}

/** Sets the rate of an exchange; needs its cap. */
export function setExchangeRate(
  transaction: Transaction,
  target: Pick<ExchangeTarget, 'packageId'>,
  order: { readonly exchangeId: ObjectId; readonly capId: ObjectId; readonly rate: ExchangeRate },
): void {
  transaction.moveCall({
    target: `${target.packageId}::wal_exchange::set_exchange_rate`,
    arguments: [
      transaction.object(order.exchangeId),
      transaction.object(order.capId),
      transaction.pure.u64(order.rate.wal),
      transaction.pure.u64(order.rate.sui),
    ],
  });
}
