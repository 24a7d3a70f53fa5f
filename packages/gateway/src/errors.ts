/** How every failure of the gateway looks: an AIP-193 error body with a status of its kind. */
import { errorCatalogue, isFloeError, spec, type ErrorKind, type FloeError } from '@floe/platform';
import { RETRY_AFTER_SECONDS } from './limits.ts';

export const gatewayErrors = errorCatalogue({
  INVALID_PARAMETER: spec<{ parameter: string; expected: string; got: string }>(
    'invalid',
    ({ parameter, expected, got }) => `parameter ${parameter}: expected ${expected}, got "${got}"`,
  ),
  UNKNOWN_PARAMETER: spec<{ parameter: string; known: string }>(
    'invalid',
    ({ parameter, known }) => `unknown parameter ${parameter}; the parameters are ${known}`,
  ),
  INVALID_BLOB_PERSISTENCE: spec<Record<string, never>>(
    'invalid',
    () => 'a blob cannot be both permanent and deletable',
  ),
  INVALID_CONSISTENCY_CHECK: spec<Record<string, never>>(
    'invalid',
    () => 'strict_consistency_check and skip_consistency_check exclude each other',
  ),
  MALFORMED_REQUEST: spec<{ detail: string }>('invalid', ({ detail }) => detail),
  INVALID_BYTE_RANGE: spec<{ sizeBytes: number }>(
    'invalid',
    ({ sizeBytes }) => `the range lies outside the blob of ${sizeBytes} bytes`,
  ),
  INVALID_SLICE: spec<{ start: number; length: number; sizeBytes: number }>(
    'invalid',
    ({ start, length, sizeBytes }) =>
      `${length} bytes from ${start} on must be at least one and within the blob's ${sizeBytes} bytes`,
  ),
  OBJECT_NOT_A_BLOB: spec<{ objectId: string }>('not-found', ({ objectId }) => `there is no blob object ${objectId}`),
  NO_ROOM_FOR_BODY: spec<{ sizeBytes: number }>(
    'exhausted',
    ({ sizeBytes }) =>
      `no room for more of the body after ${sizeBytes} bytes; one that declares its size has room, or waits, before it is sent`,
  ),
  GATEWAY_CLOSED: spec<Record<string, never>>('unavailable', () => 'this gateway is being shut down'),
  NO_SUCH_ROUTE: spec<{ method: string; path: string }>(
    'not-found',
    ({ method, path }) => `this gateway does not answer ${method} ${path}`,
  ),
});

interface HttpStatus {
  readonly code: number;
  readonly status: string;
}

const STATUS_OF_KIND: Readonly<Record<ErrorKind, HttpStatus>> = {
  invalid: { code: 400, status: 'INVALID_ARGUMENT' },
  'not-found': { code: 404, status: 'NOT_FOUND' },
  conflict: { code: 400, status: 'FAILED_PRECONDITION' },
  unauthorized: { code: 401, status: 'UNAUTHENTICATED' },
  exhausted: { code: 429, status: 'RESOURCE_EXHAUSTED' },
  unavailable: { code: 503, status: 'UNAVAILABLE' },
  integrity: { code: 500, status: 'INTERNAL' },
  internal: { code: 500, status: 'INTERNAL' },
};

interface Special extends Partial<HttpStatus> {
  readonly reason?: string;
}

const UNAVAILABLE: Special = { reason: 'BLOB_UNAVAILABLE' };
const TOO_LARGE: Special = { code: 413, status: 'INVALID_ARGUMENT' };
const TIMED_OUT: Special = { code: 504, status: 'DEADLINE_EXCEEDED' };
const TRY_AGAIN: Special = { code: 503, status: 'UNAVAILABLE' };
/** The gateway's own transactions and configuration: nothing that its client could mend. */
const OWN_FAULT: Special = { code: 500, status: 'INTERNAL' };

