/**
 * The replicated state machine: a batch in order with its timestamp goes in; records, a checkpoint and one atomic write
 * come out. Same genesis and same batches give the same checkpoint digests, whoever runs it and however often.
 *
 * Readers see a batch when its write is durable (`commit`). The next batch is executed on top of it before: while one is
 * written, another runs. After a failed write all that was built on it is taken back (`forget`), as if it had never come.
 * A batch in which nothing could be executed makes no checkpoint.
 */
import { packageAddresses } from '@floe/contracts';
import { isFloeError, type KeyValueOperation, type KeyValueStore, type Logger, toHex } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { BoundedCache } from './bounded-cache.ts';
import type { ChainInfo, CheckpointRecord, Digest, GasUsed, LedgerObject, TransactionRecord } from './api.ts';
import type { Genesis } from './chain-codec.ts';
import { STORE_FORMAT, encodeGenesis } from './chain-codec.ts';
import { decodeStoredCheckpoint, encodeStoredCheckpoint, makeCheckpoint } from './checkpoint-codec.ts';
import type { OrderedBatch, Outcome, SignedTransaction } from './engine.ts';
import { epochStartedIn, randomnessField, type StartedEpoch } from './epoch-randomness.ts';
import { Datatypes } from './execution/datatypes.ts';
import type { BlsPort } from './execution/call.ts';
import { type ExecutionModules, executeTransaction } from './execution/executor.ts';
import { genesisRecord } from './genesis-record.ts';
import { decodeStoredTransaction, encodeStoredTransaction } from './journal-codec.ts';
import { RECENT_TRANSACTION_BYTES, REPEAT_WINDOW_TRANSACTIONS } from './limits.ts';
import { createCertificateVerifier } from './natives/certificates.ts';
import { createNatives } from './natives/index.ts';
import { sealObject } from './object-codec.ts';
import { type ObjectReader, ObjectStore } from './object-store.ts';
import { lifetimeOperations } from './pruning.ts';
import { leafHash, StateTree, treeKey } from './state-tree.ts';
import { META_KEYS, sequenceKey } from './store-keys.ts';
import { TABLES } from './tables.ts';
import { CLOCK_ID, DYNAMIC_FIELD_PREFIX } from './type-constants.ts';

export interface StateMachineModules {
  readonly store: KeyValueStore;
  readonly bls: BlsPort;
  /** Ed25519 signature (64 bytes) of the chain's key. */
  readonly sign: (message: Uint8Array) => Uint8Array;
  readonly logger?: Logger;
}

/** A batch that was executed and is not durable yet. */
export interface PreparedBatch {
  readonly outcomes: readonly Outcome[];
  /** Undefined when nothing was executed; then there is nothing to write. */
  readonly checkpoint: CheckpointRecord | undefined;
  readonly operations: readonly KeyValueOperation[];
  /** To be called once, when the operations are durable. */
  commit(): void;
}

/** What a record has beside its bytes: names, digests, events. */
const RECORD_OVERHEAD_BYTES = 1024;

const NO_GAS: GasUsed = { computationCost: 0n, storageCost: 0n, storageRebate: 0n, nonRefundableStorageFee: 0n };

/** Objects of the batch under way, over what is durable. */
class Overlay implements ObjectReader {
  readonly writes = new Map<ObjectId, LedgerObject | undefined>();
  /** Made in this batch under ids that come from a transaction's digest: no object had them before. */
  readonly fresh = new Set<ObjectId>();
  readonly #below: ObjectReader;

  constructor(below: ObjectReader) {
    this.#below = below;
  }

  getObject(id: ObjectId): LedgerObject | undefined {
    return this.writes.has(id) ? this.writes.get(id) : this.#below.getObject(id);
  }
}

interface Tip {
  readonly checkpoint: CheckpointRecord;
  /** Began in this checkpoint: the next one records its randomness. */
  readonly started: StartedEpoch | undefined;
}

