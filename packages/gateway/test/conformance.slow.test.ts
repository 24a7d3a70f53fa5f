/** The gateway of a real network, as a user with curl meets it. */
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LedgerClient, sendCoin } from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { parseObjectId } from '@floe/protocol';
import { type DevProcess, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HAS_CURL, runCurl, transfer } from './support/http-tool.ts';

const SIZE_BYTES = 100 * 1024 * 1024;

interface StoreJson {
  readonly newlyCreated: {
    readonly blobObject: { readonly id: string; readonly blobId: string; readonly size: number };
    readonly resourceOperation: object;
  };
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dev: DevProcess;
let gateway: string;
let ledger: LedgerClient;
const file = (name: string): string => join(directory.path, name);

beforeAll(async () => {
  directory = await temporaryDirectory('gateway');
  dev = await startDev(file('network'), ['--log-level', 'info']);
  gateway = dev.network.gateway.publisherUrl;
  ledger = new LedgerClient(dev.ledger, { clock: systemClock, scheduler: systemScheduler });
});

afterAll(async () => {
  await dev?.stop();
  await directory?.remove();
});

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function put(path: string, query: string): Promise<StoreJson> {
  const output = `${path}.stored.json`;
  const { status } = await transfer({ url: `${gateway}/v1/blobs?${query}`, upload: path, output });
  const text = await readFile(output, 'utf8');
  expect(status, text).toBe(200);
  return JSON.parse(text) as StoreJson;
}

describe('100 MiB', () => {
  let blobUrl: string;
  let blobId: string;

  it('stores and reads back equal', async () => {
    // Blocks that differ: a block that was mistaken for another would not go unseen.
    const bytes = randomFillSync(Buffer.alloc(SIZE_BYTES));
    await writeFile(file('large'), bytes);
    const { newlyCreated } = await put(file('large'), 'epochs=3');
    ({ blobId } = newlyCreated.blobObject);
    expect(newlyCreated.blobObject.size).toBe(SIZE_BYTES);
    blobUrl = `${gateway}/v1/blobs/${blobId}`;
    const { status, headers } = await transfer({ url: blobUrl, output: file('read') });
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-length': String(SIZE_BYTES),
      'accept-ranges': 'bytes',
      etag: `"${blobId}"`,
      'cache-control': expect.stringContaining('immutable') as string,
    });
    expect(await sha256(file('read'))).toBe(await sha256(file('large')));
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=1048570-52428800', 1_048_570, 52_428_801],
    ['bytes=104857000-', 104_857_000, SIZE_BYTES],
    ['bytes=-1000', SIZE_BYTES - 1000, SIZE_BYTES],
    ['bytes=104857590-999999999', 104_857_590, SIZE_BYTES],
  ])('reads %s', async (range, start, end) => {
    const { status, headers } = await transfer({ url: blobUrl, output: file('part'), headers: { range } });
    expect(status).toBe(206);
    expect(headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${SIZE_BYTES}`);
    const part = await readFile(file('part'));
    expect(part.equals((await readFile(file('large'))).subarray(start, end))).toBe(true);
  });

  it('refuses a range past the end', async () => {
    const headers = { range: `bytes=${SIZE_BYTES}-` };
    const answer = await transfer({ url: blobUrl, output: file('part'), headers });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${SIZE_BYTES}`]);
  });

  it('is described by HEAD and not sent again to who has it', async () => {
    const head = await transfer({ url: blobUrl, output: file('head'), head: true });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(SIZE_BYTES)]);
    const headers = { 'if-none-match': `"${blobId}"` };
    expect((await transfer({ url: blobUrl, output: file('part'), headers })).status).toBe(304);
  });

  it.runIf(HAS_CURL)('goes on where a download was cut', async () => {
    await truncate(file('read'), 77_777_777);
    await runCurl(['--silent', '--show-error', '--continue-at', '-', '--output', file('read'), blobUrl]);
    expect((await stat(file('read'))).size).toBe(SIZE_BYTES);
    expect(await sha256(file('read'))).toBe(await sha256(file('large')));
  });
});

describe('a small file', () => {
  it('is stored anew while deletable, and once while permanent', async () => {
    await writeFile(file('small'), 'small file');
    const first = await put(file('small'), 'epochs=2');
    const second = await put(file('small'), 'epochs=2');
    expect(second.newlyCreated.blobObject.id).not.toBe(first.newlyCreated.blobObject.id);
    expect(await put(file('small'), 'epochs=2&reuse_resources=true')).toHaveProperty('alreadyCertified.object');
    await put(file('small'), 'epochs=2&permanent=true');
    expect(await put(file('small'), 'epochs=2&permanent=true')).toHaveProperty('alreadyCertified.event.txDigest');
  });

  it('reads by its object, empty ones too', async () => {
    await writeFile(file('empty'), '');
    const { newlyCreated } = await put(file('empty'), 'epochs=1');
    const url = `${gateway}/v1/blobs/by-object-id/${newlyCreated.blobObject.id}`;
    const { status, headers } = await transfer({ url, output: file('part') });
    expect([status, headers.get('content-length')]).toEqual([200, '0']);
  });

  it('goes to the address that was asked for, also when the wallet has one of its own', async () => {
    const owner = parseObjectId(`0x${'ab'.repeat(32)}`);
    const { newlyCreated } = await put(file('small'), `epochs=2&send_object_to=${owner}&reuse_resources=true`);
    const owned: string[] = [];
    for await (const { objectId } of ledger.ownedBlobs(owner)) owned.push(objectId);
    expect(owned).toEqual([newlyCreated.blobObject.id]);
  });
});

