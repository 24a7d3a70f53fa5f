/**
 * A storage node in a process of its own, on real files that have holes where its slivers are zeros. It follows a made-up ledger as far as its
 * parent lets it, serves on a socket, and ends with its parent's channel.
 */
import { join } from 'node:path';
import { SALVAGED_TABLES, StorageNode, type SliverStoreStatus } from '@floe/node';
import { type Counter, type Metrics, noMetrics, silentLogger } from '@floe/platform';
import {
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';
import { peakMemoryMib } from '../peak-memory.ts';
import { HoldLedger, NODE_ID, SECRET_KEY, SYSTEM_ID } from './hold-ledger.ts';
import { sparseFileSystem } from './sparse-files.ts';
import { ZeroBlobs } from './zero-blobs.ts';

export interface HoldOptions {
  readonly directory: string;
  /** That the ledger has at its end. */
  readonly blobs: number;
  /** How far the ledger is. */
  readonly checkpoints: number;
  /** Scrub as fast as the machine allows. */
  readonly scrubs: boolean;
}

/** What the parent asks; each is answered, with a report, once it is so; `close` just before the node closes. */
export type HoldQuestion =
  /** The ledger grows to so many checkpoints, and the node has done what they say. */
  | { readonly kind: 'follow'; readonly checkpoints: number }
  | { readonly kind: 'collections'; readonly count: number }
  | { readonly kind: 'scrubbed'; readonly bytes: number }
  | { readonly kind: 'report' }
  | { readonly kind: 'close' };

export interface HoldReport {
  readonly store: SliverStoreStatus;
  readonly blobs: number;
  /** Blobs known to lack something. */
  readonly healing: number;
  readonly residentMib: number;
  readonly peakMib: number;
  readonly cpuMs: number;
  readonly collections: number;
  /** Counted by the node. */
  readonly collectedBytes: number;
  readonly scrubbedBytes: number;
  /** Since the node opened. */
  readonly openMs: number;
}

export type HoldMessage = { readonly url: string } | { readonly question: number; readonly report: HoldReport };

const POLL_MS = 5;
/** More than any disk gives. */
const NO_LIMIT = 2 ** 40;
const COUNTED = {
  collections: 'floe_node_garbage_collections_total',
  collectedBytes: 'floe_node_collected_bytes_total',
  scrubbedBytes: 'floe_node_scrubbed_bytes_total',
} as const;

const options = JSON.parse(process.argv[2] as string) as HoldOptions;
const counts = new Map<string, number>();
const { directory, scrubs } = options;
const bls = await createMclBls();
const codec = createWorkerCodec({});
const ledger = new HoldLedger(options, { zeroBlobs: new ZeroBlobs({ codec }), bls });
const repair = { salvage: SALVAGED_TABLES, logger: silentLogger };
const store = await openLmdbStore({ directory: join(directory, 'db'), repair });
const transport = createUndiciTransport();
const limits = scrubs ? { scrubMinBytesPerSecond: NO_LIMIT, scrubMaxBytesPerSecond: NO_LIMIT } : {};
const node = await StorageNode.open(
  { directory, nodeId: NODE_ID, blsSecretKey: SECRET_KEY, ledger: { systemObjectId: SYSTEM_ID }, limits },
  {
    store,
    fileSystem: sparseFileSystem(nodeFileSystem),
    ledgerClient: ledger,
    transport,
    codec,
    bls,
    clock: systemClock,
    scheduler: systemScheduler,
    rng: systemRng,
    logger: silentLogger,
    metrics: countingMetrics(),
  },
);
const openedMs = performance.now();
const server = await serveHttp(node.handler, { host: '127.0.0.1', port: 0 });
node.finished.catch((error: unknown) => {
  process.stderr.write(`the node cannot go on: ${String(error)}\n`);
  process.exit(1);
});

process.on('message', ({ question, ask }: { readonly question: number; readonly ask: HoldQuestion }) => {
  void answer(ask).then(async () => {
    send({ question, report: report() });
    if (ask.kind !== 'close') return;
    await close();
    process.disconnect();
  });
});
process.once('disconnect', () => process.exit());
send({ url: server.url });

async function answer(ask: HoldQuestion): Promise<void> {
  switch (ask.kind) {
    case 'follow':
      return ledger.grow(ask.checkpoints);
    case 'collections':
      return until(() => counted('collections') >= ask.count);
    case 'scrubbed':
      return until(() => counted('scrubbedBytes') >= ask.bytes);
    case 'report':
    case 'close':
  }
}

async function close(): Promise<void> {
  await server.close();
  await node.close();
  await transport.close();
  await codec.close();
  await store.close();
}

function report(): HoldReport {
  const { user, system } = process.cpuUsage();
  const { store: held, blobs, healing } = node.status();
  return {
    store: held,
    blobs,
    healing: healing.waiting + healing.active,
    residentMib: process.memoryUsage.rss() / 2 ** 20,
    peakMib: peakMemoryMib(),
    cpuMs: (user + system) / 1000,
    collections: counted('collections'),
    collectedBytes: counted('collectedBytes'),
    scrubbedBytes: counted('scrubbedBytes'),
    openMs: performance.now() - openedMs,
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemScheduler.sleep(POLL_MS);
}

function send(message: HoldMessage): void {
  process.send?.(message);
}

function counted(what: keyof typeof COUNTED): number {
  return counts.get(COUNTED[what]) ?? 0;
}

function countingMetrics(): Metrics {
  const counter = ({ name }: { readonly name: string }): Counter => ({
    add: (value = 1) => void counts.set(name, (counts.get(name) ?? 0) + value),
  });
  return { ...noMetrics, counter };
}
