/** `floe ledger` as a user runs it, on a network that ran, was stored to, and ended. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLmdbStore } from '@floe/platform/node';
import { slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createCli, EXIT, type Cli } from './support/cli.ts';

const SHAPE = ['--nodes', '4', '--shards', '10'];
/** With a budget, what does not come to its turn in twice this file's share is left out. */
const suite = slowSuite('ledger commands', 2);

interface Verified {
  readonly checkpoint: string;
  readonly digest: string;
  readonly stateRoot: string;
}
interface Proven {
  readonly type: string;
  readonly checkpoint: { readonly publicKey: string };
  readonly certification: { readonly blobId: string; readonly certifiedEpoch: number } | null;
}

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let floe: Cli;
let directory: string;
/** While the network ran: a blob, and what the ledger proved of its object. */
let blobId: string;
let proven: Proven;
let verified: Verified;

beforeAll(async () => {
  home = await temporaryDirectory('ledger');
  directory = join(home.path, 'network');
  floe = createCli({ cwd: home.path, env: { FLOE_NETWORK: join(directory, 'network.json') } });
  const network = await startDev(directory, SHAPE);
  try {
    await writeFile(join(home.path, 'file.txt'), 'a file');
    const [stored] = await floe.json<{ blobId: string; objectId: string }[]>(['store', 'file.txt']);
    blobId = (stored as { blobId: string }).blobId;
    const objectId = (stored as { objectId: string }).objectId;
    proven = await floe.json<Proven>(['ledger', 'prove', objectId]);
    const { publicKey } = proven.checkpoint;
    expect(await floe.ok(['ledger', 'prove', objectId, '--key', publicKey])).toContain(
      `blob ${blobId} certified in epoch 1`,
    );
    await floe.fails(['ledger', 'prove', objectId, '--key', '11'.repeat(32)], 8, 'STATE_PROOF_INVALID');
    await floe.fails(['ledger', 'prove', `0x${'e'.repeat(64)}`], EXIT.notFound, 'OBJECT_NOT_FOUND');
    await floe.fails(['ledger', 'prove', 'blob'], EXIT.invalid, 'INVALID_OBJECT_ID');
    await floe.fails(['ledger', 'verify', '--dir', directory], EXIT.conflict, 'DIRECTORY_IN_USE');
    await floe.fails(['ledger', 'snapshot', '--dir', directory, '-o', 'x'], EXIT.conflict, 'DIRECTORY_IN_USE');
  } finally {
    await network.stop();
  }
});
afterAll(async () => {
  await home?.remove();
});
beforeEach((context) => {
  context.skip(suite.spent(), 'the budget is spent');
});

it('proves the certification of a blob', () => {
  expect(proven.type).toMatch(/::blob::Blob$/);
  expect(proven.certification).toMatchObject({ blobId, certifiedEpoch: 1 });
});

it('verifies a ledger, and leaves nothing of it behind', async () => {
  verified = await floe.json<Verified>(['ledger', 'verify', '--dir', directory]);
  expect(Number(verified.checkpoint)).toBeGreaterThan(2);
  expect(await floe.ok(['ledger', 'verify', '--dir', directory])).toContain(
    `verified up to checkpoint ${verified.checkpoint}`,
  );
  const { stdout } = await floe.shell(`ls ${directory}`);
  expect(stdout).not.toContain('verify-');
  expect(stdout).not.toContain('lock');
});

it('restores a snapshot elsewhere to the same state, which a network goes on from', async () => {
  const copy = join(home.path, 'copy');
  const { sizeBytes } = await floe.json<{ sizeBytes: number }>([
    'ledger',
    'snapshot',
    '--dir',
    directory,
    '-o',
    'snapshot',
  ]);
  expect((await readFile(join(home.path, 'snapshot'))).length).toBe(sizeBytes);
  expect(await floe.json<Verified>(['ledger', 'restore', 'snapshot', '--dir', copy])).toEqual(verified);
  expect(await floe.json<Verified>(['ledger', 'verify', '--dir', copy])).toEqual(verified);
  await floe.fails(['ledger', 'restore', 'snapshot', '--dir', copy], EXIT.conflict, 'SNAPSHOT_TARGET_USED');

  const again = join(home.path, 'again');
  await cp(directory, again, { recursive: true });
  await rm(join(again, 'ledger'), { recursive: true });
  await floe.ok(['ledger', 'restore', 'snapshot', '--dir', again]);
  const network = await startDev(again, SHAPE);
  try {
    expect(await floe.ok(['read', blobId, '--network', join(again, 'network.json')])).toBe('a file');
  } finally {
    await network.stop();
  }
});

it('says what is wrong: no ledger there, a file that is no snapshot, a snapshot that was changed', async () => {
  await floe.fails(['ledger', 'verify', '--dir', join(home.path, 'nothing')], EXIT.notFound, 'LEDGER_STORE_MISSING');
  await floe.fails(['ledger', 'snapshot', '-o', 'y'], EXIT.notFound, 'LEDGER_STORE_MISSING');
  await floe.fails(['ledger', 'restore', 'nothing', '--dir', 'a'], EXIT.invalid, 'FILE_UNREADABLE');
  await floe.fails(['ledger', 'restore', 'file.txt', '--dir', 'b'], 8, 'SNAPSHOT_INVALID');
  const bytes = await readFile(join(home.path, 'snapshot'));
  // Within the last object: the end after it has 13 bytes.
  bytes[bytes.length - 40]! ^= 1;
  await writeFile(join(home.path, 'changed'), bytes);
  await floe.fails(['ledger', 'restore', 'changed', '--dir', 'c'], 8, 'SNAPSHOT_INVALID');
  // It had written most of a ledger, and left nothing in the way of a second attempt.
  expect(await floe.json<Verified>(['ledger', 'restore', 'snapshot', '--dir', 'c'])).toEqual(verified);
});

it('begins no network on what a restoration left that was killed', async () => {
  const remains = join(home.path, 'remains', 'ledger');
  await mkdir(remains, { recursive: true });
  const store = await openLmdbStore({ directory: remains });
  await store.write([{ kind: 'put', table: 'ledger-objects', key: Uint8Array.of(1), value: Uint8Array.of(1) }]);
  await store.close();
  const said = await floe.fails(
    ['dev', '--dir', 'remains', ...SHAPE, '--port', '0', '--once'],
    EXIT.conflict,
    'LEDGER_INCOMPLETE',
  );
  expect(said).toContain(join('remains', 'ledger'));
});
