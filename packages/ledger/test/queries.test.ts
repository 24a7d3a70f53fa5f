import { describe, expect, test } from 'vitest';
import { fundsOf } from '../src/rpc/faucet/payout.ts';
import { registerBlob } from './support/blobs.ts';
import { addressOf, balanceOf, coinIdOf, keypair, openWorld, SUI_COIN_TYPE, succeed } from './support/world.ts';

const alice = keypair(2);
const owner = addressOf(alice);

describe('lists', () => {
  test('owned objects are found by type in any form, and pages neither repeat nor miss', async () => {
    const world = await openWorld();
    await succeed(world, alice, (p) =>
      p.transfer(owner, ...p.split(p.gas, ...Array.from({ length: 23 }, (_, i) => BigInt(i + 1)))),
    );
    for (let i = 0; i < 3; i += 1) await registerBlob(world, alice, { root: BigInt(i) });
    const walrus = world.genesis.walrusPackageId;
    const count = (type?: string) => world.ledger.listOwned({ owner, type, limit: 1000 }).items.length;
    expect(count()).toBe(24 + 1 + 3);
    expect(count('0x2::coin::Coin<0x2::sui::SUI>')).toBe(24);
    expect(count('0x2::coin::Coin')).toBe(25);
    expect(count('0x2::coin')).toBe(25);
    expect(count('0x2')).toBe(25);
    expect(count(`${walrus}::blob::Blob`)).toBe(3);
    expect(count(walrus)).toBe(3);
    expect(count('0x2::coin::Coin<0x5::x::Y>')).toBe(0);
    for (const type of [undefined, '0x2::coin::Coin<0x2::sui::SUI>', '0x2::coin::Coin']) {
      const ids: string[] = [];
      let cursor: Uint8Array | undefined;
      do {
        const page = world.ledger.listOwned({ owner, type, cursor, limit: 4 });
        expect(page.items.length).toBeLessThanOrEqual(4);
        ids.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(ids).toEqual(world.ledger.listOwned({ owner, type, limit: 1000 }).items.map(({ id }) => id));
      expect(new Set(ids).size).toBe(ids.length);
    }
    await world.ledger.close();
  });

  test('an exact last page has no cursor', async () => {
    const world = await openWorld();
    expect(world.ledger.listOwned({ owner, limit: 2 })).toMatchObject({ items: [{}, {}], nextCursor: undefined });
    expect(world.ledger.listOwned({ owner, limit: 1 }).nextCursor).toBeDefined();
    await world.ledger.close();
  });

  test('balances are listed by coin, and gas coins come largest first', async () => {
    const world = await openWorld();
    await succeed(world, alice, (p) => p.transfer(owner, ...p.split(p.gas, 3n, 9n, 6n)));
    const listed = world.ledger.listBalances({ owner, limit: 10 }).items;
    expect(listed.map(({ coinType }) => coinType).sort()).toEqual([SUI_COIN_TYPE, world.walType].sort());
    expect(listed.find(({ coinType }) => coinType === SUI_COIN_TYPE)).toEqual(
      world.ledger.balance(owner, '0x2::sui::SUI'),
    );
    const except = new Set([coinIdOf(world, owner, SUI_COIN_TYPE)]);
    const values = world.ledger
      .gasCoins(owner, except, 2)
      .map((c) => new DataView(c.contents.buffer, c.contents.byteOffset).getBigUint64(32, true));
    expect(values).toEqual([9n, 6n]);
    await world.ledger.close();
  });

  test('dynamic fields of the contracts are listed with name and value', async () => {
    const world = await openWorld();
    const { ledger, genesis } = world;
    const [inner] = ledger.listDynamicFields({ parent: genesis.stakingObjectId, limit: 10 }).items;
    expect(inner).toMatchObject({ kind: 'field', nameType: 'u64', nameBytes: Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0) });
    const pool = ledger.getObject(genesis.nodes[0]!.nodeId)!;
    expect(pool.type).toBe(`${genesis.walrusPackageId}::staking_pool::StakingPool`);
    const treasury = ledger.listDynamicFields({ parent: genesis.treasuryObjectId, limit: 10 }).items[0];
    expect(treasury).toMatchObject({ kind: 'object', nameType: `${genesis.walPackageId}::wal::TreasuryCapKey` });
    expect(ledger.getObject(treasury!.childId!)?.owner).toEqual({ kind: 'object', parent: treasury!.fieldId });
    await world.ledger.close();
  });

  test.each([0, 1001, 1.5])('a page of %d is refused', async (limit) => {
    const world = await openWorld();
    expect(() => world.ledger.listOwned({ owner, limit })).toThrow(expect.objectContaining({ code: 'INVALID_QUERY' }));
    await world.ledger.close();
  });
});

