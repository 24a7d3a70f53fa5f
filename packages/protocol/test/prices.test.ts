import { expect, it } from 'vitest';
import { encodedLength, geometryOf } from '../src/geometry.ts';
import { storageUnits, storeCost } from '../src/prices.ts';

it('a unit is a MiB, and a begun one is paid for', () => {
  expect(storageUnits(0)).toBe(0n);
  expect(storageUnits(1)).toBe(1n);
  expect(storageUnits(1_048_576)).toBe(1n);
  expect(storageUnits(1_048_577n)).toBe(2n);
});

it('a byte on a thousand shards is 63 units', () => {
  expect(storageUnits(encodedLength(geometryOf(1000), 1))).toBe(63n);
});

it('storage is paid per epoch, writing once', () => {
  const cost = storeCost({ encodedLength: 3_000_000, epochs: 5, storagePrice: 100n, writePrice: 7n });
  expect(cost).toEqual({ storage: 1500n, write: 21n, total: 1521n });
});

it('stays exact beyond what doubles hold', () => {
  const { total } = storeCost({ encodedLength: 2n ** 60n, epochs: 53, storagePrice: 10n ** 12n, writePrice: 1n });
  expect(total).toBe(2n ** 40n * (53n * 10n ** 12n + 1n));
});
