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
