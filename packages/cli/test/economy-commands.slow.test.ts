/**
 * The commands about money, space and stake as a user runs them, on one network: what they print for people and for
 * machines, what they charge, and that bad input is refused by name and costs nothing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCli, EXIT, type Cli } from './support/cli.ts';

const SHAPE = ['--nodes', '7', '--shards', '21'];
/** Well formed, and of nothing that is there. */
const UNKNOWN_OBJECT = `0x${'5'.repeat(64)}`;
const UNKNOWN_BLOB = 'mqsrt3yTNwd5ZnDXNCSNL65SWE1iLvt2Z-KVaMMyNv0';
const OBJECT_ID = /^0x[0-9a-f]{64}$/;
const UNAUTHORIZED = 5;

const suite = slowSuite('economy commands', 2);
const { rng } = suite;
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let floe: Cli;
let files: string;
beforeAll(async () => {
  home = await temporaryDirectory('economy');
  files = join(home.path, 'files');
  await mkdir(files);
  network = await startDev(join(home.path, '.floe'), SHAPE);
  floe = createCli({
    cwd: files,
    env: { FLOE_NETWORK: network.directory, XDG_CONFIG_HOME: join(home.path, 'config'), HOME: home.path },
  });
});

afterAll(async () => {
  await network?.stop();
  await home?.remove();
});

beforeEach((context) => {
  context.skip(suite.spent(), 'the budget is spent');
});

interface Stored {
  readonly blobId: string;
  readonly objectId: string;
  readonly endEpoch: number;
  readonly cost: string;
  readonly operation: { readonly kind: string };
}

interface Quoted {
  readonly total: string;
  readonly storage: string;
  readonly write: string;
  readonly gas: string;
  readonly blobs: readonly { readonly path: string; readonly total: string; readonly operation: { kind: string } }[];
}

interface Space {
  readonly storageId: string;
  readonly sizeBytes: string;
  readonly startEpoch: number;
  readonly endEpoch: number;
}

let fileCount = 0;

async function randomFile(sizeBytes: number): Promise<string> {
  fileCount += 1;
  const name = `file-${fileCount}.bin`;
  await writeFile(join(files, name), rng.bytes(sizeBytes));
  return name;
}

async function store(...args: string[]): Promise<Stored> {
  const [stored] = await floe.json<Stored[]>(['store', ...args]);
  return stored as Stored;
}

async function balances(...args: string[]): Promise<{ wal: bigint; sui: bigint }> {
  const { wal, sui } = await floe.json<{ wal: string; sui: string }>(['wallet', ...args]);
  return { wal: BigInt(wal), sui: BigInt(sui) };
}

/** What running commands took from the wallet. */
async function spent(work: () => Promise<unknown>): Promise<{ wal: bigint; sui: bigint }> {
  const before = await balances();
  await work();
  const after = await balances();
  return { wal: before.wal - after.wal, sui: before.sui - after.sui };
}

async function costsNothing(work: () => Promise<unknown>): Promise<void> {
  expect(await spent(work)).toEqual({ wal: 0n, sui: 0n });
}

function operator(node: number): string[] {
  return ['--wallet', join(network.directory, 'nodes', `node-0${node}`, 'operator.json')];
}

