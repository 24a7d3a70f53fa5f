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
  OBJECT_NOT_A_BLOB: spec<{ objectId: string }>('not-found', ({ objectId }) => `there is no blob object ${objectId}`),
  QUILT_PATCH_NOT_FOUND: spec<{ quiltId: string; identifier: string }>(
    'not-found',
    ({ quiltId, identifier }) => `quilt ${quiltId} has no patch ${identifier}`,
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

/** Codes whose status is not the one of their kind, and codes that Walrus clients know by another reason. */
const SPECIAL: Readonly<Record<string, Partial<HttpStatus> & { reason?: string }>> = {
  BODY_TOO_LARGE: { code: 413, status: 'INVALID_ARGUMENT' },
  BLOB_TOO_LARGE: { code: 413, status: 'INVALID_ARGUMENT' },
  INVALID_BYTE_RANGE: { code: 416, status: 'RANGE_NOT_SATISFIABLE' },
  OBJECT_NOT_A_BLOB: { reason: 'BLOB_NOT_FOUND' },
  BLOB_FORBIDDEN: { code: 451, status: 'UNAVAILABLE_FOR_LEGAL_REASONS', reason: 'FORBIDDEN_BLOB' },
  NOT_ENOUGH_CONFIRMATIONS: { code: 504, status: 'DEADLINE_EXCEEDED', reason: 'INSUFFICIENT_CONFIRMATIONS' },
  NOT_ENOUGH_SLIVERS: { reason: 'BLOB_UNAVAILABLE' },
  INSUFFICIENT_WAL: { code: 503, status: 'UNAVAILABLE' },
  INSUFFICIENT_SUI: { code: 503, status: 'UNAVAILABLE' },
};

const DOMAIN = 'daemon.walrus.space';

/** The response for anything thrown. Errors that are not Floe's are bugs: their text stays inside. */
export function errorResponse(error: unknown): Response {
  if (!isFloeError(error)) {
    return envelope({ code: 500, status: 'INTERNAL' }, 'internal error', 'INTERNAL', {});
  }
  const special = SPECIAL[error.code];
  const status = { ...STATUS_OF_KIND[error.kind], ...special };
  const headers: Record<string, string> =
    status.code === 429 || status.code === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {};
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
  return Response.json({ error: { status, code, message, details } }, { status: code, headers });
}
