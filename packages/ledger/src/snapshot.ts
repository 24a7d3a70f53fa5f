/**
 * Snapshots: a whole chain as a stream of bytes, and its restoration into an empty store without executing anything.
 *
 *     magic ‖ version u8, then frames of kind u8 ‖ length u32be ‖ payload:
 *     genesis (1), of a pruned ledger how far (6), then of every checkpoint that is kept its record (2) and its
 *     transactions (3), then every object (4), then the end (5)
 *
 * Nothing in a snapshot is believed: the genesis must make the first checkpoint, every checkpoint must follow the one
 * before it and carry the signature of the chain's key, transactions, effects and events must be those that their
 * checkpoint commits to, and the objects must be exactly those under the state root of the last one. (No digest covers
 * the types and balance changes that the journal keeps beside effects; `verifyLedger` makes those again.) The journal comes
 * as it is kept, so that a restored ledger serves every event that nodes rebuild their registries from. Indexes are made anew.
 */
import {
  compareBytes,
  concatBytes,
  equalBytes,
  type KeyValueOperation,
  type KeyValueStore,
  utf8,
} from '@floe/platform';
import { objectIdFromBytes, type ObjectId } from '@floe/protocol';
import type { CheckpointRecord, LedgerObject, TransactionRecord } from './api.ts';
import { decodeGenesis, type Genesis, STORE_FORMAT } from './chain-codec.ts';
import { type CheckpointVerifier, checkCheckpoint } from './checkpoint-checks.ts';
import { decodeStoredCheckpoint } from './checkpoint-codec.ts';
import { eventsDigestOf } from './effects-codec.ts';
import { errors } from './errors.ts';
import { decodeStoredTransaction } from './journal-codec.ts';
import { MAX_SNAPSHOT_FRAME_BYTES, SNAPSHOT_BATCH_OBJECTS } from './limits.ts';
import { decodeStoredObject, sealObject } from './object-codec.ts';
import { ObjectStore } from './object-store.ts';
import { decodePruneMark, lifetimeOperations, readPruneMark } from './pruning.ts';
import { StateMachine, type StateMachineModules } from './state-machine.ts';
import { META_KEYS, sequenceKey } from './store-keys.ts';
import { leafHash, StateTree, treeKey } from './state-tree.ts';
import { holdsRows, TABLES } from './tables.ts';
import { transactionDigest } from './transaction-data.ts';

const MAGIC = utf8('floe-ledger-snapshot\n');
const VERSION = 1;
const KINDS = { genesis: 1, checkpoint: 2, transaction: 3, object: 4, end: 5, pruned: 6 } as const;
const HEADER_BYTES = 5;

/**
 * The chain of a store, piece by piece.
 *
 * @param store of a ledger that is not running: nothing may be written while this is read
 * @throws LEDGER_EMPTY, LEDGER_CORRUPT, SNAPSHOT_DISTURBED when the chain went on meanwhile
 */
export function* createSnapshot(store: KeyValueStore): Generator<Uint8Array, void, undefined> {
  const genesis = store.get(TABLES.meta, META_KEYS.genesis);
  const head = store.get(TABLES.meta, META_KEYS.head);
  if (genesis === undefined || head === undefined) throw errors.LEDGER_EMPTY({});
  yield concatBytes(MAGIC, Uint8Array.of(VERSION));
  yield frame(KINDS.genesis, genesis);
  const last = new DataView(head.buffer, head.byteOffset).getBigUint64(0);
  const pruned = store.get(TABLES.meta, META_KEYS.pruned);
  if (pruned !== undefined) yield frame(KINDS.pruned, pruned);
  const { lowest } = readPruneMark(store);
  for (let sequence = 0n; sequence <= last; sequence += 1n) {
    const bytes = store.get(TABLES.checkpoints, sequenceKey(sequence));
    if (bytes === undefined && sequence < lowest) continue;
    if (bytes === undefined) throw errors.LEDGER_CORRUPT({ what: `checkpoint ${sequence}`, reason: 'it is missing' });
    yield frame(KINDS.checkpoint, bytes);
    for (const { digest } of decodeStoredCheckpoint(sequence, bytes).transactions) {
      const transaction = store.get(TABLES.transactions, digest);
      if (transaction === undefined)
        throw errors.LEDGER_CORRUPT({ what: 'journal', reason: 'a transaction is missing' });
      yield frame(KINDS.transaction, transaction);
    }
  }
  for (const [id, bytes] of store.entries(TABLES.objects)) yield frame(KINDS.object, concatBytes(id, bytes));
  const now = store.get(TABLES.meta, META_KEYS.head);
  if (now === undefined || !equalBytes(now, head)) throw errors.SNAPSHOT_DISTURBED({});
  yield frame(KINDS.end, head);
}

export interface RestoreModules {
  /** Empty; after a failure it may hold a part of a ledger, which `Ledger.open` refuses. */
  readonly target: KeyValueStore;
  readonly bls: StateMachineModules['bls'];
  readonly verifyCheckpoint: CheckpointVerifier;
  readonly signal?: AbortSignal;
}

