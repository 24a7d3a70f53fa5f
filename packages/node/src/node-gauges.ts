/**
 * Metrics of how things stand, as opposed to what happened: read at the moment somebody asks, so that nothing has to keep them
 * up to date and none is out of date.
 */
import {
  type FileSystem,
  type KeyValueStore,
  type Metrics,
  raceAbort,
  type Scheduler,
  withDeadline,
} from '@floe/platform';
import type { ChallengeBook } from './challenges/challenge-book.ts';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { NodeLedger } from './ledger-port.ts';
import type { Probe } from './probe.ts';
import type { Healing } from './recovery/healing.ts';
import type { Recount } from './recovery/recount.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { Scrubber } from './scrubber.ts';
import type { SliverStore } from './sliver-store.ts';
import { tables } from './tables.ts';

export interface GaugeModules {
  readonly ledger: Pick<NodeLedger, 'chain'>;
  readonly store: KeyValueStore;
  readonly fileSystem: Pick<FileSystem, 'freeBytes'>;
  readonly slivers: Pick<SliverStore, 'status'>;
  readonly registry: Pick<BlobRegistry, 'finished'>;
  readonly committees: CommitteeTracker;
  readonly healing: Pick<Healing, 'status'>;
  readonly recount: Pick<Recount, 'latest'>;
  readonly scrubber: Pick<Scrubber, 'status'>;
  readonly book: Pick<ChallengeBook, 'failing'>;
  readonly probe: Pick<Probe, 'result'>;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  /** Requests under way. */
  readonly activeRequests: () => number;
}

/** A scrape must not wait for a ledger that does not answer. */
const LEDGER_TIMEOUT_MS = 2_000;

const SPECS = {
  blobs: ['floe_node_registry_blobs', 'Blobs that the registry knows.'],
  objects: ['floe_node_registry_objects', 'Blob objects that the registry knows.'],
  slivers: ['floe_node_store_slivers', 'Slivers held.'],
  liveBytes: ['floe_node_store_live_bytes', 'Bytes of slivers held.'],
  fileBytes: ['floe_node_store_file_bytes', 'Bytes of the files that hold them.'],
  segments: ['floe_node_store_segments', 'Files that hold slivers.'],
  damaged: ['floe_node_store_damaged', 'Records found damaged since the store was made.'],
  freeBytes: ['floe_node_disk_free_bytes', 'Bytes that can still be written to the volume of the store.'],
  ledgerReachable: ['floe_node_ledger_reachable', 'Whether the ledger answers: 1 or 0.'],
  lag: ['floe_node_event_lag_checkpoints', 'Checkpoints of the ledger whose events are not done here yet.'],
  certified: ['floe_node_redundancy_blobs', 'Certified blobs at the last count of what is held.'],
  incomplete: ['floe_node_redundancy_incomplete', 'Those of which this node lacks something, at that count.'],
  healingWaiting: ['floe_node_healing_waiting', 'Blobs that wait to be healed.'],
  healingActive: ['floe_node_healing_active', 'Blobs that are being healed.'],
  scrubPassed: [
    'floe_node_scrub_last_pass_timestamp_seconds',
    'When the last whole pass of scrubbing ended; 0 before the first.',
  ],
  scrubBytes: ['floe_node_scrub_pass_bytes', 'Bytes looked at in the pass under way.'],
  failing: [
    'floe_node_failing_nodes',
    'Nodes that fail their challenges in this epoch, as members of more than f shards say.',
  ],
  active: ['floe_node_requests_active', 'Requests under way.'],
} as const;

/** What {@link observe} of the result sets stands in the metrics from the next look at them on. */
export function createNodeGauges(directory: string, modules: GaugeModules) {
  const gauges = Object.fromEntries(
    Object.entries(SPECS).map(([key, [name, help]]) => [key, modules.metrics.gauge({ name, help })]),
  ) as Record<keyof typeof SPECS, ReturnType<Metrics['gauge']>>;
  const observe = async (): Promise<void> => {
    const { store, slivers, committees, healing, scrubber, book } = modules;
    gauges.blobs.set(store.count(tables.blobs));
    gauges.objects.set(store.count(tables.objects));
    const status = slivers.status();
    for (const key of ['slivers', 'liveBytes', 'fileBytes', 'segments', 'damaged'] as const)
      gauges[key].set(status[key]);
    const { waiting, active } = healing.status;
    gauges.healingWaiting.set(waiting);
    gauges.healingActive.set(active);
    const { lastPass, bytes } = scrubber.status();
    gauges.scrubPassed.set((lastPass?.endedMs ?? 0) / 1000);
    gauges.scrubBytes.set(bytes);
    gauges.failing.set(book.failing(committees.committees.current).length);
    gauges.active.set(modules.activeRequests());
    await Promise.all([
      modules.fileSystem.freeBytes(directory).then((free) => gauges.freeBytes.set(free)),
      modules.recount.latest().then((counted) => {
        if (counted === undefined) return;
        gauges.certified.set(counted.blobs);
        gauges.incomplete.set(counted.incomplete);
      }),
      observeLedger(gauges, modules),
      modules.probe.result(),
    ]);
  };
  return { observe };
}

async function observeLedger(
  gauges: { readonly ledgerReachable: Gauge; readonly lag: Gauge },
  { ledger, registry, scheduler }: GaugeModules,
): Promise<void> {
  const onTimeout = (): Error => new Error('no answer in time');
  const options = { scheduler, timeoutMs: LEDGER_TIMEOUT_MS, parent: undefined, onTimeout };
  try {
    const { latestCheckpoint } = await withDeadline(options, (signal) => raceAbort(ledger.chain({ signal }), signal));
    gauges.ledgerReachable.set(1);
    gauges.lag.set(Math.max(0, Number(latestCheckpoint + 1n - registry.finished.nextCheckpoint)));
  } catch {
    gauges.ledgerReachable.set(0);
  }
}

type Gauge = ReturnType<Metrics['gauge']>;
