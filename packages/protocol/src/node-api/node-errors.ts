/**
 * What a storage node refuses, and how each refusal looks on the wire (Walrus storage node rules: envelopes). Clients
 * key off `reason`; a (status, code) pair outside {@link STATUS_CODES} is not an answer of a node.
 */
import { type ErrorKind, errorCatalogue, FloeError, spec } from '@floe/platform';
import { MAX_QUOTED_CHARACTERS } from '../limits.ts';

/** HTTP code of each status. */
export const STATUS_CODES = Object.freeze({
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  SIZE_EXCEEDED: 403,
  NOT_FOUND: 404,
  RANGE_NOT_SATISFIABLE: 416,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE_FOR_LEGAL_REASONS: 451,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
});

export type ErrorStatus = keyof typeof STATUS_CODES;

/** Domain of a node's own errors. */
export const NODE_ERROR_DOMAIN = 'storage.walrus.space';

/** The refusals that a node raises itself; those of decoding and verifying come from where they happen. */
export const nodeErrors = errorCatalogue({
  INVALID_BLOB: spec<{ blobId: string }>('conflict', ({ blobId }) => `blob ${blobId} is marked invalid on the ledger`),
  UNSUPPORTED_ENCODING_TYPE: spec<{ blobId: string; encodingType: number }>(
    'invalid',
    ({ blobId, encodingType }) => `blob ${blobId} has encoding type ${encodingType}, expected 1 (RS2)`,
  ),
  NOT_REGISTERED: spec<{ blobId: string; epoch: number }>(
    'conflict',
    ({ blobId, epoch }) => `blob ${blobId} is not registered in epoch ${epoch}`,
  ),
  CACHE_SATURATED: spec<{ blobId: string }>(
    'exhausted',
    ({ blobId }) => `blob ${blobId} is not registered yet and the node has no room to buffer it`,
  ),
  FORBIDDEN_BLOB: spec<{ blobId: string }>(
    'unauthorized',
    ({ blobId }) => `blob ${blobId} is on this node's deny list`,
  ),
  METADATA_NOT_FOUND: spec<{ blobId: string }>('not-found', ({ blobId }) => `metadata of blob ${blobId} is not here`),
  METADATA_REQUIRED: spec<{ blobId: string }>(
    'conflict',
    ({ blobId }) => `metadata of blob ${blobId} must be stored before this`,
  ),
  SLIVER_NOT_FOUND: spec<{ blobId: string; pair?: number; axis?: string }>('not-found', ({ blobId, pair, axis }) =>
    pair === undefined
      ? `no sliver of blob ${blobId} that serves this is here`
      : `${axis} sliver of pair ${pair} of blob ${blobId} is not here`,
  ),
  SHARD_NOT_ASSIGNED: spec<{ shard: number; epoch: number }>(
    'conflict',
    ({ shard, epoch }) => `shard ${shard} is not assigned to this node in epoch ${epoch}`,
  ),
  INVALID_CONTENT_TYPE: spec<{ came: string }>(
    'invalid',
    ({ came }) => `content type is ${came.slice(0, MAX_QUOTED_CHARACTERS)}, expected application/octet-stream`,
  ),
  SLIVER_INDEX_MISMATCH: spec<{ pair: number; axis: string; expected: number; came: number }>(
    'invalid',
    ({ pair, axis, expected, came }) => `${axis} sliver of pair ${pair} has index ${came}, expected ${expected}`,
  ),
  MISSING_SLIVERS: spec<{ blobId: string; missing: number }>(
    'conflict',
    ({ blobId, missing }) => `${missing} slivers of blob ${blobId} for this node's shards are not here yet`,
  ),
  NO_SYMBOLS_SPECIFIED: spec<Record<string, never>>('invalid', () => 'the request names no recovery symbol'),
  NO_TARGET_SLIVERS_SPECIFIED: spec<Record<string, never>>('invalid', () => 'the request names no target sliver'),
  SYMBOL_NOT_PRESENT_AT_SHARDS: spec<{ symbol: string }>(
    'conflict',
    ({ symbol }) => `recovery symbol ${symbol} does not lie on a sliver of this node's shards`,
  ),
  RECOVERY_SYMBOL_OUT_OF_RANGE: spec<{ target: number; count: number; axis: string }>(
    'invalid',
    ({ target, count, axis }) => `${axis} sliver ${target} is not systematic, expected 0..${count - 1}`,
  ),
  INVALID_FILTER: spec<{ reason: string }>('invalid', ({ reason }) => `the symbols asked for make no sense: ${reason}`),
  REQUEST_UNAUTHORIZED: spec<{ reason: string }>('unauthorized', ({ reason }) => `request refused: ${reason}`),
  MESSAGE_VERIFICATION_FAILED: spec<{ reason: string }>(
    'invalid',
    ({ reason }) => `signed request could not be verified: ${reason}`,
  ),
  INVALID_EPOCH: spec<{ requestEpoch: number; serverEpoch: number }>(
    'conflict',
    ({ requestEpoch, serverEpoch }) => `request is for epoch ${requestEpoch}, this node is in epoch ${serverEpoch}`,
  ),
  SLIVER_COUNT_EXCEEDS_LIMIT: spec<{ came: string; max: number }>(
    'invalid',
    ({ came, max }) => `request asks for ${came} slivers, at most ${max} are allowed`,
  ),
  TOO_MANY_REQUESTS: spec<{ reason: string }>('exhausted', ({ reason }) => `too many requests: ${reason}`),
  NODE_BUSY: spec<{ reason: string }>('unavailable', ({ reason }) => `node is busy: ${reason}`),
});