/**
 * Brings a snapshot into an empty store, where `Ledger.open` continues the chain.
 *
 * @returns the checkpoint reached
 * @throws SNAPSHOT_INVALID, SNAPSHOT_TARGET_USED
 */
export async function restoreSnapshot(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  modules: RestoreModules,
): Promise<CheckpointRecord> {
  const { target } = modules;
  if (holdsRows(target)) throw errors.SNAPSHOT_TARGET_USED({});
  const restoration = new Restoration(modules);
  let head: CheckpointRecord | undefined;
  for await (const { kind, payload } of readFrames(source)) {
    modules.signal?.throwIfAborted();
    if (head !== undefined) throw invalid('something follows its end');
    if (kind === KINDS.genesis) restoration.begin(payload);
    else if (kind === KINDS.pruned) restoration.pruned(payload);
    else if (kind === KINDS.checkpoint) await restoration.checkpoint(payload);
    else if (kind === KINDS.transaction) restoration.transaction(payload);
    else if (kind === KINDS.object) await restoration.object(payload);
    else if (kind === KINDS.end) head = await restoration.finish();
    else throw invalid(`a frame of kind ${kind}`);
  }
  if (head === undefined) throw invalid('it ends early');
  return head;
}

class Restoration {
  readonly #modules: RestoreModules;
  readonly #objects: ObjectStore;
  readonly #tree: StateTree;
  #genesis: { readonly bytes: Uint8Array; readonly value: Genesis; readonly first: CheckpointRecord } | undefined;
  #head: CheckpointRecord | undefined;
  #pruned: { readonly bytes: Uint8Array; readonly lowest: bigint } | undefined;
  #checkpointBytes: Uint8Array | undefined;
  #transactions: { readonly record: TransactionRecord; readonly bytes: Uint8Array }[] = [];
  #journal: KeyValueOperation[] = [];
  #batch = new Map<ObjectId, LedgerObject>();
  #lastId: Uint8Array | undefined;

  constructor(modules: RestoreModules) {
    this.#modules = modules;
    this.#objects = new ObjectStore(modules.target);
    this.#tree = new StateTree(modules.target);
  }

