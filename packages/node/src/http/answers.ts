/** Answers before they are responses, and how errors look on the wire. */
import { isFloeError } from '@floe/platform';
import {
  BCS_CONTENT_TYPE,
  errorAnswer,
  JSON_CONTENT_TYPE,
  nodeErrors,
  STATUS_CODES,
  type SuccessCode,
  successAnswer,
  wireErrorOf,
} from '@floe/protocol';
import { single } from './streaming.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is pulled as the client reads, and cut when it throws. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** From here on an answer is streamed, so that what its request holds is held until it is sent. */
export const LARGE_ANSWER_BYTES = 256 * 1024;

/** A JSON success envelope. */
export function dataAnswer(data: unknown, code: SuccessCode = 200): Answer {
  const { httpStatus, json } = successAnswer(data, code);
  return jsonAnswer(httpStatus, json);
}

/** BCS without an envelope. */
export function bcsAnswer(body: Uint8Array): Answer {
  const headers = { 'content-type': BCS_CONTENT_TYPE };
  if (body.length < LARGE_ANSWER_BYTES) return { status: 200, headers, body };
  return { status: 200, headers: { ...headers, 'content-length': `${body.length}` }, body: single(body) };
}

export function textAnswer(status: number, text: string): Answer {
  const headers: Record<string, string> = text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' };
  return { status, headers, body: new TextEncoder().encode(text) };
}

/** The envelope for whatever was thrown; failures of the node itself show only the trace id. */
export function refusalAnswer(error: unknown, options: { traceId: string; retryAfterSeconds: number }): Answer {
  const { httpStatus, json } = errorAnswer(forWire(error), options.traceId);
  const answer = jsonAnswer(httpStatus, json);
  if (httpStatus !== 429 && httpStatus !== 503) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': `${options.retryAfterSeconds}` } };
}

/** The same as code, reason and message, for frames of a batch. */
export function refusalParts(error: unknown): { httpStatus: number; reason: string; message: string } {
  const shown = forWire(error);
  const known = wireErrorOf(shown);
  if (known === undefined) return { httpStatus: 500, reason: 'INTERNAL', message: 'an internal error has occurred' };
  return { httpStatus: STATUS_CODES[known.status], reason: known.reason, message: (shown as Error).message };
}

/** Whether clients see this error as the node's own failure. */
export function isInternal(error: unknown): boolean {
  return wireErrorOf(forWire(error)) === undefined;
}

/** Passing shortages inside the node are one thing to a client: try again later. */
function forWire(error: unknown): unknown {
  if (!isFloeError(error) || wireErrorOf(error) !== undefined) return error;
  if (error.kind !== 'exhausted' && error.kind !== 'unavailable') return error;
  return nodeErrors.NODE_BUSY({ reason: error.code.toLowerCase().replaceAll('_', ' ') });
}

function jsonAnswer(status: number, json: unknown): Answer {
  const body = new TextEncoder().encode(JSON.stringify(json));
  return { status, headers: { 'content-type': JSON_CONTENT_TYPE }, body };
}
