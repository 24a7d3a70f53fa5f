/** What storing costs (Walrus contract rules: pricing primitives). All amounts are FROST. */
import { assert } from '@floe/platform';
import type { Frost } from './ids.ts';

/** Storage is sold in units of 1 MiB of encoded length. */
export const STORAGE_UNIT_BYTES = 1_048_576n;

/** Units for an encoded length in bytes, rounded up. */
export function storageUnits(encodedLength: number | bigint): bigint {
  const size = BigInt(encodedLength);
  assert(size >= 0n, 'an encoded length is not negative', { size });
  return (size + STORAGE_UNIT_BYTES - 1n) / STORAGE_UNIT_BYTES;
}

export interface StoreCost {
  /** Paid when space is reserved: units x epochs x price per unit and epoch. */
  readonly storage: Frost;
  /** Paid when a blob is registered: units x price per unit. */
  readonly write: Frost;
  readonly total: Frost;
}

/** The cost of storing one blob for `epochs` epochs with space bought for it alone. */
export function storeCost(terms: {
  readonly encodedLength: number | bigint;
  readonly epochs: number;
  readonly storagePrice: bigint;
  readonly writePrice: bigint;
}): StoreCost {
  const units = storageUnits(terms.encodedLength);
  const storage = units * terms.storagePrice * BigInt(terms.epochs);
  const write = units * terms.writePrice;
  return { storage: storage as Frost, write: write as Frost, total: (storage + write) as Frost };
}