export class StateMachine {
  readonly objects: ObjectStore;
  readonly tree: StateTree;
  readonly execution: ExecutionModules;
  readonly #modules: StateMachineModules;
  readonly #recent = new BoundedCache<string, TransactionRecord>(
    RECENT_TRANSACTION_BYTES,
    ({ transactionBytes, effectsBytes }) => transactionBytes.length + effectsBytes.length + RECORD_OVERHEAD_BYTES,
  );
  /** Names of the transactions executed last, in order. */
  readonly #window = new Set<string>();
  /** Executed and not durable yet. */
  readonly #pending = new Map<string, TransactionRecord>();
  #head: Tip;
  /** What the next batch is executed on: the head, or a checkpoint that is not durable yet. */
  #tip: Tip;

  private constructor(chain: ChainInfo, head: CheckpointRecord, modules: StateMachineModules) {
    const types = new Datatypes(chain.addresses);
    this.#modules = modules;
    this.#head = { checkpoint: head, started: undefined };
    this.#tip = this.#head;
    this.objects = new ObjectStore(modules.store);
    this.tree = new StateTree(modules.store);
    this.execution = {
      chain,
      types,
      natives: createNatives(),
      certificates: createCertificateVerifier(modules.bls),
      logger: modules.logger,
    };
  }

  /** Continues from what the store holds. */
  static resume(
    genesis: Genesis,
    head: CheckpointRecord,
    chainIdentifier: Digest,
    modules: StateMachineModules,
  ): StateMachine {
    const machine = new StateMachine(chainInfo(genesis, chainIdentifier), head, modules);
    const records = head.transactions.flatMap(({ digest }) => machine.transaction(digest) ?? []);
    machine.#head = { checkpoint: head, started: epochStartedIn(head, records) };
    machine.#tip = machine.#head;
    return machine;
  }

  /** The first checkpoint, and what to write for it into an empty store. */
  static begin(
    genesis: Genesis,
    modules: StateMachineModules,
  ): { checkpoint: CheckpointRecord; operations: KeyValueOperation[] } {
    const objects = new ObjectStore(modules.store);
    const writes = new Map(genesis.objects.map((object) => [object.id, object]));
    const tree = new StateTree(modules.store).update([...writes.values()].map(leafOf));
    const result = genesisRecord(genesis);
    const checkpoint = makeCheckpoint(
      {
        epoch: 0n,
        sequence: 0n,
        totalTransactions: 1n,
        previousDigest: undefined,
        gasTotals: NO_GAS,
        timestampMs: genesis.timestampMs,
        stateRoot: tree.root,
      },
      [{ digest: result.digest, effectsDigest: result.effectsDigest, signatures: [] }],
      modules.sign,
    );
    const operations = [
      put(TABLES.meta, META_KEYS.format, Uint8Array.of(STORE_FORMAT)),
      put(TABLES.meta, META_KEYS.genesis, encodeGenesis(genesis)),
      ...objects.prepare(writes).operations,
      ...tree.operations,
      put(TABLES.transactions, result.digest, encodeStoredTransaction(result)),
      ...checkpointOperations(checkpoint),
    ];
    return { checkpoint, operations };
  }

  get chain(): ChainInfo {
    return this.execution.chain;
  }

  /** The newest durable checkpoint. */
  get head(): CheckpointRecord {
    return this.#head.checkpoint;
  }

  transaction(digest: Digest): TransactionRecord | undefined {
    const recent = this.#recent.get(toHex(digest));
    if (recent !== undefined) return recent;
    const bytes = this.#modules.store.get(TABLES.transactions, digest);
    return bytes === undefined ? undefined : decodeStoredTransaction(digest.slice(), bytes);
  }

  checkpoint(sequence: bigint): CheckpointRecord | undefined {
    if (sequence === this.head.sequence) return this.head;
    if (sequence < 0n || sequence > this.head.sequence) return undefined;
    const bytes = this.#modules.store.get(TABLES.checkpoints, sequenceKey(sequence));
    return bytes === undefined ? undefined : decodeStoredCheckpoint(sequence, bytes);
  }

  /** The checkpoint nearest to `sequence`, itself or on one side of it, that is still kept. */
  keptCheckpoint(sequence: bigint, isBelow: boolean): bigint | undefined {
    const key = sequenceKey(isBelow ? sequence + 1n : sequence);
    const range = isBelow ? { to: key, reverse: true, limit: 1 } : { from: key, limit: 1 };
    for (const [found] of this.#modules.store.entries(TABLES.checkpoints, range)) {
      return new DataView(found.buffer, found.byteOffset, 8).getBigUint64(0);
    }
    return undefined;
  }

  /** Executes a batch over what was prepared before it. */
  prepare(batch: OrderedBatch): PreparedBatch {
    const { checkpoint, started } = this.#tip;
    const sequence = checkpoint.sequence + 1n;
    const overlay = new Overlay(this.objects.newest);
    setClock(overlay, batch.timestampMs);
    if (started !== undefined) recordRandomness(overlay, this.chain.stakingObjectId, started);
    const executed = new Map<string, TransactionRecord>();
    const outcomes = batch.transactions.map((signed): Outcome => {
      const name = toHex(signed.digest);
      const known = executed.get(name) ?? this.#pending.get(name) ?? this.#executedBefore(name, signed);
      if (known !== undefined) return { record: known };
      const outcome = this.#execute(signed, batch.timestampMs, sequence, overlay);
      if ('record' in outcome) executed.set(name, outcome.record);
      return outcome;
    });
    if (executed.size === 0) return { outcomes, checkpoint: undefined, operations: [], commit() {} };
    return { outcomes, ...this.#finish(executed, batch.timestampMs, overlay) };
  }

  /** Takes back every batch that was prepared and is not committed. */
  forget(): void {
    this.objects.forget();
    this.tree.forget();
    this.#pending.clear();
    this.#tip = this.#head;
  }

  /** The durable state as a transaction at that time would find it: every checkpoint begins with setting the clock. */
  stateAt(timestampMs: number): ObjectReader {
    const overlay = new Overlay(this.objects);
    setClock(overlay, timestampMs);
    return overlay;
  }

  /** Asks the store only when more was executed since somebody looked than the window holds. */
  #executedBefore(name: string, { digest, unknownAt }: SignedTransaction): TransactionRecord | undefined {
    const isCovered =
      unknownAt !== undefined && this.head.totalTransactions - unknownAt <= BigInt(REPEAT_WINDOW_TRANSACTIONS);
    return isCovered && !this.#window.has(name) ? undefined : this.transaction(digest);
  }

  #remember(name: string, record: TransactionRecord): void {
    this.#recent.set(name, record);
    this.#window.add(name);
    for (const oldest of this.#window) {
      if (this.#window.size <= REPEAT_WINDOW_TRANSACTIONS) break;
      this.#window.delete(oldest);
    }
  }

  #execute(signed: SignedTransaction, timestampMs: number, sequence: bigint, overlay: Overlay): Outcome {
    const { digest, transaction, transactionBytes, signatures } = signed;
    const input = { digest, transaction, sizeBytes: transactionBytes.length, timestampMs, mode: 'commit' as const };
    try {
      const { result, writes } = executeTransaction(input, overlay, this.execution);
      for (const [id, object] of writes) overlay.writes.set(id, object);
      for (const { id, idOperation } of result.effects.changedObjects) {
        if (idOperation === 'created' && !overlay.writes.get(id)?.type.startsWith(DYNAMIC_FIELD_PREFIX)) {
          overlay.fresh.add(id);
        }
      }
      return { record: { ...result, transactionBytes, signatures, checkpoint: sequence, timestampMs } };
    } catch (error) {
      // Refused for what the transaction is, unless it is a defect: that is left without trace on the chain, not hidden.
      if (!isFloeError(error)) {
        this.#modules.logger?.error('a transaction met a defect', { digest: toHex(digest), error: stackOf(error) });
      }
      return { error: error as Error };
    }
  }

  #finish(
    executed: ReadonlyMap<string, TransactionRecord>,
    timestampMs: number,
    overlay: Overlay,
  ): Pick<PreparedBatch, 'checkpoint' | 'operations' | 'commit'> {
    const before = this.#tip.checkpoint;
    const records = [...executed.values()];
    const objects = this.objects.prepare(overlay.writes, overlay.fresh);
    const changes = [...overlay.writes].map(([id, object]) => leafOf(object ?? { id, digest: undefined }));
    const tree = this.tree.update(changes);
    const checkpoint = makeCheckpoint(
      {
        epoch: 0n,
        sequence: before.sequence + 1n,
        totalTransactions: before.totalTransactions + BigInt(records.length),
        previousDigest: before.digest,
        gasTotals: records.reduce((total, { effects }) => addGas(total, effects.gasUsed), before.gasTotals),
        timestampMs,
        stateRoot: tree.root,
      },
      records,
      this.#modules.sign,
    );
    const operations = [
      ...objects.operations,
      ...tree.operations,
      ...lifetimeOperations(records),
      ...records.map((record) => put(TABLES.transactions, record.digest, encodeStoredTransaction(record))),
      ...checkpointOperations(checkpoint),
    ];
    // From here on nothing can fail.
    objects.stage();
    tree.stage();
    for (const [name, record] of executed) this.#pending.set(name, record);
    const tip = { checkpoint, started: epochStartedIn(checkpoint, records) };
    this.#tip = tip;
    const commit = () => {
      objects.commit();
      tree.commit();
      for (const [name, record] of executed) {
        this.#pending.delete(name);
        this.#remember(name, record);
      }
      this.#head = tip;
    };
    return { checkpoint, operations, commit };
  }
}

