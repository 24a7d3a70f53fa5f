/** Turns what the Sui SDK throws into Floe's errors, and tells which are worth another try. */
import { type FloeError, isFloeError } from '@floe/platform';
import { type SuiClientTypes, SimulationError } from '@mysten/sui/client';
import { RpcError } from '@mysten/sui/grpc';
import { abortName } from '../abort-codes.ts';
import { ledgerErrors } from '../errors.ts';

/** gRPC codes after which the same call may succeed; all calls of this client are idempotent. */
const RETRYABLE: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED']);

/** Whether a failed call may be made again: the ledger was not reached, or said "later". */
export function isRetryable(error: unknown): boolean {
  const rpc = rpcErrorOf(error);
  return rpc !== undefined && RETRYABLE.has(rpc.code);
}

/** Whether the ledger says that what was asked for is not there. */
export function isNotFound(error: unknown): boolean {
  return rpcErrorOf(error)?.code === 'NOT_FOUND';
}

/** Whether the ledger does not serve this method. */
export function isUnimplemented(error: unknown): boolean {
  return rpcErrorOf(error)?.code === 'UNIMPLEMENTED';
}

/** Whether a transaction was refused because an object it names has another version by now. */
export function isStale(error: unknown): boolean {
  if (isFloeError(error, 'STALE_OBJECT')) return true;
  const text = error instanceof Error ? error.message : '';
  return /(?:not |un)available for consumption|needs to be rebuilt because object|could not find the referenced object/i.test(
    text,
  );
}

/** The error of a call that failed for good. */
export function callFailure(url: string, call: string, error: unknown, timeoutMs: number): FloeError {
  if (isFloeError(error)) return error;
  const rpc = rpcErrorOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  const status = rpc?.code ?? 'UNKNOWN';
  switch (status) {
    case 'UNAVAILABLE':
      return ledgerErrors.LEDGER_UNREACHABLE({ url, call, reason }, error);
    case 'DEADLINE_EXCEEDED':
      return ledgerErrors.LEDGER_TIMEOUT({ url, call, timeoutMs }, error);
    case 'RESOURCE_EXHAUSTED':
    case 'ABORTED':
      return ledgerErrors.LEDGER_BUSY({ url, call, reason }, error);
    case 'INVALID_ARGUMENT':
    case 'FAILED_PRECONDITION':
    case 'PERMISSION_DENIED':
    case 'UNAUTHENTICATED':
    case 'NOT_FOUND':
      return ledgerErrors.LEDGER_REJECTED({ call, reason }, error);
    default:
      return ledgerErrors.LEDGER_FAILED({ url, call, status, reason }, error);
  }
}

/**
 * The error of a transaction that could not be built: its simulation aborted, or the sender cannot pay.
 *
 * @param sender address that pays
 */
export function buildFailure(url: string, sender: string, error: unknown, timeoutMs: number): FloeError {
  if (isFloeError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const shortOf = /^Insufficient balance of (\S+) for owner \S+\. Required: (\d+), Available: (-?\d+)/.exec(message);
  if (shortOf !== null) {
    const [needed, available] = [BigInt(shortOf[2] as string), BigInt(shortOf[3] as string)];
    if (!(shortOf[1] as string).endsWith('::wal::WAL'))
      return ledgerErrors.INSUFFICIENT_SUI({ owner: sender, reason: message }, error);
    return ledgerErrors.INSUFFICIENT_WAL({ owner: sender, needed, available }, error);
  }
  if (isInsufficientGas(message)) return ledgerErrors.INSUFFICIENT_SUI({ owner: sender, reason: message }, error);
  if (isStale(error)) return ledgerErrors.STALE_OBJECT({ reason: message, rebuilds: 0 }, error);
  if (error instanceof SimulationError && error.executionError !== undefined) {
    return executionFailure('', sender, error.executionError, error);
  }
  if (rpcErrorOf(error) === undefined)
    return ledgerErrors.LEDGER_REJECTED({ call: 'the transaction', reason: message }, error);
  return callFailure(url, 'SimulateTransaction', error, timeoutMs);
}

/**
 * The error of a transaction that ran and failed.
 *
 * @param digest empty when it was only simulated
 */
export function executionFailure(
  digest: string,
  sender: string,
  failure: SuiClientTypes.ExecutionError,
  cause?: unknown,
): FloeError {
  if (failure.$kind !== 'MoveAbort') {
    if (/insufficient ?gas|InsufficientCoinBalance/i.test(failure.message)) {
      return ledgerErrors.INSUFFICIENT_SUI({ owner: sender, reason: failure.message }, cause);
    }
    return ledgerErrors.TRANSACTION_FAILED({ digest, reason: failure.message }, cause);
  }
  const { abortCode, location, cleverError } = failure.MoveAbort;
  const module = location?.module ?? '';
  const framework = /^0x0*[12]$/.test(location?.package ?? '');
  return ledgerErrors.MOVE_ABORT(
    {
      module,
      function: location?.functionName ?? '',
      abortCode,
      name: cleverError?.constantName ?? abortName(module, BigInt(abortCode), framework) ?? '',
      command: failure.command ?? 0,
    },
    cause,
  );
}

/** Whether `error` is the abort of that module's constant, such as `('blob', 'EAlreadyCertified')`. */
export function isMoveAbort(error: unknown, module?: string, name?: string): boolean {
  if (!isFloeError(error, 'MOVE_ABORT')) return false;
  return (
    (module === undefined || error.data['module'] === module) && (name === undefined || error.data['name'] === name)
  );
}

function isInsufficientGas(message: string): boolean {
  return /insufficient SUI balance|gas selection|GasBalanceTooLow|cannot find gas coin/i.test(message);
}

/** The gRPC error itself or the one an SDK error wraps. */
function rpcErrorOf(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  return error instanceof Error && error.cause instanceof RpcError ? error.cause : undefined;
}
