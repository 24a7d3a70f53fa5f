/**
 * Errors of the RPC service, and how any error becomes a gRPC status.
 *
 * Sui's rule, which clients rely on: what is wrong with a request, a stale object version and a bad signature included,
 * is `INVALID_ARGUMENT`; what a transaction's execution rejects is no error at all but effects with a failed status.
 */
import { type ErrorKind, type FloeError, errorCatalogue, isFloeError, spec } from '@floe/platform';

/** Status codes of gRPC that the service uses. */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;

/** How a call ended; the same for gRPC-Web and native gRPC. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
}

/** A call that failed elsewhere, which said what to answer. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly status: CallStatus;

  constructor(status: CallStatus) {
    super(status.message);
    this.status = status;
  }
}

export const rpcErrors = errorCatalogue({
  RPC_MALFORMED: spec<{ what: string; reason: string }>(
    'invalid',
    ({ what, reason }) => `malformed ${what}: ${reason}`,
  ),
  RPC_INVALID_FIELD: spec<{ field: string; reason: string }>(
    'invalid',
    ({ field, reason }) => `invalid ${field}: ${reason}`,
  ),
  RPC_MISSING_FIELD: spec<{ field: string }>('invalid', ({ field }) => `missing ${field}`),
  RPC_INVALID_MASK: spec<{ path: string; message: string }>(
    'invalid',
    ({ path, message }) => `invalid read_mask path: ${path} is not a field of ${message}`,
  ),
  RPC_UNKNOWN_METHOD: spec<{ method: string }>('invalid', ({ method }) => `method ${method} is not offered here`),
  RPC_UNSUPPORTED: spec<{ what: string }>('invalid', ({ what }) => `${what} is not supported by this ledger`),
  RPC_NOT_FOUND: spec<{ what: string; id: string }>('not-found', ({ what, id }) => `${what} ${id} not found`),
  RPC_PRUNED: spec<{ what: string; id: string; lowest: string }>(
    'not-found',
    ({ what, id, lowest }) => `${what} ${id} is no longer kept; the lowest kept is ${lowest}`,
  ),
  RPC_INSUFFICIENT_GAS_BALANCE: spec<{ owner: string; balance: bigint; required: bigint }>(
    'invalid',
    ({ owner, balance, required }) =>
      'Unable to perform gas selection due to insufficient SUI balance ' +
      `(in address balance or coins) for account ${owner} to satisfy required budget ${required}: it has ${balance}`,
  ),
  RPC_REPLY_TOO_LARGE: spec<{ limit: number }>(
    'invalid',
    ({ limit }) => `the answer would be larger than ${limit} bytes; ask for fewer items or fields`,
  ),
  RPC_CLOSING: spec<Record<never, never>>('unavailable', () => 'the ledger is closing; subscribe again later'),
  RPC_SUBSCRIPTIONS_FULL: spec<{ limit: number }>(
    'exhausted',
    ({ limit }) => `all ${limit} subscriptions are in use; try again later`,
  ),
});

const CODE_OF_KIND: Record<ErrorKind, number> = {
  invalid: grpcStatus.INVALID_ARGUMENT,
  'not-found': grpcStatus.NOT_FOUND,
  // A stale version, an object locked by another transaction: Sui answers INVALID_ARGUMENT.
  conflict: grpcStatus.INVALID_ARGUMENT,
  unauthorized: grpcStatus.INVALID_ARGUMENT,
  exhausted: grpcStatus.RESOURCE_EXHAUSTED,
  unavailable: grpcStatus.UNAVAILABLE,
  integrity: grpcStatus.DATA_LOSS,
  internal: grpcStatus.INTERNAL,
};

const CODE_OF_ERROR: Readonly<Record<string, number>> = {
  RPC_UNKNOWN_METHOD: grpcStatus.UNIMPLEMENTED,
  RPC_UNSUPPORTED: grpcStatus.UNIMPLEMENTED,
  // What gRPC servers answer to a message over their limit.
  BODY_TOO_LARGE: grpcStatus.RESOURCE_EXHAUSTED,
};

/** The gRPC status of an error. Anything but a {@link FloeError} is a bug: its text stays here. */
export function statusOfError(error: unknown): CallStatus {
  if (error instanceof CallFailure) return error.status;
  if (isFloeError(error)) return { code: codeOfError(error), message: messageOfError(error) };
  if (error instanceof Error && error.name === 'AbortError') {
    return { code: grpcStatus.CANCELLED, message: 'the call was cancelled' };
  }
  return { code: grpcStatus.INTERNAL, message: 'internal error of the ledger service' };
}

/** Whether an error of a call is a bug that its caller learns nothing about, and that belongs in the log. */
export function isUnexpected(error: unknown): boolean {
  if (isFloeError(error) || error instanceof CallFailure) return false;
  return statusOfError(error).code === grpcStatus.INTERNAL;
}

/** The gRPC status code of an error. */
export function codeOfError(error: FloeError): number {
  return CODE_OF_ERROR[error.code] ?? CODE_OF_KIND[error.kind];
}

/** Clients tell a stale object by Sui's phrase, so that error gets it; the others speak for themselves. */
function messageOfError(error: FloeError): string {
  if (error.code !== 'STALE_OBJECT') return error.message;
  const { objectId, version, currentVersion } = error.data;
  return (
    'Transaction needs to be rebuilt: ' +
    `object ${String(objectId)} version ${String(version)} is not available for consumption, ` +
    `current version: ${String(currentVersion)}`
  );
}
