/**
 * `TransactionExecutionService`. A transaction that fails in execution is an answer with a failed status, at simulation
 * and at execution; a gRPC error means that it was not executed at all.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CommandResult, LedgerApi, SimulationResult } from '../../api.ts';
import { MAX_SIGNATURES } from '../../limits.ts';
import type { Signers } from '../../signatures.ts';
import { type TransactionData, decodeTransactionData, encodeTransactionData } from '../../transaction-data.ts';
import { required } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import { applyFieldMask, maskOf, parseFieldMask, selects } from '../field-mask.ts';
import { renderLookedUp } from '../rendering/checkpoints.ts';
import { renderExecuted } from '../rendering/transactions.ts';
import { resolveTransaction, selectGas } from '../resolve-transaction.ts';
import type { CallContext, RpcService } from '../service.ts';
import { parseTransactionDraft } from '../transaction-draft.ts';

const EXECUTE_DEFAULTS = ['effects.status', 'checkpoint'];
const SIMULATE_DEFAULTS = ['transaction', 'command_outputs'];

export function createTransactionExecutionService(ledger: LedgerApi): RpcService {
  return {
    descriptor: GrpcTypes.TransactionExecutionService,
    unary: {
      ExecuteTransaction: (request: GrpcTypes.ExecuteTransactionRequest, { signers }: CallContext) =>
        executeTransaction(ledger, request, signers),
      SimulateTransaction: (request: GrpcTypes.SimulateTransactionRequest) => simulateTransaction(ledger, request),
    },
    streams: {},
  };
}

/** A transaction that came is executed whether or not its sender still waits: it has been sent. */
async function executeTransaction(
  ledger: LedgerApi,
  request: GrpcTypes.ExecuteTransactionRequest,
  signers: Signers | undefined,
): Promise<GrpcTypes.ExecuteTransactionResponse> {
  const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, EXECUTE_DEFAULTS);
  const transaction = required('transaction', request.transaction);
  const bytes =
    transaction.bcs?.value ??
    encodeTransactionData(resolveTransaction(ledger, parseTransactionDraft(transaction), { selectGas: false }));
  const record = await ledger.execute(bytes, parseSignatures(request.signatures), { signers });
  return { transaction: renderLookedUp(ledger, record, mask) };
}

function simulateTransaction(
  ledger: LedgerApi,
  request: GrpcTypes.SimulateTransactionRequest,
): GrpcTypes.SimulateTransactionResponse {
  const mask = parseFieldMask(GrpcTypes.SimulateTransactionResponse, request.readMask, SIMULATE_DEFAULTS);
  const checks =
    request.checks === GrpcTypes.SimulateTransactionRequest_TransactionChecks.DISABLED ? 'disabled' : 'enabled';
  const transaction = transactionToSimulate(ledger, request, checks === 'enabled' && request.doGasSelection === true);
  const outputs = selects(mask, 'command_outputs');
  const result = ledger.simulate(transaction, { checks, outputs });
  const response: GrpcTypes.SimulateTransactionResponse = {
    transaction: renderSimulated(result, transaction, maskOf(mask, 'transaction')),
    commandOutputs: outputs ? result.commandResults.map(renderOutput) : [],
  };
  return applyFieldMask(GrpcTypes.SimulateTransactionResponse, response, mask);
}

/** What is simulated is what is returned, to the last reference. */
function transactionToSimulate(
  ledger: LedgerApi,
  request: GrpcTypes.SimulateTransactionRequest,
  withGas: boolean,
): TransactionData {
  const transaction = required('transaction', request.transaction);
  if (transaction.bcs?.value === undefined) {
    if (withGas) required('transaction.sender', transaction.sender);
    return resolveTransaction(ledger, parseTransactionDraft(transaction), { selectGas: withGas });
  }
  const data = decodeTransactionData(transaction.bcs.value);
  if (!withGas || data.gas.payment.length > 0) return data;
  return selectGas(ledger, data, data.gas.budget > 0n ? data.gas.budget : undefined);
}

function renderSimulated(
  result: SimulationResult,
  transaction: TransactionData,
  mask: ReturnType<typeof maskOf>,
): GrpcTypes.ExecutedTransaction {
  const context = {
    transactionBytes: selects(mask, 'transaction', 'bcs') ? encodeTransactionData(transaction) : new Uint8Array(0),
    signatures: [],
    objects: result.outputObjects,
  };
  return renderExecuted(result, context, mask);
}

function renderOutput(result: CommandResult): GrpcTypes.CommandResult {
  return {
    returnValues: result.returnValues.map(({ type, bytes }) => ({ value: { name: type, value: bytes } })),
    mutatedByRef: [],
  };
}

function parseSignatures(signatures: readonly GrpcTypes.UserSignature[]): Uint8Array[] {
  if (signatures.length === 0) throw rpcErrors.RPC_MISSING_FIELD({ field: 'signatures' });
  if (signatures.length > MAX_SIGNATURES) {
    const reason = `${signatures.length} came, at most ${MAX_SIGNATURES} are allowed`;
    throw rpcErrors.RPC_INVALID_FIELD({ field: 'signatures', reason });
  }
  return signatures.map((signature, index) => {
    if (signature.bcs?.value !== undefined) return signature.bcs.value;
    throw rpcErrors.RPC_MISSING_FIELD({ field: `signatures[${index}].bcs.value` });
  });
}
