/**
 * Counts which certified blobs this node holds whole, by looking: at the registry for what is owed, at the index for what is there,
 * out of which scrubbing and reading throw everything that they find damaged. No job's word for its own success is taken.
 *
 * Invariants:
 * - One count is under way at a time, in pages that leave others their turn. It is begun anew when asked for and the last one is older than its
 *   time, and than a multiple of the time that it took: however often it is asked for, most of the time nothing is counted.
 * - A count is of one epoch and the shards that this node owes in it, from its first page to its last, and is said to nobody in another epoch.
 * - Nothing is counted before the registry knows all that the ledger had recorded when the node was opened: one that lost its disk knows of no
 *   blobs at first, and lacks none of those.
 */
import { type Clock, pause, type Scheduler } from '@floe/platform';
import type { BlobId, Epoch, ShardIndex } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import { type Holdings, rowsPerTurn } from './holdings.ts';

export interface RecountResult {
  /** What was counted for: what this node owes in this epoch. */
  readonly epoch: Epoch;
  readonly shards: readonly ShardIndex[];
  /** Certified blobs. */
  readonly blobs: number;
  /** Those of which this node lacks metadata or a sliver that it owes. */
  readonly incomplete: number;
  /** The first of them, in the order of ids. */
  readonly sample: readonly BlobId[];
  /** On the monotonic clock. */
  readonly endedMs: number;
}

type Assignment = Pick<RecountResult, 'epoch' | 'shards'>;

interface RecountModules {
  readonly registry: Pick<BlobRegistry, 'handled' | 'certifiedPage'>;
  readonly committees: Pick<CommitteeTracker, 'epoch' | 'ownShards'>;
  readonly holdings: Pick<Holdings, 'isComplete'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** After a count at least so many times as long as it took nothing is counted: one part in five of the time at most goes into it. */
const REST_PER_COUNT = 4;

export class Recount {
  readonly #limits: Pick<NodeLimits, 'recountAgeMs' | 'recountWaitMs' | 'recountSample'>;
  readonly #caughtUpAt: bigint;
  readonly #signal: AbortSignal;
  readonly #modules: RecountModules;
  #last: RecountResult | undefined;
  /** When the next one may begin, in the same epoch. */
  #rest: { readonly untilMs: number; readonly assignment: Assignment } | undefined;
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

  /**
   * A count that is young enough, or the last there is while a new one takes long or has to wait; undefined when there is none of what this node
   * owes now.
   * @throws STORE_CORRUPT, ROW_DAMAGED: then nothing is known
   */
  async latest(): Promise<RecountResult | undefined> {
    const { clock, scheduler } = this.#modules;
    const isResting =
      this.#rest !== undefined && clock.monotonicMs() < this.#rest.untilMs && this.#isCurrent(this.#rest.assignment);
    if (!isResting) {
      this.#counting ??= this.#count().finally(() => (this.#counting = undefined));
      const waited = new AbortController();
      const waiting = scheduler
        .sleep(this.#limits.recountWaitMs, AbortSignal.any([this.#signal, waited.signal]))
        .catch(() => undefined);
      await Promise.race([this.#counting, waiting]);
      waited.abort();
    }
    return this.#last !== undefined && this.#isCurrent(this.#last) ? this.#last : undefined;
  }

  async #count(): Promise<void> {
    const { registry, committees, clock } = this.#modules;
    if (registry.handled.nextCheckpoint <= this.#caughtUpAt) return;
    const assignment = { epoch: committees.epoch, shards: committees.ownShards };
    const startedMs = clock.monotonicMs();
    try {
      this.#last = await this.#walk(assignment);
    } catch (error) {
      this.#last = undefined;
      throw error;
    } finally {
      const endedMs = clock.monotonicMs();
      const restMs = Math.max(this.#limits.recountAgeMs, REST_PER_COUNT * (endedMs - startedMs));
      this.#rest = { untilMs: endedMs + restMs, assignment };
    }
  }

  /** Undefined when it was stopped, or the assignment has changed meanwhile. */
  async #walk(assignment: Assignment): Promise<RecountResult | undefined> {
    const { registry, holdings, clock, scheduler } = this.#modules;
    const { epoch, shards } = assignment;
    let [blobs, incomplete] = [0, 0];
    const sample: BlobId[] = [];
    let from: Uint8Array | undefined;
    do {
      if (this.#signal.aborted || !this.#isCurrent(assignment)) return undefined;
      const page = registry.certifiedPage({ limit: rowsPerTurn(shards.length), epoch, ...(from && { from }) });
      for (const { blobId } of page.blobs) {
        blobs += 1;
        if (holdings.isComplete(blobId, shards)) continue;
        incomplete += 1;
        if (sample.length < this.#limits.recountSample) sample.push(blobId);
      }
      from = page.next;
      await pause(scheduler, 0, this.#signal).catch(() => undefined);
    } while (from !== undefined);
    return { ...assignment, blobs, incomplete, sample, endedMs: clock.monotonicMs() };
  }

  #isCurrent({ epoch, shards }: Assignment): boolean {
    const { committees } = this.#modules;
    const { ownShards } = committees;
    return (
      epoch === committees.epoch &&
      shards.length === ownShards.length &&
      ownShards.every((each) => shards.includes(each))
    );
  }
}