describe('a wallet without WAL', () => {
  it('is filled up again, and the store that found it empty succeeds', async () => {
    const { secretKey } = JSON.parse(await readFile(file('network/keys/gateway.json'), 'utf8')) as {
      secretKey: string;
    };
    const signer = Ed25519Keypair.fromSecretKey(secretKey);
    const address = parseObjectId(signer.toSuiAddress());
    const { wal } = await ledger.balances(address);
    const transaction = new Transaction();
    sendCoin(transaction, { coinType: dev.network.ledger.walType, amount: wal, to: parseObjectId('0xabc') });
    await ledger.execute(transaction, signer);
    expect((await ledger.balances(address)).wal).toBe(0n);
    await writeFile(file('unpaid'), 'who pays?');
    await put(file('unpaid'), 'epochs=1');
    expect((await ledger.balances(address)).wal).toBeGreaterThan(0n);
  });
});

describe('many at once', () => {
  it('are all stored, from one wallet', async () => {
    await mkdir(file('many'));
    const paths = Array.from({ length: 16 }, (_, index) => file(`many/${index}`));
    await Promise.all(paths.map((path, index) => writeFile(path, `file number ${index}`)));
    const results = await Promise.all(paths.map((path) => put(path, 'epochs=1')));
    const ids = new Set(results.map(({ newlyCreated }) => newlyCreated.blobObject.id));
    expect(ids.size).toBe(16);
    const reads = results.map(async ({ newlyCreated }, index) => {
      const response = await fetch(`${gateway}/v1/blobs/${newlyCreated.blobObject.blobId}`);
      expect(await response.text()).toBe(`file number ${index}`);
    });
    await Promise.all(reads);
  });

  it('are all stored when their contents are the same', async () => {
    await writeFile(file('same'), 'the same for all');
    const results = await Promise.all(Array.from({ length: 6 }, () => put(file('same'), 'epochs=1')));
    expect(new Set(results.map(({ newlyCreated }) => newlyCreated.blobObject.blobId)).size).toBe(1);
  });
});

describe('a quilt', () => {
  it.runIf(HAS_CURL)('is stored from a form, listed, and read by patch', async () => {
    await writeFile(file('a.txt'), 'first file');
    await writeFile(file('b.bin'), randomFillSync(Buffer.alloc(50_000)));
    const metadata = JSON.stringify([{ identifier: 'dir/a.txt', tags: { 'content-type': 'text/plain' } }]);
    const stored = JSON.parse(
      await runCurl([
        '--silent',
        '--show-error',
        '--request',
        'PUT',
        '--form',
        `dir/a.txt=@${file('a.txt')}`,
        '--form',
        `b.bin=@${file('b.bin')}`,
        '--form-string',
        `_metadata=${metadata}`,
        `${gateway}/v1/quilts?epochs=2`,
      ]),
    ) as {
      blobStoreResult: StoreJson;
      storedQuiltBlobs: { identifier: string; quiltPatchId: string; range: [number, number] }[];
    };
    const quiltId = stored.blobStoreResult.newlyCreated.blobObject.blobId;
    const patches = stored.storedQuiltBlobs;
    expect(patches.map(({ identifier }) => identifier)).toEqual(['b.bin', 'dir/a.txt']);
    const list = (await (await fetch(`${gateway}/v1/quilts/${quiltId}/patches`)).json()) as object[];
    expect(list).toEqual([
      { identifier: 'b.bin', patch_id: patches[0]?.quiltPatchId, tags: {} },
      { identifier: 'dir/a.txt', patch_id: patches[1]?.quiltPatchId, tags: { 'content-type': 'text/plain' } },
    ]);
    const byId = await fetch(`${gateway}/v1/blobs/by-quilt-patch-id/${patches[0]?.quiltPatchId}`);
    expect(Buffer.from(await byId.arrayBuffer()).equals(await readFile(file('b.bin')))).toBe(true);
    const byName = await fetch(`${gateway}/v1/blobs/by-quilt-id/${quiltId}/${encodeURIComponent('dir/a.txt')}`);
    expect([byName.headers.get('content-type'), await byName.text()]).toEqual(['text/plain', 'first file']);
  });
});
