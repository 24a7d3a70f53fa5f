/**
 * Brings this node's shards to what the committee assigns: copies those that came, recovers what could not be copied, removes those that
 * left. Works on the durable states alone, so a crash anywhere and a new epoch in the middle only mean that it goes on.
 *
 * Invariants:
 * - Nothing is copied or declared complete before this node knows what the ledger knew when the assignment was read.
 * - A shard is `active` only when a walk over all blobs certified before the epoch found nothing of it missing.
 * - Shards are in place only when such a walk, begun in their epoch, found nothing of any of them missing: a shard that stayed may lack what
 *   was certified while this node was away.
 */
import {
  abortScope,
  type AbortScope,
  deferred,
  type Logger,
  mapConcurrent,
  pause,
  raceAbort,
  type Scheduler,
} from '@floe/platform';
import type { Epoch, ShardIndex } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { FollowerPosition } from '../follower-position.ts';
import type { NodeLedger } from '../ledger-port.ts';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import { patiently } from '../patience.ts';
import type { Healing } from '../recovery/healing.ts';
import { type Holdings, rowsPerTurn } from '../recovery/holdings.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { SliverKey, SliverStore } from '../sliver-store.ts';
import type { ShardState } from './shard-states.ts';
import type { ShardTransfer } from './shard-transfer.ts';

/** Slivers looked at between two turns of the event loop. */
const PAGE_SLIVERS = 200;
const SHARD_STATES: readonly ShardState[] = ['active', 'transfer', 'recovery', 'locked', 'dropping'];