describe('quote', () => {
  it('says to the last unit what the store then charges, for several files too', async () => {
    await floe.ok(['faucet']);
    const names = [await randomFile(1), await randomFile(400_000), await randomFile(5_000)];
    const quote = await floe.json<Quoted>(['quote', ...names, '--epochs', '4']);
    expect(quote.blobs.map(({ path }) => path)).toEqual(names);
    expect(BigInt(quote.total)).toBe(BigInt(quote.storage) + BigInt(quote.write));
    const charged = await spent(() => floe.ok(['store', ...names, '--epochs', '4']));
    expect(charged).toEqual({ wal: BigInt(quote.total), sui: BigInt(quote.gas) });
    const again = await floe.json<Quoted>(['quote', ...names, '--epochs', '4']);
    expect(again).toMatchObject({ total: '0', gas: '0' });
    expect(again.blobs.map(({ operation }) => operation.kind)).toEqual(names.map(() => 'alreadyCertified'));
  });

  it('knows of space that a deleted blob left: only the write fee is due', async () => {
    const { objectId } = await store(await randomFile(9_000), '--epochs', '5');
    await floe.ok(['delete', objectId]);
    const name = await randomFile(8_000);
    const quote = await floe.json<Quoted>(['quote', name, '--epochs', '2']);
    expect(quote).toMatchObject({ storage: '0', blobs: [{ operation: { kind: 'reuseStorage' } }] });
    const text = await floe.ok(['quote', name, '--epochs', '2']);
    expect(text).toContain('in space that the wallet has');
    expect(text).toContain(`charge       ${quote.total} FROST`);
    const charged = await spent(async () => {
      expect((await store(name, '--epochs', '2')).operation.kind).toBe('reuseStorage');
    });
    expect(charged).toEqual({ wal: BigInt(quote.total), sui: BigInt(quote.gas) });
  });

  it('costs nothing, also for a wallet that has nothing, which it tells the price all the same', async () => {
    const name = await randomFile(100);
    await costsNothing(() => floe.ok(['quote', name]));
    const poor = await floe.ok(['quote', name, '--wallet', join(home.path, 'poor.json')]);
    expect(poor).toMatch(/charge +\d+ FROST/);
    expect(poor).toContain('gas cannot be told');
    expect(poor).toContain('the wallet has 0 WAL: too little');
    await floe.fails(['quote', name, '--epochs', '54'], EXIT.invalid, 'INVALID_EPOCHS');
    expect(await floe.fails(['quote', 'missing'], EXIT.invalid, 'FILE_UNREADABLE')).toContain('missing');
  });

  it('is what --max-cost is held against: above it nothing is stored and nothing paid', async () => {
    const names = [await randomFile(700), await randomFile(800)];
    const { total } = await floe.json<Quoted>(['quote', ...names]);
    await costsNothing(async () => {
      const below = `${BigInt(total) - 1n}FROST`;
      const message = await floe.fails(['store', ...names, '--max-cost', below], EXIT.exhausted, 'COST_ABOVE_MAXIMUM');
      expect(message).toContain(`storing these 2 files costs ${total} FROST`);
      for (const amount of ['5', '5SUI', '-1WAL', '0.0000000001WAL', '1e3FROST', 'much']) {
        const refused = await floe.fails(['store', ...names, '--max-cost', amount], EXIT.invalid, 'USAGE');
        expect(refused).toContain(
          `expected an amount with its unit, such as 1.5WAL or 1500000000FROST, got "${amount}"`,
        );
      }
    });
    expect((await spent(() => floe.ok(['store', ...names, '--max-cost', `${total}FROST`]))).wal).toBe(BigInt(total));
  });
});

