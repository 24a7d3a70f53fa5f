/**
 * Ordering: which transactions make up the next step of the chain, and at what time. The port, and the embedded engine.
 *
 * The embedded engine serves one process: what arrives while a batch is being made durable forms the next batch, so that
 * under load one disk sync pays for many transactions and alone a transaction waits for nothing. When enough has come
 * the next batch does not wait for the one that is written: it is executed meanwhile. Timestamps come from the clock and
 * never go back.
 */
import { type Clock, deferred } from '@floe/platform';
import type { Digest, TransactionRecord } from './api.ts';
import { errors } from './errors.ts';
import {
  MAX_BATCH_TRANSACTIONS,
  MAX_BATCHES_UNDER_WAY,
  MAX_CHECKPOINT_TRANSACTIONS,
  MAX_WAITING_BYTES,
  MAX_WAITING_TRANSACTIONS,
  MIN_EARLY_BATCH_TRANSACTIONS,
} from './limits.ts';
import type { TransactionData } from './transaction-data.ts';

/** A transaction whose signatures were checked. */
export interface SignedTransaction {
  readonly digest: Digest;
  readonly transaction: TransactionData;
  readonly transactionBytes: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** How many transactions the chain had when this one was found not to be among them; absent when nobody looked. */
  readonly unknownAt?: bigint;
}

/** What everybody who executes the chain agrees on. */
export interface OrderedBatch {
  readonly timestampMs: number;
  readonly transactions: readonly SignedTransaction[];
}

/** Executed and durable, or refused without a trace. */
export type Outcome = { readonly record: TransactionRecord } | { readonly error: Error };

export interface OrderingEngine {
  /**
   * Resolves when the transaction is executed and durable. A signal that aborts takes it out only while it waits;
   * after that the promise rejects, and the transaction may or may not come to count.
   */
  submit(transaction: SignedTransaction, signal?: AbortSignal): Promise<TransactionRecord>;
  /** Finishes the batch under way; what waits is refused. Can be called twice. */
  close(): Promise<void>;
}

export interface EngineModules {
  readonly clock: Clock;
  /**
   * Passes when the answers to what was executed before are on their way; default: at once. A batch holds the thread for
   * as long as it takes, and who waits for an answer can ask for nothing meanwhile.
   */
  readonly pause?: () => Promise<void>;
  /** Executes a batch at once and makes it durable after those before it; outcomes in order. */
  deliver(batch: OrderedBatch): Promise<readonly Outcome[]>;
}

interface Waiting {
  readonly transaction: SignedTransaction;
  settle(outcome: Outcome): void;
}

/** What waits for a batch, in order, bounded by number and bytes. */
class WaitingQueue {
  readonly #entries = new Set<Waiting>();
  readonly #maxWaiting: number;
  #bytes = 0;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @throws MEMPOOL_FULL */
  add(entry: Waiting): void {
    const size = entry.transaction.transactionBytes.length;
    if (this.size >= this.#maxWaiting || this.#bytes + size > MAX_WAITING_BYTES) {
      throw errors.MEMPOOL_FULL({ limit: this.#maxWaiting });
    }
    this.#entries.add(entry);
    this.#bytes += size;
  }

  remove(entry: Waiting): void {
    if (this.#entries.delete(entry)) this.#bytes -= entry.transaction.transactionBytes.length;
  }

  /** Takes out the first ones, at most `count`. */
  take(count: number): Waiting[] {
    const taken: Waiting[] = [];
    for (const entry of this.#entries) {
      if (taken.length === count) break;
      taken.push(entry);
    }
    for (const entry of taken) this.remove(entry);
    return taken;
  }
}

export interface EngineOptions {
  readonly startTimestampMs: number;
  readonly maxWaiting?: number;
  readonly maxBatch?: number;
  readonly minEarlyBatch?: number;
}

class EmbeddedEngine implements OrderingEngine {
  readonly #modules: EngineModules;
  readonly #queue: WaitingQueue;
  readonly #maxBatch: number;
  readonly #minEarlyBatch: number;
  readonly #underWay = new Set<Promise<void>>();
  #timestampMs: number;
  #isWoken = false;
  #isClosed = false;

  constructor(options: EngineOptions, modules: EngineModules) {
    this.#modules = modules;
    this.#queue = new WaitingQueue(options.maxWaiting ?? MAX_WAITING_TRANSACTIONS);
    this.#maxBatch = Math.min(options.maxBatch ?? MAX_BATCH_TRANSACTIONS, MAX_CHECKPOINT_TRANSACTIONS);
    this.#minEarlyBatch = options.minEarlyBatch ?? MIN_EARLY_BATCH_TRANSACTIONS;
    this.#timestampMs = options.startTimestampMs;
  }

  async submit(transaction: SignedTransaction, signal?: AbortSignal): Promise<TransactionRecord> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw errors.LEDGER_CLOSED({});
    const { promise, resolve, reject } = deferred<TransactionRecord>();
    const settle = (outcome: Outcome) => ('record' in outcome ? resolve(outcome.record) : reject(outcome.error));
    const entry: Waiting = { transaction, settle };
    this.#queue.add(entry);
    const abort = () => {
      this.#queue.remove(entry);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#wake();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const entry of this.#queue.take(this.#queue.size)) entry.settle({ error: errors.LEDGER_CLOSED({}) });
    await Promise.all(this.#underWay);
  }

  /** What is submitted in the same turn of the event loop goes into the same batch. */
  #wake(): void {
    if (this.#isWoken || !this.#isDue()) return;
    this.#isWoken = true;
    const deliver = () => {
      this.#isWoken = false;
      while (this.#isDue()) this.#deliverNext();
    };
    const { pause } = this.#modules;
    if (pause === undefined) queueMicrotask(deliver);
    else void pause().then(deliver);
  }

  #isDue(): boolean {
    if (this.#queue.size === 0) return false;
    const { size } = this.#underWay;
    return size === 0 || (size < MAX_BATCHES_UNDER_WAY && this.#queue.size >= this.#minEarlyBatch);
  }

  #deliverNext(): void {
    const delivered = this.#deliver(this.#queue.take(this.#maxBatch)).then(() => {
      this.#underWay.delete(delivered);
      this.#wake();
    });
    this.#underWay.add(delivered);
  }

  async #deliver(batch: readonly Waiting[]): Promise<void> {
    this.#timestampMs = Math.max(this.#timestampMs, Math.floor(this.#modules.clock.nowMs()));
    const transactions = batch.map(({ transaction }) => transaction);
    const outcomes = await this.#modules
      .deliver({ timestampMs: this.#timestampMs, transactions })
      .catch((error: unknown) => batch.map(() => ({ error: error as Error })));
    for (const [i, entry] of batch.entries()) entry.settle(outcomes[i] as Outcome);
  }
}

export function createEmbeddedEngine(options: EngineOptions, modules: EngineModules): OrderingEngine {
  return new EmbeddedEngine(options, modules);
}
