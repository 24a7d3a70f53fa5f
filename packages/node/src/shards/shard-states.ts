/**
 * What this node's storage of each shard is good for; durable.
 *
 * - `active`: complete, as far as is known: what is found missing is healed blob by blob.
 * - `transfer`: being copied from the node that had it before.
 * - `recovery`: not known to be complete; what is missing is recovered from all others.
 * - `locked`: another node's now; readable, not writable.
 * - `dropping`: nobody reads it here any more; its slivers are being removed.
 *
 * Invariant: the states of an epoch's assignment, and that they are of that epoch, are one atomic write.
 */
import type { KeyValueOperation, KeyValueStore } from '@floe/platform';
import { type Axis, type BlobId, blobIdBytes, blobIdFromBytes, type Epoch, type ShardIndex } from '@floe/protocol';
import { errors } from '../errors.ts';
import { RowReader, RowWriter, tables } from '../tables.ts';

export type ShardState = 'active' | 'locked' | 'transfer' | 'recovery' | 'dropping';

/** How far a transfer has come. */
export interface TransferProgress {
  readonly axis: Axis;
  /** The last blob whose sliver of that axis came, or was passed over; from the beginning when absent. */
  readonly after?: BlobId;
}

const ROW_VERSION = 1;
/** By the number that stands in rows. */
const STATES: readonly (ShardState | undefined)[] = [undefined, 'active', 'locked', 'transfer', 'recovery', 'dropping'];
const EPOCH_KEY = new TextEncoder().encode('shards/epoch');
const PROGRESS_PREFIX = new TextEncoder().encode('shards/progress/');

export class ShardStates {
  readonly #store: KeyValueStore;
  readonly #states: Map<ShardIndex, ShardState>;
  #epoch: Epoch | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(modules: { readonly store: KeyValueStore }) {
    this.#store = modules.store;
    this.#states = readStates(modules.store);
    this.#epoch = readEpoch(modules.store);
  }

  /** The epoch whose assignment the states are of. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  get all(): ReadonlyMap<ShardIndex, ShardState> {
    return this.#states;
  }

  of(shard: ShardIndex): ShardState | undefined {
    return this.#states.get(shard);
  }

  /** In ascending order. */
  in(state: ShardState): ShardIndex[] {
    return [...this.#states].flatMap(([shard, each]) => (each === state ? [shard] : [])).toSorted((a, b) => a - b);
  }

  /** Runs `work` while no other such work runs: what removes slivers, and what makes their shard wanted again. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const run = before.then(work, work);
    this.#turn = run.catch(() => undefined);
    return await run;
  }

  /** States of an epoch's assignment; shards not named keep theirs. */
  async assign(epoch: Epoch, changes: ReadonlyMap<ShardIndex, ShardState>): Promise<void> {
    if (changes.size === 0 && this.#epoch === epoch) return;
    const operations = Array.from(changes).flatMap(([shard, state]) => [
      putState(shard, state),
      // A transfer begins anew.
      removeProgress(shard),
    ]);
    const value = new RowWriter().u8(ROW_VERSION).u32(epoch).done();
    await this.#store.write([...operations, { kind: 'put', table: tables.state, key: EPOCH_KEY, value }]);
    for (const [shard, state] of changes) this.#states.set(shard, state);
    this.#epoch = epoch;
  }

  /** The step from one state to the next, unless the shard's state was changed by an assignment meanwhile. */
  async advance(shard: ShardIndex, from: ShardState, to: ShardState | 'gone'): Promise<boolean> {
    return await this.alone(async () => {
      if (this.#states.get(shard) !== from) return false;
      const operation: KeyValueOperation =
        to === 'gone' ? { kind: 'remove', table: tables.shards, key: shardKey(shard) } : putState(shard, to);
      await this.#store.write([operation, removeProgress(shard)]);
      if (to === 'gone') this.#states.delete(shard);
      else this.#states.set(shard, to);
      return true;
    });
  }

  progress(shard: ShardIndex): TransferProgress | undefined {
    const row = this.#store.get(tables.state, progressKey(shard));
    if (row === undefined) return undefined;
    const reader = new RowReader(row, (why) => errors.ROW_DAMAGED({ table: tables.state, why }));
    reader.u8();
    const axis: Axis = reader.u8() === 0 ? 'primary' : 'secondary';
    const after = reader.optional((input) => blobIdFromBytes(input.raw(32)));
    reader.end();
    return { axis, after };
  }

  async setProgress(shard: ShardIndex, { axis, after }: TransferProgress): Promise<void> {
    const value = new RowWriter()
      .u8(ROW_VERSION)
      .u8(axis === 'primary' ? 0 : 1)
      .optional(after, (out, blobId) => out.raw(blobIdBytes(blobId)))
      .done();
    await this.#store.write([{ kind: 'put', table: tables.state, key: progressKey(shard), value }]);
  }
}

function shardKey(shard: ShardIndex): Uint8Array {
  return Uint8Array.of(shard >>> 8, shard & 0xff);
}

function progressKey(shard: ShardIndex): Uint8Array {
  return Uint8Array.of(...PROGRESS_PREFIX, ...shardKey(shard));
}

function removeProgress(shard: ShardIndex): KeyValueOperation {
  return { kind: 'remove', table: tables.state, key: progressKey(shard) };
}

function putState(shard: ShardIndex, state: ShardState): KeyValueOperation {
  const value = new RowWriter().u8(ROW_VERSION).u8(STATES.indexOf(state)).done();
  return { kind: 'put', table: tables.shards, key: shardKey(shard), value };
}

function readStates(store: KeyValueStore): Map<ShardIndex, ShardState> {
  const states = new Map<ShardIndex, ShardState>();
  for (const [key, value] of store.entries(tables.shards)) {
    const reader = new RowReader(value, (why) => errors.ROW_DAMAGED({ table: tables.shards, why }));
    const [version, number] = [reader.u8(), reader.u8()];
    reader.end();
    const state = STATES[number];
    if (version !== ROW_VERSION || state === undefined) {
      throw errors.ROW_DAMAGED({ table: tables.shards, why: `version ${version}, state ${number}` });
    }
    states.set((((key[0] as number) << 8) | (key[1] as number)) as ShardIndex, state);
  }
  return states;
}

function readEpoch(store: KeyValueStore): Epoch | undefined {
  const row = store.get(tables.state, EPOCH_KEY);
  if (row === undefined) return undefined;
  const reader = new RowReader(row, (why) => errors.ROW_DAMAGED({ table: tables.state, why }));
  reader.u8();
  const epoch = reader.u32() as Epoch;
  reader.end();
  return epoch;
}
