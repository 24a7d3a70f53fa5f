/**
 * Every command as a user runs it: the program itself on one shared network, its output for people and for machines, its
 * exit codes, and that bad input is refused with a clear error and costs nothing.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { geometryOf, maxBlobSize, storeCost } from '@floe/protocol';
import { slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1';
import { coinWithBalance, Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readWallet } from '../src/wallet.ts';
import { createCli, EXIT, type Cli } from './support/cli.ts';

/** 7 nodes, 21 shards: the largest blob has 9 x 15 x 65,534 bytes, under 9 MB. */
const SHAPE = ['--nodes', '7', '--shards', '21'];
const N_SHARDS = 21;
/** Of nobody. */
const UNUSED_ADDRESS = `0x${'e'.repeat(64)}`;
/** Well formed, and of nothing that is stored here. */
const UNKNOWN_ID = 'mqsrt3yTNwd5ZnDXNCSNL65SWE1iLvt2Z-KVaMMyNv0';

/** With a budget, what does not come to its turn in twice this file's share is left out. */
const suite = slowSuite('commands', 2);
const { rng } = suite;
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let connection: FloeConnection;
/** In a directory of files, with the network named by FLOE_NETWORK and its wallet. */
let floe: Cli;
let files: string;
beforeAll(async () => {
  home = await temporaryDirectory('commands');
  files = join(home.path, 'files');
  await mkdir(files);
  network = await startDev(join(home.path, '.floe'), SHAPE);
  connection = await connectFloe({
    ledger: network.ledger,
    nodeUrlScheme: 'http',
    workers: 1,
  });
  floe = createCli({
    cwd: files,
    env: { FLOE_NETWORK: network.directory, XDG_CONFIG_HOME: join(home.path, 'config'), HOME: home.path },
  });
});

afterAll(async () => {
  await connection?.close();
  await network?.stop();
  await home?.remove();
});

beforeEach((context) => {
  context.skip(suite.spent(), 'the budget is spent');
});

interface Stored {
  readonly path: string;
  readonly blobId: string;
  readonly result: 'newlyCreated' | 'alreadyCertified';
  readonly objectId: string;
  readonly sizeBytes: number;
  readonly encodedSizeBytes: number;
  readonly endEpoch: number;
  readonly cost: string;
  readonly deletable?: boolean;
  readonly operation?: { readonly kind: string };
}

interface Listed {
  readonly blobId: string;
  readonly objectId: string;
  readonly deletable: boolean;
  readonly certified: boolean;
}

let fileCount = 0;

/** A new file of random bytes; returns its name. */
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

async function balance(...args: string[]): Promise<bigint> {
  return BigInt((await floe.json<{ wal: string }>(['wallet', ...args])).wal);
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(files, path)))
    .digest('hex');
}

async function expectSame(copy: string, original: string): Promise<void> {
  expect(await sha256(copy)).toBe(await sha256(original));
}

