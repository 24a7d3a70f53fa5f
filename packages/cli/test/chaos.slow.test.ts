/**
 * A network of processes under a load that never stops, while up to f shards' worth of its nodes are killed, paused, cut off, slowed and
 * reset, one loses its disk, and a whole region goes and returns. Nothing that was certified is lost, no read fails, no byte is wrong.
 */
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { mapConcurrent, shuffled } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import { geometryOf, symbolSizeOf } from '@floe/protocol';
import {
  ActionLog,
  type CertifiedBlob,
  FaultInjector,
  gatewayReader,
  gatewayWriter,
  Load,
  type NetworkNode,
  nodeMetrics,
  type ProcessNetwork,
  type SlowSuite,
  slowSuite,
  startProcessNetwork,
  temporaryDirectory,
} from '@floe/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientReader, clientWriter, streamReader, untilHeld, untilWhole } from './support/chaos/client-ports.ts';

/** 4 shards each; f is 13, so three nodes may be out at once. Regions have three nodes, or two. */
const [NODES, SHARDS, REGIONS] = [10, 40, 4];
const SHAPE = ['--nodes', `${NODES}`, '--shards', `${SHARDS}`, '--regions', `${REGIONS}`];
const SIZES_BYTES = [1_000, 20_000, 300_000, 2_000_000];
const PAUSE_MS = { writers: 1_000, readers: 300 };
const FAULTS_FULL_MS = 30 * 60_000;
const MAX_FAULT_MS = 20_000;
const MAX_PAUSE_MS = 5_000;
const WIPES_FULL = 3;
/** Before a disk is lost, and while a region is away. */
const [MIN_BLOBS, MIN_STORES] = [10, 3];
const HEALED_WITHIN_MS = 300_000;
/** Blobs of which every node has to prove every sliver at the end. */
const AUDITED = 100;
const TIMEOUT_MS = FAULTS_FULL_MS + 1_200_000;

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: ProcessNetwork;
let connection: FloeConnection;
let log: ActionLog;
let load: Load;
const shards = new Map<string, number>();
const shardsOf = (name: string): number => shards.get(name) as number;
const { maxFaulty } = geometryOf(SHARDS);

beforeAll(async () => {
  const suite = slowSuite('chaos');
  log = new ActionLog('chaos', suite.seed);
  home = await temporaryDirectory('chaos');
  network = await startProcessNetwork(home.path, SHAPE, suite);
  const { dev } = network;
  connection = await connectFloe({ ledger: dev.ledger, nodeUrlScheme: 'http' });
  const { current } = await connection.client.committees();
  for (const member of current.members) shards.set(member.name, member.shards.length);
  const { publisherUrl, aggregatorUrl } = dev.network.gateway;
  load = new Load(
    { seed: suite.seed, sizesBytes: SIZES_BYTES, pauseMs: PAUSE_MS },
    {
      writers: [clientWriter(connection, dev, () => 5), gatewayWriter(publisherUrl, () => 5)],
      readers: [clientReader(connection), streamReader(connection), gatewayReader(aggregatorUrl)],
      log,
    },
  );
  load.start();
  log.note('the network is up, the load has begun');
}, TIMEOUT_MS);

afterEach(({ task }) => {
  if (task.result?.state === 'fail') log.print();
});

afterAll(async () => {
  await load?.stop();
  await connection?.close();
  await network?.stop();
  await home?.remove();
}, TIMEOUT_MS);

