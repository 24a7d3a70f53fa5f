import fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectSize } from '../../src/object-codec.ts';
import { netCost } from '../../src/execution/gas.ts';
import type { GasUsed, LedgerObject, TransactionRecord } from '../../src/api.ts';
import { TABLES } from '../../src/tables.ts';
import { decodeStoredObject } from '../../src/object-codec.ts';
import { blobIdFromBytes, encodeInvalidBlobId, objectIdFromBytes } from '@floe/protocol';
import { coinValue } from '../../src/coin-value.ts';
import { GAS_COIN_TYPE } from '../../src/type-constants.ts';
import {
  addressOf,
  balanceOf,
  coinIdOf,
  failureText,
  keypair,
  openWorld,
  type Program,
  send,
  SUI_COIN_TYPE,
  succeed,
  systemState,
  trustingBls,
  type World,
} from '../support/world.ts';

const alice = keypair(2);
const bob = keypair(3);

function everyObject(world: World): LedgerObject[] {
  return [...world.store.entries(TABLES.objects)].map(([key, value]) =>
    decodeStoredObject(objectIdFromBytes(key), value),
  );
}

/** All SUI: in coins and kept in objects. */
function suiInState(world: World): bigint {
  return everyObject(world).reduce(
    (sum, object) => sum + object.storageRebate + (object.type === GAS_COIN_TYPE ? coinValue(object) : 0n),
    0n,
  );
}

/** What a transaction takes out of the state for good: computation, and the part of storage that is not refunded. */
const burned = ({ computationCost, nonRefundableStorageFee }: GasUsed) => computationCost + nonRefundableStorageFee;

test('what is charged is what the schedule says', async () => {
  const world = await openWorld();
  const gasId = coinIdOf(world, addressOf(alice), SUI_COIN_TYPE);
  const before = world.ledger.getObject(gasId)!;
  const record = await succeed(world, alice, (p) => p.transfer(addressOf(bob), p.split(p.gas, 5n)[0]!));
  const written = record.effects.changedObjects.map(({ id }) => world.ledger.getObject(id)!);
  expect(record.effects.gasUsed).toEqual({
    computationCost: 1000n * 1000n,
    storageCost: written.reduce((sum, object) => sum + BigInt(objectSize(object)) * 7600n, 0n),
    storageRebate: (before.storageRebate * 99n) / 100n,
    nonRefundableStorageFee: before.storageRebate - (before.storageRebate * 99n) / 100n,
  });
  expect(balanceOf(world.ledger.getObject(gasId)!)).toBe(balanceOf(before) - 5n - netCost(record.effects.gasUsed));
  await world.ledger.close();
});

test('all gas coins are merged into the first, also when the transaction fails', async () => {
  for (const isFailing of [false, true]) {
    const world = await openWorld();
    const split = await succeed(world, alice, (p) =>
      p.transfer(addressOf(alice), ...p.split(p.gas, 10n ** 9n, 10n ** 9n)),
    );
    const payment = world.ledger
      .gasCoins(addressOf(alice), new Set(), 10)
      .map(({ id }) => id)
      .reverse();
    expect(payment).toHaveLength(3);
    const had = world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance;
    const build = (p: Program) => (isFailing ? void p.split(p.gas, 10n ** 18n) : undefined);
    const record = await send(world, alice, build, { payment });
    expect(failureText(record)).toBe(isFailing ? 'InsufficientCoinBalance' : 'success');
    expect(world.ledger.balance(addressOf(alice), SUI_COIN_TYPE)).toMatchObject({
      balance: had - netCost(record.effects.gasUsed),
      coinCount: 1,
    });
    expect(record.effects.changedObjects[record.effects.gasObjectIndex!]?.id).toBe(payment[0]);
    expect(record.effects.changedObjects.filter(({ idOperation }) => idOperation === 'deleted')).toHaveLength(2);
    expect(split.effects.status.success).toBe(true);
    await world.ledger.close();
  }
});

