/**
 * Gives back the space of blobs that nobody pays for any more: expired, deleted, invalid.
 *
 * What goes is decided by comparing what is held with what the registry wants, so a collection that was interrupted, or one that an
 * index rebuilt from its segments has undone, is repeated by the next one. Slivers stand in segments by end epoch: most
 * of what expires goes with whole files. A blob that was extended is in a segment of its old end; it is moved when that
 * ends. Segments that deletions have emptied more than half are rewritten.
 *
 * Invariants:
 * - Only what had ended when the last epoch began whose events were all handled is collected; the ledger accepts no
 *   extension of that any more, so an extension is never lost, in whatever order things happen.
 * - Nothing is collected before the node has caught up with the ledger as it was when the node opened: a registry that is
 *   being read anew does not know yet what it wants.
 * - A blob lives as long as one of its registrations does.
 */
import {
  type Clock,
  type Counter,
  isFloeError,
  type Logger,
  type Metrics,
  type Scheduler,
  Semaphore,
} from '@floe/platform';
import type { BlobId, Epoch } from '@floe/protocol';
import type { NodeLimits } from './limits.ts';
import type { MetadataStore } from './metadata-store.ts';
import { isDiskTrouble } from './patience.ts';
import { PROBE_SHARD } from './probe.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { SegmentStatus, SliverKey, SliverStore } from './sliver-store.ts';

export interface CollectorOptions {
  readonly limits: Pick<NodeLimits, 'compactDeadShare' | 'collectIntervalMs'>;
  /** The ledger's last checkpoint when the node opened. */
  readonly caughtUpAt: bigint;
}

interface CollectorModules {
  readonly registry: BlobRegistry;
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What a collection did, or with `isDryRun` would do. Sizes in bytes. */
export interface CollectionReport {
  readonly epoch: Epoch;
  /** Rows of the registry that had ended. */
  readonly rows: number;
  /** Blobs whose metadata were removed. */
  readonly blobs: number;
  /** Slivers removed. */
  readonly slivers: number;
  /** Slivers written once more, because their segment went and they did not. */
  readonly movedSlivers: number;
  readonly segments: number;
  /** Segments left for the next collection, because the disk was full or failed. */
  readonly postponedSegments: number;
  /** Given back to the file system. */
  readonly freedBytes: number;
  readonly elapsedMs: number;
}

interface Totals {
  blobs: number;
  slivers: number;
  movedSlivers: number;
  segments: number;
  postponedSegments: number;
  freedBytes: number;
}

/** Keys looked at before others get a turn. */
const PAGE = 1000;
/** How soon to look again when the node has not caught up yet. */
const NOT_READY_MS = 5000;

export class GarbageCollector {
  readonly #options: CollectorOptions;
  readonly #modules: CollectorModules;
  readonly #turn = new Semaphore({ name: 'garbage collection', permits: 1 });
  readonly #collections: Counter;
  readonly #freed: Counter;
  #wake = new AbortController();

