import { moveValues, dynamicFieldId } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Pool, rateAt } from '../../../src/natives/staking/pool.ts';
import type { ExchangeRate } from '../../../src/staking/exchange-rate.ts';
import { nativeCall } from '../../support/native-call.ts';

const ratesId = `0x${'d'.repeat(64)}` as ObjectId;
const fieldIdOf = (epoch: number) =>
  dynamicFieldId(ratesId, 'u32', moveValues.epoch.serialize(epoch as Epoch).toBytes());
const rateOf = (epoch: number) =>
  ({ $kind: 'Variable', Variable: { walAmount: BigInt(epoch), shareAmount: 1n } }) as unknown as ExchangeRate;

/** A pool that was advanced to some epochs after its first, and how often its table of rates is asked. */
function poolOf(activation: number, advancedBy: readonly number[]) {
  const epochs = [activation, ...advancedBy.map((by) => activation + by)];
  const fields = new Map<string, unknown>(epochs.map((epoch) => [fieldIdOf(epoch), rateOf(epoch)]));
  const call = nativeCall({ fields });
  let reads = 0;
  const counting: typeof call = {
    ...call,
    field(place) {
      reads += 1;
      if (reads > 1000) throw new Error('rates are looked for in epochs that cannot have one');
      return call.field(place);
    },
  };
  const pool = {
    exchangeRates: { id: ratesId, size: BigInt(epochs.length) },
    activationEpoch: activation,
    latestEpoch: Math.max(...epochs),
  } as unknown as Pool;
  return { epochs, pool, rateAt: (epoch: number) => rateAt(counting, pool, epoch) };
}

test('the rate of an epoch far ahead is the newest one, found without asking for every epoch between', () => {
  const { rateAt: rate } = poolOf(3, [1, 2]);
  expect(rate(0xffff_ffff)).toEqual(rateOf(5));
  expect(rate(2 ** 31)).toEqual(rateOf(5));
});

test('the rate of any epoch is that of the latest epoch up to it which has one', () => {
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 6 }),
      fc.nat(80),
      (activation, advancedBy, epoch) => {
        const { epochs, rateAt: rate } = poolOf(activation, advancedBy);
        const inForce = epochs.filter((at) => at <= epoch);
        const expected = inForce.length === 0 ? { $kind: 'Flat', Flat: true } : rateOf(Math.max(...inForce));
        expect(rate(epoch)).toMatchObject(expected);
      },
    ),
  );
});
