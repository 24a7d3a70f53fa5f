/** `wal_exchange`: WAL for SUI and back at a rate that its admin sets. Walrus contract rules: WAL and exchange. */
import type { layouts } from '@floe/contracts';
import { type Call, type Native, native, type Ref } from '../../execution/call.ts';
import { asU64, divide } from '../../execution/integers.ts';
import { type Coin, coinIntoBalance, newCoin, payFrom } from '../framework.ts';

type Exchange = layouts.Exchange;
type AdminCap = layouts.ExchangeAdminCap;
type Rate = layouts.ExchangeRate;
type Side = 'wal' | 'sui';

const MODULE = 'wal_exchange';

function abort(call: Call, constant: string): never {
  return call.abort(MODULE, constant, 'wal_exchange');
}

function makeRate(call: Call, wal: bigint, sui: bigint): Rate {
  if (wal === 0n || sui === 0n) abort(call, 'EInvalidExchangeRate');
  return { wal, sui };
}

function create(call: Call, wal: bigint): AdminCap {
  const id = call.freshId();
  const cap = { id: call.freshId() };
  const exchange: Exchange = { id, wal, sui: 0n, rate: { wal: 1n, sui: 1n }, admin: cap.id };
  call.transfer(`${call.addresses.wal_exchange}::wal_exchange::Exchange`, exchange, 'shared');
  return cap;
}

function requireAdmin(call: Call, exchange: Exchange, cap: AdminCap): void {
  if (exchange.admin !== cap.id) abort(call, 'EUnauthorizedAdminCap');
}

function add(exchange: Ref<Exchange>, side: Side, amount: bigint): void {
  exchange.value = { ...exchange.value, [side]: asU64(exchange.value[side] + amount) };
}

/** Takes `amount` of one side out, as a coin. */
function takeCoin(call: Call, exchange: Ref<Exchange>, side: Side, amount: bigint): Coin {
  if (exchange.value[side] < amount) abort(call, 'EInsufficientFundsInExchange');
  exchange.value = { ...exchange.value, [side]: exchange.value[side] - amount };
  return newCoin(call, amount);
}

/** Gives the other side's coin for `amount` of `side`. */
function exchangeFrom(call: Call, exchange: Ref<Exchange>, side: Side, amount: bigint): Coin {
  const other = side === 'sui' ? 'wal' : 'sui';
  const { rate } = exchange.value;
  const due = divide(asU64(amount * rate[other]), rate[side]);
  const coin = takeCoin(call, exchange, other, due);
  add(exchange, side, amount);
  return coin;
}

function payIn(call: Call, coin: Ref<Coin>, amount: bigint): void {
  if (coin.value.balance < amount) abort(call, 'EInsufficientInputBalance');
  payFrom(call, coin, amount);
}

const forSide = (side: Side, other: Side): Readonly<Record<string, Native>> => ({
  [`add_${side}`]: native((call, exchange: Ref<Exchange>, coin: Ref<Coin>, amount: bigint) => {
    payIn(call, coin, amount);
    add(exchange, side, amount);
  }),
  [`add_all_${side}`]: native((call, exchange: Ref<Exchange>, coin: Coin) =>
    add(exchange, side, coinIntoBalance(call, coin)),
  ),
  [`withdraw_${side}`]: native((call, exchange: Ref<Exchange>, cap: AdminCap, amount: bigint) => {
    requireAdmin(call, exchange.value, cap);
    return [takeCoin(call, exchange, side, amount)];
  }),
  [`exchange_all_for_${other}`]: native((call, exchange: Ref<Exchange>, coin: Coin) => [
    exchangeFrom(call, exchange, side, coinIntoBalance(call, coin)),
  ]),
  [`exchange_for_${other}`]: native((call, exchange: Ref<Exchange>, coin: Ref<Coin>, amount: bigint) => {
    payIn(call, coin, amount);
    return [exchangeFrom(call, exchange, side, amount)];
  }),
});

export const exchangeNatives: Readonly<Record<string, Native>> = {
  ...forSide('wal', 'sui'),
  ...forSide('sui', 'wal'),
  new: native((call) => [create(call, 0n)]),
  new_funded: native((call, coin: Ref<Coin>, amount: bigint) => {
    payIn(call, coin, amount);
    return [create(call, amount)];
  }),
  new_exchange_rate: native((call, wal: bigint, sui: bigint) => [makeRate(call, wal, sui)]),
  set_exchange_rate: native((call, exchange: Ref<Exchange>, cap: AdminCap, wal: bigint, sui: bigint) => {
    requireAdmin(call, exchange.value, cap);
    exchange.value = { ...exchange.value, rate: makeRate(call, wal, sui) };
  }),
};
