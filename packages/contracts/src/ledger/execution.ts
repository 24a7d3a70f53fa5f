/**
 * Builds, signs and executes transactions. Those of one sender go one after another, from choosing coins to the answer,
 * so that two never take the same coin. Sending again is safe: the ledger answers a known digest with its outcome.
 */
import { assert, isFloeError, Semaphore } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import { fromBase64 } from '@mysten/bcs';
import { GrpcTypes, parseGrpcTransactionResponse } from '@mysten/sui/grpc';
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions';
import { normalizeStructTag, normalizeSuiAddress } from '@mysten/sui/utils';
import { ledgerErrors } from '../errors.ts';
import { EXECUTE_TIMEOUT_MS, FINALITY_TIMEOUT_MS, MAX_REBUILDS, MAX_WAITING_PER_SENDER } from '../limits.ts';
import { type LedgerCalls, callTimeoutMs, retryDelayMs } from './calls.ts';
import { contractEvents, type EventPackages, timestampMs } from './contract-events.ts';
import { buildFailure, callFailure, executionFailure, isNotFound, isRetryable, isStale } from './failures.ts';
import type { CallOptions, ChangedObject, ExecutedTransaction, TransactionSigner } from './types.ts';

/** A transaction, or how to make it; it is made anew when an object it used has changed meanwhile. */
export type TransactionSource = Transaction | (() => Transaction | Promise<Transaction>);

/** Makes a transaction of these commands, anew for each try. */
export function transactionOf(build: (transaction: Transaction) => void): () => Transaction {
  return () => {
    const transaction = new Transaction();
    build(transaction);
    return transaction;
  };
}

const EXECUTED_MASK = { paths: ['digest', 'checkpoint', 'timestamp', 'effects', 'events', 'balance_changes'] };

export class TransactionExecutor {
  readonly #calls: LedgerCalls;
  readonly #eventPackages: (signal?: AbortSignal) => Promise<EventPackages>;
  /** One lane per sender with transactions under way; emptied lanes are dropped. */
  readonly #lanes = new Map<SuiAddress, { readonly lane: Semaphore; users: number }>();

  constructor(calls: LedgerCalls, eventPackages: (signal?: AbortSignal) => Promise<EventPackages>) {
    this.#calls = calls;
    this.#eventPackages = eventPackages;
  }

  async execute(
    source: TransactionSource,
    signer: TransactionSigner,
    { signal }: CallOptions = {},
  ): Promise<ExecutedTransaction> {
    const sender = normalizeSuiAddress(signer.toSuiAddress()) as SuiAddress;
    const packages = await this.#eventPackages(signal);
    const executed = await this.#inLane(sender, signal, () => this.#executeFresh(source, sender, signer, signal));
    return executedTransaction(executed, packages);
  }

  async #inLane<T>(sender: SuiAddress, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const entry = this.#lanes.get(sender) ?? {
      lane: new Semaphore({ name: `transactions of ${sender}`, permits: 1, maxWaiting: MAX_WAITING_PER_SENDER }),
      users: 0,
    };
    this.#lanes.set(sender, entry);
    entry.users += 1;
    try {
      return await entry.lane.run(work, signal);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#lanes.delete(sender);
    }
  }

  /** Executes with the newest objects: builds again while another holder of the same key wins the race for them. */
  async #executeFresh(
    source: TransactionSource,
    sender: SuiAddress,
    signer: TransactionSigner,
    signal?: AbortSignal,
  ): Promise<GrpcTypes.ExecutedTransaction> {
    for (let rebuilds = 0; ; rebuilds += 1) {
      try {
        const bytes = await buildTransaction(this.#calls, source, sender, signal);
        return await this.#submit(bytes, sender, signer, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isStale(error)) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        if (rebuilds >= MAX_REBUILDS) throw ledgerErrors.STALE_OBJECT({ reason, rebuilds }, error);
        await this.#calls.scheduler.sleep(retryDelayMs(rebuilds + 1), signal);
      }
    }
  }

  async #submit(
    bytes: Uint8Array,
    sender: SuiAddress,
    signer: TransactionSigner,
    signal?: AbortSignal,
  ): Promise<GrpcTypes.ExecutedTransaction> {
    const digest = TransactionDataBuilder.getDigestFromBytes(bytes);
    const { signature } = await signer.signTransaction(bytes);
    const executed = await this.#send(digest, bytes, fromBase64(signature), signal);
    const parsed = parseGrpcTransactionResponse(executed);
    if (parsed.$kind === 'FailedTransaction') {
      const { error } = parsed.FailedTransaction.status;
      assert(error !== null, 'a failed transaction has an error', { digest });
      throw executionFailure(digest, sender, error);
    }
    return executed.checkpoint === undefined ? this.#awaitFinal(digest, executed, signal) : executed;
  }

  async #send(
    digest: string,
    bytes: Uint8Array,
    signature: Uint8Array,
    signal?: AbortSignal,
  ): Promise<GrpcTypes.ExecutedTransaction> {
    const request: GrpcTypes.ExecuteTransactionRequest = {
      transaction: { bcs: { value: bytes } } as GrpcTypes.Transaction,
      signatures: [{ bcs: { value: signature }, signature: { oneofKind: undefined } }],
      readMask: EXECUTED_MASK,
    };
    try {
      const { transaction } = await this.#calls.retrying(async () => {
        const call = this.#calls.sui.transactionExecutionService.executeTransaction(request, { abort: signal });
        return (await call).response;
      }, signal);
      if (transaction?.effects?.status !== undefined) return transaction;
    } catch (error) {
      signal?.throwIfAborted();
      if (isStale(error)) throw error;
      const failure = callFailure(this.#calls.url, 'ExecuteTransaction', error, EXECUTE_TIMEOUT_MS);
      if (isRetryable(error)) throw ledgerErrors.OUTCOME_UNKNOWN({ digest, reason: failure.message }, failure);
      throw failure;
    }
    throw ledgerErrors.LEDGER_MISBEHAVED({ url: this.#calls.url, reason: `no effects for transaction ${digest}` });
  }

  /**
   * Waits until the transaction can be read by its digest, so that what is read next shows its effects. They are final
   * either way: a ledger that stays behind longer than the limit still answered.
   */
  async #awaitFinal(
    digest: string,
    executed: GrpcTypes.ExecutedTransaction,
    signal?: AbortSignal,
  ): Promise<GrpcTypes.ExecutedTransaction> {
    const { clock, scheduler, sui } = this.#calls;
    const untilMs = clock.monotonicMs() + FINALITY_TIMEOUT_MS;
    for (let attempt = 1; clock.monotonicMs() < untilMs; attempt += 1) {
      try {
        const call = sui.ledgerService.getTransaction({ digest, readMask: EXECUTED_MASK }, { abort: signal });
        const { transaction } = (await call).response;
        if (transaction !== undefined) return transaction;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isNotFound(error) && !isRetryable(error)) return executed;
      }
      await scheduler.sleep(retryDelayMs(attempt), signal);
    }
    return executed;
  }
}

