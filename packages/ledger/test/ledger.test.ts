import { deferred, type KeyValueStore } from '@floe/platform';
import { createMemoryStore } from '@floe/platform/memory';
import { expect, test } from 'vitest';
import { addressOf, coinIdOf, keypair, openWorld, SUI_COIN_TYPE, succeed, systemState, WAL } from './support/world.ts';

test('a new chain has a committee that holds every shard once, and all WAL there will ever be', async () => {
  const world = await openWorld();
  const state = systemState(world);
  expect(state.committee.members.reduce((sum, { weight }) => sum + weight, 0)).toBe(10);
  expect(state.committee.epoch).toBe(1);
  await world.ledger.close();
});

test('a transfer moves coins and both balances say so', async () => {
  const world = await openWorld();
  const [alice, bob] = [keypair(2), keypair(3)];
  const before = world.ledger.balance(addressOf(bob), SUI_COIN_TYPE).balance;
  const record = await succeed(world, alice, (program) => {
    const [coin] = program.split(program.gas, 5n * WAL);
    program.transfer(addressOf(bob), coin!);
  });
  expect(world.ledger.balance(addressOf(bob), SUI_COIN_TYPE)).toMatchObject({
    balance: before + 5n * WAL,
    coinCount: 2,
  });
  expect(record.checkpoint).toBe(1n);
  expect(world.ledger.getTransaction(record.digest)).toEqual(record);
  expect(coinIdOf(world, addressOf(alice), world.walType)).toMatch(/^0x/);
  await world.ledger.close();
});

test('a checkpoint is seen whole as soon as it is on disk, also before the store says that it is', async () => {
  const memory = createMemoryStore();
  const written = deferred<void>();
  const told = deferred<void>();
  let isSlow = false;
  const store: KeyValueStore = {
    get: (...args) => memory.get(...args),
    entries: (...args) => memory.entries(...args),
    count: (table) => memory.count(table),
    verify: () => memory.verify(),
    close: () => memory.close(),
    async write(operations) {
      await memory.write(operations);
      if (!isSlow) return;
      written.resolve();
      await told.promise;
    },
  };
  const world = await openWorld({ store });
  const [alice, bob] = [keypair(2), keypair(3)];
  const coinId = coinIdOf(world, addressOf(alice), SUI_COIN_TYPE);
  // It is cached now, as the objects that clients look at are.
  const before = world.ledger.getObject(coinId)?.version as bigint;
  isSlow = true;
  const sending = succeed(world, alice, (program) => {
    const [coin] = program.split(program.gas, 5n * WAL);
    program.transfer(addressOf(bob), coin!);
  });
  await written.promise;
  const { coinCount } = world.ledger.balance(addressOf(bob), SUI_COIN_TYPE);
  expect(coinCount).toBe(2);
  expect(world.ledger.getObject(coinId)?.version).toBe(before + 1n);
  expect(world.ledger.getCheckpoint('latest')?.sequence).toBe(1n);
  told.resolve();
  expect((await sending).checkpoint).toBe(1n);
  await world.ledger.close();
});
