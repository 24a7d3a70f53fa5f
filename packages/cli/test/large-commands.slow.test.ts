/**
 * Blobs much larger than what the processes that move them may hold: stored from files and pipes, through the gateway, in
 * spite of a lost node, and after a command was killed. What is asserted is memory, never time.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { processMemory, slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCli, EXIT, type Cli } from './support/cli.ts';

const MIB = 1024 * 1024;
/** One of four nodes may be lost: its 250 shards are fewer than f = 333. */
const SHAPE = ['--nodes', '4', '--shards', '1000', '--isolate'];
/** Three times what is encoded in memory. Held whole with its slivers it would be more than 1 GiB. */
const SIZE_BYTES = 192 * MIB;
/** What streaming may take beside an idle process: 240 MiB for the codec, the rest for parts on their way. */
const STREAMING_BYTES = 352 * MIB;
const MAX_COMMAND_BYTES = 512 * MIB;
/** Of the process with ledger and gateway, and of a node: what they hold is bounded by their limits, not by the blob. */
const MAX_NODE_BYTES = 512 * MIB;
const MAX_GATEWAY_BYTES = 768 * MIB;

const suite = slowSuite('large', 2);
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let floe: Cli;
let files: string;
let idleBytes: number;
let scratch: string;

interface Stored {
  readonly blobId: string;
  readonly result: string;
  readonly cost: string;
  readonly operation?: { readonly kind: string };
}

beforeAll(async () => {
  home = await temporaryDirectory('large');
  files = join(home.path, 'files');
  scratch = join(home.path, 'scratch');
  await mkdir(files);
  network = await startDev(join(home.path, '.floe'), SHAPE);
  const preload = pathToFileURL(join(import.meta.dirname, 'support', 'peak-memory.mjs')).href;
  const env = { FLOE_NETWORK: network.directory, FLOE_SCRATCH: scratch, HOME: home.path, PEAK_MEMORY_FILE: peakFile() };
  floe = createCli({ cwd: files, env: { ...env, NODE_OPTIONS: `--import=${preload}` } });
  await floe.ok(['wallet']);
  idleBytes = await peakBytes();
});

afterAll(async () => {
  await network?.stop();
  await home?.remove();
});

beforeEach((context) => {
  context.skip(suite.spent(), 'the budget is spent');
});

const peakFile = (): string => join(home.path, 'peak');
const peakBytes = async (): Promise<number> => Number(await readFile(peakFile(), 'utf8')) * 1024;

/** The last command stayed within what streaming takes. */
async function expectBounded(): Promise<void> {
  const bytes = await peakBytes();
  expect(bytes).toBeLessThan(idleBytes + STREAMING_BYTES);
  expect(bytes).toBeLessThan(MAX_COMMAND_BYTES);
}

/** A file of random bytes, and their hash. */
async function randomFile(name: string): Promise<{ path: string; sha256: string }> {
  const path = join(files, name);
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  for (let written = 0; written < SIZE_BYTES; written += 16 * MIB) {
    const bytes = suite.rng.bytes(16 * MIB);
    hash.update(bytes);
    await file.writeFile(bytes);
  }
  await file.close();
  return { path, sha256: hash.digest('hex') };
}

async function sha256Of(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Peaks of a process and of its children, where the system tells. */
async function peaksOf(pid: number): Promise<{ own: number; children: number[] }> {
  const own = await peakOf(pid);
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean);
  return { own, children: await Promise.all(children.map((child) => peakOf(Number(child)))) };
}

async function peakOf(pid: number): Promise<number> {
  return (await processMemory(pid))?.peakBytes ?? Number.NaN;
}