export interface WireError {
  readonly status: ErrorStatus;
  readonly reason: string;
  readonly kind: ErrorKind;
}

/**
 * How an error's `code` looks on the wire. Several codes may share a reason: `METADATA_REQUIRED` is the node's
 * "METADATA_NOT_FOUND" as a failed precondition. The first one listed for a (status, reason) is what a client gets.
 */
export const WIRE_ERRORS: Readonly<Record<string, WireError>> = Object.freeze({
  INVALID_BLOB: wire('FAILED_PRECONDITION', 'INVALID_BLOB', 'conflict'),
  UNSUPPORTED_ENCODING_TYPE: wire('INVALID_ARGUMENT', 'UNSUPPORTED_ENCODING_TYPE', 'invalid'),
  INVALID_METADATA: wire('INVALID_ARGUMENT', 'INVALID_METADATA', 'integrity'),
  NOT_REGISTERED: wire('FAILED_PRECONDITION', 'NOT_REGISTERED', 'conflict'),
  CACHE_SATURATED: wire('FAILED_PRECONDITION', 'CACHE_SATURATED', 'exhausted'),
  FORBIDDEN_BLOB: wire('UNAVAILABLE_FOR_LEGAL_REASONS', 'FORBIDDEN_BLOB', 'unauthorized'),
  METADATA_NOT_FOUND: wire('NOT_FOUND', 'METADATA_NOT_FOUND', 'not-found'),
  METADATA_REQUIRED: wire('FAILED_PRECONDITION', 'METADATA_NOT_FOUND', 'conflict'),
  INDEX_OUT_OF_RANGE: wire('INVALID_ARGUMENT', 'INDEX_OUT_OF_RANGE', 'invalid'),
  SLIVER_NOT_FOUND: wire('NOT_FOUND', 'SLIVER_NOT_FOUND', 'not-found'),
  SHARD_NOT_ASSIGNED: wire('FAILED_PRECONDITION', 'SHARD_NOT_ASSIGNED', 'conflict'),
  INVALID_CONTENT_TYPE: wire('INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE', 'invalid'),
  INVALID_BCS: wire('INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE', 'invalid'),
  BODY_TOO_LARGE: wire('INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE', 'invalid'),
  BODY_TRUNCATED: wire('INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE', 'invalid'),
  SLIVER_INDEX_MISMATCH: wire('INVALID_ARGUMENT', 'SLIVER_INDEX_MISMATCH', 'invalid'),
  INVALID_SLIVER: wire('INVALID_ARGUMENT', 'INVALID_SLIVER', 'integrity'),
  MISSING_SLIVERS: wire('FAILED_PRECONDITION', 'MISSING_SLIVERS', 'conflict'),
  NO_SYMBOLS_SPECIFIED: wire('FAILED_PRECONDITION', 'NO_SYMBOLS_SPECIFIED', 'invalid'),
  NO_TARGET_SLIVERS_SPECIFIED: wire('FAILED_PRECONDITION', 'NO_TARGET_SLIVERS_SPECIFIED', 'invalid'),
  SYMBOL_NOT_PRESENT_AT_SHARDS: wire('FAILED_PRECONDITION', 'SYMBOL_NOT_PRESENT_AT_SHARDS', 'conflict'),
  RECOVERY_SYMBOL_OUT_OF_RANGE: wire('INVALID_ARGUMENT', 'RECOVERY_SYMBOL_OUT_OF_RANGE', 'invalid'),
  INVALID_FILTER: wire('INVALID_ARGUMENT', 'INVALID_FILTER', 'invalid'),
  INVALID_PROOF: wire('INVALID_ARGUMENT', 'INVALID_PROOF', 'integrity'),
  REQUEST_UNAUTHORIZED: wire('PERMISSION_DENIED', 'REQUEST_UNAUTHORIZED', 'unauthorized'),
  MESSAGE_VERIFICATION_FAILED: wire('INVALID_ARGUMENT', 'MESSAGE_VERIFICATION_FAILED', 'invalid'),
  INVALID_MESSAGE: wire('INVALID_ARGUMENT', 'MESSAGE_VERIFICATION_FAILED', 'invalid'),
  INVALID_EPOCH: wire('INVALID_ARGUMENT', 'INVALID_EPOCH', 'conflict'),
  SLIVER_COUNT_EXCEEDS_LIMIT: wire('INVALID_ARGUMENT', 'SLIVER_COUNT_EXCEEDS_LIMIT', 'invalid'),
  INVALID_BATCH: wire('INVALID_ARGUMENT', 'INVALID_BATCH', 'invalid'),
  BATCH_FRAME_TOO_LARGE: wire('INVALID_ARGUMENT', 'BATCH_FRAME_TOO_LARGE', 'invalid'),
  TOO_MANY_REQUESTS: wire('RESOURCE_EXHAUSTED', 'TOO_MANY_REQUESTS', 'exhausted'),
  NODE_BUSY: wire('UNAVAILABLE', 'UNAVAILABLE', 'unavailable'),
  INSUFFICIENT_STORAGE: wire('RESOURCE_EXHAUSTED', 'INSUFFICIENT_STORAGE', 'exhausted'),
});

