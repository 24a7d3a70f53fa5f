/**
 * Amounts as people write them: `1.5WAL`, `1500000000FROST`, `2 SUI`, `7MIST`. A number alone could mean either unit of a
 * coin, a billion times apart, so there is always a unit; and never more digits than there are units.
 */
import { InvalidArgumentError } from 'commander';

export type Coin = 'WAL' | 'SUI';

/** Decimals of each unit. */
const UNITS: Readonly<Record<string, { readonly coin: Coin; readonly decimals: number }>> = {
  WAL: { coin: 'WAL', decimals: 9 },
  FROST: { coin: 'WAL', decimals: 0 },
  SUI: { coin: 'SUI', decimals: 9 },
  MIST: { coin: 'SUI', decimals: 0 },
};

const MAX_U64 = (1n << 64n) - 1n;

export interface Amount {
  readonly coin: Coin;
  /** In the smallest unit: FROST or MIST. */
  readonly value: bigint;
}

/** Undefined when `text` is no amount: no unit, too many decimals, or more than 64 bits hold. */
export function readAmount(text: string): Amount | undefined {
  const [, whole, fraction = '', unitName = ''] = /^(0|[1-9]\d{0,19})(?:\.(\d+))? ?([A-Z]+)$/.exec(text) ?? [];
  const unit = UNITS[unitName];
  if (whole === undefined || unit === undefined || fraction.length > unit.decimals) return undefined;
  const value = BigInt(whole + fraction.padEnd(unit.decimals, '0'));
  return value > MAX_U64 ? undefined : { coin: unit.coin, value };
}

/** A parser of amounts of one of these coins, for an option or argument. */
export function amountOf(...coins: readonly Coin[]): (text: string) => Amount {
  const expected = coins.map((coin) => (coin === 'WAL' ? '1.5WAL or 1500000000FROST' : '1.5SUI or 1500000000MIST'));
  return (text) => {
    const amount = readAmount(text);
    if (amount === undefined || !coins.includes(amount.coin)) {
      throw new InvalidArgumentError(
        `expected an amount with its unit, such as ${expected.join(', or ')}, got "${text}".`,
      );
    }
    return amount;
  };
}

/** FROST. */
export const walAmount = (text: string): bigint => amountOf('WAL')(text).value;

const SIZE_UNITS: Readonly<Record<string, bigint>> = {
  B: 1n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
  PiB: 1n << 50n,
};

/** A size in bytes, with its unit: `500MiB`, `1.5TiB`, `1024B`. */
export function sizeInBytes(text: string): bigint {
  const [, whole = '', fraction = '', unitName = ''] =
    /^(0|[1-9]\d{0,19})(?:\.(\d{1,9}))? ?([A-Za-z]+)$/.exec(text) ?? [];
  const unit = SIZE_UNITS[unitName];
  const scale = 10n ** BigInt(fraction.length);
  const scaled = unit === undefined ? undefined : BigInt(whole + fraction) * unit;
  if (scaled === undefined || scaled % scale !== 0n || scaled / scale > MAX_U64) {
    throw new InvalidArgumentError(`expected a size with its unit, such as 500MiB or 1TiB, got "${text}".`);
  }
  return scaled / scale;
}

/** Hundredths of a percent, from a share such as `7.5%`. */
export function basisPoints(text: string): number {
  const [, whole, fraction = ''] = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(text) ?? [];
  const points = whole === undefined ? -1 : Number(whole + fraction.padEnd(2, '0'));
  if (points < 0 || points > 10_000) {
    throw new InvalidArgumentError(`expected a share from 0% to 100%, such as 7.5%, got "${text}".`);
  }
  return points;
}