describe('a network under load', () => {
  it('serves everything while up to f shards fail in every way', { timeout: TIMEOUT_MS }, async () => {
    const suite = slowSuite('chaos: faults', 0.4);
    const options = { maxShards: maxFaulty, maxFaultMs: MAX_FAULT_MS, maxPauseMs: MAX_PAUSE_MS };
    const faults = new FaultInjector(options, { nodes: network.nodes, shardsOf, rng: suite.rng, log });
    const over = new AbortController();
    const running = faults.run(over.signal);
    await Promise.race([running, untilOver(suite, FAULTS_FULL_MS)]);
    over.abort();
    await running;
    log.note(`faults ${JSON.stringify(faults.counts)}, most shards at once ${faults.mostShards} of ${maxFaulty}`);
    await expectAllWell('faults');
    expect(Object.values(faults.counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    expect(faults.mostShards).toBeLessThanOrEqual(maxFaulty);
  });

  it('makes a node whole again that lost its disk, and moves little for it', { timeout: TIMEOUT_MS }, async () => {
    const suite = slowSuite('chaos: wiped disks', 0.1);
    const rounds = suite.full ? WIPES_FULL : 1;
    for (const node of shuffled(network.nodes, suite.rng).slice(0, rounds)) {
      const { movedBytes, leastBytes } = await wipe(node);
      await expectAllWell(`wiped disk of ${node.name}`);
      expect(movedBytes / leastBytes).toBeLessThanOrEqual(1.5);
    }
  });

  it('loses a region and gets it back', { timeout: TIMEOUT_MS }, async () => {
    const suite = slowSuite('chaos: regions', 0.1);
    const regions = shuffled([...new Set(network.nodes.map(({ region }) => region))], suite.rng);
    for (const [index, region] of regions.entries()) {
      if (index > 0 && suite.spent()) break;
      const lost = network.nodes.filter((node) => node.region === region);
      const weight = lost.reduce((sum, { name }) => sum + shardsOf(name), 0);
      expect(weight).toBeLessThanOrEqual(maxFaulty);
      await withoutRegion(region, lost, suite.full ? 30_000 : 5_000);
      await expectAllWell(`region ${region}`);
    }
  });
});

/** Takes a node's disk away under load; what it received until it was whole, and the least that takes. */
async function wipe(node: NetworkNode): Promise<{ readonly movedBytes: number; readonly leastBytes: number }> {
  await untilStored(MIN_BLOBS);
  log.note(`${node.name} loses its disk, with ${load.blobs.size} blobs on the network`);
  await node.process.wipe();
  await node.process.start();
  const startMs = performance.now();
  const lost = [...load.blobs.values()];
  await untilHeld(connection, node.name, new Set(lost.map(({ blobId }) => blobId)), HEALED_WITHIN_MS);
  const seconds = (performance.now() - startMs) / 1000;
  const metrics = await nodeMetrics(node);
  const sum = (name: string, labels: readonly string[]): number =>
    labels.reduce((total, label) => total + (metrics.get(`${name}{${label}}`) ?? 0), 0);
  const traffic = ['symbols', 'slivers', 'transfer'].map((kind) => `traffic="${kind}"`);
  const movedBytes = sum('floe_node_recovery_received_bytes_total', traffic);
  const metadataBytes = sum('floe_node_recovery_received_bytes_total', ['traffic="metadata"']);
  const paths = ['copy', 'whole', 'symbols'].map((kind) => `path="${kind}"`);
  const restoredBytes = sum('floe_node_recovered_bytes_total', paths);
  const leastBytes = leastTraffic(lost, shardsOf(node.name), restoredBytes);
  log.note(
    `${node.name} is whole after ${seconds.toFixed(1)} s: of ${lost.length} blobs it restored ${restoredBytes} bytes and received ` +
      `${movedBytes}, ${(movedBytes / restoredBytes).toFixed(2)} per byte; the least is ${leastBytes.toFixed(0)}, of which that is ` +
      `${(movedBytes / leastBytes).toFixed(2)} times; metadata ${metadataBytes}`,
  );
  process.stdout.write(log.text.split('\n').at(-2) + '\n');
  return { movedBytes, leastBytes };
}

/**
 * The fewest bytes that restore k pairs of each of `lost`, and whatever else was restored. A symbol has its proof, without which nobody could
 * believe it: ceil(log2 n) hashes. k secondary slivers take P symbols each; every one of them then gives a symbol to each of the k primary
 * ones, which take the other S - k from elsewhere: k (P + S - k) symbols in all. Where symbols are so small that their proofs weigh more,
 * the blob itself is moved, which is P S symbols without proofs. For what else was restored (blobs stored while the node was away) no proofs
 * are counted.
 */
function leastTraffic(lost: readonly CertifiedBlob[], k: number, restoredBytes: number): number {
  const geometry = geometryOf(SHARDS);
  const { rows: P, columns: S, nShards } = geometry;
  const proofBytes = 32 * Math.ceil(Math.log2(nShards));
  let [least, lostBytes] = [0, 0];
  for (const { sizeBytes } of lost) {
    const symbolBytes = symbolSizeOf(geometry, sizeBytes);
    least += Math.min(k * (P + S - k) * (symbolBytes + proofBytes), P * S * symbolBytes);
    lostBytes += k * (P + S) * symbolBytes;
  }
  return least + (Math.max(0, restoredBytes - lostBytes) * (P + S - k)) / (P + S);
}

async function withoutRegion(region: string, lost: readonly NetworkNode[], lastsMs: number): Promise<void> {
  log.note(`${region} is lost: ${lost.map(({ name }) => name).join(' ')}`);
  await Promise.all(lost.map((node) => node.process.kill()));
  const storesBefore = load.counts.stores;
  await systemScheduler.sleep(lastsMs);
  // Stores go on: more of them than were under way when it began.
  await untilStored(storesBefore + MIN_STORES);
  await Promise.all(lost.map((node) => node.process.start()));
  log.note(`${region} is back; ${load.counts.stores - storesBefore} blobs were stored meanwhile`);
}

/** Until so many blobs were stored in all, or something failed. */
async function untilStored(count: number): Promise<void> {
  while (load.counts.stores < count && load.failures.length === 0) await systemScheduler.sleep(100);
}

async function untilOver(suite: SlowSuite, fullMs: number): Promise<void> {
  const endMs = performance.now() + fullMs;
  while (!suite.spent() && performance.now() < endMs) await systemScheduler.sleep(250);
}

/** With the load stopped: all blobs read back from every reader, redundancy is whole as counted and as proved. */
async function expectAllWell(what: string): Promise<void> {
  await load.stop();
  const { elapsedMs } = await untilWhole(connection, HEALED_WITHIN_MS);
  log.note(`whole again, by the nodes' count, ${elapsedMs.toFixed(0)} ms after the last fault was mended`);
  const lost = await load.checkAll();
  const audited = shuffled([...load.blobs.keys()], slowSuite(`${what}: audit`).rng).slice(0, AUDITED);
  const audits = await mapConcurrent(audited, 2, (blobId) => connection.client.audit(blobId));
  log.note(`${what}: ${load.blobs.size} blobs, each read by every reader; ${audits.length} proven sliver by sliver`);
  process.stdout.write(`\n${what}\n${load.report()}\ncertified blobs lost ${lost.length}; log ${log.path}\n`);
  expect(lost).toEqual([]);
  expect(load.failures).toEqual([]);
  expect(load.counts).toMatchObject({ wrongBytes: 0, failedReads: 0, failedStores: 0 });
  for (const { proven, target, blobId, nodes } of audits) {
    expect(proven.primary + proven.secondary, `${blobId}: ${JSON.stringify(nodes)}`).toBe(target);
  }
  load.start();
}
