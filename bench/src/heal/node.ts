/**
 * A storage node of a development network in this process, opened from its configuration file, until it holds everything it owes. Prints
 * one line of JSON: what it took.
 */
import type { Metrics } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import { openNode } from '../open-node.ts';

/** What the child prints. Bytes by what they were; times in milliseconds. */
export interface Healed {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly received: Readonly<Record<string, number>>;
  readonly restored: Readonly<Record<string, number>>;
  readonly slivers: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
}

const POLL_MS = 20;
const COUNTED = {
  floe_node_recovery_received_bytes_total: 'received',
  floe_node_recovered_bytes_total: 'restored',
  floe_node_recovered_slivers_total: 'slivers',
} as const;

const counts = {
  received: {} as Record<string, number>,
  restored: {} as Record<string, number>,
  slivers: {} as Record<string, number>,
};

const startMs = performance.now();
const opened = await openNode(process.argv[2] as string, { metrics: countingMetrics() });
const { node } = opened;
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
await opened.close();

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