/** What a chain's genesis says about it. */
function chainInfo(genesis: Genesis, chainIdentifier: Digest): ChainInfo {
  return {
    chainIdentifier,
    addresses: packageAddresses({ walrus: genesis.walrusPackageId, wal: genesis.walPackageId }),
    systemObjectId: genesis.systemObjectId,
    stakingObjectId: genesis.stakingObjectId,
    treasuryObjectId: genesis.treasuryObjectId,
    publicKey: genesis.publicKey,
  };
}

function put(table: string, key: Uint8Array, value: Uint8Array): KeyValueOperation {
  return { kind: 'put', table, key, value };
}

function checkpointOperations(checkpoint: CheckpointRecord): KeyValueOperation[] {
  const key = sequenceKey(checkpoint.sequence);
  return [
    put(TABLES.checkpoints, key, encodeStoredCheckpoint(checkpoint)),
    put(TABLES.checkpointDigests, checkpoint.digest, key),
    put(TABLES.meta, META_KEYS.head, key),
  ];
}

function leafOf(object: { readonly id: ObjectId; readonly digest: Digest | undefined }) {
  const key = treeKey(object.id);
  return { key, leafHash: object.digest === undefined ? undefined : leafHash(key, object.digest) };
}

/** Every checkpoint sets the clock to its time before anything else runs. */
function setClock(overlay: Overlay, timestampMs: number): void {
  const clock = overlay.getObject(CLOCK_ID);
  if (clock === undefined) return;
  const contents = clock.contents.slice();
  new DataView(contents.buffer).setBigUint64(32, BigInt(timestampMs), true);
  overlay.writes.set(CLOCK_ID, sealObject({ ...clock, contents, version: clock.version + 1n }));
}

/** The field is new: nothing else has its name. */
function recordRandomness(overlay: Overlay, staking: ObjectId, started: StartedEpoch): void {
  const field = randomnessField(staking, started);
  overlay.writes.set(field.id, field);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function addGas(total: GasUsed, used: GasUsed): GasUsed {
  return {
    computationCost: total.computationCost + used.computationCost,
    storageCost: total.storageCost + used.storageCost,
    storageRebate: total.storageRebate + used.storageRebate,
    nonRefundableStorageFee: total.nonRefundableStorageFee + used.nonRefundableStorageFee,
  };
}
