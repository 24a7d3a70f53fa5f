/**
 * Pruning: old checkpoints leave the journal with their transactions, those apart that somebody still needs.
 *
 * - The newest checkpoints stay, all of them, as many as configured. The first of these is the lowest available one.
 * - Below it stays every checkpoint with an event about a blob, or a pool, that had not ended in the epoch of the lowest
 *   available checkpoint: all of its events, from registration on, are kept or none is. So who reads the journal from its
 *   beginning learns of every blob that is stored. Beginnings of epochs and blobs found invalid stay for good.
 * - A checkpoint that stays is whole: it may also have events of what has ended, without the others of the same.
 *
 * Work is done in small steps after checkpoints, each one write; a step that is lost is done again.
 */
import { type ContractEvent, parseContractEvent } from '@floe/contracts';
import type { KeyValueOperation, KeyValueStore } from '@floe/platform';
import { BcsReader, BcsWriter, type Epoch, objectIdBytes, type ObjectId } from '@floe/protocol';
import type { TransactionRecord, TypeName } from './api.ts';
import { decodeStoredCheckpoint } from './checkpoint-codec.ts';
import { decodeStoredTransaction } from './journal-codec.ts';
import { META_KEYS, sequenceKey } from './store-keys.ts';
import { PRUNE_STEP_CHECKPOINTS } from './limits.ts';
import { TABLES } from './tables.ts';

/** How far a journal is pruned. */
export interface PruneMark {
  /** The lowest checkpoint from which on all are there. */
  readonly lowest: bigint;
  /** The Walrus epoch in which it was made. */
  readonly epoch: Epoch;
}

const MARK_VERSION = 1;
/** Chains begin in epoch 1. */
const UNPRUNED: PruneMark = { lowest: 0n, epoch: 1 as Epoch };

export function readPruneMark(store: KeyValueStore): PruneMark {
  const bytes = store.get(TABLES.meta, META_KEYS.pruned);
  return bytes === undefined ? UNPRUNED : decodePruneMark(bytes);
}

/** @throws INVALID_BCS */
export function decodePruneMark(bytes: Uint8Array): PruneMark {
  const reader = new BcsReader(bytes, 'prune mark');
  if (reader.u8() !== MARK_VERSION) reader.fail(`version ${MARK_VERSION}`, 'another');
  const mark = { lowest: reader.u64(), epoch: reader.u32() as Epoch };
  reader.end();
  return mark;
}

/** What has to be remembered of new transactions: until when blobs that were extended, and pools, are stored. */
export function lifetimeOperations(records: Iterable<Pick<TransactionRecord, 'events'>>): KeyValueOperation[] {
  const operations: KeyValueOperation[] = [];
  for (const event of eventsOf(records, mayTellLifetime)) {
    const lifetime = lifetimeOf(event);
    if (lifetime === undefined) continue;
    const value = new BcsWriter(4).u32(lifetime.endEpoch).finish();
    operations.push({ kind: 'put', table: TABLES.lifetimes, key: objectIdBytes(lifetime.id), value });
  }
  return operations;
}

const LIFETIME_EVENTS: readonly ContractEvent['kind'][] = [
  'BlobCertified',
  'StoragePoolCreated',
  'StoragePoolExtended',
];

function mayTellLifetime(type: TypeName): boolean {
  return LIFETIME_EVENTS.some((kind) => type.endsWith(kind));
}

/** Ends only grow, so that the newest event has the last word. */
function lifetimeOf(event: ContractEvent): { readonly id: ObjectId; readonly endEpoch: Epoch } | undefined {
  switch (event.kind) {
    case 'BlobCertified':
      return event.isExtension ? { id: event.objectId, endEpoch: event.endEpoch } : undefined;
    case 'StoragePoolCreated':
      return { id: event.storagePoolId, endEpoch: event.endEpoch };
    case 'StoragePoolExtended':
      return { id: event.storagePoolId, endEpoch: event.newEndEpoch };
    default:
      return undefined;
  }
}

/** @param isWanted by its type; the others are not even read */
function* eventsOf(
  records: Iterable<Pick<TransactionRecord, 'events'>>,
  isWanted: (type: TypeName) => boolean = () => true,
): Iterable<ContractEvent> {
  for (const { events } of records) {
    for (const { type, contents } of events) {
      if (!isWanted(type)) continue;
      const event = parseContractEvent(type, contents);
      if (event !== undefined) yield event;
    }
  }
}

export class Pruner {
  readonly #store: KeyValueStore;
  readonly #keep: bigint;
  #mark: PruneMark;
  /** Next one to look at again among those that stayed, since the epoch moved on; undefined: all were. */
  #sweep: bigint | undefined = 0n;

