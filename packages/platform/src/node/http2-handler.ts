/**
 * Serves a {@link HttpHandler} on connections that speak HTTP/2, with the bounds that `http-server.ts` keeps for HTTP/1.1:
 * requests under way, silence, slowness of a body and of taking an answer. A body is taken off its connection only as the
 * handler reads it, so what a client may send ahead is the windows of its connection.
 */
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { TLSSocket } from 'node:tls';
import { bodyTooLarge, type HttpHandler, httpErrors, iterateStream, responseSource } from '../http.ts';
import { setBodyReader, setPeerAddress } from '../http.ts';
import { LIMITS } from '../limits.ts';
import type { Logger } from '../observe.ts';
import { SLICE_BYTES } from './answer-pace.ts';
import type { Http2Connections } from './protocol-sniffer.ts';

export interface Http2Options {
  readonly idleTimeoutMs: number;
  /** As of `body-pace.ts` and `answer-pace.ts`. */
  readonly body: { readonly graceMs: number; readonly minBytesPerSecond: number };
  readonly answer: { readonly graceMs: number; readonly minBytesPerSecond: number };
  /** Room for one more request from that address; undefined when there is none. */
  readonly admit: (address: string | undefined) => (() => void) | undefined;
  readonly logger: Logger;
}

/** A request and its answer, and what each of them waited for. */
interface Exchange {
  readonly stream: ServerHttp2Stream;
  isReading: boolean;
  readBytes: number;
  bodyWaitedMs: number;
  /** What the stream was handed of the answer. */
  writtenBytes: number;
  answerWaitedMs: number;
}

const MAX_TICK_MS = 1_000;
/** Fields that belong to a connection, which HTTP/2 has no use for (RFC 9113 §8.2.2). */
const CONNECTION_FIELDS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Takes connections until it is closed. */
export function createHttp2Connections(handler: HttpHandler, options: Http2Options): Http2Connections {
  const { logger, idleTimeoutMs } = options;
  const sessions = new Map<ServerHttp2Session, Set<Exchange>>();
  let closing: Promise<void> | undefined;
  const ticking = watchPace(sessions, options);
  return {
    accept(socket) {
      const session = performServerHandshake(socket, {
        settings: { maxConcurrentStreams: LIMITS.http2Streams, initialWindowSize: LIMITS.http2StreamWindowBytes },
      });
      const exchanges = new Set<Exchange>();
      const address = socket.remoteAddress;
      const origin = { scheme: socket instanceof TLSSocket ? 'https' : 'http', address };
      sessions.set(session, exchanges);
      session.on('error', (error) => logger.debug('an HTTP/2 connection failed', { error: error.message }));
      session.on('close', () => sessions.delete(session));
      session.on('connect', () => session.setLocalWindowSize(LIMITS.http2WindowBytes));
      session.setTimeout(idleTimeoutMs);
      session.on('timeout', () => {
        if (exchanges.size === 0) session.close();
        else if ([...exchanges].every(isClientsTurn)) session.destroy();
        // A timeout is told only once, and the client's turn may come while nothing moves.
        else session.setTimeout(idleTimeoutMs);
      });
      session.on('stream', (stream, headers) => {
        const exchange = {
          stream,
          isReading: false,
          readBytes: 0,
          bodyWaitedMs: 0,
          writtenBytes: 0,
          answerWaitedMs: 0,
        };
        exchanges.add(exchange);
        stream.once('close', () => exchanges.delete(exchange));
        stream.on('error', (error) => logger.debug('a request was cut off', { error: error.message }));
        void serveExchange(exchange, headers, { ...origin, ...options, handler });
      });
    },
    close(graceMs) {
      closing ??= closeSessions([...sessions.keys()], graceMs).finally(() => clearInterval(ticking));
      return closing;
    },
  };
}

function isClientsTurn(exchange: Exchange): boolean {
  return owesBody(exchange) || waitsForClient(exchange);
}

/** What is left of the answer waits for the client; one that was given whole does until its stream closes. */
function waitsForClient({ stream }: Exchange): boolean {
  return stream.writableNeedDrain || stream.writableEnded;
}

/** The handler waits for more of a body, and none of it is here. */
function owesBody({ stream, isReading }: Exchange): boolean {
  return isReading && !stream.readableEnded && stream.readableLength === 0;
}

