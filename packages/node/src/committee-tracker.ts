/**
 * The committees as this node knows them, and what follows for its shards.
 *
 * Invariants:
 * - `current` never goes back to an earlier epoch.
 * - A shard that was ever assigned keeps its storage; it takes writes only while the current committee assigns it.
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
import { errors } from './errors.ts';
import type { NodeLedger } from './ledger-port.ts';
import { patiently } from './patience.ts';
import { RowReader, RowWriter, tables } from './tables.ts';

/** `locked`: held and readable, assigned to another node now. */
export type ShardState = 'active' | 'locked';

const RETRY_MS = 500;
const ROW_VERSION = 1;

export class CommitteeTracker {
  readonly #nodeId: NodeId;
  readonly #ledger: NodeLedger;
  readonly #store: KeyValueStore;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #shards: Map<ShardIndex, ShardState>;
  #committees: Committees;

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
    await tracker.#assignShards();
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
    this.#store = modules.store;
    this.#scheduler = modules.scheduler;
    this.#logger = modules.logger;
    this.#shards = readShards(modules.store);
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

  /** Shards this node has storage for, by shard; more than its own after it lost some. */
  get storedShards(): readonly ShardIndex[] {
    return [...this.#shards.keys()].toSorted((a, b) => a - b);
  }

  isStored(shard: ShardIndex): boolean {
    return this.#shards.has(shard);
  }

  takesWrites(shard: ShardIndex): boolean {
    return this.#shards.get(shard) === 'active';
  }

  statusOf(shard: ShardIndex): ShardStatus {
    const state = this.#shards.get(shard);
    if (state === undefined) return 'unknown';
    return state === 'active' ? 'ready' : 'readOnly';
  }

  /**
   * Resolves when every shard that `epoch` assigns to this node is in place: at once when the committee before assigned
   * them too. Shards that came from other nodes are waited for until the signal aborts.
   */
  async shardsInPlace(epoch: Epoch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { previous } = this.#committees;
    const before = previous === undefined ? undefined : memberOfNode(previous, this.#nodeId)?.shards;
    const gained = previous === undefined ? [] : this.ownShards.filter((shard) => !(before ?? []).includes(shard));
    if (this.epoch === epoch && gained.length === 0) return;
    this.#logger.warn('shards gained in this epoch are not in place', { epoch, shards: gained.length });
    await new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  /** Asks the ledger until it is in `epoch` or later. */
  async advanceTo(epoch: Epoch, signal: AbortSignal): Promise<void> {
    for (;;) {
      const [scheduler, logger] = [this.#scheduler, this.#logger];
      const read = (): Promise<Committees> => this.#ledger.committees({ fresh: true, signal });
      const committees = await patiently(read, { scheduler, logger, signal });
      if (committees.current.epoch >= this.epoch) {
        this.#committees = committees;
        await this.#assignShards();
      }
      if (this.epoch >= epoch) return;
      this.#logger.warn('the ledger does not show the epoch of its own event yet', { epoch, shows: this.epoch });
      await this.#scheduler.sleep(RETRY_MS, signal);
    }
  }

  async #assignShards(): Promise<void> {
    const own = new Set(this.ownShards);
    const changed = new Map<ShardIndex, ShardState>();
    for (const shard of own) if (this.#shards.get(shard) !== 'active') changed.set(shard, 'active');
    for (const [shard, state] of this.#shards) if (state === 'active' && !own.has(shard)) changed.set(shard, 'locked');
    if (changed.size === 0) return;
    await this.#store.write(
      Array.from(changed, ([shard, state]) => ({
        kind: 'put' as const,
        table: tables.shards,
        key: Uint8Array.of(shard >>> 8, shard & 0xff),
        value: new RowWriter()
          .u8(ROW_VERSION)
          .u8(state === 'active' ? 1 : 2)
          .done(),
      })),
    );
    for (const [shard, state] of changed) this.#shards.set(shard, state);
    this.#logger.info('shards assigned', { epoch: this.epoch, shards: own.size, stored: this.#shards.size });
  }
}

function readShards(store: KeyValueStore): Map<ShardIndex, ShardState> {
  const shards = new Map<ShardIndex, ShardState>();
  for (const [key, value] of store.entries(tables.shards)) {
    const reader = new RowReader(value, (why) => errors.ROW_DAMAGED({ table: tables.shards, why }));
    const [version, state] = [reader.u8(), reader.u8()];
    reader.end();
    if (version !== ROW_VERSION || state < 1 || state > 2) {
      throw errors.ROW_DAMAGED({ table: tables.shards, why: `version ${version}, state ${state}` });
    }
    shards.set((((key[0] as number) << 8) | (key[1] as number)) as ShardIndex, state === 1 ? 'active' : 'locked');
  }
  return shards;
}
