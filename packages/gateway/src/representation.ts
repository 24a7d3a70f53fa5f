/**
 * Answers a GET or HEAD for one representation (RFC 9110 §8): conditions first, then the range, and only then are bytes
 * fetched. HEAD fetches none.
 */
import { streamResponse } from '@floe/platform';
import type { Hold } from './admission.ts';
import { gatewayErrors } from './errors.ts';
import { chooseRange, matchesEtag, rangeStillApplies } from './ranges.ts';
import type { HeaderRecord } from './response-headers.ts';

export interface Representation {
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** `etag` among them. */
  readonly headers: HeaderRecord;
  /** Bytes from `start` to `end` (exclusive), which are within the size and at least one. */
  readonly bytes: (start: number, end: number) => AsyncIterable<Uint8Array>;
}

/** @throws INVALID_BYTE_RANGE when nothing of the range asked for is there, and what `bytes` throws at its start */
export async function answerWith(request: Request, hold: Hold, what: Representation): Promise<Response> {
  const { etag, sizeBytes } = what;
  const headers = { ...what.headers, 'accept-ranges': 'bytes' };
  if (matchesEtag(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
  const applies = rangeStillApplies(request.headers.get('if-range'), etag);
  const range = chooseRange(applies ? request.headers.get('range') : null, sizeBytes);
  if (range.kind === 'unsatisfiable') throw gatewayErrors.INVALID_BYTE_RANGE({ sizeBytes });
  if (range.kind === 'whole') {
    return sendBytes(request, hold, { status: 200, headers, sizeBytes, bytes: () => what.bytes(0, sizeBytes) });
  }
  const { start, end } = range;
  return sendBytes(request, hold, {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${start}-${end}/${sizeBytes}` },
    sizeBytes: end + 1 - start,
    bytes: () => what.bytes(start, end + 1),
  });
}

export interface Sending {
  readonly status: number;
  readonly headers: HeaderRecord;
  readonly sizeBytes: number;
  /** Not called for HEAD, nor when there is nothing to send. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/** A response that begins once its first part is there, so that a failure before that is still an error response. */
export async function sendBytes(request: Request, hold: Hold, what: Sending): Promise<Response> {
  const { status, sizeBytes } = what;
  const init = { status, headers: { ...what.headers, 'content-length': String(sizeBytes) } };
  if (request.method === 'HEAD' || sizeBytes === 0) return new Response(null, init);
  return streamResponse(hold(await begun(what.bytes())), init);
}

async function begun(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const parts = source[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await parts.next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        if (first === undefined) return parts.next();
        const result = first;
        first = undefined;
        return Promise.resolve(result);
      },
      return: async () => {
        await parts.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}