export interface ShardMovementModules {
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly slivers: SliverStore;
  readonly holdings: Holdings;
  readonly healing: Healing;
  readonly transfer: Pick<ShardTransfer, 'copy'>;
  readonly position: FollowerPosition;
  readonly ledger: NodeLedger;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export class ShardMovement {
  readonly #limits: NodeLimits;
  readonly #signal: AbortSignal;
  readonly #modules: ShardMovementModules;
  #run: { readonly scope: AbortScope; readonly done: Promise<void> } | undefined;
  #changed = deferred<void>();
  /** The epoch of which this node knows all that happened before its assignment was read. */
  #knownEpoch: Epoch | undefined;
  /** The epoch in which nothing was missing of what this node owes. */
  #wholeEpoch: Epoch | undefined;

  constructor(options: { readonly limits: NodeLimits; readonly signal: AbortSignal }, modules: ShardMovementModules) {
    this.#limits = options.limits;
    this.#signal = options.signal;
    this.#modules = modules;
  }

  /** Begins, or begins again after the committee has changed. */
  reconcile(): void {
    const before = this.#run;
    before?.scope.abort(new Error('the committee has changed'));
    const scope = abortScope(this.#signal);
    const work = async (): Promise<void> => {
      await before?.done;
      await this.#work(scope.signal);
    };
    this.#run = { scope, done: work().finally(() => scope.end()) };
    this.#change();
  }

  /**
   * Resolves once every shard that the committee of `epoch` assigns to this node is complete here. Waits for an epoch to come; for one that
   * has passed, or that this node is no member of, for ever. Rejects with the signal's reason.
   */
  async shardsInPlace(epoch: Epoch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { committees, healing, scheduler } = this.#modules;
    const hasAll = (): boolean => this.#knownEpoch === epoch && committees.hasAllShards(epoch);
    const pauses = new Pauses(this.#limits);
    while (!hasAll() || this.#wholeEpoch !== epoch) {
      if (!hasAll()) {
        await raceAbort(this.#changed.promise, signal);
        continue;
      }
      const missing = await this.#requestMissing(committees.ownShards, signal);
      if (missing > 0) {
        await healing.quiet(signal);
        await pause(scheduler, pauses.nextMs(missing), signal);
      } else if (hasAll()) {
        this.#wholeEpoch = epoch;
      }
    }
  }

  /** Waits for what is under way after the signal aborted. */
  async settle(): Promise<void> {
    await this.#run?.done;
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { ledger, position, healing, committees, logger } = this.#modules;
    for (;;) {
      try {
        const { epoch } = committees;
        const { latestCheckpoint } = await patiently(() => ledger.chain({ signal }), { ...this.#modules, signal });
        await position.reached(latestCheckpoint, signal);
        healing.start();
        // An assignment read meanwhile begins this work anew.
        this.#knownEpoch = epoch;
        this.#change();
        await Promise.all([this.#drop(signal), this.#take(signal)]);
        return;
      } catch (error) {
        if (signal.aborted) return;
        logger.error('moving shards failed; it is begun again', { error });
        await pause(this.#modules.scheduler, this.#limits.healingRetryMinMs, signal).catch(() => undefined);
      }
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { committees, transfer, logger } = this.#modules;
    await mapConcurrent(committees.states.in('transfer'), this.#limits.shardTransfers, async (shard) => {
      const copied = await transfer.copy(shard, signal);
      await committees.states.advance(shard, 'transfer', 'recovery');
      logger.info('a shard was taken over', { shard, copied });
    });
    this.#change();
    await this.#recover(signal);
  }

  /** Walks until nothing of the shards in recovery is missing; what is goes to healing, which tries each blob again and again. */
  async #recover(signal: AbortSignal): Promise<void> {
    const { committees, healing, logger, scheduler } = this.#modules;
    const pauses = new Pauses(this.#limits);
    for (let round = 0; ; round += 1) {
      const shards = committees.states.in('recovery');
      if (shards.length === 0) return;
      const missing = await this.#requestMissing(shards, signal);
      if (missing === 0) {
        for (const shard of shards) await committees.states.advance(shard, 'recovery', 'active');
        logger.info('shards are complete', { shards: shards.length, epoch: committees.epoch });
        this.#change();
        return;
      }
      if (round > 0) await pause(scheduler, pauses.nextMs(missing), signal);
      await healing.quiet(signal);
    }
  }

  /** How many blobs lack something of these shards; each is handed to healing. */
  async #requestMissing(shards: readonly ShardIndex[], signal: AbortSignal): Promise<number> {
    const { registry, committees, holdings, healing, scheduler } = this.#modules;
    const { epoch } = committees;
    let missing = 0;
    for (let from: Uint8Array | undefined; ;) {
      const { blobs, next } = registry.certifiedPage({ from, limit: rowsPerTurn(shards.length), epoch });
      for (const { blobId, since } of blobs) {
        // What is certified in this epoch was confirmed by this epoch's owners.
        if (since >= epoch || holdings.isComplete(blobId, shards)) continue;
        missing += 1;
        await healing.room(signal);
        healing.request(blobId, 'shard');
      }
      if (next === undefined) return missing;
      from = next;
      await pause(scheduler, 0, signal);
    }
  }

  /** Removes the slivers of shards that left, in pages, each only while nothing makes its shard wanted again. */
  async #drop(signal: AbortSignal): Promise<void> {
    const { committees, slivers, scheduler, logger } = this.#modules;
    const { states } = committees;
    const shards = states.in('dropping');
    if (shards.length === 0) return;
    let removed = 0;
    for (let after: SliverKey | undefined; ;) {
      const { entries, next } = slivers.page({ limit: PAGE_SLIVERS, ...(after && { after }) });
      removed += await states.alone(async () => {
        const unwanted = entries.map(({ key }) => key).filter(({ shard }) => states.of(shard) === 'dropping');
        return unwanted.length === 0 ? 0 : slivers.remove(unwanted);
      });
      if (next === undefined) break;
      after = next;
      await pause(scheduler, 0, signal);
    }
    for (const shard of shards) await states.advance(shard, 'dropping', 'gone');
    logger.info('shards that left were removed', { shards: shards.length, slivers: removed });
    this.#change();
  }

  #change(): void {
    const { committees, metrics } = this.#modules;
    for (const state of SHARD_STATES) metrics.shardStates.set(committees.states.in(state).length, { state });
    this.#changed.resolve();
    this.#changed = deferred();
  }
}

/** Pauses between walks that find blobs missing: ever longer while there are no fewer of them, as each walk looks at every blob. */
class Pauses {
  readonly #limits: Pick<NodeLimits, 'healingRetryMinMs' | 'healingRetryMaxMs'>;
  #least = Number.POSITIVE_INFINITY;
  #inVain = 0;

  constructor(limits: Pick<NodeLimits, 'healingRetryMinMs' | 'healingRetryMaxMs'>) {
    this.#limits = limits;
  }

  /** The longest is a part of the longest that a blob waits: once the last one is healed, it is soon known. */
  nextMs(missing: number): number {
    const { healingRetryMinMs, healingRetryMaxMs } = this.#limits;
    this.#inVain = missing < this.#least ? 0 : this.#inVain + 1;
    this.#least = Math.min(this.#least, missing);
    return Math.min(
      Math.max(healingRetryMinMs, healingRetryMaxMs / 4),
      healingRetryMinMs * 2 ** Math.min(this.#inVain, 30),
    );
  }
}
