/**
 * A storage node of a development network in this process, opened from its configuration file, until it holds everything it owes. Prints
 * one line of JSON: what it took.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LedgerClient } from '@floe/contracts';
import { StorageNode } from '@floe/node';
import { fromBase64, type Metrics, silentLogger } from '@floe/platform';
import {
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import { type NodeId, parseObjectId } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';

/** What the child prints. Bytes by what they were; times in milliseconds. */
export interface Healed {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly received: Readonly<Record<string, number>>;
  readonly restored: Readonly<Record<string, number>>;
  readonly slivers: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
}

interface NodeFile {
  readonly nodeId: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly ledger: { readonly url: string; readonly systemObjectId: string; readonly stakingObjectId: string };
  readonly blsKeyFile: string;
  readonly dataDirectory: string;
}

const POLL_MS = 20;
const COUNTED = {
  floe_node_recovery_received_bytes_total: 'received',
  floe_node_recovered_bytes_total: 'restored',
  floe_node_recovered_slivers_total: 'slivers',
} as const;

const file = process.argv[2] as string;
const config = JSON.parse(await readFile(file, 'utf8')) as NodeFile;
const ledger = {
  url: config.ledger.url,
  systemObjectId: parseObjectId(config.ledger.systemObjectId),
  stakingObjectId: parseObjectId(config.ledger.stakingObjectId),
};
const key = fromBase64((await readFile(resolve(file, '..', config.blsKeyFile), 'utf8')).trim()) as Uint8Array;
const directory = resolve(file, '..', config.dataDirectory);
const counts = {
  received: {} as Record<string, number>,
  restored: {} as Record<string, number>,
  slivers: {} as Record<string, number>,
};

const store = await openLmdbStore({ directory: join(directory, 'db') });
const transport = createUndiciTransport();
const codec = createWorkerCodec({});
const startMs = performance.now();
const node = await StorageNode.open(
  {
    peerScheme: 'http',
    directory,
    nodeId: parseObjectId(config.nodeId) as NodeId,
    blsSecretKey: key.slice(1),
    ledger,
  },
  {
    store,
    fileSystem: nodeFileSystem,
    ledgerClient: new LedgerClient(ledger, { clock: systemClock, scheduler: systemScheduler }),
    transport,
    codec,
    bls: await createMclBls(),
    clock: systemClock,
    scheduler: systemScheduler,
    rng: systemRng,
    logger: silentLogger,
    metrics: countingMetrics(),
  },
);
const server = await serveHttp(node.handler, config.listen);
let peakRssBytes = 0;
while (!isWhole()) {
  peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
  await systemScheduler.sleep(POLL_MS);
}
const { user, system } = process.cpuUsage();
const healed: Healed = {
  elapsedMs: performance.now() - startMs,
  cpuMs: (user + system) / 1000,
  ...counts,
  peakRssBytes,
};
process.stdout.write(`${JSON.stringify(healed)}\n`);
await server.close();
await node.close();
await transport.close();
await codec.close();
await store.close();

function isWhole(): boolean {
  const { health, healing } = node.status();
  const { owned, ownedShardStatus } = health.shardSummary;
  return ownedShardStatus.ready === owned && healing.waiting === 0 && healing.active === 0 && !healing.walking;
}

function countingMetrics(): Metrics {
  const nothing = { add: () => undefined, set: () => undefined, observe: () => undefined };
  return {
    counter({ name }) {
      if (!Object.hasOwn(COUNTED, name)) return nothing;
      const into = counts[COUNTED[name as keyof typeof COUNTED]];
      return {
        add(value = 1, labels = {}) {
          const [label = ''] = Object.values(labels);
          into[label] = (into[label] ?? 0) + value;
        },
      };
    },
    gauge: () => nothing,
    histogram: () => nothing,
  };
}