function watchPace(sessions: ReadonlyMap<unknown, ReadonlySet<Exchange>>, options: Http2Options): NodeJS.Timeout {
  const { body, answer } = options;
  const tickMs = Math.min(MAX_TICK_MS, Math.max(1, Math.floor(Math.min(body.graceMs, answer.graceMs) / 4)));
  const isLate = (waitedMs: number, bytes: number, { graceMs, minBytesPerSecond }: Http2Options['body']): boolean =>
    waitedMs > graceMs + (bytes * 1000) / minBytesPerSecond;
  const look = (exchange: Exchange): void => {
    const { stream } = exchange;
    if (waitsForClient(exchange)) {
      exchange.answerWaitedMs += tickMs;
      if (isLate(exchange.answerWaitedMs, exchange.writtenBytes, answer)) stream.close(constants.NGHTTP2_CANCEL);
    } else if (owesBody(exchange)) {
      exchange.bodyWaitedMs += tickMs;
      if (!isLate(exchange.bodyWaitedMs, exchange.readBytes, body)) return;
      if (!stream.headersSent) stream.respond({ ':status': 408 }, { endStream: true });
      stream.close(constants.NGHTTP2_CANCEL);
    }
  };
  const ticking = setInterval(() => {
    for (const exchanges of sessions.values()) for (const exchange of exchanges) look(exchange);
  }, tickMs);
  return ticking.unref();
}

async function closeSessions(open: readonly ServerHttp2Session[], graceMs: number): Promise<void> {
  const cut = setTimeout(() => {
    for (const session of open) session.destroy();
  }, graceMs);
  await Promise.all(
    open.map(async (session) => {
      const closed = new Promise<void>((resolve) => void session.once('close', () => resolve()));
      session.close();
      await closed;
    }),
  );
  clearTimeout(cut);
}

interface ServeContext extends Http2Options {
  readonly handler: HttpHandler;
  readonly scheme: string;
  readonly address: string | undefined;
}

async function serveExchange(exchange: Exchange, headers: IncomingHttpHeaders, context: ServeContext): Promise<void> {
  const { stream } = exchange;
  const leave = context.admit(context.address);
  if (leave === undefined) {
    stream.respond({ ':status': 503, 'retry-after': '1' }, { endStream: true });
    stream.close();
    return;
  }
  stream.once('close', leave);
  try {
    const request = requestOf(exchange, headers, context);
    if (request === undefined) stream.respond({ ':status': 400 }, { endStream: true });
    else await sendResponse(exchange, await context.handler(request), request.method);
  } catch (error) {
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) {
      context.logger.warn('a response was cut off', { error });
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    }
    context.logger.error('a handler failed', { error });
    stream.respond({ ':status': 500 }, { endStream: true });
  }
  // What is left of a body that nobody wants is not waited for.
  if (!stream.readableEnded && !stream.endAfterHeaders && !stream.destroyed) stream.close();
  else stream.resume();
}

/** Undefined when it is no request that a `Request` can be. */
function requestOf(exchange: Exchange, headers: IncomingHttpHeaders, context: ServeContext): Request | undefined {
  const { stream } = exchange;
  const method = headers[':method'] ?? 'GET';
  const fields = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) fields.append(name, each);
  }
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? lazyStream(() => bodyParts(exchange, headers)) : undefined;
  let request: Request;
  try {
    const url = `${context.scheme}://${headers[':authority'] ?? headers.host ?? 'localhost'}${headers[':path'] ?? '/'}`;
    // Streams as bodies need it; the types of Node.js do not name it.
    const duplex = hasBody ? { duplex: 'half' } : {};
    request = new Request(url, { method, headers: fields, body, ...duplex });
  } catch {
    return undefined;
  }
  setBodyReader(request, {
    whole: (maxBytes) => wholeBody(exchange, headers, maxBytes),
    parts: () => bodyParts(exchange, headers),
  });
  if (context.address !== undefined) setPeerAddress(request, context.address);
  const signal = callerSignal(stream, method, headers[':path'] ?? '/');
  Object.defineProperty(request, 'signal', { get: signal });
  return request;
}