test('a transaction that costs more than its budget fails and costs no more than its budget', async () => {
  const world = await openWorld();
  const had = world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance;
  const build = (p: Program) => p.transfer(addressOf(bob), ...p.split(p.gas, ...Array.from({ length: 50 }, () => 5n)));
  const record = await send(world, alice, build, { budget: 4_000_000n });
  expect(failureText(record)).toBe('InsufficientGas');
  const cost = had - world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance;
  expect(cost).toBe(netCost(record.effects.gasUsed));
  expect(cost).toBeLessThanOrEqual(4_000_000n);
  expect(world.ledger.balance(addressOf(bob), SUI_COIN_TYPE).coinCount).toBe(1);
  await world.ledger.close();
});

test('a transaction stops where its budget ends, not after all was done', async () => {
  let checks = 0;
  const counting = {
    ...trustingBls,
    verifyAggregate: () => {
      checks += 1;
      return true;
    },
  };
  const world = await openWorld({ bls: counting });
  const { epoch, members } = systemState(world).committee;
  // Each message is another one: what was verified once is not verified again.
  const invalidate = (p: Program, first: number, count: number) => {
    const system = p.system(false);
    for (let i = first; i < first + count; i += 1) {
      const message = encodeInvalidBlobId({ epoch, blobId: blobIdFromBytes(new Uint8Array(32).fill(i)) });
      const bitmap = p.bytes(Uint8Array.of((1 << members.length) - 1));
      p.call('walrus::system::invalidate_blob_id', [system, p.bytes(new Uint8Array(96)), bitmap, p.bytes(message)]);
    }
  };
  const one = await succeed(world, alice, (p) => invalidate(p, 250, 1));
  const budget = 20n * one.effects.gasUsed.computationCost;
  checks = 0;
  const record = await send(world, alice, (p) => invalidate(p, 0, 200), { budget });
  const { status, gasUsed } = record.effects;
  expect(status).toMatchObject({ success: false, error: { kind: 'InsufficientGas' } });
  expect(status.success ? undefined : status.command).toBe(checks);
  expect(checks).toBeLessThan(60);
  expect(netCost(gasUsed)).toBeLessThanOrEqual(budget);
  expect(record.events).toEqual([]);
  await world.ledger.close();
});

test('no SUI appears or vanishes: coins, what objects keep, and what was paid add up after every transaction', async () => {
  const world = await openWorld();
  const total = suiInState(world);
  let paid = 0n;
  const run = async (steps: readonly { kind: number; amount: number; budget: number }[]) => {
    for (const { kind, amount, budget } of steps) {
      const sender = kind % 2 === 0 ? alice : bob;
      const to = addressOf(kind % 2 === 0 ? bob : alice);
      const build = (p: Program) => {
        if (kind < 4) p.transfer(to, ...p.split(p.gas, BigInt(amount), 1n));
        else if (kind < 6) void p.split(p.gas, BigInt(amount));
        else p.transfer(to, p.split(p.owned(coinIdOf(world, addressOf(sender), world.walType)), BigInt(amount))[0]!);
      };
      const payment =
        kind === 1 || kind === 2
          ? world.ledger.gasCoins(addressOf(sender), new Set(), 5).map(({ id }) => id)
          : undefined;
      const outcome: TransactionRecord | { code: string } = await send(world, sender, build, {
        budget: BigInt(budget),
        payment,
      }).catch((error: { code: string }) => error);
      if ('effects' in outcome) paid += burned(outcome.effects.gasUsed);
      else expect(outcome.code).toBe('INSUFFICIENT_GAS_BALANCE');
      expect(suiInState(world) + paid).toBe(total);
    }
  };
  const step = fc.record({
    kind: fc.nat(7),
    amount: fc.integer({ min: 0, max: 10 ** 9 }),
    budget: fc.integer({ min: 1_000_000, max: 20_000_000 }),
  });
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 6 }), run), { numRuns: 25, seed: 4 });
  await world.ledger.close();
});