  /** @param keepCheckpoints how many of the newest checkpoints stay, whatever is in them */
  constructor(keepCheckpoints: number, store: KeyValueStore) {
    this.#store = store;
    this.#keep = BigInt(keepCheckpoints);
    this.#mark = readPruneMark(store);
  }

  get mark(): PruneMark {
    return this.#mark;
  }

  /** Does a step of work, if there is enough of it. `head` is durable. */
  async step(head: bigint): Promise<void> {
    const excess = head + 1n - this.#keep - this.#mark.lowest;
    if (excess >= BigInt(PRUNE_STEP_CHECKPOINTS)) await this.#advance();
    else if (this.#sweep !== undefined && this.#mark.lowest > 0n) await this.#sweepOn(this.#sweep);
  }

  /** Moves the lowest available checkpoint on. */
  async #advance(): Promise<void> {
    const { lowest } = this.#mark;
    const to = lowest + BigInt(PRUNE_STEP_CHECKPOINTS);
    const found = this.#read(lowest, to);
    let { epoch } = this.#mark;
    for (const event of eventsOf(found.flatMap(({ records }) => records))) {
      if (event.kind === 'EpochChangeStart') epoch = event.epoch;
    }
    const mark = { lowest: to, epoch };
    await this.#store.write([
      ...this.#removals(found, epoch),
      {
        kind: 'put',
        table: TABLES.meta,
        key: META_KEYS.pruned,
        value: new BcsWriter(16).u8(MARK_VERSION).u64(to).u32(epoch).finish(),
      },
    ]);
    if (epoch !== this.#mark.epoch) this.#sweep = 0n;
    this.#mark = mark;
  }

  /** What stayed for something that ended since goes, too. */
  async #sweepOn(from: bigint): Promise<void> {
    const { lowest, epoch } = this.#mark;
    const found = this.#read(from, lowest);
    const operations = this.#removals(found, epoch);
    if (operations.length > 0) await this.#store.write(operations);
    const last = found.at(-1)?.sequence;
    this.#sweep = last === undefined || found.length < PRUNE_STEP_CHECKPOINTS ? undefined : last + 1n;
  }

  /** Checkpoints of a range that are there, a step's worth. */
  #read(from: bigint, to: bigint): KeptCheckpoint[] {
    const range = { from: sequenceKey(from), to: sequenceKey(to), limit: PRUNE_STEP_CHECKPOINTS };
    return [...this.#store.entries(TABLES.checkpoints, range)].map(([key, bytes]) => {
      const sequence = new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0);
      const { digest, transactions } = decodeStoredCheckpoint(sequence, bytes);
      const records = transactions.flatMap(({ digest: transaction }) => {
        const stored = this.#store.get(TABLES.transactions, transaction);
        return stored === undefined ? [] : [decodeStoredTransaction(transaction, stored)];
      });
      return { sequence, digest, records };
    });
  }

  #removals(found: readonly KeptCheckpoint[], epoch: Epoch): KeyValueOperation[] {
    return found
      .filter(({ sequence, records }) => sequence > 0n && !this.#isNeeded(records, epoch))
      .flatMap(({ sequence, digest, records }): KeyValueOperation[] => [
        { kind: 'remove', table: TABLES.checkpoints, key: sequenceKey(sequence) },
        { kind: 'remove', table: TABLES.checkpointDigests, key: digest },
        ...records.map((record) => ({ kind: 'remove' as const, table: TABLES.transactions, key: record.digest })),
      ]);
  }

  #isNeeded(records: readonly TransactionRecord[], epoch: Epoch): boolean {
    for (const event of eventsOf(records)) if (this.#isLive(event, epoch)) return true;
    return false;
  }

  #isLive(event: ContractEvent, epoch: Epoch): boolean {
    switch (event.kind) {
      case 'BlobRegistered':
      case 'BlobCertified':
      case 'BlobDeleted':
        return Math.max(event.endEpoch, this.#endOf(event.objectId)) > epoch;
      case 'PooledBlobRegistered':
      case 'PooledBlobCertified':
      case 'PooledBlobDeleted':
      case 'StoragePoolCreated':
      case 'StoragePoolExtended':
        return this.#endOf(event.storagePoolId) > epoch;
      case 'InvalidBlobID':
      case 'EpochChangeStart':
        return true;
      default:
        return false;
    }
  }

  #endOf(id: ObjectId): number {
    const bytes = this.#store.get(TABLES.lifetimes, objectIdBytes(id));
    return bytes === undefined ? 0 : new BcsReader(bytes, 'lifetime').u32();
  }
}

interface KeptCheckpoint {
  readonly sequence: bigint;
  readonly digest: Uint8Array;
  readonly records: readonly TransactionRecord[];
}