/** See `direct-request.ts`. */
function callerSignal(stream: ServerHttp2Stream, method: string, path: string): () => AbortSignal {
  let controller: AbortController | undefined;
  return () => {
    if (controller !== undefined) return controller.signal;
    const made = new AbortController();
    controller = made;
    const leave = (): void => {
      // A stream that is reset ends its writable side too.
      if (stream.writableFinished && !stream.aborted) return;
      made.abort(httpErrors.CLIENT_GONE({ method, path: path.split('?', 1)[0] as string }));
    };
    if (stream.destroyed) leave();
    else stream.once('close', leave);
    return made.signal;
  };
}

/** Begins only when somebody reads. */
function lazyStream(source: () => AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  let parts: AsyncGenerator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        parts ??= source();
        const next = await parts.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await parts?.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** @throws `BODY_TRUNCATED` */
async function* bodyParts(exchange: Exchange, headers: IncomingHttpHeaders): AsyncGenerator<Uint8Array> {
  const { stream } = exchange;
  if (stream.readableDidRead) throw new TypeError('the body of this request was already read');
  if (headers.expect !== undefined && !stream.headersSent) stream.additionalHeaders({ ':status': 100 });
  exchange.isReading = true;
  const declared = headers['content-length'];
  const truncated = (cause?: unknown): Error => {
    const expectedBytes = declared === undefined ? exchange.readBytes + 1 : Number(declared);
    return httpErrors.BODY_TRUNCATED({ sizeBytes: exchange.readBytes, expectedBytes }, cause);
  };
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      exchange.readBytes += chunk.length;
      exchange.isReading = false;
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      exchange.isReading = true;
    }
  } catch (error) {
    throw truncated(error);
  } finally {
    exchange.isReading = false;
  }
  if (stream.aborted || (declared !== undefined && exchange.readBytes < Number(declared))) throw truncated();
}

/** @throws `BODY_TOO_LARGE`, `BODY_TRUNCATED` */
async function wholeBody(exchange: Exchange, headers: IncomingHttpHeaders, maxBytes: number): Promise<Uint8Array> {
  const declared = Number(headers['content-length'] ?? '0');
  if (declared > maxBytes) throw bodyTooLarge(declared, maxBytes);
  let whole = new Uint8Array(declared === 0 ? 16_384 : declared);
  let length = 0;
  for await (const part of bodyParts(exchange, headers)) {
    const end = length + part.length;
    if (end > maxBytes) throw bodyTooLarge(end, maxBytes);
    if (end > whole.length) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, whole.length * 2)));
      larger.set(whole.subarray(0, length));
      whole = larger;
    }
    whole.set(part, length);
    length = end;
  }
  return length === whole.length ? whole : whole.slice(0, length);
}

async function sendResponse(exchange: Exchange, response: Response, method: string): Promise<void> {
  const { stream } = exchange;
  const source = responseSource(response) ?? (response.body === null ? undefined : iterateStream(response.body));
  const iterator = source?.[Symbol.asyncIterator]();
  if (stream.destroyed || stream.closed || method === 'HEAD' || iterator === undefined) {
    if (!stream.destroyed && !stream.closed) stream.respond(fieldsOf(response), { endStream: true });
    await iterator?.return?.();
    return;
  }
  // An iterator that waits for something of its own hears here that nobody waits for it any more.
  stream.once('close', () => void Promise.resolve(iterator.return?.()).catch(() => undefined));
  stream.respond(fieldsOf(response));
  for (;;) {
    const next = await iterator.next();
    if (stream.destroyed) return;
    if (next.done === true) break;
    for (let at = 0; at < next.value.length && !stream.destroyed; at += SLICE_BYTES) {
      const slice = next.value.subarray(at, at + SLICE_BYTES);
      exchange.writtenBytes += slice.length;
      if (!stream.write(slice)) await drained(stream);
    }
  }
  stream.end();
}

function fieldsOf(response: Response): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ':status': response.status };
  for (const [name, value] of response.headers) if (!CONNECTION_FIELDS.has(name)) fields[name] = value;
  const cookies = response.headers.getSetCookie();
  return cookies.length > 0 ? { ...fields, 'set-cookie': cookies } : fields;
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.once('drain', done).once('close', done);
    if (stream.destroyed) done();
  });
}
