/**
 * A committee of ten in which nodes of up to f shards lie in every way there is, to clients and to nodes that heal, under a load that never
 * stops: no wrong byte, no failed read or store, nothing lost, and no memory filled.
 */
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { mapConcurrent, shuffled } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import { geometryOf } from '@floe/protocol';
import {
  ActionLog,
  gatewayReader,
  gatewayWriter,
  impersonate,
  LIES,
  Load,
  type LyingNode,
  type NetworkNode,
  processMemory,
  type ProcessNetwork,
  type SlowSuite,
  slowSuite,
  startProcessNetwork,
  temporaryDirectory,
  unmask,
} from '@floe/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientReader, clientWriter, streamReader, untilWhole } from './support/chaos/client-ports.ts';

/** 4 shards each; f is 13. */
const [NODES, SHARDS] = [10, 40];
const LIARS = 3;
/** One more node loses its disk meanwhile, so that it has to heal from them: together they stay below f. */
const LIARS_WHILE_HEALING = 2;
const SIZES_BYTES = [1_000, 20_000, 300_000, 2_000_000];
const PAUSE_MS = { writers: 500, readers: 200 };
/** In full, for each of the two parts. */
const LIES_FULL_MS = 120_000;
const HEALED_WITHIN_MS = 300_000;
const TIMEOUT_MS = 1_800_000;
/** Nodes and this process, which has clients and liars, take a few hundred MiB; one answer of the liars is 512 MiB. */
const MAX_MEMORY_BYTES = 1_200 * 2 ** 20;
const AUDITED = 50;

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: ProcessNetwork;
let connection: FloeConnection;
let log: ActionLog;
let load: Load;
let liars: { readonly node: NetworkNode; readonly liar: LyingNode }[] = [];
const told = new Map<string, number>();

beforeAll(async () => {
  const suite = slowSuite('byzantine');
  log = new ActionLog('byzantine', suite.seed);
  home = await temporaryDirectory('byzantine');
  network = await startProcessNetwork(home.path, ['--nodes', `${NODES}`, '--shards', `${SHARDS}`], suite);
  const { dev } = network;
  connection = await connectFloe({ ledger: dev.ledger, nodeUrlScheme: 'http' });
  const { publisherUrl, aggregatorUrl } = dev.network.gateway;
  load = new Load(
    { seed: suite.seed, sizesBytes: SIZES_BYTES, pauseMs: PAUSE_MS },
    {
      writers: [clientWriter(connection, dev, () => 5), gatewayWriter(publisherUrl, () => 5)],
      readers: [clientReader(connection), streamReader(connection), gatewayReader(aggregatorUrl)],
      log,
    },
  );
  expect(LIARS * (SHARDS / NODES)).toBeLessThanOrEqual(geometryOf(SHARDS).maxFaulty);
}, TIMEOUT_MS);

afterEach(({ task }) => {
  if (task.result?.state === 'fail') log.print();
});

afterAll(async () => {
  await load?.stop();
  for (const { liar } of liars) await liar.close();
  await connection?.close();
  await network?.stop();
  await home?.remove();
}, TIMEOUT_MS);

describe('nodes of up to f shards that lie', () => {
  it('deceive no client', { timeout: TIMEOUT_MS }, async () => {
    const suite = slowSuite('byzantine: clients', 0.3);
    load.start();
    await lieFrom(shuffled(network.nodes, suite.rng).slice(0, LIARS), suite);
    await untilOver(suite);
    await expectAllWell('lies to clients');
  });

  it('deceive no node that heals', { timeout: TIMEOUT_MS }, async () => {
    const suite = slowSuite('byzantine: healing', 0.3);
    load.start();
    const [wiped, ...others] = shuffled(network.nodes, suite.rng) as [NetworkNode, ...NetworkNode[]];
    await lieFrom(others.slice(0, LIARS_WHILE_HEALING), suite);
    log.note(`${wiped.name} loses its disk`);
    await wiped.process.wipe();
    await wiped.process.start();
    await untilOver(suite);
    await expectAllWell('lies to a node that heals');
    const symbols = told.get('wrong symbols') ?? 0;
    expect(symbols).toBeGreaterThan(0);
  });
});

async function lieFrom(nodes: readonly NetworkNode[], suite: SlowSuite): Promise<void> {
  for (const node of nodes) liars.push({ node, liar: await impersonate(node, suite) });
  log.note(`these lie: ${nodes.map(({ name }) => name).join(' ')}`);
}

async function untilOver(suite: SlowSuite): Promise<void> {
  const endMs = performance.now() + LIES_FULL_MS;
  while (!suite.spent() && performance.now() < endMs) await systemScheduler.sleep(250);
}

/** While they still lie, everything is read by everybody; once they do not any more, everything is proven to be there. */
async function expectAllWell(what: string): Promise<void> {
  await load.stop();
  const lost = await load.checkAll();
  for (const { node, liar } of liars) {
    for (const lie of LIES) told.set(lie, (told.get(lie) ?? 0) + liar.counts[lie]);
    await unmask(node, liar);
  }
  liars = [];
  const memory = await mapConcurrent(network.nodes, NODES, async ({ name, process: node }) => ({
    name,
    peakBytes: (await node.memory())?.peakBytes ?? 0,
  }));
  memory.push({ name: 'clients', peakBytes: (await processMemory(process.pid))?.peakBytes ?? 0 });
  log.note(`lies told: ${JSON.stringify(Object.fromEntries(told))}`);
  const peaks = memory.map(({ name, peakBytes }) => `${name} ${(peakBytes / 2 ** 20).toFixed(0)}`).join(', ');
  log.note(`peak memory in MiB: ${peaks}`);
  const { elapsedMs } = await untilWhole(connection, HEALED_WITHIN_MS);
  log.note(`whole, by the nodes' count, ${elapsedMs.toFixed(0)} ms after the last lie`);
  const audited = [...load.blobs.keys()].slice(-AUDITED);
  const audits = await mapConcurrent(audited, 2, (blobId) => connection.client.audit(blobId));
  process.stdout.write(
    `\n${what}: lies told ${JSON.stringify(Object.fromEntries(told))}\npeak memory in MiB: ${peaks}\n` +
      `${load.report()}\ncertified blobs lost ${lost.length}; log ${log.path}\n`,
  );
  expect(lost).toEqual([]);
  expect(load.failures).toEqual([]);
  expect(load.counts).toMatchObject({ wrongBytes: 0, failedReads: 0, failedStores: 0 });
  expect(memory.filter(({ peakBytes }) => peakBytes > MAX_MEMORY_BYTES)).toEqual([]);
  for (const { proven, target, blobId, nodes } of audits) {
    expect(proven.primary + proven.secondary, `${blobId}: ${JSON.stringify(nodes)}`).toBe(target);
  }
}