describe('epoch, committee and prices', () => {
  it('say how the network stands', async () => {
    expect(await floe.json(['epoch'])).toMatchObject({ epoch: 1, phase: 'done', nShards: 21, maxEpochsAhead: 53 });
    expect(await floe.ok(['epoch'])).toMatch(/^epoch +1: the committee is complete.*\nlength +14 d\n/);
    const committee = await floe.json<{ members: { name: string; nodeId: string; shards: number[]; stake: string }[] }>(
      ['committee'],
    );
    expect(committee.members.flatMap(({ shards }) => shards).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 21 }, (_, shard) => shard),
    );
    for (const { nodeId, stake } of committee.members) {
      expect(nodeId).toMatch(OBJECT_ID);
      expect(BigInt(stake)).toBeGreaterThan(0n);
    }
    expect(await floe.fails(['committee', '--next'], EXIT.notFound, 'NO_COMMITTEE')).toContain(
      'next committee in epoch 1',
    );
    await floe.fails(['committee', '--next', '--previous'], EXIT.invalid, 'USAGE');
    const text = await floe.ok(['committee']);
    for (const { name, nodeId } of committee.members) expect(text).toMatch(new RegExp(`${name} .*${nodeId}`));
  });

  it('follow the votes of operators: a price changes when a quorum votes for it, and quotes with it', async () => {
    const before = await floe.json<{ storagePrice: string }>(['prices']);
    expect(before).toMatchObject({ storagePrice: '100000', writePrice: '20000' });
    for (let node = 0; node < 7; node += 1) {
      const vote = ['vote-price', '--storage', '0.00005WAL', ...operator(node)];
      const { votes, storagePrice } = await floe.json<{ votes: object; storagePrice: string }>(vote);
      expect(votes).toEqual({ storagePrice: '50000' });
      // 3 shards each: five of seven nodes hold the 15 of 21 that make a quorum.
      expect(storagePrice).toBe(node < 4 ? '100000' : '50000');
    }
    const name = await randomFile(10);
    const { storage } = await floe.json<Quoted>(['quote', name, '--epochs', '2', '--permanent']);
    expect(storage).toBe('100000');
    expect(await floe.ok(['prices'])).toContain('storage  50000 FROST per encoded MiB and epoch');
    await floe.json(['vote-price', '--write', '1FROST', '--no-apply', ...operator(0)]);
    expect(await floe.json(['prices'])).toMatchObject({ writePrice: '20000' });
  });

  it('let operators set and collect their commission, and hand on who may', async () => {
    const show = () => floe.json<Record<string, unknown>>(['commission', 'show', '--node', 'node-00']);
    const before = await show();
    expect(before).toMatchObject({ node: 'node-00', basisPoints: 0, next: [], commission: '0' });
    const { epoch } = await floe.json<{ epoch: number }>(['epoch']);
    const set = await floe.json<{ epoch: number }>(['commission', 'set', '7.25%', ...operator(0)]);
    expect(set).toMatchObject({ node: 'node-00', basisPoints: 725, epoch: epoch + 2 });
    expect(await show()).toMatchObject({ next: [{ epoch: epoch + 2, basisPoints: 725 }] });
    expect(await floe.ok(['commission', 'show', '--node', 'node-00'])).toContain(`from epoch ${epoch + 2} on 7.25%`);
    await floe.fails(['commission', 'set', '100.01%', ...operator(0)], EXIT.invalid, 'USAGE');
    await floe.fails(['commission', 'set', '1%'], UNAUTHORIZED, 'NO_NODE_CAP');
    expect(await floe.json(['commission', 'collect', ...operator(0)])).toMatchObject({ collected: '0', left: '0' });
    await floe.fails(['commission', 'collect', '--node', 'node-00'], UNAUTHORIZED, 'NOT_ALLOWED_FOR_NODE');
    // To the account of node 1, and from there back to whoever holds the capability.
    const { address } = await floe.json<{ address: string }>(['wallet', ...operator(1)]);
    const given = ['commission', 'receiver', '--address', address, ...operator(0)];
    expect(await floe.json(given)).toMatchObject({ authority: 'collect', to: { address } });
    await floe.fails(['commission', 'collect', ...operator(0)], UNAUTHORIZED, 'NOT_ALLOWED_FOR_NODE');
    await floe.ok(['commission', 'collect', '--node', 'node-00', ...operator(1)]);
    const { objectId } = before['receiver'] as { objectId: string };
    await floe.ok(['commission', 'receiver', '--object', objectId, '--node', 'node-00', ...operator(1)]);
    expect(await show()).toMatchObject({ receiver: { objectId } });
    const votes = await floe.json(['governance', 'authorize', '--object', objectId, ...operator(0)]);
    expect(votes).toMatchObject({ authority: 'govern', to: { objectId } });
    expect(await show()).toMatchObject({ governance: { objectId } });
    await floe.fails(['governance', 'authorize', ...operator(0)], EXIT.invalid, 'USAGE');
    await floe.fails(['commission', 'receiver', '--address', 'nobody', ...operator(0)], EXIT.invalid, 'USAGE');
  });

  it('vote for upgrades with the shards that they have', async () => {
    const vote = ['governance', 'vote-upgrade', '--rules', '4'];
    const first = await floe.json<{ packageDigest: string }>([...vote, ...operator(1)]);
    expect(first).toMatchObject({ node: 'node-01', votingWeight: 3, isQuorum: false });
    const second = await floe.json([...vote.slice(0, 2), first.packageDigest, ...operator(2)]);
    expect(second).toMatchObject({
      node: 'node-02',
      packageDigest: first.packageDigest,
      votingWeight: 6,
      isQuorum: false,
    });
    for (const index of [3, 4]) await floe.ok([...vote, ...operator(index)]);
    expect(await floe.ok([...vote, ...operator(5)])).toContain('votes of 15 of 21 shards, a quorum');
    await floe.fails([...vote, ...operator(1)], EXIT.conflict, 'MOVE_ABORT');
    await floe.fails([...vote, '--node', 'node-01'], UNAUTHORIZED, 'NOT_ALLOWED_FOR_NODE');
    await floe.fails([...vote, '--manager', UNKNOWN_OBJECT, ...operator(1)], EXIT.notFound, 'OBJECT_NOT_FOUND');
    await floe.fails([...vote, first.packageDigest, ...operator(1)], EXIT.invalid, 'USAGE');
    await floe.fails([...vote.slice(0, 2), 'abc', ...operator(1)], EXIT.invalid, 'USAGE');
  });

  it('are voted on by operators only, and only with amounts', async () => {
    await floe.fails(['vote-price', '--storage', '1FROST'], UNAUTHORIZED, 'NO_NODE_CAP');
    await floe.fails(['vote-price', ...operator(0)], EXIT.invalid, 'USAGE');
    await floe.fails(['vote-price', '--storage', '1', ...operator(0)], EXIT.invalid, 'USAGE');
    await floe.fails(
      ['vote-price', '--write', '1FROST', '--node', 'node-99', ...operator(0)],
      EXIT.notFound,
      'NODE_UNKNOWN',
    );
    await floe.fails(
      ['vote-price', '--write', '1FROST', '--node', 'node-01', ...operator(0)],
      UNAUTHORIZED,
      'NO_NODE_CAP',
    );
    await floe.fails(['vote-capacity', '1TB', ...operator(0)], EXIT.invalid, 'USAGE');
    const { votes } = await floe.json<{ votes: object }>([
      'vote-capacity',
      '1.5TiB',
      '--node',
      'node-00',
      ...operator(0),
    ]);
    expect(votes).toEqual({ capacity: String(3n << 39n) });
  });
});

