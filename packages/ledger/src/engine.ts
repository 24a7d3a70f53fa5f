/**
 * Ordering: which transactions make up the next step of the chain, and at what time. The port, and the embedded engine.
 *
 * The embedded engine serves one process: what arrives while a batch is being made durable forms the next batch, so that
 * under load one disk sync pays for many transactions and alone a transaction waits for nothing. Timestamps come from
 * the clock and never go back.
 */
import { type Clock, deferred } from '@floe/platform';
import type { Digest, TransactionRecord } from './api.ts';
import { errors } from './errors.ts';
import {
  MAX_BATCH_TRANSACTIONS,
  MAX_CHECKPOINT_TRANSACTIONS,
  MAX_WAITING_BYTES,
  MAX_WAITING_TRANSACTIONS,
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
  /** Executes a batch and makes it durable; outcomes in order. Called for one batch at a time. */
  deliver(batch: OrderedBatch): Promise<readonly Outcome[]>;
}

interface Waiting {
  readonly transaction: SignedTransaction;
  settle(outcome: Outcome): void;
}

export function createEmbeddedEngine(
  options: { startTimestampMs: number; maxWaiting?: number; maxBatch?: number },
  modules: EngineModules,
): OrderingEngine {
  const maxWaiting = options.maxWaiting ?? MAX_WAITING_TRANSACTIONS;
  const maxBatch = Math.min(options.maxBatch ?? MAX_BATCH_TRANSACTIONS, MAX_CHECKPOINT_TRANSACTIONS);
  const queue = new Set<Waiting>();
  let waitingBytes = 0;
  let timestampMs = options.startTimestampMs;
  let running: Promise<void> | undefined;
  let isClosed = false;

  const remove = (entry: Waiting) => {
    if (queue.delete(entry)) waitingBytes -= entry.transaction.transactionBytes.length;
  };

  const takeBatch = (): Waiting[] => {
    const batch: Waiting[] = [];
    for (const entry of queue) {
      if (batch.length === maxBatch) break;
      batch.push(entry);
    }
    for (const entry of batch) remove(entry);
    return batch;
  };

  const run = async (): Promise<void> => {
    // What was submitted in the same turn of the event loop goes into the same batch.
    await Promise.resolve();
    while (queue.size > 0) {
      const batch = takeBatch();
      timestampMs = Math.max(timestampMs, Math.floor(modules.clock.nowMs()));
      const transactions = batch.map(({ transaction }) => transaction);
      const outcomes = await modules
        .deliver({ timestampMs, transactions })
        .catch((error: unknown) => batch.map(() => ({ error: error as Error })));
      for (const [i, entry] of batch.entries()) entry.settle(outcomes[i] as Outcome);
    }
    running = undefined;
  };

  return {
    async submit(transaction, signal) {
      signal?.throwIfAborted();
      if (isClosed) throw errors.LEDGER_CLOSED({});
      const size = transaction.transactionBytes.length;
      if (queue.size >= maxWaiting || waitingBytes + size > MAX_WAITING_BYTES) {
        throw errors.MEMPOOL_FULL({ limit: maxWaiting });
      }
      const { promise, resolve, reject } = deferred<TransactionRecord>();
      const settle = (outcome: Outcome) => ('record' in outcome ? resolve(outcome.record) : reject(outcome.error));
      const entry: Waiting = { transaction, settle };
      const abort = () => {
        remove(entry);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      queue.add(entry);
      waitingBytes += size;
      running ??= run();
      try {
        return await promise;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    async close() {
      isClosed = true;
      for (const entry of takeAll(queue)) entry.settle({ error: errors.LEDGER_CLOSED({}) });
      waitingBytes = 0;
      await running;
    },
  };
}

function takeAll<T>(queue: Set<T>): T[] {
  const all = [...queue];
  queue.clear();
  return all;
}