/** How `error` looks on the wire; undefined for what a client should not see (answered as INTERNAL). */
export function wireErrorOf(error: unknown): WireError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, code } = error as { name: string; code?: unknown };
  if (name !== 'FloeError' || typeof code !== 'string') return undefined;
  return Object.hasOwn(WIRE_ERRORS, code) ? WIRE_ERRORS[code] : undefined;
}

/** A node's refusal as it came over the wire. */
export interface NodeRefusal {
  readonly httpStatus: number;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const CODE_BY_WIRE: ReadonlyMap<string, string> = new Map(
  Object.entries(WIRE_ERRORS)
    .reverse()
    .map(([code, { status, reason }]) => [`${status} ${reason}`, code]),
);

/**
 * The error that a client raises for a node's refusal: `code` is the catalogue's for a known reason, else
 * `NODE_REFUSED`; the kind decides whether to try again. `data` has `httpStatus`, `status`, `reason`, and both epochs
 * for INVALID_EPOCH.
 */
export function errorOfRefusal(refusal: NodeRefusal): FloeError {
  const { httpStatus, status, reason, metadata } = refusal;
  const code = CODE_BY_WIRE.get(`${status} ${reason}`);
  const known = code === undefined ? undefined : WIRE_ERRORS[code];
  const epochs: Record<string, number> =
    code === 'INVALID_EPOCH'
      ? { requestEpoch: Number(metadata?.['request_epoch']), serverEpoch: Number(metadata?.['server_epoch']) }
      : {};
  return new FloeError({
    code: code ?? 'NODE_REFUSED',
    kind: known?.kind ?? kindOfCode(httpStatus),
    message: `node answered ${httpStatus} ${reason}: ${refusal.message.slice(0, 500)}`,
    data: { httpStatus, status, reason, ...epochs },
  });
}

/** Kind of a failure of which only the HTTP status is known. */
export function kindOfCode(httpStatus: number): ErrorKind {
  if (httpStatus === 404) return 'not-found';
  if (httpStatus === 401 || httpStatus === 403 || httpStatus === 451) return 'unauthorized';
  if (httpStatus === 429) return 'exhausted';
  return httpStatus >= 400 && httpStatus < 500 ? 'invalid' : 'unavailable';
}

function wire(status: ErrorStatus, reason: string, kind: ErrorKind): WireError {
  return { status, reason, kind };
}
