/**
 * Counts which certified blobs this node holds whole, by looking: at the registry for what is owed, at the index for what is there,
 * out of which scrubbing and reading throw everything that they find damaged. No job's word for its own success is taken.
 *
 * Invariant: one count is under way at a time, in pages that leave others their turn; it is begun anew when asked for and the last one is
 * older than its time. Nothing is counted before the registry knows all that the ledger had recorded when the node was opened: one that lost its
 * disk knows of no blobs at first, and lacks none of those.
 */
import { type Clock, pause, type Scheduler } from '@floe/platform';
import type { BlobId } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { Holdings } from './holdings.ts';

export interface RecountResult {
  /** Certified blobs. */
  readonly blobs: number;
  /** Those of which this node lacks metadata or a sliver that it owes. */
  readonly incomplete: number;
  /** The first of them, in the order of ids. */
  readonly sample: readonly BlobId[];
  /** On the monotonic clock. */
  readonly endedMs: number;
}

interface RecountModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly holdings: Holdings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Blobs looked at between two turns of the event loop. */
const PAGE = 200;

export class Recount {
  readonly #limits: Pick<NodeLimits, 'recountAgeMs' | 'recountWaitMs' | 'recountSample'>;
  readonly #caughtUpAt: bigint;
  readonly #signal: AbortSignal;
  readonly #modules: RecountModules;
  #last: RecountResult | undefined;
  #counting: Promise<void> | undefined;

  constructor(
    options: {
      readonly limits: Pick<NodeLimits, 'recountAgeMs' | 'recountWaitMs' | 'recountSample'>;
      /** Checkpoint that must have been handled. */
      readonly caughtUpAt: bigint;
      readonly signal: AbortSignal;
    },
    modules: RecountModules,
  ) {
    this.#limits = options.limits;
    this.#caughtUpAt = options.caughtUpAt;
    this.#signal = options.signal;
    this.#modules = modules;
  }

  /** A count that is young enough, or the last there is when a new one takes long; undefined while the first one is under way or has to wait. */
  async latest(): Promise<RecountResult | undefined> {
    const { clock, scheduler } = this.#modules;
    const { recountAgeMs, recountWaitMs } = this.#limits;
    if (this.#last !== undefined && clock.monotonicMs() - this.#last.endedMs < recountAgeMs) return this.#last;
    this.#counting ??= this.#count().finally(() => (this.#counting = undefined));
    const waited = new AbortController();
    const waiting = scheduler
      .sleep(recountWaitMs, AbortSignal.any([this.#signal, waited.signal]))
      .catch(() => undefined);
    await Promise.race([this.#counting, waiting]);
    waited.abort();
    return this.#last;
  }

  /** Rejects when a row of the registry cannot be read: then nothing is known. */
  async #count(): Promise<void> {
    const { registry, committees, holdings, clock, scheduler } = this.#modules;
    if (registry.handled.nextCheckpoint <= this.#caughtUpAt) return;
    let [blobs, incomplete] = [0, 0];
    const sample: BlobId[] = [];
    let from: Uint8Array | undefined;
    do {
      if (this.#signal.aborted) return;
      const page = registry.certifiedPage({ limit: PAGE, epoch: committees.epoch, ...(from && { from }) });
      for (const { blobId } of page.blobs) {
        blobs += 1;
        if (holdings.isComplete(blobId, committees.ownShards)) continue;
        incomplete += 1;
        if (sample.length < this.#limits.recountSample) sample.push(blobId);
      }
      from = page.next;
      await pause(scheduler, 0, this.#signal).catch(() => undefined);
    } while (from !== undefined);
    this.#last = { blobs, incomplete, sample, endedMs: clock.monotonicMs() };
  }
}