  constructor(options: CollectorOptions, modules: CollectorModules) {
    this.#options = options;
    this.#modules = modules;
    this.#collections = modules.metrics.counter({
      name: 'floe_node_garbage_collections_total',
      help: 'Garbage collections completed.',
    });
    this.#freed = modules.metrics.counter({
      name: 'floe_node_collected_bytes_total',
      help: 'Bytes of segment files given back to the file system.',
    });
  }

  /** Whether the registry knows what it wants. */
  get isReady(): boolean {
    return this.#modules.registry.finished.nextCheckpoint > this.#options.caughtUpAt;
  }

  /** One collection; undefined when the node has not caught up with its ledger yet. Of concurrent calls one runs at a time. */
  async collect(
    options: { readonly isDryRun?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<CollectionReport | undefined> {
    if (!this.isReady) return undefined;
    return this.#turn.run(() => this.#collect(options.isDryRun ?? false, options.signal), options.signal);
  }

  /** Runs `work` when no collection is under way, and lets none begin until it is done. */
  pausedFor<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#turn.run(work, signal);
  }

  /** Collects once the node has caught up, then at every {@link request} and every interval, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { scheduler, logger } = this.#modules;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const report = await this.collect({ signal }).catch((error: unknown) => {
        if (!signal.aborted) logger.error('garbage collection failed; it is tried again', { error });
      });
      const pauseMs = report === undefined ? NOT_READY_MS : this.#options.limits.collectIntervalMs;
      await scheduler.sleep(pauseMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  /** Asks {@link run} to collect soon. */
  request(): void {
    this.#wake.abort();
  }

  async #collect(isDryRun: boolean, signal: AbortSignal | undefined): Promise<CollectionReport> {
    const { registry, clock, scheduler, logger } = this.#modules;
    const startedMs = clock.monotonicMs();
    const { epoch } = registry;
    const ended = await registry.dropEnded({ isDryRun, ...(signal && { signal }) }, { scheduler });
    const totals = { blobs: 0, slivers: 0, movedSlivers: 0, segments: 0, postponedSegments: 0, freedBytes: 0 };
    await this.#collectMetadata(totals, isDryRun, signal);
    await this.#collectDeleted(totals, isDryRun, signal);
    for (const segment of this.#modules.slivers.segments()) {
      if (!this.#isDue(segment, epoch)) continue;
      signal?.throwIfAborted();
      await this.#emptySegment(segment, totals, isDryRun, signal);
    }
    const rows = ended.objects + ended.blobs + ended.pools;
    const report = { epoch, rows, ...totals, elapsedMs: clock.monotonicMs() - startedMs };
    if (!isDryRun) {
      this.#collections.add();
      this.#freed.add(totals.freedBytes);
      if (rows + totals.blobs + totals.slivers + totals.segments > 0) logger.info('garbage collected', { ...report });
    }
    return report;
  }

  /** What is wanted of the blob at the last epoch that is known to have begun, and until when. */
  #endEpochOf(blobId: BlobId): Epoch | undefined {
    const { registry } = this.#modules;
    return registry.isRegistered(blobId, registry.epoch) ? registry.endEpoch(blobId) : undefined;
  }

  async #collectMetadata(totals: Totals, isDryRun: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { metadata, scheduler } = this.#modules;
    for (let after: BlobId | undefined; ;) {
      signal?.throwIfAborted();
      const page = metadata.page({ limit: PAGE, ...(after && { after }) });
      after = page.at(-1);
      if (after === undefined) return;
      const unwanted = page.filter((blobId) => this.#endEpochOf(blobId) === undefined);
      totals.blobs += unwanted.length;
      if (!isDryRun) await metadata.remove(unwanted);
      if (page.length === PAGE) await scheduler.sleep(0, signal);
    }
  }

  /**
   * Slivers that are not wanted, in segments that stay; in all of them when they are only counted. A probe that is under way would miss its
   * record: those go with their segments.
   */
  async #collectDeleted(totals: Totals, isDryRun: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { registry, slivers, scheduler } = this.#modules;
    for (let after: SliverKey | undefined; ;) {
      signal?.throwIfAborted();
      const { entries, next } = slivers.page({ limit: PAGE, ...(after && { after }) });
      // A blob's slivers stand together: the registry is asked once for all of them.
      const unwantedBlobs = new Map<BlobId, boolean>();
      const isUnwanted = (blobId: BlobId): boolean => {
        const known = unwantedBlobs.get(blobId) ?? this.#endEpochOf(blobId) === undefined;
        unwantedBlobs.set(blobId, known);
        return known;
      };
      const unwanted = entries.filter(
        ({ key, entry }) =>
          (isDryRun || (entry.endEpoch > registry.epoch && key.shard !== PROBE_SHARD)) && isUnwanted(key.blobId),
      );
      totals.slivers += unwanted.length;
      await (isDryRun ? undefined : slivers.remove(unwanted.map(({ key }) => key)));
      if (next === undefined) return;
      after = next;
      await scheduler.sleep(0, signal);
    }
  }

  #isDue(segment: SegmentStatus, epoch: Epoch): boolean {
    if (segment.endEpoch <= epoch) return true;
    const deadBytes = segment.fileBytes - segment.liveBytes;
    return segment.sealed && deadBytes > segment.fileBytes * this.#options.limits.compactDeadShare;
  }

  async #emptySegment(
    segment: SegmentStatus,
    totals: Totals,
    isDryRun: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { slivers, logger } = this.#modules;
    if (isDryRun) {
      totals.segments += 1;
      totals.freedBytes += segment.fileBytes - segment.liveBytes;
      return;
    }
    try {
      const endEpochOf = ({ blobId }: SliverKey): Epoch | undefined => this.#endEpochOf(blobId);
      const emptied = await slivers.empty(segment.id, { endEpochOf, ...(signal && { signal }) });
      totals.movedSlivers += emptied.moved;
      totals.slivers += emptied.dropped;
      totals.freedBytes += emptied.freedBytes;
      if (emptied.freedBytes > 0) totals.segments += 1;
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
      totals.postponedSegments += 1;
      if (isFloeError(error, 'INSUFFICIENT_STORAGE')) {
        // What is moved needs room first; other segments give some, and the next collection comes back to this one.
        logger.warn('a segment cannot be rewritten for lack of space', { segment: segment.id, error });
      } else {
        // It is this one's trouble: the others are not held up by it.
        logger.error('a segment cannot be emptied; the next collection tries again', { segment: segment.id, error });
      }
    }
  }
}
