/**
 * The JSON around a node's answers (Walrus storage node rules: envelopes), made and parsed in one place.
 *
 *   {"success":{"code":200,"data":…}}
 *   {"error":{"status","code","message","details":[{"@type":"ErrorInfo","reason","domain","metadata"}]}}
 *
 * BCS answers have no envelope. A server's inner failures are answered as INTERNAL without their text.
 */
import { errorCatalogue, FloeError, isFloeError, spec } from '@floe/platform';
import { quote } from '../errors.ts';
import {
  errorOfRefusal,
  type ErrorStatus,
  kindOfCode,
  NODE_ERROR_DOMAIN,
  STATUS_CODES,
  type WireError,
  wireErrorOf,
} from './node-errors.ts';

export const JSON_CONTENT_TYPE = 'application/json';
export const BCS_CONTENT_TYPE = 'application/octet-stream';

export const envelopeErrors = errorCatalogue({
  MALFORMED_RESPONSE: spec<{ what: string; expected: string; came: string }>(
    'unavailable',
    ({ what, expected, came }) => `node's ${what} is malformed: expected ${expected}, came ${came}`,
  ),
});

export type SuccessCode = 200 | 201 | 202;

export interface JsonAnswer {
  readonly httpStatus: number;
  /** Sent as `application/json`. */
  readonly json: unknown;
}

/** Answers to the two PUT routes. */
export const PUT_MESSAGES = Object.freeze({
  metadataStored: 'metadata successfully stored',
  metadataBuffered: 'metadata buffered pending registration',
  metadataAlreadyStored: 'metadata already stored',
  sliverStored: 'sliver stored successfully',
  sliverBuffered: 'sliver buffered pending registration',
  sliverAlreadyStored: 'sliver already stored',
});

/** A success envelope. */
export function successAnswer(data: unknown, code: SuccessCode = 200): JsonAnswer {
  return { httpStatus: code, json: { success: { code, data } } };
}

/**
 * An error envelope for whatever was thrown. What is not in the wire table is a fault of the server: INTERNAL, with
 * `traceId` to find it in the log and nothing else.
 */
export function errorAnswer(error: unknown, traceId = ''): JsonAnswer {
  const known = wireErrorOf(error);
  if (known === undefined) return internalAnswer(traceId);
  const code = STATUS_CODES[known.status];
  const details = [errorInfo(known.reason, epochMetadata(known, error))];
  return {
    httpStatus: code,
    json: { error: { status: known.status, code, message: (error as Error).message, details } },
  };
}

function internalAnswer(traceId: string): JsonAnswer {
  const message = 'an internal error has occurred, please report it';
  const debug = { '@type': 'DebugInfo', stackEntries: [], detail: `TraceID: ${traceId}` };
  const details = [{ ...errorInfo('INTERNAL', {}), domain: 'global' }, debug];
  return { httpStatus: 500, json: { error: { status: 'INTERNAL', code: 500, message, details } } };
}

function errorInfo(reason: string, metadata: Record<string, unknown>) {
  return { '@type': 'ErrorInfo', reason, domain: NODE_ERROR_DOMAIN, metadata };
}

function epochMetadata(known: WireError, error: unknown): Record<string, unknown> {
  if (known.reason !== 'INVALID_EPOCH' || !isFloeError(error)) return {};
  return { request_epoch: error.data['requestEpoch'], server_epoch: error.data['serverEpoch'] };
}

export interface RawResponse {
  readonly httpStatus: number;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}

/**
 * The data of a success envelope.
 * @throws the refusal as {@link errorOfRefusal} makes it, or MALFORMED_RESPONSE
 */
export function parseJsonResponse(response: RawResponse): { code: number; data: unknown } {
  if (!isJson(response)) throw notAnEnvelope(response);
  const envelope = asRecord(parseJson(response.body));
  if (envelope?.['error'] !== undefined) throw parseError(response, envelope['error']);
  const success = asRecord(envelope?.['success']);
  const code = success?.['code'];
  if (success === undefined || code !== response.httpStatus || code < 200 || code > 299) {
    throw malformed('answer', `a success envelope with code ${response.httpStatus}`, `code ${String(code)}`);
  }
  return { code, data: success['data'] };
}

/**
 * The body of a BCS answer.
 * @throws the refusal as {@link errorOfRefusal} makes it, or MALFORMED_RESPONSE
 */
export function parseBcsResponse(response: RawResponse): Uint8Array {
  if (response.httpStatus !== 200) throw parseFailure(response);
  const type = mediaType(response.contentType);
  if (type !== undefined && type !== BCS_CONTENT_TYPE) throw malformed('content type', BCS_CONTENT_TYPE, quote(type));
  return response.body;
}

/** The error in a response that is not a success. */
export function parseFailure(response: RawResponse): FloeError {
  if (!isJson(response)) return notAnEnvelope(response);
  return parseError(response, asRecord(parseJson(response.body))?.['error']);
}

function parseError(response: RawResponse, value: unknown): FloeError {
  const error = asRecord(value);
  const { status, code, message, details } = error ?? {};
  if (
    typeof status !== 'string' ||
    !isStatus(status) ||
    STATUS_CODES[status] !== code ||
    code !== response.httpStatus
  ) {
    return malformed('error', `a known status with code ${response.httpStatus}`, `${String(status)} ${String(code)}`);
  }
  const info = Array.isArray(details) ? asRecord(details[0]) : undefined;
  return errorOfRefusal({
    httpStatus: code,
    status,
    reason: typeof info?.['reason'] === 'string' ? info['reason'].slice(0, 100) : status,
    message: typeof message === 'string' ? message : '',
    metadata: asRecord(info?.['metadata']),
  });
}

/** Framework-level refusals (unknown path, body too large, a proxy's page) are not envelopes. */
function notAnEnvelope({ httpStatus, contentType, body }: RawResponse): FloeError {
  if (httpStatus >= 200 && httpStatus < 400) {
    return malformed('content type', JSON_CONTENT_TYPE, quote(contentType ?? 'none'));
  }
  const text = new TextDecoder().decode(body.subarray(0, 400));
  return new FloeError({
    code: 'NODE_REFUSED',
    kind: kindOfCode(httpStatus),
    message: `node answered ${httpStatus}: ${quote(text)}`,
    data: { httpStatus, status: '', reason: '' },
  });
}

function isStatus(text: string): text is ErrorStatus {
  return Object.hasOwn(STATUS_CODES, text);
}

function isJson(response: RawResponse): boolean {
  return mediaType(response.contentType) === JSON_CONTENT_TYPE;
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase();
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch (cause) {
    throw envelopeErrors.MALFORMED_RESPONSE(
      { what: 'answer', expected: 'JSON', came: `${body.length} other bytes` },
      cause,
    );
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function malformed(what: string, expected: string, came: string): FloeError {
  return envelopeErrors.MALFORMED_RESPONSE({ what, expected, came });
}