describe('stake', () => {
  it('goes in, is listed, split, joined, and comes out at once as long as no committee counts on it', async () => {
    const one = await floe.json<{ stakeId: string; activationEpoch: number }>(['stake', 'node-02', '5WAL']);
    expect(one).toMatchObject({
      stakeId: expect.stringMatching(OBJECT_ID) as string,
      activationEpoch: 2,
      amount: '5000000000',
    });
    const two = await floe.json<{ stakeId: string; nodeId: string }>(['stake', 'node-02', '1000000001FROST']);
    const listed = await floe.json<{ stakeId: string; principal: string; rewards: string; next: string }[]>([
      'list-stake',
    ]);
    expect(listed.map(({ stakeId }) => stakeId).sort()).toEqual([one.stakeId, two.stakeId].sort());
    for (const stake of listed)
      expect(stake).toMatchObject({ node: 'node-02', state: 'staked', rewards: '0', next: 'withdraw' });
    expect(await floe.ok(['list-stake'])).toContain(`node-02  5 WAL + 0 WAL earned  from epoch 2 on  ${one.stakeId}`);
    await floe.ok(['join-stake', one.stakeId, two.stakeId]);
    const part = await floe.json(['unstake', one.stakeId, '--amount', '2WAL']);
    expect(part).toMatchObject({ action: 'withdrawn', paid: '2000000000', rewards: '0' });
    const rest = await floe.json(['unstake', one.stakeId]);
    expect(rest).toMatchObject({ action: 'withdrawn', paid: '4000000001' });
    expect(await floe.json(['list-stake'])).toEqual([]);
  });

  it('of too little, with nobody, or of somebody else is refused', async () => {
    await floe.fails(['stake', 'node-02', '999999999FROST'], EXIT.conflict, 'MOVE_ABORT');
    expect(await floe.fails(['stake', 'node-77', '1WAL'], EXIT.notFound, 'NODE_UNKNOWN')).toContain('node-06');
    await floe.fails(['stake', UNKNOWN_OBJECT, '1WAL'], EXIT.notFound, 'NODE_UNKNOWN');
    await floe.fails(['stake', 'node-02', '5000000000WAL'], EXIT.exhausted, 'INSUFFICIENT_WAL');
    await floe.fails(['unstake', UNKNOWN_OBJECT], EXIT.notFound, 'STAKE_NOT_OWNED');
    await floe.fails(['unstake', '0xnothex'], EXIT.invalid, 'INVALID_OBJECT_ID');
  });
});