  begin(bytes: Uint8Array): void {
    if (this.#genesis !== undefined) throw invalid('two geneses');
    const { target, bls } = this.#modules;
    const value = decoded('genesis', () => decodeGenesis(bytes));
    const begun = StateMachine.begin(value, { store: target, bls, sign: () => new Uint8Array(64) });
    this.#genesis = { bytes, value, first: begun.checkpoint };
  }

  pruned(bytes: Uint8Array): void {
    if (this.#head !== undefined || this.#checkpointBytes !== undefined)
      throw invalid('it says too late that it is pruned');
    this.#pruned = { bytes, lowest: decoded('prune mark', () => decodePruneMark(bytes)).lowest };
  }

  async checkpoint(bytes: Uint8Array): Promise<void> {
    await this.#endCheckpoint();
    this.#checkpointBytes = bytes;
  }

  transaction(bytes: Uint8Array): void {
    const pending = this.#pendingCheckpoint();
    const expected = pending.transactions[this.#transactions.length];
    if (expected === undefined) throw invalid(`a transaction that checkpoint ${pending.sequence} does not have`);
    const record = decoded('transaction', () => decodeStoredTransaction(expected.digest, bytes));
    const { transactionBytes, effects, effectsDigest, events, checkpoint } = record;
    const eventsDigest = eventsDigestOf(events);
    const isRight =
      equalBytes(transactionDigest(transactionBytes), expected.digest) &&
      equalBytes(effectsDigest, expected.effectsDigest) &&
      equalBytes(effects.transactionDigest, expected.digest) &&
      equalBytes(eventsDigest ?? NONE, effects.eventsDigest ?? NONE) &&
      checkpoint === pending.sequence &&
      record.timestampMs === pending.timestampMs;
    if (!isRight) throw invalid(`a transaction is not the one that checkpoint ${pending.sequence} commits to`);
    this.#transactions.push({ record, bytes });
  }

  async object(payload: Uint8Array): Promise<void> {
    await this.#endCheckpoint();
    const idBytes = payload.slice(0, 32);
    if (this.#lastId !== undefined && compareBytes(this.#lastId, idBytes) >= 0)
      throw invalid('its objects are not in order');
    this.#lastId = idBytes;
    const id = objectIdFromBytes(idBytes);
    const object = decoded(`object ${id}`, () => decodeStoredObject(id, payload.subarray(32)));
    if (!equalBytes(sealObject(object).digest, object.digest)) throw invalid(`object ${id} does not have its digest`);
    this.#batch.set(id, object);
    if (this.#batch.size >= SNAPSHOT_BATCH_OBJECTS) await this.#writeObjects();
  }

  async finish(): Promise<CheckpointRecord> {
    await this.#endCheckpoint();
    await this.#writeObjects();
    const [head, genesis] = [this.#head, this.#genesis];
    if (head === undefined || genesis === undefined) throw invalid('it has no checkpoint');
    if (!equalBytes(this.#tree.root(), head.stateRoot)) {
      throw invalid(`its objects are not the state of checkpoint ${head.sequence}`);
    }
    // Last of all, and at once: only now is the store a ledger.
    await this.#modules.target.write([
      put(TABLES.meta, META_KEYS.genesis, genesis.bytes),
      put(TABLES.meta, META_KEYS.head, sequenceKey(head.sequence)),
      ...(this.#pruned === undefined ? [] : [put(TABLES.meta, META_KEYS.pruned, this.#pruned.bytes)]),
      put(TABLES.meta, META_KEYS.format, Uint8Array.of(STORE_FORMAT)),
    ]);
    return head;
  }

  #pendingCheckpoint(): CheckpointRecord {
    const bytes = this.#checkpointBytes;
    if (bytes === undefined) throw invalid('a transaction without its checkpoint');
    return decoded('checkpoint', () => decodeStoredCheckpoint((this.#head?.sequence ?? -1n) + 1n, bytes));
  }

  /** Checks and keeps the checkpoint whose transactions are all here. */
  async #endCheckpoint(): Promise<void> {
    const bytes = this.#checkpointBytes;
    if (bytes === undefined) return;
    const genesis = this.#genesis;
    if (genesis === undefined) throw invalid('it does not begin with a genesis');
    const checkpoint = this.#pendingCheckpoint();
    const records = this.#transactions.map(({ record }) => record);
    const problem = checkCheckpoint(
      checkpoint,
      records,
      this.#follows(checkpoint) ? this.#head : 'pruned',
      genesis.value.publicKey,
      this.#modules.verifyCheckpoint,
    );
    if (problem !== undefined) throw invalid(`checkpoint ${checkpoint.sequence}: ${problem}`);
    if (this.#head === undefined && !equalBytes(checkpoint.digest, genesis.first.digest)) {
      throw invalid('its first checkpoint is not that of its genesis');
    }
    const key = sequenceKey(checkpoint.sequence);
    this.#journal.push(put(TABLES.checkpoints, key, bytes), put(TABLES.checkpointDigests, checkpoint.digest, key));
    for (const { record, bytes: stored } of this.#transactions) {
      this.#journal.push(put(TABLES.transactions, record.digest, stored));
    }
    this.#journal.push(...lifetimeOperations(records));
    this.#head = checkpoint;
    this.#checkpointBytes = undefined;
    this.#transactions = [];
    if (this.#journal.length >= SNAPSHOT_BATCH_OBJECTS) await this.#writeJournal();
  }

  /** Whether it must be the one after the last; in a pruned part it may be any later one. */
  #follows({ sequence }: CheckpointRecord): boolean {
    const next = (this.#head?.sequence ?? -1n) + 1n;
    return this.#head === undefined || sequence <= next || sequence > (this.#pruned?.lowest ?? 0n);
  }

  async #writeJournal(): Promise<void> {
    const operations = this.#journal;
    this.#journal = [];
    if (operations.length > 0) await this.#modules.target.write(operations);
  }

  async #writeObjects(): Promise<void> {
    await this.#writeJournal();
    const objects = [...this.#batch.values()];
    if (objects.length === 0) return;
    const prepared = this.#objects.prepare(this.#batch, new Set(this.#batch.keys()));
    const tree = this.#tree.update(
      objects.map(({ id, digest }) => ({ key: treeKey(id), leafHash: leafHash(treeKey(id), digest) })),
    );
    await this.#modules.target.write([...prepared.operations, ...tree.operations]);
    prepared.commit();
    tree.commit();
    this.#batch = new Map();
  }
}

const NONE = new Uint8Array(0);

function put(table: string, key: Uint8Array, value: Uint8Array): KeyValueOperation {
  return { kind: 'put', table, key, value };
}

function frame(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

async function* readFrames(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<{ kind: number; payload: Uint8Array }, void, undefined> {
  let held: Uint8Array = new Uint8Array(0);
  let isOpened = false;
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : concatBytes(held, chunk);
    if (!isOpened) {
      if (held.length < MAGIC.length + 1) continue;
      if (!equalBytes(held.subarray(0, MAGIC.length), MAGIC)) throw invalid('it is no snapshot of a ledger');
      if (held[MAGIC.length] !== VERSION) throw invalid(`version ${held[MAGIC.length]}, this one reads ${VERSION}`);
      held = held.subarray(MAGIC.length + 1);
      isOpened = true;
    }
    while (held.length >= HEADER_BYTES) {
      const size = new DataView(held.buffer, held.byteOffset).getUint32(1);
      if (size > MAX_SNAPSHOT_FRAME_BYTES) throw invalid(`a frame of ${size} bytes`);
      if (held.length < HEADER_BYTES + size) break;
      yield { kind: held[0] as number, payload: held.slice(HEADER_BYTES, HEADER_BYTES + size) };
      held = held.subarray(HEADER_BYTES + size);
    }
  }
  if (held.length > 0 || !isOpened) throw invalid('it ends early');
}

function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw errors.SNAPSHOT_INVALID(
      { reason: `${what}: ${error instanceof Error ? error.message : String(error)}` },
      error,
    );
  }
}

function invalid(reason: string): Error {
  return errors.SNAPSHOT_INVALID({ reason });
}
