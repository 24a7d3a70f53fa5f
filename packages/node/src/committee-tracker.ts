/**
 * The committees as this node knows them, and what follows for its shards.
 *
 * Invariants:
 * - `current` never goes back to an earlier epoch.
 * - The shards' states are those of `current`, durably, before anything acts on it: what was lost is locked before anything else happens.
 */
import type { KeyValueStore, Logger, Scheduler } from '@floe/platform';
import {
  type Committees,
  type Epoch,
  type Geometry,
  memberOfNode,
  type NodeId,
  type ShardIndex,
  type ShardStatus,
} from '@floe/protocol';
import type { NodeLedger } from './ledger-port.ts';
import { patiently } from './patience.ts';
import { planShards } from './shards/shard-plan.ts';
import { type ShardState, ShardStates } from './shards/shard-states.ts';

const RETRY_MS = 500;
/** Between two readings of the committees that nothing on the ledger asked for. */
const REFRESH_PAUSE_MS = 10_000;

const STATUS_OF: Readonly<Record<ShardState, ShardStatus>> = {
  active: 'ready',
  transfer: 'inTransfer',
  recovery: 'inRecovery',
  locked: 'readOnly',
  dropping: 'unknown',
};

export class CommitteeTracker {
  readonly #nodeId: NodeId;
  readonly #ledger: NodeLedger;
  readonly #states: ShardStates;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  #committees: Committees;
  #isRefreshing = false;

  /** Waits for the ledger as long as it cannot be reached. */
  static async open(
    options: { readonly nodeId: NodeId; readonly signal: AbortSignal },
    modules: { ledger: NodeLedger; store: KeyValueStore; scheduler: Scheduler; logger: Logger },
  ): Promise<CommitteeTracker> {
    const { signal } = options;
    const committees = await patiently(() => modules.ledger.committees({ fresh: true, signal }), {
      ...modules,
      signal,
    });
    const tracker = new CommitteeTracker(options.nodeId, committees, modules);
    await tracker.#assignShards(committees);
    return tracker;
  }

  private constructor(
    nodeId: NodeId,
    committees: Committees,
    modules: { ledger: NodeLedger; store: KeyValueStore; scheduler: Scheduler; logger: Logger },
  ) {
    this.#nodeId = nodeId;
    this.#committees = committees;
    this.#ledger = modules.ledger;
    this.#states = new ShardStates(modules);
    this.#scheduler = modules.scheduler;
    this.#logger = modules.logger;
  }

  get committees(): Committees {
    return this.#committees;
  }

  /** The epoch that requests are judged and signed in: that of the latest committee. */
  get epoch(): Epoch {
    return this.#committees.current.epoch;
  }

  get geometry(): Geometry {
    return this.#committees.current.geometry;
  }