describe('store and read', () => {
  it('bring several files back equal, one of them empty, to files and through a pipe', async () => {
    const names = [await randomFile(1), await randomFile(123_456), await randomFile(0)];
    const stored = await floe.json<Stored[]>(['store', ...names, '--epochs', '3']);
    expect(stored.map(({ path }) => path)).toEqual(names);
    for (const [number, { blobId, ...rest }] of stored.entries()) {
      const name = names[number] as string;
      expect(rest).toMatchObject({ result: 'newlyCreated', deletable: true, endEpoch: 4 });
      expect(rest.sizeBytes).toBe((await stat(join(files, name))).size);
      await floe.ok(['read', blobId, '-o', 'copy']);
      await expectSame('copy', name);
      const piped = await floe.shell(`$FLOE read ${blobId} > piped`);
      expect(piped.code, piped.stderr).toBe(0);
      await expectSame('piped', name);
    }
  });

  it('print lines for people: id, sizes, kind, end and price', async () => {
    const name = await randomFile(5000);
    const { stdout, stderr, code } = await floe.run(['store', name, '--epochs', '2']);
    expect(code).toBe(EXIT.done);
    expect(stdout).toMatch(
      /^[\w-]{43} {2}file-\d+\.bin\n {2}4\.88 KiB stored as .* KiB, deletable, until the start of epoch 3, for 0\.\d+ WAL\n {2}object 0x[0-9a-f]{64}\n$/,
    );
    // Progress is plain lines where there is no terminal.
    expect(stderr).toMatch(/: encoding\n(.*\n)*.*: uploading to storage nodes\n/);
    expect(stderr).not.toContain('\u001B');
    const again = await floe.ok(['store', name, '--epochs', '2']);
    expect(again).toContain('stored already, until the start of epoch 3: nothing was paid');
    const read = await floe.ok(['read', stdout.slice(0, 43), '-o', 'copy']);
    expect(read).toBe('4.88 KiB written to copy\n');
  });

  it('--json of a read says where the bytes went, and needs a file for them', async () => {
    const { blobId } = await store(await randomFile(1000));
    expect(await floe.json(['read', blobId, '-o', 'copy', '--strict'])).toEqual({
      blobId,
      sizeBytes: 1000,
      path: 'copy',
    });
    const { code, stderr } = await floe.run(['read', blobId, '--json']);
    expect(code).toBe(EXIT.invalid);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'USAGE' } });
  });

  it('paid once serve every later store of the same file', async () => {
    const name = await randomFile(2000);
    const first = await store(name, '--epochs', '2');
    const before = await balance();
    const second = await store(name, '--epochs', '1');
    expect(second).toMatchObject({ blobId: first.blobId, result: 'alreadyCertified', cost: '0', endEpoch: 3 });
    expect(await balance()).toBe(before);
  });

  it('a read keeps what was at its output until it is whole', async () => {
    await writeFile(join(files, 'precious'), 'precious');
    await floe.fails(['read', UNKNOWN_ID, '-o', 'precious'], EXIT.notFound, 'BLOB_NOT_FOUND');
    expect(await readFile(join(files, 'precious'), 'utf8')).toBe('precious');
    expect((await readdir(files)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('an output that cannot be written is named', async () => {
    const { blobId } = await store(await randomFile(100_000));
    const message = await floe.fails(['read', blobId, '-o', 'none/copy'], EXIT.invalid, 'FILE_UNWRITABLE');
    expect(message).toBe('cannot write none/copy: its directory does not exist');
    await floe.fails(['read', blobId, '-o', '.'], EXIT.invalid, 'FILE_UNWRITABLE');
    const full = await floe.shell(`$FLOE read ${blobId} > /dev/full`);
    expect(full.code).toBe(EXIT.invalid);
    expect(full.stderr).toContain('error: cannot write standard output: the disk is full (FILE_UNWRITABLE)');
    const fullList = await floe.shell('$FLOE list > /dev/full');
    expect([fullList.code, fullList.stderr]).toEqual([
      EXIT.invalid,
      'error: cannot write standard output: the disk is full (FILE_UNWRITABLE)\n',
    ]);
  });

  it('a reader that has enough ends a command without a word', async () => {
    const { blobId } = await store(await randomFile(3_000_000));
    const { stdout, stderr } = await floe.shell(
      `$FLOE read ${blobId} 2> >(grep -v ': reading$' >&2) | head -c 5 | wc -c; echo "\${PIPESTATUS[@]}"`,
    );
    expect(stdout.split('\n').map((line) => line.trim())).toEqual(['5', '141 0 0', '']);
    expect(stderr).toBe('');
  });
});

describe('bad input costs nothing', () => {
  it('epochs of none, of a part, and beyond the horizon are refused', async () => {
    const name = await randomFile(100);
    const before = await balance();
    const refuse = (epochs: string, code: string) =>
      floe.fails(['store', name, '--epochs', epochs], EXIT.invalid, code);
    for (const epochs of ['0', '-1', '1.5', 'many']) {
      const message = await refuse(epochs, 'USAGE');
      expect(message).toContain(`expected a whole number from 1 to 1000, got "${epochs}"`);
    }
    expect(await refuse('54', 'INVALID_EPOCHS')).toBe('epochs must be a whole number from 1 to 53, got 54');
    expect(await balance()).toBe(before);
  });

  it('errors are one line for people, without a stack', async () => {
    const { code, stdout, stderr } = await floe.run(['status', 'AAAA']);
    expect([code, stdout]).toEqual([EXIT.invalid, '']);
    expect(stderr).toMatch(/^error: blob id "AAAA" is not 32 bytes in .* \(INVALID_BLOB_ID\)\n$/);
  });

  it('a file above the maximum is refused by its size, before anything is read or paid', async () => {
    const maximum = maxBlobSize(geometryOf(N_SHARDS));
    const small = await randomFile(1000);
    const before = await balance();
    // 1 TiB of nothing: reading it would take far longer than this test may.
    for (const [name, sizeBytes] of [
      ['above', maximum + 1],
      ['far above', 2 ** 40],
    ] as const) {
      await writeFile(join(files, name), '');
      await truncate(join(files, name), sizeBytes);
      const message = await floe.fails(['store', small, name], EXIT.invalid, 'BLOB_TOO_LARGE');
      expect(message).toBe(`${name} has ${sizeBytes} bytes, more than the maximum of ${maximum} for 21 shards`);
    }
    expect(await balance()).toBe(before);
    const { blobId } = (await floe.json<{ blobId: string }[]>(['blob-id', small]))[0] as { blobId: string };
    expect(await floe.ok(['status', blobId])).toContain('not stored');
  });

  it('a file that is missing, a directory, or among good ones is named', async () => {
    const good = await randomFile(100);
    const before = await balance();
    expect(await floe.fails(['store', good, 'missing'], EXIT.invalid, 'FILE_UNREADABLE')).toBe(
      'cannot read missing: there is no such file',
    );
    expect(await floe.fails(['store', '.'], EXIT.invalid, 'FILE_UNREADABLE')).toContain('not a regular file');
    expect(await balance()).toBe(before);
  });

  it('blob ids that are none are refused by every command, before the network is asked', async () => {
    const wrong = [UNKNOWN_ID.slice(1), `${UNKNOWN_ID}A`, `${UNKNOWN_ID.slice(0, 42)}!`, `${UNKNOWN_ID}=`, '../passwd'];
    for (const [number, id] of wrong.entries()) {
      const command = ['status', 'read'][number % 2] as string;
      expect(await floe.fails([command, id], EXIT.invalid, 'INVALID_BLOB_ID')).toContain(`"${id}"`);
    }
    await floe.fails(['delete', UNKNOWN_ID.slice(1)], EXIT.invalid, 'INVALID_BLOB_ID');
  });

  it('a blob that nobody stored is not found', async () => {
    expect(await floe.fails(['read', UNKNOWN_ID, '-o', 'copy'], EXIT.notFound, 'BLOB_NOT_FOUND')).toContain(UNKNOWN_ID);
    expect(await floe.ok(['status', UNKNOWN_ID])).toBe(`${UNKNOWN_ID}: not stored\n`);
    expect(await floe.json(['status', UNKNOWN_ID])).toEqual({ blobId: UNKNOWN_ID, status: 'nonexistent' });
    await floe.fails(['delete', UNKNOWN_ID], EXIT.notFound, 'BLOB_NOT_OWNED');
    await floe.fails(['delete', `0x${'5'.repeat(64)}`], EXIT.notFound, 'BLOB_NOT_OWNED');
    await floe.fails(['delete', '0xnothex'], EXIT.invalid, 'INVALID_OBJECT_ID');
  });

  it('arguments that no command has are refused, for machines in JSON', async () => {
    await floe.fails(['nonsense'], EXIT.invalid, 'USAGE');
    await floe.fails(['info', '--surplus'], EXIT.invalid, 'USAGE');
    expect((await floe.run([])).code).toBe(EXIT.invalid);
  });
});

describe('a wallet without enough', () => {
  /** A description without faucet, whose directory then has a wallet of its own. */
  async function withoutFaucet(label: string): Promise<string> {
    const directory = join(home.path, label);
    await mkdir(directory);
    const { faucet: _faucet, ...rest } = network.network;
    await writeFile(join(directory, 'network.json'), JSON.stringify(rest));
    return directory;
  }

  /** Sends coins from a fresh account that the faucet filled. */
  async function send(receiver: string, coins: { wal?: bigint; sui?: bigint }): Promise<void> {
    const sender = new Ed25519Keypair();
    await floe.ok(['faucet', sender.toSuiAddress()]);
    const transaction = new Transaction();
    if (coins.wal !== undefined) {
      const type = network.network.ledger.walType;
      transaction.transferObjects([transaction.add(coinWithBalance({ type, balance: coins.wal }))], receiver);
    }
    if (coins.sui !== undefined) {
      transaction.transferObjects([transaction.splitCoins(transaction.gas, [coins.sui])], receiver);
    }
    await connection.ledgerClient.execute(transaction, sender);
  }

  it('of either coin is told so, and stores once it has both', async () => {
    const directory = await withoutFaucet('poor');
    const option = ['--network', directory];
    const name = await randomFile(2000);
    const { address, path } = await floe.json<{ address: string; path: string }>(['wallet', ...option]);
    expect(path).toBe(join(directory, 'wallet.json'));

    const nothing = await floe.fails(['store', name, ...option], EXIT.exhausted, 'INSUFFICIENT_WAL');
    expect(nothing).toContain(address);
    await send(address, { wal: 1_000_000_000n });
    expect(await floe.fails(['store', name, ...option], EXIT.exhausted, 'INSUFFICIENT_SUI')).toContain(address);
    expect(await balance(...option)).toBe(1_000_000_000n);
    expect(await floe.json(['list', ...option])).toEqual([]);
    await send(address, { sui: 1_000_000_000n });
    const stored = await store(name, ...option);
    expect(await balance(...option)).toBe(1_000_000_000n - BigInt(stored.cost));
  });

  it('with SUI only is told how much WAL is missing, and that there is no faucet', async () => {
    const option = ['--network', await withoutFaucet('no wal')];
    const { address } = await floe.json<{ address: string }>(['wallet', ...option]);
    await send(address, { sui: 1_000_000_000n, wal: 7n });
    await floe.fails(['faucet', ...option], EXIT.invalid, 'NO_FAUCET');
    const message = await floe.fails(['store', await randomFile(10), ...option], EXIT.exhausted, 'INSUFFICIENT_WAL');
    expect(message).toMatch(new RegExp(`^${address} has 7 FROST of WAL; \\d+ are needed$`));
  });
});

describe('delete, list and status', () => {
  it('follow a deletable blob to its end', async () => {
    const name = await randomFile(3000);
    const { blobId, objectId } = await store(name);
    expect(await floe.ok(['status', blobId, '--no-audit'])).toBe(
      `${blobId}: deletable: 1 of 1 registrations certified\n`,
    );
    expect((await floe.json<Listed[]>(['list'])).find((blob) => blob.blobId === blobId)).toEqual({
      blobId,
      objectId,
      sizeBytes: 3000,
      certified: true,
      deletable: true,
      endEpoch: 2,
      expired: false,
    });
    expect(await floe.ok(['list'])).toContain(
      `${blobId}   2.93 KiB  deletable  certified  until epoch 2  ${objectId}\n`,
    );
    expect(await floe.ok(['delete', blobId])).toBe(`deleted ${blobId} (object ${objectId})\n`);
    expect(await floe.ok(['list'])).not.toContain(blobId);
    await floe.fails(['read', blobId, '-o', 'copy'], EXIT.notFound, 'BLOB_NOT_FOUND');
    await floe.fails(['delete', blobId], EXIT.notFound, 'BLOB_NOT_OWNED');
    expect(await store(name)).toMatchObject({ blobId, result: 'newlyCreated' });
  });

  it('take object ids too, several at once, and refuse all when one is wrong', async () => {
    const a = await store(await randomFile(10));
    const b = await store(await randomFile(11));
    await floe.fails(['delete', a.blobId, UNKNOWN_ID], EXIT.notFound, 'BLOB_NOT_OWNED');
    expect(await floe.ok(['list'])).toContain(a.blobId);
    const { deleted } = await floe.json<{ deleted: unknown[] }>(['delete', a.objectId, b.blobId, b.objectId]);
    expect(deleted).toEqual([
      { blobId: a.blobId, objectId: a.objectId },
      { blobId: b.blobId, objectId: b.objectId },
    ]);
  });

  it('keep a permanent blob from everybody, its owner too', async () => {
    const { blobId, objectId, deletable } = await store(await randomFile(500), '--permanent', '--epochs', '5');
    expect(deletable).toBe(false);
    expect(await floe.fails(['delete', blobId], EXIT.conflict, 'BLOB_NOT_DELETABLE')).toContain('permanent');
    await floe.fails(['delete', objectId], EXIT.conflict, 'BLOB_NOT_DELETABLE');
    expect(await floe.ok(['status', blobId])).toMatch(
      /: certified, permanent, until the start of epoch 6\nredundancy: 200 of 200 slivers proven \(100 primary, 100 secondary\)/,
    );
    await floe.ok(['read', blobId, '-o', 'copy']);
  });

  it('a blob that another wallet stored can be read and not deleted', async () => {
    const name = await randomFile(700);
    const { blobId } = await store(name, '--wallet', join(home.path, 'other.json'));
    await floe.ok(['read', blobId, '-o', 'copy']);
    await expectSame('copy', name);
    await floe.fails(['delete', blobId], EXIT.notFound, 'BLOB_NOT_OWNED');
  });
});

describe('the network', () => {
  it('is described by info', async () => {
    const info = await floe.json<{ nodes: { shards: number }[] }>(['info']);
    expect(info).toMatchObject({
      network: join(network.directory, 'network.json'),
      epoch: 1,
      maxEpochsAhead: 53,
      nShards: N_SHARDS,
      maxFaultyShards: 6,
      maxBlobSizeBytes: maxBlobSize(geometryOf(N_SHARDS)),
    });
    expect(info.nodes.reduce((sum, { shards }) => sum + shards, 0)).toBe(N_SHARDS);
    const text = await floe.ok(['info']);
    expect(text).toContain('shards       21 on 7 nodes; any 6 may fail');
    for (const { name, url, region } of network.network.nodes) {
      expect(text).toMatch(new RegExp(`node +${name} .* ${region} +${url}`));
    }
  });

  it('is found in the default directory, by environment, by path and by URL', async () => {
    const server = await serveNetwork();
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/network.json`;
    const path = join(network.directory, 'network.json');
    const infoOf = (args: string[], env: Record<string, string>, cwd = files) =>
      floe.json<{ network: string }>(['info', ...args], { cwd, env });
    expect((await infoOf([], { FLOE_NETWORK: '' }, home.path)).network).toBe(path);
    expect((await infoOf([], { FLOE_NETWORK: path })).network).toBe(path);
    expect((await infoOf(['--network', path], { FLOE_NETWORK: 'nowhere' })).network).toBe(path);
    expect((await infoOf([], { FLOE_NETWORK: url })).network).toBe(url);
    expect((await infoOf(['--network', url], {})).network).toBe(url);

    // A network known by its address only: the wallet is the user's own, made and filled by itself.
    const name = await randomFile(800);
    const wallet = await floe.json<{ path: string }>(['wallet', '--network', url]);
    expect(wallet.path).toBe(join(home.path, 'config', 'floe', 'wallet.json'));
    const { blobId } = await store(name, '--network', url);
    expect((await floe.json<Listed[]>(['list', '--network', url])).map((blob) => blob.blobId)).toEqual([blobId]);
    await new Promise((resolve) => server.close(resolve));
    const message = await floe.fails(['info', '--network', url], EXIT.notFound, 'NETWORK_NOT_FOUND');
    expect(message).toContain(`${url} (ECONNREFUSED)`);
  });

  it('that is not there, or not one, is said with what to do', async () => {
    const message = await floe.fails(['info', '--network', 'nowhere.json'], EXIT.notFound, 'NETWORK_NOT_FOUND');
    expect(message).toContain(join(files, 'nowhere.json'));
    expect(message).toContain('start one with `floe dev`');
    await floe.fails(['list'], EXIT.notFound, 'NETWORK_NOT_FOUND', { env: { FLOE_NETWORK: '' } });
    await writeFile(join(files, 'other.json'), '{"nShards":3}');
    await floe.fails(['info', '--network', 'other.json'], EXIT.invalid, 'NETWORK_FILE_INVALID');
  });

  it('that does not answer gives exit code 7 in time', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    const url = `http://127.0.0.1:${port}`;
    const description = JSON.stringify(network.network).replaceAll(network.network.ledger.url, url);
    await writeFile(join(files, 'dead.json'), description);
    const option = ['--network', 'dead.json', '--wallet', join(home.path, 'other.json')];
    expect(await floe.fails(['info', ...option], EXIT.unavailable, 'LEDGER_UNREACHABLE')).toContain(url);
    await floe.fails(['store', await randomFile(10), ...option], EXIT.unavailable, 'LEDGER_UNREACHABLE');
  });

  async function serveNetwork(): Promise<Server> {
    const text = await readFile(join(network.directory, 'network.json'));
    const server = createServer((_request, response) => {
      response.end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  }
});

describe('blob-id', () => {
  it("takes the network's number of shards, else 1000, and says which", async () => {
    const name = await randomFile(4000);
    const here = await floe.ok(['blob-id', name]);
    expect(here).toContain(`(for 21 shards, the network of ${join(network.directory, 'network.json')})`);
    const nowhere = { env: { FLOE_NETWORK: '' } };
    const alone = await floe.ok(['blob-id', name], nowhere);
    expect(alone).toContain('(for 1000 shards, the default, as no network was found)');
    expect(await floe.ok(['blob-id', name, '--shards', '21'])).toContain('(for 21 shards, as asked)');
    const [json] = await floe.json<{ blobId: string }[]>(['blob-id', name], nowhere);
    expect(json).toMatchObject({ path: name, sizeBytes: 4000, nShards: 1000, encodingType: 'RS2' });
    expect(alone).toContain(`${json?.blobId}  ${name}\n`);
    expect((await store(name)).blobId).toBe(here.slice(0, 43));
    await floe.fails(['blob-id', name, '--network', 'nowhere'], EXIT.notFound, 'NETWORK_NOT_FOUND');
    await floe.fails(['blob-id', name], EXIT.notFound, 'NETWORK_NOT_FOUND', { env: { FLOE_NETWORK: 'nowhere' } });
  });

  it('encodes and decodes a file without a network', async () => {
    const name = await randomFile(10_000);
    const { blobId } = await floe.json<{ blobId: string }>(['encode', name, '--shards', '21', '-o', 'slivers']);
    expect(await floe.ok(['decode', 'slivers', '-o', 'copy'])).toBe(`${blobId}: 9.77 KiB written to copy\n`);
    await expectSame('copy', name);
    await floe.fails(['decode', 'nowhere', '-o', 'copy'], EXIT.invalid, 'FILE_UNREADABLE');
  });
});

describe('the wallet and the faucet', () => {
  it('move to another machine by export and import', async () => {
    const [exported, copy] = [await floe.ok(['wallet', 'export']), join(home.path, 'copy.json')];
    expect(exported).toMatch(/^suiprivkey1[a-z0-9]+\n$/);
    const { address, secretKey } = await floe.json<{ address: string; secretKey: string }>(['wallet', 'export']);
    expect(secretKey).toBe(exported.trim());
    await floe.ok(['wallet', 'import', '-', '--wallet', copy], { input: exported });
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    expect(await floe.json(['wallet', '--wallet', copy])).toMatchObject({ address, path: copy });
    expect(await floe.ok(['wallet'], { env: { FLOE_WALLET: copy } })).toContain(`file     ${copy}\n`);

    const other = new Ed25519Keypair();
    const args = ['wallet', 'import', other.getSecretKey(), '--wallet', copy];
    expect(await floe.fails(args, EXIT.conflict, 'WALLET_EXISTS')).toContain(copy);
    expect(await floe.json(['wallet', 'export', '--wallet', copy])).toMatchObject({ address });
    await floe.ok([...args, '--force']);
    expect(await floe.json(['wallet', 'export', '--wallet', copy])).toMatchObject({ address: other.toSuiAddress() });
  });

  it('refuse keys and files that are none, without showing them', async () => {
    const target = join(home.path, 'new.json');
    const refuse = (key: string) => floe.fails(['wallet', 'import', key, '--wallet', target], EXIT.invalid, 'USAGE');
    expect(await refuse('suiprivkey1nonsense')).not.toContain('nonsense');
    expect(await refuse(new Secp256k1Keypair().getSecretKey())).toContain('only ED25519');
    expect(await readdir(home.path)).not.toContain('new.json');
    await floe.fails(['wallet', 'export', '--wallet', target], EXIT.notFound, 'WALLET_NOT_FOUND');
    await writeFile(target, '{"version":1,"secretKey":"x"}');
    expect(await floe.fails(['wallet', '--wallet', target], EXIT.invalid, 'WALLET_INVALID')).toContain(target);
  });

  it('give coins to the wallet or to an address', async () => {
    const wallet = join(home.path, 'fresh.json');
    expect(await floe.json(['wallet', '--wallet', wallet])).toMatchObject({ wal: '0', sui: '0' });
    const { wal, sui } = await floe.json<{ wal: string; sui: string }>(['faucet', '--wallet', wallet]);
    expect(BigInt(wal)).toBeGreaterThan(0n);
    expect(BigInt(sui)).toBeGreaterThan(0n);
    const address = new Ed25519Keypair().toSuiAddress();
    expect(await floe.ok(['faucet', address])).toMatch(
      new RegExp(`^${address} now has [\\d.]+ WAL and [\\d.]+ SUI\n$`),
    );
    await floe.fails(['faucet', '0xnothex'], EXIT.invalid, 'INVALID_OBJECT_ID');
  });

  it('of commands that start at once is one wallet, and both store', async () => {
    const wallet = join(home.path, 'at-once.json');
    const [a, b] = await Promise.all([
      store(await randomFile(600), '--wallet', wallet),
      store(await randomFile(601), '--wallet', wallet),
    ]);
    const listed = await floe.json<Listed[]>(['list', '--wallet', wallet]);
    expect(listed.map(({ blobId }) => blobId).toSorted()).toEqual([a.blobId, b.blobId].toSorted());
  });
});

describe('an interrupt', () => {
  it.each([
    ['registering on the ledger', 'SIGINT'],
    ['uploading to storage nodes', 'SIGTERM'],
    ['certifying on the ledger', 'SIGINT'],
  ] as const)('while %s ends with 130, and the next store pays nothing twice', async (stage, signal) => {
    const wallet = ['--wallet', join(home.path, `interrupt ${stage}.json`)];
    const { wal: full } = await floe.json<{ wal: string }>(['faucet', ...wallet]);
    const name = await randomFile(6_000_000);
    const { code, stdout, stderr } = await floe.run(['store', name, ...wallet], { kill: { on: stage, signal } });
    // What came before the signal was noticed may have been the end.
    if (code === EXIT.done) expect(stdout).toMatch(/^[\w-]{43} /);
    else expect([code, stdout, stderr.trimEnd().split('\n').at(-1)]).toEqual([EXIT.interrupted, '', 'interrupted']);
    const again = await store(name, ...wallet);
    const system = await connection.client.systemState();
    const { total } = storeCost({ ...system, encodedLength: again.encodedSizeBytes, epochs: 1 });
    expect(BigInt(full) - (await balance(...wallet))).toBe(total);
    await floe.ok(['read', again.blobId, '-o', 'copy']);
    await expectSame('copy', name);
    if (stage === 'uploading to storage nodes') {
      expect(code).toBe(EXIT.interrupted);
      expect(again).toMatchObject({ cost: '0', operation: { kind: 'reuseRegistration' } });
    }
  });

  it('of one file of several leaves the others stored, and says which', async () => {
    const [first, second] = [await randomFile(1000), await randomFile(6_000_000)];
    const kill = { on: `${second}: uploading`, signal: 'SIGINT' } as const;
    const human = await floe.run(['store', first, second], { kill });
    expect(human.code).toBe(EXIT.interrupted);
    expect(human.stdout).toContain(first);
    expect(human.stdout).not.toContain(second);
    const { blobId } = await store(first);
    expect(human.stdout.slice(0, 43)).toBe(blobId);
  });
});

it('a failure of one file of several does not hide those stored before it', async () => {
  const wallet = join(home.path, 'partly.json');
  const [cheap, dear] = [await randomFile(10), await randomFile(8_000_000)];
  const { faucet: _faucet, ...rest } = network.network;
  await mkdir(join(home.path, 'partly'));
  const path = join(home.path, 'partly', 'network.json');
  await writeFile(path, JSON.stringify(rest));
  await floe.ok(['faucet', '--wallet', wallet]);
  const [{ cost }] = (await floe.json<Stored[]>(['store', await randomFile(9), '--wallet', wallet])) as [Stored];
  // All but what the first of the two costs.
  const keypair = (await readWallet(wallet))?.keypair as Ed25519Keypair;
  const transaction = new Transaction();
  const { walType } = network.network.ledger;
  const surplus = (await balance('--wallet', wallet)) - BigInt(cost);
  transaction.transferObjects([transaction.add(coinWithBalance({ type: walType, balance: surplus }))], UNUSED_ADDRESS);
  await connection.ledgerClient.execute(transaction, keypair);
  const args = ['store', cheap, dear, '--json', '--network', path, '--wallet', wallet];
  const { code, stdout, stderr } = await floe.run(args);
  expect(code).toBe(EXIT.exhausted);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INSUFFICIENT_WAL' } });
  expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ path: cheap, result: 'newlyCreated' })]);
});