describe('a blob of 192 MiB at 1,000 shards', () => {
  let file: { path: string; sha256: string };
  let blobId: string;

  it('is stored from a file, in spite of a command that was killed, and paid once', async () => {
    file = await randomFile('large.bin');
    const kill = { on: 'uploading', signal: 'SIGKILL' } as const;
    expect((await floe.run(['store', file.path], { kill })).code).not.toBe(EXIT.done);
    expect(await readdir(scratch)).not.toEqual([]);
    const [stored] = await floe.json<Stored[]>(['store', file.path]);
    await expectBounded();
    expect(stored).toMatchObject({ result: 'newlyCreated', cost: '0', operation: { kind: 'reuseRegistration' } });
    blobId = (stored as Stored).blobId;
    // Neither what it needed itself, nor what the killed one left.
    expect(await readdir(scratch)).toEqual([]);
  });

  it('reads back the same, to a file and through a pipe', async () => {
    const copy = join(files, 'copy.bin');
    await floe.ok(['read', blobId, '-o', copy]);
    await expectBounded();
    expect(await sha256Of(createReadStream(copy))).toBe(file.sha256);
    const { stdout } = await floe.shell(`$FLOE read ${blobId} | sha256sum`);
    await expectBounded();
    expect(stdout).toContain(file.sha256);
  });

  it('is stored from standard input', async () => {
    const other = await randomFile('other.bin');
    const { code, stdout, stderr } = await floe.shell(`cat "${other.path}" | $FLOE store - --json`);
    expect(code, stderr).toBe(EXIT.done);
    await expectBounded();
    const [stored] = JSON.parse(stdout) as Stored[];
    const [id] = await floe.json<{ blobId: string }[]>(['blob-id', other.path]);
    await expectBounded();
    expect(stored?.blobId).toBe(id?.blobId);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('becomes a directory of slivers and a file again without a network, from slivers of either kind', async () => {
    const directory = join(files, 'slivers');
    const copy = join(files, 'from-slivers.bin');
    await floe.ok(['encode', file.path, '--shards', '1000', '-o', directory]);
    await expectBounded();
    await floe.ok(['decode', directory, '-o', copy]);
    await expectBounded();
    expect(await sha256Of(createReadStream(copy))).toBe(file.sha256);
    for (let i = 0; i < 333; i += 1) await rm(join(directory, `primary-${i}`));
    for (let i = 0; i < 334; i += 1) await rm(join(directory, `primary-${999 - i}`));
    await floe.ok(['decode', directory, '-o', copy]);
    await expectBounded();
    expect(await sha256Of(createReadStream(copy))).toBe(file.sha256);
    expect(await readdir(scratch)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it('passes through the gateway in both directions, and leaves nothing on its disk', async () => {
    const third = await randomFile('third.bin');
    const { publisherUrl, aggregatorUrl } = network.network.gateway;
    const body = createReadStream(third.path);
    const init = { method: 'PUT', body, duplex: 'half' } as unknown as RequestInit;
    const stored = await fetch(`${publisherUrl}/v1/blobs?epochs=1`, init);
    const { newlyCreated } = (await stored.json()) as { newlyCreated: { blobObject: { blobId: string } } };
    const response = await fetch(`${aggregatorUrl}/v1/blobs/${newlyCreated.blobObject.blobId}`);
    expect(await sha256Of(response.body as unknown as AsyncIterable<Uint8Array>)).toBe(third.sha256);
    // Uploads that the certificate did not wait for go on for a while, and read from there.
    const kept = expect.poll(() => readdir(join(network.directory, 'scratch')), { interval: 50, timeout: 300_000 });
    await kept.toEqual([]);
  });

  it('was held whole by no process on its way', async (context) => {
    context.skip(!existsSync('/proc/self/status'), 'this system does not tell how much memory a process had');
    const { own, children } = await peaksOf(network.pid);
    expect(own).toBeLessThan(MAX_GATEWAY_BYTES);
    expect(children).toHaveLength(4);
    for (const peak of children) expect(peak).toBeLessThan(MAX_NODE_BYTES);
  });

  it('is decoded when a node is lost, in the same bounds', async () => {
    await floe.ok(['dev', 'kill', 'node-00', '--dir', network.directory]);
    const copy = join(files, 'decoded.bin');
    await floe.ok(['read', blobId, '-o', copy]);
    await expectBounded();
    expect(await sha256Of(createReadStream(copy))).toBe(file.sha256);
    expect(await readdir(scratch)).toEqual([]);
  });
});
