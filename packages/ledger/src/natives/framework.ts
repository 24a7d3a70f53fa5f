/** Functions of `0x1` and `0x2` that transactions call. Rules: the Move standard library and the Sui framework. */
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type { TypeName } from '../api.ts';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU64 } from '../execution/integers.ts';
import { isOptionType, type NestedSome } from '../execution/type-layouts.ts';

export interface Coin {
  readonly id: ObjectId;
  readonly balance: bigint;
}

/** Takes `amount` out of a balance; too little aborts as `0x2::balance` does. */
function splitBalance(call: Call, balance: bigint, amount: bigint): bigint {
  if (balance < amount) call.abort('balance', 'ENotEnough', 'sui');
  return balance - amount;
}

/** Takes `amount` out of a coin. */
export function payFrom(call: Call, coin: Ref<Coin>, amount: bigint): void {
  coin.value = { ...coin.value, balance: splitBalance(call, coin.value.balance, amount) };
}

/** Unwraps a coin. */
export function coinIntoBalance(call: Call, coin: Coin): bigint {
  call.deleteId(coin.id);
  return coin.balance;
}

/** Wraps an amount in a new coin. */
export function newCoin(call: Call, balance: bigint): Coin {
  return { id: call.freshId(), balance };
}

/** What an option holds in memory depends on its element: an option inside an option is kept apart from none. */
const option: Readonly<Record<string, Native>> = {
  none: native(() => [null]),
  some: native((call, value: unknown) => [someOf(call, value)]),
  is_none: native((_call, value: unknown) => [value === null]),
  is_some: native((_call, value: unknown) => [value !== null]),
  destroy_none: native((call, value: unknown) => {
    if (value !== null) call.abort('option', 'EOPTION_IS_SET', 'std');
  }),
  destroy_some: native((call, value: unknown) => {
    if (value === null) call.abort('option', 'EOPTION_NOT_SET', 'std');
    return [holdsOption(call) ? (value as NestedSome).some : value];
  }),
};

function holdsOption(call: Call): boolean {
  return isOptionType(call.typeArguments[0] as TypeName, call.addresses);
}

function someOf(call: Call, value: unknown): unknown {
  return holdsOption(call) ? ({ some: value } satisfies NestedSome) : value;
}

const string: Readonly<Record<string, Native>> = {
  utf8: native((call, bytes: Uint8Array) => {
    try {
      return [new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)];
    } catch {
      return call.abort('string', 'EInvalidUTF8', 'std');
    }
  }),
};

const balance: Readonly<Record<string, Native>> = {
  value: native((_call, value: bigint) => [value]),
  zero: native(() => [0n]),
  join: native((_call, self: Ref<bigint>, other: bigint) => {
    self.value = asU64(self.value + other);
    return [self.value];
  }),
  split: native((call, self: Ref<bigint>, amount: bigint) => {
    self.value = splitBalance(call, self.value, amount);
    return [amount];
  }),
  withdraw_all: native((_call, self: Ref<bigint>) => {
    const all = self.value;
    self.value = 0n;
    return [all];
  }),
  destroy_zero: native((call, value: bigint) => {
    if (value !== 0n) call.abort('balance', 'ENonZero', 'sui');
  }),
};

const coin: Readonly<Record<string, Native>> = {
  value: native((_call, self: Coin) => [self.balance]),
  from_balance: native((call, amount: bigint) => [newCoin(call, amount)]),
  into_balance: native((call, self: Coin) => [coinIntoBalance(call, self)]),
  join: native((call, self: Ref<Coin>, other: Coin) => {
    self.value = { ...self.value, balance: asU64(self.value.balance + coinIntoBalance(call, other)) };
  }),
  split: native((call, self: Ref<Coin>, amount: bigint) => {
    payFrom(call, self, amount);
    return [newCoin(call, amount)];
  }),
  divide_into_n: native((call, self: Ref<Coin>, count: bigint) => {
    if (count === 0n) call.abort('coin', 'EInvalidArg', 'sui');
    if (count > self.value.balance) call.abort('coin', 'ENotEnough', 'sui');
    const part = self.value.balance / count;
    const parts: Coin[] = [];
    for (let i = 1n; i < count; i += 1n) {
      payFrom(call, self, part);
      parts.push(newCoin(call, part));
    }
    return [parts];
  }),
  zero: native((call) => [newCoin(call, 0n)]),
  destroy_zero: native((call, self: Coin) => {
    if (self.balance !== 0n) call.abort('balance', 'ENonZero', 'sui');
    call.deleteId(self.id);
  }),
};

const transfer: Readonly<Record<string, Native>> = {
  public_transfer: native((call, object: { id: ObjectId }, recipient: SuiAddress) => {
    call.transfer(call.typeArguments[0] as TypeName, object, { kind: 'address', address: recipient });
  }),
  public_freeze_object: native((call, object: { id: ObjectId }) => {
    call.transfer(call.typeArguments[0] as TypeName, object, { kind: 'immutable' });
  }),
  public_share_object: native((call, object: { id: ObjectId }) => {
    if (!call.isNew(object.id)) call.abort('transfer', 'ESharedNonNewObject', 'sui');
    call.transfer(call.typeArguments[0] as TypeName, object, 'shared');
  }),
};

const clock: Readonly<Record<string, Native>> = {
  timestamp_ms: native((_call, self: { timestampMs: bigint }) => [self.timestampMs]),
};

/** By module of `0x1` and `0x2`. */
export const frameworkNatives = {
  std: { option, string },
  sui: { balance, coin, transfer, clock },
} as const;
