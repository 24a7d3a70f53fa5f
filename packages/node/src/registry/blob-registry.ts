/**
 * What the ledger says of blobs, kept by this node: a row per on-ledger object, which is the truth, and an aggregate row per blob
 * id, which answers requests. Fed by the event follower alone; nothing else writes these tables.
 *
 * Invariants:
 * - The rows that a checkpoint changes and the cursor behind it are one atomic write: replaying a checkpoint changes nothing.
 * - An event that contradicts the object rows stops the follower; nothing is skipped.
 * - Only events change what a row says; the passing of an epoch changes the answers, and what has ended may be dropped.
 */
import type { CheckpointRecord, LedgerEvent } from '@floe/contracts';
import {
  equalBytes,
  isFloeError,
  type KeyValueOperation,
  type KeyValueStore,
  type Scheduler,
  Semaphore,
} from '@floe/platform';
import {
  type BlobId,
  type BlobStatus,
  blobIdBytes,
  blobIdFromBytes,
  type Epoch,
  type ObjectId,
  objectIdBytes,
} from '@floe/protocol';
import { tables } from '../tables.ts';
import { type BlobRow, endEpochOf, isCertified, isRegistered, type PoolEnds, withoutEnded } from './blob-row.ts';
import { blobStatusOf } from './blob-status.ts';
import { RegistryChanges } from './registry-changes.ts';
import {
  decodeBlobRow,
  decodeCursor,
  decodeObjectRow,
  decodePoolRow,
  encodeBlobRow,
  encodeCursor,
  type EventCursor,
  type ObjectRow,
  readEpoch,
} from './rows.ts';

const HANDLED_KEY = new TextEncoder().encode('events/handled');
const COMPLETED_KEY = new TextEncoder().encode('events/completed');
const START: EventCursor = { nextCheckpoint: 0n, events: 0n };

/** Rows that had nothing to say any more. */
export interface EndedRows {
  readonly objects: number;
  readonly blobs: number;
  readonly pools: number;
}

/** Rows looked at in one turn; events wait as long: about 5 ms. */
const ROWS_PER_TURN = 1000;

export class BlobRegistry {
  readonly #store: KeyValueStore;
  #handled: EventCursor;
  #finished: EventCursor;
  #completed: EventCursor;
  #epoch: Epoch;
  /** Whoever reads rows and writes them changed: one at a time. */
  readonly #turn = new Semaphore({ name: 'changes of the registry', permits: 1 });

  constructor(modules: { store: KeyValueStore }) {
    this.#store = modules.store;
    this.#handled = this.#readCursor(HANDLED_KEY);
    this.#completed = this.#readCursor(COMPLETED_KEY);
    this.#finished = this.#completed;
    this.#epoch = readEpoch(modules.store);
  }

  /** The last epoch whose beginning was handled: what had ended by then will get no event any more. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** How far blob rows reflect the ledger; durable with them. */
  get handled(): EventCursor {
    return this.#handled;
  }

  /** How far the effects of events are done too. */
  get finished(): EventCursor {
    return this.#finished;
  }

  /** How far that is recorded on disk: where following resumes after a restart. Never ahead of `finished`. */
  get completed(): EventCursor {
    return this.#completed;
  }

  /** Blobs that there are rows of. */
  count(): number {
    return this.#store.count(tables.blobs);
  }

  isInvalid(blobId: BlobId): boolean {
    return this.#row(blobId)?.invalid !== undefined;
  }