describe('blob objects', () => {
  it('are extended by blob id and by object id, for their price, or with space that fits', async () => {
    const { blobId, objectId, endEpoch } = await store(await randomFile(3_000), '--epochs', '2');
    const extended = await floe.json<{ cost: string }>(['extend', blobId, '--epochs', '3']);
    expect(extended).toMatchObject({ objectId, endEpoch: endEpoch + 3, paidBy: 'wallet' });
    const { storageId } = await floe.json<Space>(['storage', 'buy', '1MiB', '--epochs', '20']);
    const withSpace = ['extend', objectId, '--storage', storageId];
    expect(await floe.json(withSpace)).toMatchObject({ endEpoch: 21, cost: '0', paidBy: 'storage' });
    // What came before the blob's end, and what it did not need in size, are still the wallet's.
    const left = await floe.json<Space[]>(['storage', 'list']);
    expect(left.find((space) => space.storageId === storageId)).toMatchObject({
      startEpoch: 1,
      endEpoch: endEpoch + 3,
    });
    expect(left.filter((space) => space.endEpoch === 21)).toHaveLength(1);
    await floe.fails(withSpace, EXIT.conflict, 'STORAGE_UNFIT');
    await floe.fails(['extend', objectId, '--epochs', '53'], EXIT.invalid, 'INVALID_EPOCHS');
    await floe.fails(['extend', objectId], EXIT.invalid, 'USAGE');
    await floe.fails(['extend', UNKNOWN_BLOB, '--epochs', '1'], EXIT.notFound, 'BLOB_NOT_OWNED');
  });

  it('are shared, funded by anyone, and extended out of their funds', async () => {
    const { blobId, objectId: owned } = await store(await randomFile(500), '--permanent');
    const shared = await floe.json<{ objectId: string }>(['share', blobId, '--fund', '150000FROST']);
    expect(shared).toMatchObject({ blobObjectId: owned, funds: '150000' });
    const { objectId } = shared;
    const other = ['--wallet', join(home.path, 'other.json')];
    expect(await floe.json(['fund', objectId, '0.0001WAL', ...other])).toMatchObject({
      added: '100000',
      funds: '250000',
    });
    const { cost } = await floe.json<{ cost: string }>(['extend', objectId, '--epochs', '2', ...other]);
    const message = await floe.fails(['extend', objectId, '--epochs', '50'], EXIT.exhausted, 'FUNDS_TOO_LOW');
    expect(message).toContain(`has ${250_000n - BigInt(cost)} FROST`);
    await floe.fails(['share', objectId], EXIT.conflict, 'BLOB_SHARED');
    await floe.fails(['burn', objectId], EXIT.notFound, 'BLOB_NOT_OWNED');
    const { objectId: private_ } = await store(await randomFile(400));
    await floe.fails(['fund', private_, '1WAL'], EXIT.conflict, 'BLOB_NOT_SHARED');
    await floe.fails(['fund', objectId, '1'], EXIT.invalid, 'USAGE');
  });

  it('are burned, all or none, and their blobs stay', async () => {
    const a = await store(await randomFile(300));
    const b = await store(await randomFile(301));
    await floe.fails(['burn', a.blobId, UNKNOWN_BLOB], EXIT.notFound, 'BLOB_NOT_OWNED');
    const { burned } = await floe.json<{ burned: { objectId: string }[] }>(['burn', a.blobId, b.objectId, a.objectId]);
    expect(burned.map(({ objectId }) => objectId)).toEqual([a.objectId, b.objectId]);
    await floe.ok(['read', a.blobId, '-o', 'copy']);
    expect(JSON.stringify(await floe.json(['list']))).not.toContain(a.objectId);
  });

  it('have attributes that their owner sets and removes, and all may read', async () => {
    const { blobId, objectId } = await store(await randomFile(200));
    const set = await floe.json(['attributes', 'set', blobId, 'content-type=image/png', 'note=a=b', 'empty=']);
    expect(set).toMatchObject({ changed: true, attributes: { 'content-type': 'image/png', note: 'a=b', empty: '' } });
    const other = ['--wallet', join(home.path, 'other.json')];
    expect(await floe.ok(['attributes', 'get', objectId, ...other])).toBe(
      'content-type: image/png\nnote: a=b\nempty: \n',
    );
    await floe.fails(['attributes', 'set', objectId, 'x=y', ...other], EXIT.notFound, 'BLOB_NOT_OWNED');
    const removed = await floe.json(['attributes', 'remove', blobId, 'note', 'never']);
    expect(removed).toMatchObject({ changed: true, attributes: { 'content-type': 'image/png', empty: '' } });
    expect(await floe.json(['attributes', 'remove', blobId, 'never'])).toMatchObject({ changed: false });
    await floe.fails(['attributes', 'set', blobId, 'novalue'], EXIT.invalid, 'USAGE');
    await floe.fails(['attributes', 'set', blobId, 'a=1', 'a=2'], EXIT.invalid, 'USAGE');
    await floe.fails(['attributes', 'get', UNKNOWN_OBJECT], EXIT.notFound, 'BLOB_OBJECT_NOT_FOUND');
  });

  it('of one blob twice must be named by their own ids', async () => {
    const name = await randomFile(100);
    const deletable = await store(name);
    const permanent = await store(name, '--permanent');
    const message = await floe.fails(['extend', deletable.blobId, '--epochs', '1'], EXIT.conflict, 'BLOB_AMBIGUOUS');
    expect(message).toContain(permanent.objectId);
    await floe.ok(['extend', permanent.objectId, '--epochs', '1']);
  });
});