/** Codes whose status is not the one of their kind, or that Walrus clients know by another reason. */
const SPECIAL: Readonly<Record<string, Special>> = {
  INVALID_BYTE_RANGE: { code: 416, status: 'RANGE_NOT_SATISFIABLE' },
  INVALID_SLICE: { reason: 'INVALID_BYTE_RANGE' },
  OBJECT_NOT_A_BLOB: { reason: 'BLOB_NOT_FOUND' },
  BLOB_MARKED_INVALID: { code: 404, status: 'NOT_FOUND', reason: 'BLOB_NOT_FOUND' },
  INVALID_QUILT: { code: 404, status: 'NOT_FOUND' },
  BLOB_FORBIDDEN: { code: 451, status: 'UNAVAILABLE_FOR_LEGAL_REASONS', reason: 'FORBIDDEN_BLOB' },
  METADATA_UNAVAILABLE: UNAVAILABLE,
  SLIVERS_UNAVAILABLE: UNAVAILABLE,
  SYMBOLS_UNAVAILABLE: UNAVAILABLE,
  READ_TIMEOUT: UNAVAILABLE,
  NO_STATUS_AGREEMENT: UNAVAILABLE,
  NOT_ENOUGH_SLIVERS: UNAVAILABLE,
  NOT_ENOUGH_SYMBOLS: UNAVAILABLE,
  /** Trying again does not help; asking for a range does. */
  BLOB_TOO_LARGE_TO_BUFFER: { code: 403, status: 'SIZE_EXCEEDED', reason: 'BLOB_TOO_LARGE' },
  BODY_TOO_LARGE: TOO_LARGE,
  BLOB_TOO_LARGE: TOO_LARGE,
  SOURCE_TOO_LARGE: TOO_LARGE,
  QUILT_TOO_LARGE: TOO_LARGE,
  NOT_ENOUGH_CONFIRMATIONS: { ...TIMED_OUT, reason: 'INSUFFICIENT_CONFIRMATIONS' },
  /** Nothing was paid yet, and it may be different in a moment. */
  NOT_ENOUGH_NODES: { reason: 'INSUFFICIENT_CONFIRMATIONS' },
  STORE_TIMEOUT: TIMED_OUT,
  INSUFFICIENT_WAL: TRY_AGAIN,
  INSUFFICIENT_SUI: TRY_AGAIN,
  OUT_OF_MEMORY: TRY_AGAIN,
  SCRATCH_FULL: TRY_AGAIN,
  STALE_OBJECT: TRY_AGAIN,
  MOVE_ABORT: OWN_FAULT,
  TRANSACTION_FAILED: OWN_FAULT,
  LEDGER_REJECTED: OWN_FAULT,
  OBJECT_NOT_FOUND: OWN_FAULT,
  WRONG_OBJECT_TYPE: OWN_FAULT,
};

const DOMAIN = 'daemon.walrus.space';

/** The response for anything thrown. Errors that are not Floe's are bugs: their text stays inside. */
export function errorResponse(error: unknown): Response {
  if (!isFloeError(error)) {
    return envelope({ code: 500, status: 'INTERNAL' }, 'internal error', 'INTERNAL', {});
  }
  const special = SPECIAL[error.code];
  const status = { ...STATUS_OF_KIND[error.kind], ...special };
  const headers: Record<string, string> = {};
  if (status.code === 429 || status.code === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  if (error.code === 'INVALID_BYTE_RANGE') headers['content-range'] = `bytes */${String(error.data['sizeBytes'])}`;
  return envelope(status, error.message, special?.reason ?? error.code, headers, metadataOf(error));
}

function metadataOf(error: FloeError): Record<string, string> {
  return Object.fromEntries(Object.entries(error.data).map(([key, value]) => [key, String(value)]));
}

function envelope(
  { code, status }: HttpStatus,
  message: string,
  reason: string,
  headers: Record<string, string>,
  metadata: Record<string, string> = {},
): Response {
  const details = [{ '@type': 'ErrorInfo', reason, domain: DOMAIN, metadata }];
  // A blob that is not there now may be there in a moment.
  const init = { status: code, headers: { ...headers, 'cache-control': 'no-store' } };
  return Response.json({ error: { status, code, message, details } }, init);
}
