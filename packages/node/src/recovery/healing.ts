/**
 * Keeps what this node owes whole: blobs that are found incomplete wait in a queue, a bounded number is recovered at once.
 *
 * Invariants:
 * - Nothing needs to be remembered across a restart: what is incomplete follows from the registry and the store. A walk through the registry
 *   at the start, and whenever the queue had no room, finds everything.
 * - A blob that cannot be healed now is tried again, ever more slowly, until it is whole, or not certified any more.
 * - Nothing is healed before this node knows what the ledger knew when it was opened.
 */
import {
  abortScope,
  type AbortScope,
  type Clock,
  deferred,
  type Logger,
  pause,
  raceAbort,
  type Scheduler,
} from '@floe/platform';
import type { BlobId, Epoch } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { BlobRecovery, RecoveryOutcome } from './blob-recovery.ts';
import { type HealingEntry, HealingQueue, type HealingReason } from './healing-queue.ts';
import { type Holdings, rowsPerTurn } from './holdings.ts';

const MIB = 1024 * 1024;

export interface HealingModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly metadata: MetadataStore;
  readonly holdings: Holdings;
  readonly recovery: Pick<BlobRecovery, 'recover'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export interface HealingStatus {
  /** Blobs that wait for their turn or for the time of their next try. */
  readonly waiting: number;
  /** Blobs being healed. */
  readonly active: number;
  /** Whether the registry is, or will be, walked through for more. */
  readonly walking: boolean;
}

interface Running {
  readonly scope: AbortScope;
  /** It was asked for again meanwhile. */
  again: HealingReason | undefined;
}

/** Why work under way is stopped, and whether it is begun again. */
class Interrupted extends Error {
  readonly again: boolean;
  constructor(why: string, again: boolean) {
    super(why);
    this.again = again;
  }
}

export class Healing {
  readonly #limits: NodeLimits;
  readonly #signal: AbortSignal;
  readonly #modules: HealingModules;
  readonly #queue: HealingQueue;
  readonly #running = new Map<BlobId, Running>();
  #timer: AbortScope | undefined;
  #changed = deferred<void>();
  #started = false;
  #mustWalk = true;
  #walking: Promise<void> | undefined;

  constructor(options: { readonly limits: NodeLimits; readonly signal: AbortSignal }, modules: HealingModules) {
    this.#limits = options.limits;
    this.#signal = options.signal;
    this.#modules = modules;
    this.#queue = new HealingQueue({ capacity: options.limits.healingQueue });
  }