describe('space and pools', () => {
  it('is bought, cut, put together again and given up', async () => {
    const bought = await floe.json<Space & { cost: string }>([
      'storage',
      'buy',
      '4MiB',
      '--epochs',
      '6',
      '--from',
      '3',
    ]);
    const { storagePrice } = await floe.json<{ storagePrice: string }>(['prices']);
    expect(bought).toMatchObject({
      sizeBytes: String(4 << 20),
      startEpoch: 3,
      endEpoch: 9,
      cost: String(24n * BigInt(storagePrice)),
    });
    const id = bought.storageId;
    const split = async (...how: string[]) => {
      const { parts } = await floe.json<{ parts: Space[] }>(['storage', 'split', id, ...how]);
      return parts as [Space, Space];
    };
    const [, bySize] = await split('--size', '1MiB');
    const [first, byEpoch] = await split('--epoch', '5');
    expect(bySize).toMatchObject({ sizeBytes: String(3 << 20), startEpoch: 3, endEpoch: 9 });
    expect([first.endEpoch, byEpoch.startEpoch]).toEqual([5, 5]);
    expect(await floe.json(['storage', 'fuse', id, byEpoch.storageId, bySize.storageId])).toMatchObject({
      storageId: id,
      sizeBytes: String(4 << 20),
      startEpoch: 3,
      endEpoch: 9,
    });
    await floe.fails(['storage', 'split', id, '--epoch', '9'], EXIT.conflict, 'STORAGE_UNFIT');
    await floe.fails(['storage', 'split', id, '--size', '5MiB'], EXIT.conflict, 'STORAGE_UNFIT');
    await floe.fails(['storage', 'split', id], EXIT.invalid, 'USAGE');
    await floe.fails(['storage', 'fuse', id], EXIT.invalid, 'USAGE');
    await floe.fails(['storage', 'buy', '1MiB', '--from', '0'], EXIT.invalid, 'USAGE');
    await floe.fails(['storage', 'buy', '1MiB', '--from', '53', '--epochs', '2'], EXIT.invalid, 'INVALID_EPOCHS');
    await floe.ok(['storage', 'destroy', id]);
    await floe.fails(['storage', 'destroy', id], EXIT.notFound, 'STORAGE_NOT_OWNED');
  });

  it('of a pool holds blobs that are read like others, for the write fee, and is free again once they are deleted', async () => {
    const pool = await floe.json<{ poolId: string; cost: string }>(['pool', 'create', '3MiB', '--epochs', '4']);
    const { poolId } = pool;
    expect(pool).toMatchObject({ capacityBytes: String(3 << 20), usedBytes: '0', endEpoch: 5 });
    const names = [await randomFile(20_000), await randomFile(30)];
    const stored = await floe.json<{ blobId: string; result: string; cost: string; endEpoch: number }[]>([
      'pool',
      'store',
      poolId,
      ...names,
    ]);
    expect(stored).toMatchObject(names.map((path) => ({ path, result: 'newlyCreated', endEpoch: 5, cost: '20000' })));
    await floe.ok(['read', stored[0]?.blobId ?? '', '-o', 'copy']);
    await costsNothing(async () => {
      const [again] = await floe.json<object[]>(['pool', 'store', poolId, names[0] ?? '']);
      expect(again).toMatchObject({ result: 'alreadyCertified', cost: '0' });
    });
    const shown = await floe.json<{ blobs: { blobId: string; certified: boolean }[] }>(['pool', 'show', poolId]);
    expect(shown.blobs.map(({ blobId }) => blobId).sort()).toEqual(stored.map(({ blobId }) => blobId).sort());
    expect(shown.blobs.every(({ certified }) => certified)).toBe(true);
    const big = await randomFile(2_000_000);
    const message = await floe.fails(['pool', 'store', poolId, big], EXIT.exhausted, 'POOL_FULL');
    expect(message).toMatch(/has \d+ bytes left for encoded blobs; \d+ are needed/);

    expect(await floe.json(['pool', 'extend', poolId, '--epochs', '2'])).toMatchObject({ endEpoch: 7 });
    expect(await floe.json(['pool', 'grow', poolId, '1MiB'])).toMatchObject({ capacityBytes: String(4 << 20) });
    expect(await floe.json(['pool', 'shrink', poolId, '2MiB'])).toMatchObject({
      capacityBytes: String(2 << 20),
      cost: '0',
    });
    await floe.fails(['pool', 'shrink', poolId, '2MiB'], EXIT.exhausted, 'POOL_FULL');
    await floe.fails(['pool', 'extend', poolId, '--epochs', '53'], EXIT.invalid, 'INVALID_EPOCHS');
    await floe.fails(['pool', 'destroy', poolId], EXIT.conflict, 'POOL_NOT_EMPTY');
    const ids = stored.map(({ blobId }) => blobId);
    await floe.fails(['pool', 'delete', poolId, ...ids, UNKNOWN_BLOB], EXIT.notFound, 'BLOB_NOT_IN_POOL');
    expect(await floe.json(['pool', 'delete', poolId, ...ids])).toMatchObject({
      deleted: ids,
      usedBytes: '0',
      blobCount: '0',
    });
    const { storageId } = await floe.json<Space>(['pool', 'destroy', poolId]);
    expect(JSON.stringify(await floe.json(['storage', 'list']))).toContain(storageId);
    await floe.fails(['pool', 'show', poolId], EXIT.notFound, 'POOL_NOT_FOUND');
    const remade = await floe.json<{ poolId: string }>(['pool', 'create', '--storage', storageId]);
    expect(remade).toMatchObject({ capacityBytes: String(2 << 20), cost: '0' });
    expect(await floe.ok(['pool', 'list'])).toContain(remade.poolId);
  });

  it('of a pool is asked for in one way', async () => {
    await floe.fails(['pool', 'create', '1MiB'], EXIT.invalid, 'USAGE');
    await floe.fails(['pool', 'create', '1MiB', '--epochs', '54'], EXIT.invalid, 'INVALID_EPOCHS');
    await floe.fails(['pool', 'store', UNKNOWN_OBJECT, await randomFile(1)], EXIT.notFound, 'POOL_NOT_FOUND');
    const { objectId } = await store(await randomFile(60));
    await floe.fails(['pool', 'show', objectId], EXIT.conflict, 'WRONG_OBJECT_TYPE');
  });
});

