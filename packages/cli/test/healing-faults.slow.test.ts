/**
 * Storage nodes in processes of their own that sleep while blobs are stored, or are killed again while they heal: each comes back by itself
 * to everything it owes. What a lost disk costs is in `chaos.slow.test.ts`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import {
  AXES,
  type BlobId,
  type Committee,
  geometryOf,
  nodeRequest,
  pairOfShard,
  type ShardIndex,
} from '@floe/protocol';
import { type DevProcess, runFloe, slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const TEST_TIMEOUT_MS = 300_000;
const HEALED_WITHIN_MS = 180_000;
const LARGEST_BLOB_BYTES = 1_000_000;

const suite = slowSuite('healing faults');
const signer = new Ed25519Keypair();
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let connection: FloeConnection;
let committee: Committee;
const blobs = new Map<BlobId, Uint8Array>();

beforeAll(async () => {
  home = await temporaryDirectory('healing');
  network = await startDev(home.path, ['--isolate', '--nodes', '5', '--shards', '20']);
  connection = await connectFloe({
    ledger: network.ledger,
    nodeUrlScheme: 'http',
  });
  committee = (await connection.client.committees()).current;
  await network.fund(signer.toSuiAddress());
  for (let i = 0; i < 4; i += 1) await store();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await connection.close();
  await network.stop();
  await home.remove();
}, TEST_TIMEOUT_MS);

describe('a node whose process is killed', () => {
  it('gets what was stored while it was away', { timeout: TEST_TIMEOUT_MS }, async () => {
    const name = anyNode();
    await act('kill', name);
    for (let i = 0; i < 3; i += 1) await store();
    const shards = committee.members.find((member) => member.name === name)?.shards.length;
    expect(await health()).toMatchObject({ healthy: false, unknownShards: shards, belowTarget: blobs.size });
    await act('restore', name);
    await untilWhole(name);
    await readAll();
    await untilHealthy();
  });

  it('goes on when it is killed again in the middle', { timeout: TEST_TIMEOUT_MS }, async () => {
    const name = anyNode();
    await act('wipe', name);
    await act('restore', name);
    await act('kill', name);
    await act('restore', name);
    await untilWhole(name);
    await readAll();
  });
});

function anyNode(): string {
  const { members } = committee;
  return (members[suite.rng.below(members.length)] as (typeof members)[0]).name;
}

async function act(action: 'kill' | 'wipe' | 'restore', name: string): Promise<void> {
  process.stdout.write(`${action} ${name}\n`);
  const result = await runFloe(['dev', action, name, '--dir', home.path]);
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
}

/** Until the node gives every sliver that the committee assigns to it. */
async function untilWhole(name: string): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const missing = await missingSlivers(name);
    const elapsedMs = performance.now() - startMs;
    if (missing === 0) {
      process.stdout.write(`  ${name} is whole after ${elapsedMs.toFixed(0)} ms\n`);
      return;
    }
    if (elapsedMs > HEALED_WITHIN_MS) throw new Error(`${name} still lacks ${missing} slivers`);
    await pause(500);
  }
}

interface Health {
  readonly healthy: boolean;
  readonly blobs: number;
  readonly belowTarget: number;
  readonly unknownShards: number;
}

/** What `floe health` counts. */
async function health(): Promise<Health> {
  const result = await runFloe(['health', '--json', '--network', `${home.path}/network.json`]);
  expect(result.stderr).toBe('');
  return JSON.parse(result.stdout) as Health;
}

/** A count may be a few seconds old. */
async function untilHealthy(): Promise<void> {
  const endMs = performance.now() + HEALED_WITHIN_MS;
  for (let last = await health(); !last.healthy; last = await health()) {
    if (performance.now() > endMs) throw new Error(`still ${last.belowTarget} of ${last.blobs} blobs below target`);
    await pause(500);
  }
}

async function missingSlivers(name: string): Promise<number> {
  const { url } = network.network.nodes.find((node) => node.name === name) as { url: string };
  const member = committee.members.find((each) => each.name === name) as (typeof committee.members)[0];
  const geometry = geometryOf(network.network.nShards);
  let missing = 0;
  for (const blobId of blobs.keys()) {
    for (const shard of member.shards as readonly ShardIndex[]) {
      for (const axis of AXES) {
        const pair = pairOfShard(geometry, blobId, shard);
        const { target } = nodeRequest({ name: 'getSliver', blobId, pair, axis });
        const response = await fetch(`${url}${target}`).catch(() => undefined);
        await response?.arrayBuffer();
        if (response?.status !== 200) missing += 1;
      }
    }
  }
  return missing;
}

async function store(): Promise<void> {
  const blob = suite.rng.bytes(1 + suite.rng.below(LARGEST_BLOB_BYTES));
  const { blobId } = await connection.client.store(blob, { epochs: 1, signer, tail: 'wait' });
  blobs.set(blobId, blob);
}

async function readAll(): Promise<void> {
  for (const [blobId, blob] of blobs) {
    const came = await connection.client.read(blobId);
    expect(Buffer.compare(came, blob), blobId).toBe(0);
  }
}