  get isMember(): boolean {
    return memberOfNode(this.#committees.current, this.#nodeId) !== undefined;
  }

  /** Shards that the current committee assigns to this node. */
  get ownShards(): readonly ShardIndex[] {
    return memberOfNode(this.#committees.current, this.#nodeId)?.shards ?? [];
  }

  get states(): ShardStates {
    return this.#states;
  }

  /** Shards this node has storage for; more than its own after it lost some. */
  get storedShards(): readonly ShardIndex[] {
    return [...this.#states.all.keys()].filter((shard) => this.isStored(shard)).toSorted((a, b) => a - b);
  }

  isStored(shard: ShardIndex): boolean {
    const state = this.#states.of(shard);
    return state !== undefined && state !== 'dropping';
  }

  takesWrites(shard: ShardIndex): boolean {
    const state = this.#states.of(shard);
    return state === 'active' || state === 'transfer' || state === 'recovery';
  }

  /**
   * Own shards whose part of a blob is healed singly: not those that are being copied as a whole, unless the blob is too new for that.
   */
  shardsToHeal(certifiedSince: Epoch): readonly ShardIndex[] {
    const isNew = certifiedSince >= this.epoch;
    return this.ownShards.filter((shard) => {
      const state = this.#states.of(shard);
      return state === 'active' || state === 'recovery' || (state === 'transfer' && isNew);
    });
  }

  /** Whether this node is a member in `epoch`, which is the current one, and has every shard that this assigns to it complete. */
  hasAllShards(epoch: Epoch): boolean {
    const { ownShards } = this;
    return (
      this.epoch === epoch && ownShards.length > 0 && ownShards.every((shard) => this.#states.of(shard) === 'active')
    );
  }

  statusOf(shard: ShardIndex): ShardStatus {
    const state = this.#states.of(shard);
    return state === undefined ? 'unknown' : STATUS_OF[state];
  }

  /** Asks the ledger until it is in `epoch` or later. */
  async advanceTo(epoch: Epoch, signal: AbortSignal): Promise<void> {
    for (;;) {
      const [scheduler, logger] = [this.#scheduler, this.#logger];
      const read = (): Promise<Committees> => this.#ledger.committees({ fresh: true, signal });
      const committees = await patiently(read, { scheduler, logger, signal });
      if (committees.current.epoch >= this.epoch) {
        // First, so that nothing is signed for shards whose old slivers are still being removed.
        await this.#assignShards(committees);
        this.#committees = committees;
      }
      if (this.epoch >= epoch) return;
      this.#logger.warn('the ledger does not show the epoch of its own event yet', { epoch, shows: this.epoch });
      await this.#scheduler.sleep(RETRY_MS, signal);
    }
  }

  /** Reads the committees again, as keys and addresses of members change without an event; again only after a pause. */
  refreshSoon(signal: AbortSignal): void {
    if (this.#isRefreshing || signal.aborted) return;
    this.#isRefreshing = true;
    this.#refresh(signal)
      .then(() => this.#scheduler.sleep(REFRESH_PAUSE_MS, signal))
      .catch((error: unknown) => this.#logger.debug('the committees were not read again', { error }))
      .finally(() => (this.#isRefreshing = false));
  }

  /**
   * The epoch's own changes are for `advanceTo`: here only what it may have read in the same epoch is taken, and nothing that it may have read
   * later.
   */
  async #refresh(signal: AbortSignal): Promise<void> {
    const before = this.#committees;
    const committees = await this.#ledger.committees({ fresh: true, signal });
    if (this.#committees === before && committees.current.epoch === this.epoch) this.#committees = committees;
  }

  /**
   * Takes up the slivers of shards that were found on disk while nothing was known of their shards: kept readable for the new owner when they were
   * this node's in the epoch before, else dropped. Records of no committee's shard, such as a probe's, are no shard to take up: they go when
   * they end.
   */
  async adopt(found: ReadonlySet<ShardIndex>): Promise<void> {
    const { current, previous } = this.#committees;
    const had = new Set(previous === undefined ? [] : memberOfNode(previous, this.#nodeId)?.shards);
    await this.#states.alone(async () => {
      const { nShards } = current.geometry;
      const unknown = [...found].filter((shard) => shard < nShards && this.#states.of(shard) === undefined);
      const states = new Map(unknown.map((shard) => [shard, had.has(shard) ? 'locked' : 'dropping'] as const));
      if (states.size > 0) await this.#states.assign(this.epoch, states);
    });
  }

  async #assignShards(committees: Committees): Promise<void> {
    await this.#states.alone(async () => {
      const { epoch: lastEpoch, all: states } = this.#states;
      const { epoch } = committees.current;
      const changes = planShards({ nodeId: this.#nodeId, committees, states, lastEpoch });
      await this.#states.assign(epoch, changes);
      if (changes.size === 0) return;
      const counts: Record<string, number> = {};
      for (const state of changes.values()) counts[state] = (counts[state] ?? 0) + 1;
      this.#logger.info('shards assigned', { epoch, stored: this.#states.all.size, changed: counts });
    });
  }
}
