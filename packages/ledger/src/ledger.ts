/**
 * The ledger: one chain in one store. Composes ordering, signatures, the state machine and the journal, and answers
 * queries from the last durable checkpoint.
 *
 * Invariants: what `execute` resolved with is on disk; a digest has one result for ever; checkpoints are gapless.
 */
import {
  functionSignature,
  type FunctionSignature,
  layouts,
  packageAt,
  datatypeDeclaration,
  type DatatypeDeclaration,
} from '@floe/contracts';
import { type Clock, type KeyValueStore, type Logger, raceAbort, Semaphore, silentLogger, toHex } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type { BlsPort } from './execution/call.ts';
import type {
  ChainInfo,
  CheckpointRecord,
  CoinBalance,
  CoinInfo,
  Digest,
  DynamicFieldEntry,
  EpochInfo,
  ExecuteOptions,
  LedgerApi,
  LedgerObject,
  OwnedQuery,
  Page,
  SimulateOptions,
  SimulationResult,
  TransactionRecord,
} from './api.ts';
import type { Genesis } from './chain-codec.ts';
import { dynamicFieldEntry } from './dynamic-fields.ts';
import { createEmbeddedEngine, type OrderedBatch, type OrderingEngine, type Outcome } from './engine.ts';
import { errors } from './errors.ts';
import { objectValue } from './execution/datatypes.ts';
import { executeTransaction } from './execution/executor.ts';
import {
  MAX_PAGE_SIZE,
  MIN_KEPT_CHECKPOINTS,
  MAX_SIGNATURE_CHECKS,
  MAX_TRANSACTION_BYTES,
  REFERENCE_GAS_PRICE,
} from './limits.ts';
import { checkSignatures, checkSigners, type SignatureVerifier } from './signatures.ts';
import { Pruner, readPruneMark } from './pruning.ts';
import type { PreparedBatch, StateMachine } from './state-machine.ts';
import { sequenceKey } from './store-keys.ts';
import type { MembershipProof } from './state-tree.ts';
import { openChain } from './store-opening.ts';
import { Subscriptions } from './subscription.ts';
import { TABLES } from './tables.ts';
import {
  decodeTransactionData,
  encodeTransactionData,
  transactionDigest,
  type TransactionData,
} from './transaction-data.ts';
import { coinOf, GAS_COIN_TYPE, OBJECT_FIELD_WRAPPER_PREFIX, SUI_COIN_TYPE } from './type-constants.ts';
import { canonicalType } from './type-tag.ts';