  isRegistered(blobId: BlobId, epoch: Epoch): boolean {
    const row = this.#row(blobId);
    return row !== undefined && isRegistered(row, epoch, this.#poolEnds);
  }

  isCertified(blobId: BlobId, epoch: Epoch): boolean {
    const row = this.#row(blobId);
    return row !== undefined && isCertified(row, epoch, this.#poolEnds);
  }

  /** Since when the blob has been certified without a gap, if it is certified at `epoch`. */
  certifiedSince(blobId: BlobId, epoch: Epoch): Epoch | undefined {
    const row = this.#row(blobId);
    return row !== undefined && isCertified(row, epoch, this.#poolEnds) ? row.initialCertifiedEpoch : undefined;
  }

  /**
   * The blobs certified at `epoch` among the next `limit` rows from `from` on, in ascending order of their ids' bytes. `next` is where to go
   * on; undefined at the end. For walks that others may write between.
   */
  certifiedPage(options: { from?: Uint8Array; limit: number; epoch: Epoch }): {
    readonly blobs: readonly { readonly blobId: BlobId; readonly since: Epoch }[];
    readonly next: Uint8Array | undefined;
  } {
    const { from, limit, epoch } = options;
    const blobs: { blobId: BlobId; since: Epoch }[] = [];
    let [rows, last]: [number, Uint8Array | undefined] = [0, undefined];
    for (const [key, value] of this.#store.entries(tables.blobs, from === undefined ? { limit } : { from, limit })) {
      [rows, last] = [rows + 1, key];
      const row = decodeBlobRow(value);
      if (row.initialCertifiedEpoch === undefined || !isCertified(row, epoch, this.#poolEnds)) continue;
      blobs.push({ blobId: blobIdFromBytes(key), since: row.initialCertifiedEpoch });
    }
    // A key and a zero byte is the next key there can be.
    return { blobs, next: rows < limit || last === undefined ? undefined : Uint8Array.of(...last, 0) };
  }

  /** Whether this object registers this blob at `epoch`. */
  isObjectRegistered(objectId: ObjectId, blobId: BlobId, epoch: Epoch): boolean {
    const object = this.object(objectId);
    if (object === undefined || object.blobId !== blobId) return false;
    const endEpoch = object.poolId === undefined ? object.endEpoch : this.#poolEnds(object.poolId);
    return endEpoch !== undefined && endEpoch > epoch;
  }

  object(objectId: ObjectId): ObjectRow | undefined {
    const bytes = this.#store.get(tables.objects, objectIdBytes(objectId));
    return bytes === undefined ? undefined : decodeObjectRow(bytes);
  }

  /** The first epoch in which the blob's data is no longer owed, as far as is known now; 0 when it never was. */
  endEpoch(blobId: BlobId): Epoch {
    const row = this.#row(blobId);
    return row === undefined ? (0 as Epoch) : endEpochOf(row, this.#poolEnds);
  }

  status(blobId: BlobId, epoch: Epoch): BlobStatus {
    return blobStatusOf(this.#row(blobId), epoch, this.#poolEnds);
  }

  /**
   * Applies the events of a checkpoint, durably, unless it was applied before. Of a partial one, what contradicts is about
   * something that has ended, and is left out.
   * @throws EVENT_CONTRADICTS and then changes nothing.
   */
  async apply(checkpoint: CheckpointRecord): Promise<void> {
    if (checkpoint.sequence < this.#handled.nextCheckpoint) return;
    const next = {
      nextCheckpoint: checkpoint.sequence + 1n,
      events: this.#handled.events + BigInt(checkpoint.events.length),
    };
    if (checkpoint.events.length > 0) {
      await this.#turn.run(async () => {
        const changes = new RegistryChanges(this.#store);
        for (const event of checkpoint.events) applyEvent(changes, event, checkpoint.isPartial === true);
        await this.#store.write([...changes.operations(), cursorRow(HANDLED_KEY, next)]);
        this.#epoch = changes.epoch ?? this.#epoch;
      });
    }
    this.#handled = next;
  }

  /**
   * Drops what had ended when {@link epoch} began, in bounded writes, between which others have their turn; resolves to how many rows.
   * Changes no answer. With `isDryRun` only counts.
   */
  async dropEnded(
    options: { readonly isDryRun: boolean; readonly signal?: AbortSignal },
    { scheduler }: { readonly scheduler: Scheduler },
  ): Promise<EndedRows> {
    const epoch = this.#epoch;
    const hasEnded = (object: ObjectRow): boolean =>
      (object.poolId === undefined ? (object.endEpoch ?? 0) : (this.#poolEnds(object.poolId) ?? 0)) <= epoch;
    const how = { ...options, scheduler };
    const objects = await this.#dropRows(tables.objects, how, (bytes) =>
      hasEnded(decodeObjectRow(bytes)) ? undefined : bytes,
    );
    const blobs = await this.#dropRows(tables.blobs, how, (bytes) => {
      const row = withoutEnded(decodeBlobRow(bytes), epoch, this.#poolEnds);
      return row === undefined ? undefined : encodeBlobRow(row);
    });
    // Last, as the others ask when a pool ends.
    const pools = await this.#dropRows(tables.pools, how, (bytes) =>
      decodePoolRow(bytes) <= epoch ? undefined : bytes,
    );
    return { objects, blobs, pools };
  }

  /** Everything handled so far has had its effects. In memory only, until {@link complete}. */
  finish(): void {
    this.#finished = this.#handled;
  }

  /** Records on disk how far the effects are done. */
  async complete(): Promise<void> {
    const finished = this.#finished;
    if (this.#completed.nextCheckpoint === finished.nextCheckpoint) return;
    await this.#store.write([cursorRow(HANDLED_KEY, this.#handled), cursorRow(COMPLETED_KEY, finished)]);
    this.#completed = finished;
  }

  #row(blobId: BlobId): BlobRow | undefined {
    const bytes = this.#store.get(tables.blobs, blobIdBytes(blobId));
    return bytes === undefined ? undefined : decodeBlobRow(bytes);
  }

  async #dropRows(
    table: string,
    how: { readonly isDryRun: boolean; readonly signal?: AbortSignal; readonly scheduler: Scheduler },
    change: (row: Uint8Array) => Uint8Array | undefined,
  ): Promise<number> {
    const { isDryRun, signal, scheduler } = how;
    let dropped = 0;
    for (let from: Uint8Array | undefined; ;) {
      signal?.throwIfAborted();
      from = await this.#turn.run(async () => {
        const operations: KeyValueOperation[] = [];
        const page = [...this.#store.entries(table, { limit: ROWS_PER_TURN, ...(from && { from }) })];
        for (const [key, row] of page) {
          const changed = change(row);
          if (changed === undefined) operations.push({ kind: 'remove', table, key });
          else if (!equalBytes(changed, row)) operations.push({ kind: 'put', table, key, value: changed });
        }
        dropped += operations.filter(({ kind }) => kind === 'remove').length;
        if (operations.length > 0 && !isDryRun) await this.#store.write(operations);
        const last = page.length < ROWS_PER_TURN ? undefined : page.at(-1);
        return last && new Uint8Array([...last[0], 0]);
      });
      if (from === undefined) return dropped;
      await scheduler.sleep(0, signal);
    }
  }

  readonly #poolEnds: PoolEnds = (poolId) => {
    const bytes = this.#store.get(tables.pools, objectIdBytes(poolId));
    return bytes === undefined ? undefined : decodePoolRow(bytes);
  };

  #readCursor(key: Uint8Array): EventCursor {
    const bytes = this.#store.get(tables.state, key);
    return bytes === undefined ? START : decodeCursor(bytes);
  }
}

function cursorRow(key: Uint8Array, cursor: EventCursor): KeyValueOperation {
  return { kind: 'put', table: tables.state, key, value: encodeCursor(cursor) };
}

/** An event that contradicts changes nothing. */
function applyEvent(changes: RegistryChanges, event: LedgerEvent, isPartial: boolean): void {
  try {
    changes.apply(event);
  } catch (error) {
    if (!isPartial || !isFloeError(error, 'EVENT_CONTRADICTS')) throw error;
  }
}
