/**
 * Storage nodes in processes of their own that are killed, paused (they accept connections and never answer) and
 * restored: with nodes of any f shards out, stores and reads go on; with n − 2f shards left, reads do; below that
 * comes a clear error in time.
 */
import { createHash } from 'node:crypto';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { isFloeError, mapConcurrent, shuffled, type Rng } from '@floe/platform';
import { geometryOf, type BlobId, type Geometry } from '@floe/protocol';
import { runFloe, slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Random sets of nodes for each kind of fault; the first is always tried, the others while there is time. */
const ROUNDS = 3;
const READ_TIMEOUT_MS = 20_000;
const STORE_TIMEOUT_MS = 40_000;
const TEST_TIMEOUT_MS = 300_000;

const suite = slowSuite('faults');
const signer = new Ed25519Keypair();
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let connection: FloeConnection;
let geometry: Geometry;
const weights = new Map<string, number>();
/** Digests by blob; those stored while every node was up are on every shard, the others on n − f at least. */
const everywhere = new Map<BlobId, string>();
const elsewhere = new Map<BlobId, string>();

beforeAll(async () => {
  home = await temporaryDirectory('faults');
  network = await startDev(home.path, ['--isolate', '--nodes', '13', '--shards', '100']);
  connection = await connectFloe({
    ledger: network.ledger,
    nodeUrlScheme: 'http',
    limits: { readTimeoutMs: READ_TIMEOUT_MS, storeTimeoutMs: STORE_TIMEOUT_MS },
  });
  geometry = geometryOf(network.network.nShards);
  const { current } = await connection.client.committees();
  for (const { name, shards } of current.members) weights.set(name, shards.length);
  await network.fund(signer.toSuiAddress());
  for (let i = 0; i < 4; i += 1) await store('wait', everywhere);
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await connection.close();
  await network.stop();
  await home.remove();
}, TEST_TIMEOUT_MS);

describe.each(['kill', 'pause'] as const)('nodes that are hit by %s', (fault) => {
  it('holding any f shards do not stop stores and reads', { timeout: TEST_TIMEOUT_MS }, async () => {
    for (let round = 0; round < ROUNDS && (round === 0 || !suite.spent()); round += 1) {
      await without(fault, nodesWithin(geometry.maxFaulty, suite.rng), async () => {
        await store('cancel', elsewhere);
        await readAll(everywhere);
      });
      await readAll(elsewhere);
    }
  });

  it('leaving n − 2f shards do not stop reads of certified blobs', { timeout: TEST_TIMEOUT_MS }, async () => {
    for (let round = 0; round < ROUNDS && (round === 0 || !suite.spent()); round += 1) {
      await without(fault, nodesWithin(2 * geometry.maxFaulty, suite.rng), () => readAll(everywhere));
    }
  });

  it('leaving less give a clear error in time', { timeout: TEST_TIMEOUT_MS }, async () => {
    const order = shuffled([...weights.keys()], suite.rng);
    const left = order.filter((_, index) => weightOf(order.slice(0, index + 1)) < geometry.rows);
    await without(fault, order.slice(left.length), async () => {
      const [blobId] = [...everywhere.keys()];
      const startMs = performance.now();
      const error = await connection.client.read(blobId as BlobId).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(isFloeError(error) && error.kind).toBe('unavailable');
      // The deadline is the client's own; the margin is for the machine.
      expect(performance.now() - startMs).toBeLessThan(2 * READ_TIMEOUT_MS);
      const refused = await store('cancel', elsewhere).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(isFloeError(refused) && refused.kind).toBe('unavailable');
    });
    await readAll(everywhere);
  });
});

/** Does `work` while the nodes are out, then brings them back. */
async function without(fault: 'kill' | 'pause', nodes: readonly string[], work: () => Promise<void>): Promise<void> {
  process.stdout.write(`${fault} ${nodes.join(' ')}: ${weightOf(nodes)} of ${geometry.nShards} shards\n`);
  for (const node of nodes) await act(fault, node);
  try {
    await work();
  } finally {
    for (const node of nodes) await act(fault === 'kill' ? 'restore' : 'resume', node);
  }
}

async function act(action: string, node: string): Promise<void> {
  const result = await runFloe(['dev', action, node, '--dir', home.path]);
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
}

/** A random set of nodes that hold at most `weight` shards, to which none can be added. */
function nodesWithin(weight: number, rng: Rng): string[] {
  const chosen: string[] = [];
  for (const node of shuffled([...weights.keys()], rng)) {
    if (weightOf([...chosen, node]) <= weight) chosen.push(node);
  }
  return chosen;
}

function weightOf(nodes: readonly string[]): number {
  return nodes.reduce((sum, node) => sum + (weights.get(node) as number), 0);
}

async function store(tail: 'wait' | 'cancel', into: Map<BlobId, string>): Promise<void> {
  const blob = suite.rng.bytes(1 + suite.rng.below(300_000));
  const startMs = performance.now();
  const { blobId } = await connection.client.store(blob, { epochs: 1, signer, tail });
  process.stdout.write(`  stored in ${(performance.now() - startMs).toFixed(0)} ms\n`);
  into.set(blobId, digest(blob));
}

async function readAll(blobs: ReadonlyMap<BlobId, string>): Promise<void> {
  const startMs = performance.now();
  await mapConcurrent(blobs, 4, async ([blobId, sha256]) => {
    expect(digest(await connection.client.read(blobId)), blobId).toBe(sha256);
  });
  process.stdout.write(`  read ${blobs.size} blobs in ${(performance.now() - startMs).toFixed(0)} ms\n`);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