/** Signs checkpoints with the chain's key. */
export interface CheckpointSigner {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

export interface LedgerOptions {
  /** Makes the chain when the store is empty; otherwise the store must hold this very chain. */
  readonly genesis?: Genesis;
  /** Transactions that may wait for a batch; default MAX_WAITING_TRANSACTIONS. */
  readonly maxWaiting?: number;
  /** Removes old checkpoints but for these newest ones, see pruning.ts; default: everything is kept. */
  readonly pruning?: { readonly keepCheckpoints: number };
  /** Transactions of one checkpoint; default MAX_BATCH_TRANSACTIONS. */
  readonly maxBatch?: number;
  /** Transactions for which a batch is executed before the one ahead of it is durable; default MIN_EARLY_BATCH_TRANSACTIONS. */
  readonly minEarlyBatch?: number;
}

export interface LedgerModules {
  /** The ledger's own; it closes it. */
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly bls: BlsPort;
  readonly signatures: SignatureVerifier;
  readonly signer: CheckpointSigner;
  /** Passes when answers are on their way: batches are executed after it. Default: at once. */
  readonly pause?: () => Promise<void>;
  readonly logger?: Logger;
}

/** Protocol version that Sui clients are told; what `@mysten/sui` 2.33 was made for. */
const PROTOCOL_VERSION = 138n;

export class Ledger implements LedgerApi {
  readonly #modules: LedgerModules;
  /** Read through {@link Ledger.#machine}. */
  readonly #stateMachine: StateMachine;
  /** On its way to the disk, or there and not yet seen here. */
  #unseen: PreparedBatch | undefined;
  readonly #engine: OrderingEngine;
  readonly #logger: Logger;
  readonly #subscriptions = new Subscriptions();
  readonly #underWay = new Map<string, Promise<TransactionRecord>>();
  readonly #signatureChecks = new Semaphore({
    name: 'signature checks',
    permits: MAX_SIGNATURE_CHECKS,
    maxWaiting: MAX_SIGNATURE_CHECKS,
  });
  /** The write of the batch that was prepared last. */
  #writing = NOTHING_WRITTEN;
  readonly #pruner: Pruner | undefined;
  readonly #lowestAtOpening: bigint;
  #pruning: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #startTimestampMs: number;

  private constructor(machine: StateMachine, startTimestampMs: number, options: LedgerOptions, modules: LedgerModules) {
    this.#modules = modules;
    this.#stateMachine = machine;
    this.#startTimestampMs = startTimestampMs;
    this.#logger = modules.logger ?? silentLogger;
    this.#lowestAtOpening = readPruneMark(modules.store).lowest;
    this.#pruner =
      options.pruning === undefined ? undefined : new Pruner(options.pruning.keepCheckpoints, modules.store);
    this.#engine = createEmbeddedEngine(
      {
        startTimestampMs: machine.head.timestampMs,
        maxWaiting: options.maxWaiting,
        maxBatch: options.maxBatch,
        minEarlyBatch: options.minEarlyBatch,
      },
      { clock: modules.clock, pause: modules.pause, deliver: (batch) => this.#deliver(batch) },
    );
  }

  /**
   * Opens the chain in the store, or makes it from `genesis`.
   *
   * @throws LEDGER_EMPTY, LEDGER_INCOMPLETE, CHAIN_MISMATCH, STORE_FORMAT_UNSUPPORTED, LEDGER_KEY_MISMATCH, LEDGER_CORRUPT
   */
  static async open(options: LedgerOptions, modules: LedgerModules): Promise<Ledger> {
    const keep = options.pruning?.keepCheckpoints ?? MIN_KEPT_CHECKPOINTS;
    if (!Number.isSafeInteger(keep) || keep < MIN_KEPT_CHECKPOINTS) {
      throw errors.PRUNING_INVALID({ came: keep, least: MIN_KEPT_CHECKPOINTS });
    }
    const { machine, genesis } = await openChain(options.genesis, modules);
    return new Ledger(machine, genesis.timestampMs, options, modules);
  }

  /**
   * The state, all of one checkpoint. The store shows a write as soon as it is on disk, a moment before it says so; in
   * between, what is cached here would be of the checkpoint before and what is read from the store of the new one.
   */
  get #machine(): StateMachine {
    const sequence = this.#unseen?.checkpoint?.sequence;
    if (sequence !== undefined && this.#modules.store.get(TABLES.checkpoints, sequenceKey(sequence)) !== undefined) {
      this.#commit();
    }
    return this.#stateMachine;
  }

  #commit(): void {
    this.#unseen?.commit();
    this.#unseen = undefined;
  }

  get chain(): ChainInfo {
    return this.#stateMachine.chain;
  }

  epochInfo(): EpochInfo {
    return {
      epoch: 0n,
      referenceGasPrice: REFERENCE_GAS_PRICE,
      startTimestampMs: this.#startTimestampMs,
      protocolVersion: PROTOCOL_VERSION,
      firstCheckpoint: 0n,
    };
  }

  getObject(id: ObjectId, version?: bigint): LedgerObject | undefined {
    const object = this.#machine.objects.getObject(id);
    return version === undefined || object?.version === version ? object : undefined;
  }

  listOwned(query: OwnedQuery): Page<LedgerObject> {
    return this.#machine.objects.listOwned(query);
  }

  listDynamicFields(query: { parent: ObjectId; cursor?: Uint8Array; limit: number }): Page<DynamicFieldEntry> {
    const page = this.#machine.objects.listChildren(query);
    const items = page.items.flatMap((object) => dynamicFieldEntry(object) ?? []);
    return { items, nextCursor: page.nextCursor };
  }

  balance(owner: SuiAddress, coinType: string): CoinBalance {
    return this.#machine.objects.balance(owner, coinType);
  }

  listBalances(query: { owner: SuiAddress; cursor?: Uint8Array; limit: number }): Page<CoinBalance> {
    return this.#machine.objects.listBalances(query);
  }

  coinInfo(coinType: string): CoinInfo | undefined {
    const type = canonicalType(coinType);
    if (type === SUI_COIN_TYPE) {
      return {
        coinType: type,
        decimals: 9,
        symbol: 'SUI',
        name: 'Sui',
        description: 'Pays for gas',
        totalSupply: undefined,
        treasuryCapId: undefined,
      };
    }
    if (type !== `${this.chain.addresses.wal}::wal::WAL`) return undefined;
    return {
      coinType: type,
      decimals: 9,
      symbol: 'WAL',
      name: 'WAL Token',
      description: 'Pays for storage',
      ...this.#walTreasury(),
    };
  }

  packageFunction(packageId: ObjectId, module: string, name: string): FunctionSignature | undefined {
    const packageName = packageAt(packageId, this.chain.addresses);
    return packageName === undefined ? undefined : functionSignature(packageName, module, name);
  }

  packageDatatype(packageId: ObjectId, module: string, name: string): DatatypeDeclaration | undefined {
    const packageName = packageAt(packageId, this.chain.addresses);
    return packageName === undefined ? undefined : datatypeDeclaration(packageName, module, name);
  }

  largestCoins(owner: SuiAddress, coinType: string, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[] {
    return this.#machine.objects.largestCoins(owner, coinOf(canonicalType(coinType)), except, limit);
  }

  gasCoins(owner: SuiAddress, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[] {
    return this.#machine.objects.largestCoins(owner, GAS_COIN_TYPE, except, limit);
  }

  getTransaction(digest: Digest): TransactionRecord | undefined {
    return digest.length === 32 ? this.#machine.transaction(digest) : undefined;
  }

  getCheckpoint(which: bigint | Digest | 'latest'): CheckpointRecord | undefined {
    if (which === 'latest') return this.#machine.head;
    if (typeof which === 'bigint') return this.#machine.checkpoint(which);
    const key = which.length === 32 ? this.#modules.store.get(TABLES.checkpointDigests, which) : undefined;
    if (key === undefined) return undefined;
    return this.#machine.checkpoint(new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0));
  }

  lowestCheckpoint(): bigint {
    return this.#pruner?.mark.lowest ?? this.#lowestAtOpening;
  }

  listCheckpoints(from: bigint, limit: number, options: { readonly descending?: boolean } = {}): CheckpointRecord[] {
    if (from < 0n || !Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE) {
      throw errors.INVALID_QUERY({ reason: `from ${from}, limit ${limit} (1 to ${MAX_PAGE_SIZE})` });
    }
    const records: CheckpointRecord[] = [];
    const step = options.descending === true ? -1n : 1n;
    for (let sequence = from; records.length < limit; sequence += step) {
      // Where pruning left gaps, the store knows what comes next.
      const next = sequence < this.lowestCheckpoint() ? this.#machine.keptCheckpoint(sequence, step < 0n) : sequence;
      const record = next === undefined ? undefined : this.#machine.checkpoint(next);
      if (record === undefined) break;
      records.push(record);
      sequence = record.sequence;
    }
    return records;
  }

  subscribe(options: { from?: bigint; signal?: AbortSignal } = {}): AsyncIterable<CheckpointRecord> {
    const from = options.from ?? this.#machine.head.sequence + 1n;
    const read = (sequence: bigint) => this.listCheckpoints(sequence, 1)[0];
    return this.#subscriptions.follow(from, read, options.signal);
  }

  /** Proof that an object is in the state of the newest checkpoint (`state-tree.ts`); undefined when it is not. */
  proveObject(id: ObjectId): { checkpoint: CheckpointRecord; proof: MembershipProof } | undefined {
    const proof = this.#machine.tree.prove(id);
    return proof === undefined ? undefined : { checkpoint: this.#machine.head, proof };
  }

  async execute(
    transactionBytes: Uint8Array,
    signatures: readonly Uint8Array[],
    options: ExecuteOptions = {},
  ): Promise<TransactionRecord> {
    options.signal?.throwIfAborted();
    if (this.#closing !== undefined) throw errors.LEDGER_CLOSED({});
    if (transactionBytes.length > MAX_TRANSACTION_BYTES) {
      throw errors.LIMIT_EXCEEDED({
        what: 'bytes of a transaction',
        limit: MAX_TRANSACTION_BYTES,
        came: transactionBytes.length,
      });
    }
    const transaction = decodeTransactionData(transactionBytes);
    const digest = transactionDigest(transactionBytes);
    // Of the state as it was last seen here: what the store has beyond it is found too, and is durable.
    const known = this.#stateMachine.transaction(digest);
    if (known !== undefined) return known;
    const unknownAt = this.#stateMachine.head.totalTransactions;
    if (options.signers !== undefined) checkSigners(transaction, signatures, options.signers);
    else {
      await this.#signatureChecks.run(
        () => checkSignatures(transaction, transactionBytes, signatures, this.#modules.signatures),
        options.signal,
      );
    }
    return this.#submitOnce({ digest, transaction, transactionBytes, signatures, unknownAt }, options.signal);
  }

  simulate(request: TransactionData | Uint8Array, options: SimulateOptions = {}): SimulationResult {
    if (this.#closing !== undefined) throw errors.LEDGER_CLOSED({});
    const bytes = request instanceof Uint8Array ? request : encodeTransactionData(request);
    if (bytes.length > MAX_TRANSACTION_BYTES) {
      throw errors.LIMIT_EXCEEDED({ what: 'bytes of a transaction', limit: MAX_TRANSACTION_BYTES, came: bytes.length });
    }
    const timestampMs = Math.max(this.#machine.head.timestampMs, Math.floor(this.#modules.clock.nowMs()));
    const { result, writes, commandResults } = executeTransaction(
      {
        digest: transactionDigest(bytes),
        transaction: decodeTransactionData(bytes),
        sizeBytes: bytes.length,
        timestampMs,
        mode: options.checks === 'disabled' ? 'unchecked' : 'simulate',
        withOutputs: options.outputs !== false,
      },
      this.#machine.stateAt(timestampMs),
      this.#machine.execution,
    );
    const outputObjects = [...writes.values()].filter((object) => object !== undefined);
    return { ...result, commandResults, outputObjects };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#engine.close();
    await this.#pruning;
    this.#subscriptions.close();
    await this.#modules.store.close();
  }

  /** The same transaction sent twice at once is executed once; a caller that goes away takes nobody with it. */
  async #submitOnce(
    signed: Parameters<OrderingEngine['submit']>[0],
    signal: AbortSignal | undefined,
  ): Promise<TransactionRecord> {
    const name = toHex(signed.digest);
    let submitted = this.#underWay.get(name);
    if (submitted === undefined) {
      submitted = this.#engine.submit(signed).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, submitted);
    }
    return signal === undefined ? submitted : raceAbort(submitted, signal);
  }

  /** Executes at once; writes when what it builds on is durable. */
  async #deliver(batch: OrderedBatch): Promise<readonly Outcome[]> {
    const base = this.#writing;
    const prepared = this.#machine.prepare(batch);
    const written = this.#write(prepared, base);
    this.#writing = written;
    const { outcomes } = await written;
    return outcomes;
  }

  async #write(prepared: PreparedBatch, base: Promise<Written>): Promise<Written> {
    const { failure } = await base;
    if (failure !== undefined) {
      // Executed on what never came to be: only what was durable before holds.
      const { sequence } = this.#machine.head;
      return { failure, outcomes: prepared.outcomes.map((outcome) => orFailure(outcome, sequence, failure)) };
    }
    if (prepared.checkpoint === undefined) return { outcomes: prepared.outcomes };
    this.#unseen = prepared;
    try {
      await this.#modules.store.write(prepared.operations);
    } catch (error) {
      return this.#afterFailedWrite(prepared, error);
    }
    this.#commit();
    this.#subscriptions.notify();
    this.#prune();
    return { outcomes: prepared.outcomes };
  }

  /** One step at a time, beside the work of the chain. */
  #prune(): void {
    if (this.#pruner === undefined || this.#pruning !== undefined) return;
    this.#pruning = this.#pruner
      .step(this.#machine.head.sequence)
      .catch((error: unknown) => this.#logger.warn('could not prune the journal', { reason: String(error) }))
      .finally(() => (this.#pruning = undefined));
  }

  /** Usually nothing was written. Should the write have taken effect all the same, its results count. */
  #afterFailedWrite(prepared: PreparedBatch, error: unknown): Written {
    const reason = error instanceof Error ? error.message : String(error);
    const { sequence } = prepared.checkpoint as CheckpointRecord;
    if (this.#modules.store.get(TABLES.checkpoints, sequenceKey(sequence)) !== undefined) {
      this.#logger.warn('a write that reported failure took effect', { sequence: `${sequence}`, reason });
      this.#commit();
      this.#subscriptions.notify();
      return { outcomes: prepared.outcomes };
    }
    this.#unseen = undefined;
    this.#logger.error('could not write a checkpoint', { sequence: `${sequence}`, reason });
    // What is prepared from here on builds on the durable state again; what was prepared before sees the failure.
    this.#machine.forget();
    this.#writing = NOTHING_WRITTEN;
    const failure = errors.LEDGER_STORE_FAILED({ reason }, error);
    const outcomes = prepared.outcomes.map((outcome) =>
      'error' in outcome ? outcome : orFailure(outcome, sequence - 1n, failure),
    );
    return { failure, outcomes };
  }

  #walTreasury(): Pick<CoinInfo, 'totalSupply' | 'treasuryCapId'> {
    const { items } = this.#machine.objects.listChildren({ parent: this.chain.treasuryObjectId, limit: 10 });
    const entry = items
      .filter(({ type }) => type.includes(OBJECT_FIELD_WRAPPER_PREFIX))
      .flatMap((object) => dynamicFieldEntry(object) ?? [])[0];
    const cap = entry?.childId === undefined ? undefined : this.getObject(entry.childId);
    if (cap === undefined) throw errors.LEDGER_CORRUPT({ what: 'WAL treasury', reason: 'its cap is missing' });
    const { totalSupply } = objectValue<layouts.TreasuryCap>(cap, layouts.TreasuryCap as never);
    return { totalSupply, treasuryCapId: cap.id };
  }
}

/** How the write of a batch ended. */
interface Written {
  readonly outcomes: readonly Outcome[];
  /** Set when it did not become durable. */
  readonly failure?: Error;
}

const NOTHING_WRITTEN: Promise<Written> = Promise.resolve({ outcomes: [] });

/** The outcome when it is a record of a checkpoint that is durable, up to `durable`. */
function orFailure(outcome: Outcome, durable: bigint, failure: Error): Outcome {
  return 'record' in outcome && outcome.record.checkpoint <= durable ? outcome : { error: failure };
}