describe('exchange and node register', () => {
  it('swap coins at the rate that the maker of the exchange sets', async () => {
    const made = await floe.json<{ exchangeId: string }>(['exchange', 'create', '10WAL']);
    const { exchangeId } = made;
    expect(made).toMatchObject({ wal: '10000000000', sui: '0', rate: { wal: '1', sui: '1' } });
    const at = ['--exchange', exchangeId];
    expect(await floe.json(['exchange', 'rate', exchangeId, '3FROST', '2MIST'])).toMatchObject({
      rate: { wal: '3', sui: '2' },
    });
    const bought = await floe.json(['exchange', 'swap', '0.1SUI', ...at]);
    expect(bought).toMatchObject({
      gave: { coin: 'SUI', amount: '100000000' },
      received: { unit: 'FROST', amount: '150000000' },
    });
    const sold = await floe.json(['exchange', 'swap', '150000000FROST', ...at]);
    expect(sold).toMatchObject({ received: { unit: 'MIST', amount: '100000000' } });
    expect(await floe.ok(['exchange', 'show', exchangeId])).toContain('has 10 WAL and 0 SUI');
    await floe.fails(['exchange', 'swap', '1WAL', ...at], EXIT.exhausted, 'EXCHANGE_TOO_POOR');
    await floe.fails(['exchange', 'swap', '1WAL', '--exchange', UNKNOWN_OBJECT], EXIT.notFound, 'EXCHANGE_NOT_FOUND');
    await floe.fails(['exchange', 'rate', exchangeId, '0WAL', '1SUI'], EXIT.invalid, 'USAGE');
    const other = ['--wallet', join(home.path, 'other.json')];
    expect((await floe.run(['exchange', 'rate', exchangeId, '1WAL', '1SUI', ...other])).code).not.toBe(EXIT.done);
  });

  it('proves that a key is held, keeps it, and lets the node be staked with', async () => {
    const args = ['--name', 'north', '--address', '127.0.0.1:9185', '--capacity', '1TiB', '--keys', 'north'];
    const node = await floe.json<{ nodeId: string; capId: string }>([
      'node',
      'register',
      ...args,
      '--commission',
      '7.5%',
    ]);
    expect([node.nodeId, node.capId]).toEqual([expect.stringMatching(OBJECT_ID), expect.stringMatching(OBJECT_ID)]);
    expect(await floe.json(['stake', node.nodeId, '2WAL'])).toMatchObject({ node: 'north' });
    expect(await floe.json(['vote-price', '--write', '5FROST'])).toMatchObject({ nodeId: node.nodeId, node: 'north' });
    // A second node of the wallet with the same keys: votes must then say of which they are.
    await floe.ok(['node', 'register', ...args]);
    await floe.fails(['vote-price', '--write', '5FROST'], EXIT.conflict, 'NODE_AMBIGUOUS');
    await floe.ok(['vote-price', '--write', '6FROST', '--node', node.nodeId]);
    await floe.fails(['node', 'register', ...args, '--commission', '101%'], EXIT.invalid, 'USAGE');
    await floe.fails(['node', 'register', ...args, '--name', 'n'.repeat(101)], EXIT.conflict, 'MOVE_ABORT');
  });
});