  get status(): HealingStatus {
    const walking = this.#mustWalk || this.#walking !== undefined;
    return { waiting: this.#queue.size, active: this.#running.size, walking };
  }

  /** From here on blobs are healed; those that were asked for before are found by the first walk. */
  start(): void {
    if (this.#started || this.#signal.aborted) return;
    this.#started = true;
    this.#pump();
  }

  /** Heals the blob, if it needs it, as soon as there is room. */
  request(blobId: BlobId, reason: HealingReason): void {
    this.#add({ blobId, reason, dueMs: this.#modules.clock.monotonicMs(), attempts: 0 });
  }

  /**
   * The blob was certified, at `certifiedAtMs` of the ledger's time; its writer may still be sending.
   */
  certified(blobId: BlobId, certifiedAtMs: number): void {
    const { clock } = this.#modules;
    if (this.#isWhole(blobId)) return;
    const graceMs = this.#graceMs(blobId);
    const sinceMs = Math.max(0, clock.nowMs() - certifiedAtMs);
    const dueMs = clock.monotonicMs() + Math.max(0, graceMs - sinceMs);
    this.#add({ blobId, reason: 'certified', dueMs, attempts: 0 });
  }

  /** The blob is deleted or invalid: nothing of it is wanted any more. */
  cancel(blobId: BlobId): void {
    this.#queue.remove(blobId);
    this.#running.get(blobId)?.scope.abort(new Interrupted('the blob is not wanted any more', false));
  }

  /** Work under way goes on with the new committee. What it assigns to this node anew is for those who move shards. */
  committeeChanged(): void {
    for (const { scope } of this.#running.values()) scope.abort(new Interrupted('the committee has changed', true));
  }

  /** Resolves when the queue has room for what a walk finds. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#queue.size >= this.#limits.healingQueue / 2) await raceAbort(this.#changed.promise, signal);
  }

  /** Resolves when all that is due has been tried. */
  async quiet(signal: AbortSignal): Promise<void> {
    while (this.#queue.ready > 0 || this.#running.size > 0) await raceAbort(this.#changed.promise, signal);
  }

  /** Waits for what is under way after the signal aborted. */
  async settle(): Promise<void> {
    while (this.#running.size > 0 || this.#walking !== undefined) await this.#changed.promise;
  }

  #isWhole(blobId: BlobId): boolean {
    const { registry, committees, holdings } = this.#modules;
    const since = registry.certifiedSince(blobId, committees.epoch);
    return since === undefined || holdings.isComplete(blobId, committees.shardsToHeal(since));
  }

  #graceMs(blobId: BlobId): number {
    const { metadata, committees } = this.#modules;
    const { uploadGraceMs } = this.#limits;
    // A writer sends metadata first: who has none some time after the certification was not reached, whatever the blob's size. Walrus nodes wait
    // longest then, and are short of it for two minutes after each outage.
    const size = metadata.get(blobId, committees.geometry)?.metadata.unencodedLength ?? 0;
    if (size <= 100 * MIB) return uploadGraceMs;
    return size <= 4096 * MIB ? 2 * uploadGraceMs : 8 * uploadGraceMs;
  }

  #add(entry: HealingEntry): void {
    if (this.#signal.aborted) return;
    if (!this.#started) {
      this.#mustWalk = true;
      return;
    }
    const running = this.#running.get(entry.blobId);
    if (running !== undefined) {
      running.again = entry.reason;
      return;
    }
    if (this.#queue.add(entry, this.#modules.clock.monotonicMs()) === 'full') this.#mustWalk = true;
    this.#pump();
  }

  #pump(): void {
    if (!this.#started || this.#signal.aborted) return;
    const { clock } = this.#modules;
    while (this.#running.size < this.#limits.healingBlobs) {
      const entry = this.#queue.take(clock.monotonicMs());
      if (entry === undefined) break;
      void this.#run(entry);
    }
    if (this.#mustWalk && this.#walking === undefined && this.#queue.size < this.#limits.healingQueue / 2) {
      this.#mustWalk = false;
      this.#walking = this.#walk().finally(() => {
        this.#walking = undefined;
        this.#change();
        this.#pump();
      });
    }
    this.#arm();
    this.#report();
  }

  /** One timer, for the next entry that is not due yet. */
  #arm(): void {
    this.#timer?.end();
    this.#timer = undefined;
    const dueMs = this.#queue.nextDueMs;
    if (dueMs === undefined || this.#running.size >= this.#limits.healingBlobs) return;
    const { clock, scheduler } = this.#modules;
    const timer = abortScope(this.#signal);
    this.#timer = timer;
    scheduler.sleep(Math.max(1, dueMs - clock.monotonicMs()), timer.signal).then(
      () => this.#pump(),
      () => undefined,
    );
  }

  /** Never rejects. */
  async #run(entry: HealingEntry): Promise<void> {
    const { blobId } = entry;
    const { recovery, clock, metrics, logger } = this.#modules;
    const running: Running = { scope: abortScope(this.#signal), again: undefined };
    this.#running.set(blobId, running);
    const startMs = clock.monotonicMs();
    let next: HealingEntry | undefined;
    let status = 'failure';
    try {
      const outcome = await recovery.recover(blobId, running.scope.signal);
      status = STATUS_OF[outcome];
      if (entry.reason === 'certified') {
        const avoided = outcome === 'whole' ? 'avoided_recovery' : 'recovery_needed';
        metrics.uploadsAwaited.add(1, { outcome: avoided });
      }
      if (status === 'success') logger.debug('blob healed', { blobId, reason: entry.reason });
      // Told to the ledger; its event removes what is here. If it never comes, the proof is made again.
      if (outcome === 'inconsistent') next = { ...entry, dueMs: clock.monotonicMs() + this.#limits.healingRetryMaxMs };
    } catch (error) {
      const why: unknown = running.scope.signal.aborted ? running.scope.signal.reason : undefined;
      if (why instanceof Interrupted) {
        status = 'cancelled';
        if (why.again) next = { ...entry, dueMs: clock.monotonicMs() };
      } else if (!this.#signal.aborted) {
        const attempts = entry.attempts + 1;
        const { healingRetryMinMs, healingRetryMaxMs } = this.#limits;
        const delayMs = Math.min(healingRetryMaxMs, healingRetryMinMs * 2 ** Math.min(entry.attempts, 30));
        next = { ...entry, attempts, dueMs: clock.monotonicMs() + delayMs };
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn('a blob could not be healed yet', { blobId, attempts, delayMs, reason });
      }
    } finally {
      running.scope.end();
      this.#running.delete(blobId);
    }
    if (status !== 'skip') {
      metrics.recoverySeconds.observe((clock.monotonicMs() - startMs) / 1000, { status });
    }
    if (running.again !== undefined) {
      next = { blobId, reason: running.again, dueMs: clock.monotonicMs(), attempts: 0 };
    }
    if (next !== undefined) this.#add(next);
    this.#change();
    this.#pump();
  }

  async #walk(): Promise<void> {
    const { registry, committees, scheduler, logger } = this.#modules;
    const signal = this.#signal;
    try {
      let found = 0;
      for (let from: Uint8Array | undefined; ;) {
        const limit = rowsPerTurn(committees.ownShards.length);
        const { blobs, next } = registry.certifiedPage({ from, limit, epoch: committees.epoch });
        for (const { blobId, since } of blobs) {
          if (!this.#isIncomplete(blobId, since)) continue;
          await this.room(signal);
          found += 1;
          this.request(blobId, 'walk');
        }
        if (next === undefined) break;
        from = next;
        await pause(scheduler, 0, signal);
      }
      if (found > 0) logger.info('blobs to be healed were found', { found });
    } catch (error) {
      if (signal.aborted) return;
      this.#mustWalk = true;
      logger.error('the walk for incomplete blobs failed; it is begun again', { error });
      await pause(scheduler, this.#limits.healingRetryMaxMs, signal).catch(() => undefined);
    }
  }

  #isIncomplete(blobId: BlobId, since: Epoch): boolean {
    if (this.#running.has(blobId)) return false;
    const { committees, holdings } = this.#modules;
    return !holdings.isComplete(blobId, committees.shardsToHeal(since));
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  #report(): void {
    const { recoveryBacklog } = this.#modules.metrics;
    recoveryBacklog.set(this.#queue.size, { state: 'pending' });
    recoveryBacklog.set(this.#running.size, { state: 'in-progress' });
  }
}

/** The status labels of Walrus nodes; blobs that needed nothing are not counted. */
const STATUS_OF: Readonly<Record<RecoveryOutcome, string>> = {
  whole: 'skip',
  restored: 'success',
  gone: 'cancelled',
  inconsistent: 'inconsistent',
};