describe('look-ups', () => {
  test('functions, types, coins and what is not there', async () => {
    const world = await openWorld();
    const { ledger, genesis } = world;
    const stake = ledger.packageFunction(genesis.walrusPackageId, 'staking', 'stake_with_pool')!;
    expect(stake.parameters[1]).toMatchObject({ ref: 'value', type: { module: 'coin', name: 'Coin' } });
    expect(ledger.packageFunction(genesis.walrusPackageId, 'staking', 'nothing')).toBeUndefined();
    expect(ledger.packageDatatype(genesis.walrusPackageId, 'blob', 'Blob')?.abilities).toEqual(['key', 'store']);
    expect(ledger.coinInfo(world.walType)).toMatchObject({ decimals: 9, symbol: 'WAL', totalSupply: 5n * 10n ** 18n });
    expect(ledger.coinInfo('0x5::a::B')).toBeUndefined();
    expect(ledger.getObject(`0x${'9'.repeat(64)}` as never)).toBeUndefined();
    expect(ledger.getObject(genesis.systemObjectId, 2n)).toBeUndefined();
    expect(ledger.getTransaction(new Uint8Array(32))).toBeUndefined();
    expect(ledger.getTransaction(new Uint8Array(3))).toBeUndefined();
    expect(ledger.getCheckpoint(new Uint8Array(32))).toBeUndefined();
    expect(ledger.getCheckpoint(9n)).toBeUndefined();
    expect(() => ledger.balance(owner, 'nonsense')).toThrow(expect.objectContaining({ code: 'INVALID_TYPE' }));
    await world.ledger.close();
  });

  test('the genesis transaction is found like any other, and made every object', async () => {
    const world = await openWorld();
    const { ledger, genesis } = world;
    const { previousTransaction } = ledger.getObject(genesis.systemObjectId)!;
    const record = ledger.getTransaction(previousTransaction)!;
    expect(record).toMatchObject({ checkpoint: 0n, effects: { status: { success: true } } });
    expect(record.effects.changedObjects).toHaveLength(genesis.objects.length);
    expect(record.events.map(({ type }) => type.split('::').at(-1))).toContain('EpochChangeDone');
    await world.ledger.close();
  });
});

test('the largest coins come first however many small ones there are, and the faucet pays with them', async () => {
  const world = await openWorld();
  const account = addressOf(keypair(2));
  const { walType } = world;
  await succeed(world, keypair(2), (p) => {
    const coin = p.owned(coinIdOf(world, account, walType));
    p.transfer(account, ...p.split(coin, ...Array.from({ length: 300 }, (_, i) => BigInt(i))));
  });
  const balances = world.ledger.largestCoins(account, walType, new Set(), 256).map(balanceOf);
  expect(balances).toHaveLength(256);
  expect(balances).toEqual(balances.toSorted((a, b) => (a < b ? 1 : -1)));
  const all = world.ledger.balance(account, walType);
  expect(all.coinCount).toBe(301);
  const { wal, walCoins } = fundsOf(world.ledger, account);
  expect(wal).toBe(all.balance - (44n * 45n) / 2n);
  expect(walCoins).toHaveLength(256);
  await world.ledger.close();
});