/** The bytes to sign, with coins chosen and every object at its newest version. */
export async function buildTransaction(
  calls: LedgerCalls,
  source: TransactionSource,
  sender: SuiAddress,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await calls.retrying(async () => {
      const copy = await copyOf(source, sender);
      return await copy.build({ client: calls.sui });
    }, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw buildFailure(calls.url, sender, error, callTimeoutMs('SimulateTransaction'));
  }
}

/** Building writes what it resolved into the transaction, so each try builds a copy. */
export async function copyOf(source: TransactionSource, sender: SuiAddress): Promise<Transaction> {
  const copy = typeof source === 'function' ? await source() : Transaction.from(source);
  copy.setSenderIfNotSet(sender);
  return copy;
}

/** What callers need of an executed transaction. */
function executedTransaction(executed: GrpcTypes.ExecutedTransaction, packages: EventPackages): ExecutedTransaction {
  const digest = executed.digest ?? '';
  const changed = executed.effects?.changedObjects ?? [];
  const { CREATED, NONE, DELETED } = GrpcTypes.ChangedObject_IdOperation;
  const written = changed.filter(
    ({ outputState }) => outputState === GrpcTypes.ChangedObject_OutputObjectState.OBJECT_WRITE,
  );
  const gas = executed.effects?.gasUsed;
  return {
    digest,
    ...(executed.checkpoint === undefined ? {} : { checkpoint: executed.checkpoint }),
    ...(executed.timestamp === undefined ? {} : { timestampMs: timestampMs(executed.timestamp) }),
    created: written.filter(({ idOperation }) => idOperation === CREATED).map(changedObject),
    mutated: written.filter(({ idOperation }) => idOperation === NONE).map(changedObject),
    deleted: changed.filter(({ idOperation }) => idOperation === DELETED).map(({ objectId }) => objectId as ObjectId),
    events: contractEvents(digest, executed.events?.events ?? [], packages),
    balanceChanges: (executed.balanceChanges ?? []).map(({ address = '', coinType = '', amount = '0' }) => ({
      owner: address as SuiAddress,
      coinType: coinType.includes('::') ? normalizeStructTag(coinType) : coinType,
      amount: BigInt(amount),
    })),
    gas: (gas?.computationCost ?? 0n) + (gas?.storageCost ?? 0n) - (gas?.storageRebate ?? 0n),
  };
}

function changedObject({ objectId, objectType = '' }: GrpcTypes.ChangedObject): ChangedObject {
  return {
    objectId: objectId as ObjectId,
    type: objectType.includes('::') ? normalizeStructTag(objectType) : objectType,
  };
}

/** Whether the transaction may have taken effect although executing it failed. */
export function isOutcomeUnknown(error: unknown): boolean {
  return isFloeError(error, 'OUTCOME_UNKNOWN');
}
