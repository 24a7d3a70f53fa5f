/** Transactions that are only tried: what they would cost and write, and what functions of the contracts return. */
import { assert } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import { GrpcTypes, parseGrpcTransactionResponse } from '@mysten/sui/grpc';
import { normalizeStructTag } from '@mysten/sui/utils';
import { ledgerErrors } from '../errors.ts';
import type { TransactionShape } from '../gas-schedule.ts';
import { type LedgerCalls, callTimeoutMs } from './calls.ts';
import { buildTransaction, copyOf, type TransactionSource } from './execution.ts';
import { callFailure, executionFailure } from './failures.ts';

/** An object as a simulated transaction leaves it. */
export interface WrittenObject {
  readonly objectId: ObjectId;
  /** Fully normalised. */
  readonly type: string;
  /** MIST kept in it for its storage. */
  readonly storageCharge: bigint;
  readonly isCreated: boolean;
}

/** A transaction as it would run now, had it been signed and sent. */
export interface SimulatedTransaction {
  /** Its BCS. */
  readonly bytes: Uint8Array;
  readonly shape: TransactionShape;
  /** Inputs that an address owns, coins among them. */
  readonly ownedInputs: number;
  /** Coins that pay for gas, merged into one. */
  readonly gasPayments: number;
  readonly gasPrice: bigint;
  /** All in MIST. `freed`: what was kept in the objects that it overwrites and deletes, before what is not refunded. */
  readonly gas: {
    readonly computation: bigint;
    readonly storage: bigint;
    readonly freed: bigint;
    readonly net: bigint;
  };
  readonly written: readonly WrittenObject[];
}

const SIMULATION_MASK = {
  paths: [
    'transaction.digest',
    'transaction.transaction.kind',
    'transaction.transaction.gas_payment',
    'transaction.effects',
    'transaction.objects.objects.object_id',
    'transaction.objects.objects.object_type',
    'transaction.objects.objects.storage_rebate',
  ],
};

/** Builds the transaction as it would be sent and runs it without effect. @throws what executing it would throw */
export async function simulate(
  calls: LedgerCalls,
  source: TransactionSource,
  sender: SuiAddress,
  signal?: AbortSignal,
): Promise<SimulatedTransaction> {
  const bytes = await buildTransaction(calls, source, sender, signal);
  const { transaction } = await calls.unary(
    'SimulateTransaction',
    (options) =>
      calls.sui.transactionExecutionService.simulateTransaction(
        {
          transaction: { bcs: { value: bytes } } as GrpcTypes.Transaction,
          readMask: SIMULATION_MASK,
          checks: GrpcTypes.SimulateTransactionRequest_TransactionChecks.ENABLED,
        },
        options,
      ),
    signal,
  );
  const effects = transaction?.effects;
  const data = transaction?.transaction?.kind?.data;
  if (transaction === undefined || effects === undefined || data?.oneofKind !== 'programmableTransaction') {
    throw ledgerErrors.LEDGER_MISBEHAVED({ url: calls.url, reason: 'a simulation without its effects' });
  }
  const parsed = parseGrpcTransactionResponse(transaction);
  if (parsed.$kind === 'FailedTransaction') {
    const { error } = parsed.FailedTransaction.status;
    assert(error !== null, 'a failed transaction has an error', {});
    throw executionFailure('', sender, error);
  }
  const {
    computationCost = 0n,
    storageCost = 0n,
    storageRebate = 0n,
    nonRefundableStorageFee = 0n,
  } = effects.gasUsed ?? {};
  const { inputs, commands } = data.programmableTransaction;
  const gasPayment = transaction.transaction?.gasPayment;
  return {
    bytes,
    shape: { commands: commands.length, inputs: inputs.length, sizeBytes: bytes.length },
    ownedInputs: inputs.filter(({ kind }) => kind === GrpcTypes.Input_InputKind.IMMUTABLE_OR_OWNED).length,
    gasPayments: gasPayment?.objects.length ?? 0,
    gasPrice: gasPayment?.price ?? 0n,
    gas: {
      computation: computationCost,
      storage: storageCost,
      freed: storageRebate + nonRefundableStorageFee,
      net: computationCost + storageCost - storageRebate,
    },
    written: writtenObjects(effects, transaction.objects?.objects ?? []),
  };
}

function writtenObjects(effects: GrpcTypes.TransactionEffects, objects: readonly GrpcTypes.Object[]): WrittenObject[] {
  const { OBJECT_WRITE } = GrpcTypes.ChangedObject_OutputObjectState;
  const { CREATED } = GrpcTypes.ChangedObject_IdOperation;
  const charges = new Map(objects.map(({ objectId, storageRebate }) => [objectId, storageRebate ?? 0n]));
  return effects.changedObjects
    .filter(({ outputState }) => outputState === OBJECT_WRITE)
    .map(({ objectId, objectType = '', idOperation }) => ({
      objectId: objectId as ObjectId,
      type: objectType.includes('::') ? normalizeStructTag(objectType) : objectType,
      storageCharge: charges.get(objectId) ?? 0n,
      isCreated: idOperation === CREATED,
    }));
}

/**
 * Runs functions that only look, and gives what each command returned, in BCS: nobody needs to pay for it.
 *
 * @throws MOVE_ABORT, TRANSACTION_FAILED, LEDGER_*
 */
export async function inspect(
  calls: LedgerCalls,
  source: TransactionSource,
  sender: SuiAddress,
  signal?: AbortSignal,
): Promise<readonly (readonly Uint8Array[])[]> {
  try {
    return await calls.retrying(async () => {
      const transaction = await copyOf(source, sender);
      const include = { commandResults: true, effects: true } as const;
      const result = await calls.sui.core.simulateTransaction({ transaction, include, checksEnabled: false, signal });
      if (result.$kind === 'FailedTransaction') {
        const { error } = result.FailedTransaction.status;
        assert(error !== null, 'a failed transaction has an error', {});
        throw executionFailure('', sender, error);
      }
      return (result.commandResults ?? []).map(({ returnValues }) => returnValues.map(({ bcs }) => bcs));
    }, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw callFailure(calls.url, 'SimulateTransaction', error, callTimeoutMs('SimulateTransaction'));
  }
}
