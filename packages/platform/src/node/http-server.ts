/**
 * Serves a {@link HttpHandler} on a socket through Node's http.
 *
 * Requests and responses pass through @hono/node-server's light adapters; two paths bypass web streams: `readBody`
 * copies the raw request into one buffer, and a `streamResponse` is written from its source with back-pressure. What a
 * `DirectHandler` takes passes by the adapters.
 * Bounded: head, connections, requests under way, silence of a client, slowness of a body and of taking an answer. A client that goes away aborts
 * `request.signal` with `CLIENT_GONE`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import {
  directHandler,
  type DirectResponse,
  type HttpHandler,
  httpErrors,
  type HttpServer,
  responseSource,
  setBodyReader,
} from '../http.ts';
import { LIMITS } from '../limits.ts';
import { type Logger, silentLogger } from '../observe.ts';
import { watchAnswerPace } from './answer-pace.ts';
import { owesBody, watchBodyPace } from './body-pace.ts';
import { callerSignal, directRequest } from './direct-request.ts';
import { divertHttp2, type Http2Connections } from './protocol-sniffer.ts';
import { acceptExpectations } from './expect-continue.ts';
import { readIncoming, streamIncoming } from './request-body.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly maxConnections?: number;
  /** Requests worked on at once; a further one is answered with 503 and `retry-after`. */
  readonly maxRequests?: number;
  /** Longest silence of a client in the middle of its request, or while it does not read. */
  readonly idleTimeoutMs?: number;
  /** How long a body may be slower than `minBodyBytesPerSecond` altogether. */
  readonly bodyGraceMs?: number;
  /** A slower body is cut with 408; only time in which the server waits for the client counts. */
  readonly minBodyBytesPerSecond?: number;
  /** How long a client may take its answer slower than `minAnswerBytesPerSecond` altogether. */
  readonly answerGraceMs?: number;
  /** A client that takes its answer more slowly is cut; only time in which the answer waits for it counts. */
  readonly minAnswerBytesPerSecond?: number;
  readonly keepAliveTimeoutMs?: number;
  /** Takes connections that begin with HTTP/2's preface; without it they are refused. Closed with the server. */
  readonly http2?: Http2Connections;
  readonly logger?: Logger;
}

/**
 * Listens.
 *
 * @throws `PORT_IN_USE` (conflict) naming host and port; `LISTEN_FAILED` for any other reason
 */
export async function serveHttp(handler: HttpHandler, options: ServeOptions): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: LIMITS.requestHeadBytes,
    headersTimeout: LIMITS.requestHeadTimeoutMs,
    // A long upload is fine as long as it moves: `idleTimeoutMs` and `minBodyBytesPerSecond` watch that.
    requestTimeout: 0,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? LIMITS.keepAliveTimeoutMs,
    noDelay: true,
  });
  server.maxConnections = options.maxConnections ?? LIMITS.serverConnections;
  const listener = requestListener(handler, options);
  server.on('request', (incoming, outgoing) => void listener(incoming, outgoing));
  acceptExpectations(server);
  watchIdleSockets(server, options.idleTimeoutMs ?? LIMITS.serverIdleTimeoutMs);
  watchBodyPace(server, {
    graceMs: options.bodyGraceMs ?? LIMITS.requestBodyGraceMs,
    minBytesPerSecond: options.minBodyBytesPerSecond ?? LIMITS.requestBodyBytesPerSecond,
  });
  watchAnswerPace(server, {
    graceMs: options.answerGraceMs ?? LIMITS.answerGraceMs,
    minBytesPerSecond: options.minAnswerBytesPerSecond ?? LIMITS.answerBytesPerSecond,
  });
  const silent = silentSockets(server);
  const undecided = options.http2 === undefined ? undefined : divertHttp2(server, options.http2);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${reachableHost(options.host)}:${port}`,
    port,
    async close(graceMs = 5_000) {
      closing ??= Promise.all([
        closeServer(server, new Set([...silent, ...(undecided ?? [])]), graceMs),
        options.http2?.close(graceMs),
      ]).then(() => undefined);
      await closing;
    },
  };
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

function requestListener(
  handler: HttpHandler,
  options: ServeOptions,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  const maxRequests = options.maxRequests ?? LIMITS.serverRequests;
  const logger = options.logger ?? silentLogger;
  const direct = directHandler(handler);
  let underWay = 0;
  const answer = async (request: Request, raw: Exchange) => {
    setBodyReader(request, {
      whole: (maxBytes) => readIncoming(raw.incoming, maxBytes),
      parts: () => streamIncoming(raw.incoming),
    });
    const signal = callerSignal(raw.incoming, raw.outgoing);
    Object.defineProperty(request, 'signal', { get: signal });
    const response = await handler(request);
    const source = responseSource(response);
    if (source === undefined) return response;
    await writeStream(response, source, raw.outgoing, request.method, logger);
    return RESPONSE_ALREADY_SENT;
  };
  const listener = getRequestListener((request, env) => answer(request, env as Parameters<typeof answer>[1]), {
    hostname: reachableHost(options.host),
    errorHandler: (error) => {
      logger.error('a handler failed', { error });
      return new Response('internal error', { status: 500 });
    },
  });
  return async (incoming, outgoing) => {
    if (underWay >= maxRequests) {
      outgoing.writeHead(503, { 'retry-after': '1', connection: 'close' }).end();
      return;
    }
    underWay += 1;
    outgoing.once('close', () => {
      underWay -= 1;
    });
    const answered = direct?.(directRequest(incoming, outgoing));
    if (answered === undefined) await listener(incoming, outgoing);
    else writeDirect(await answered, { incoming, outgoing });
  };
}

function writeDirect(response: DirectResponse, { incoming, outgoing }: Exchange): void {
  if (outgoing.destroyed) return;
  const { status, headers, body } = response;
  // What is left of a body that was refused is not waited for.
  const rest = incoming.complete ? undefined : { connection: 'close' };
  outgoing.writeHead(status, { ...headers, 'content-length': body.length, ...rest });
  outgoing.end(body);
}

/** Handed to the socket at once, so that it shows how fast a client takes a long part. */
const SLICE_BYTES = 256 * 1024;

async function writeStream(
  response: Response,
  source: AsyncIterable<Uint8Array>,
  outgoing: ServerResponse,
  method: string,
  logger: Logger,
): Promise<void> {
  outgoing.writeHead(response.status, headerRecord(response.headers));
  if (method === 'HEAD') {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  const iterator = source[Symbol.asyncIterator]();
  // An iterator that waits for something of its own hears here that nobody waits for it any more.
  const leave = (): void => void Promise.resolve(iterator.return?.()).catch(() => undefined);
  outgoing.once('close', leave);
  if (outgoing.destroyed) leave();
  try {
    for (;;) {
      const next = await iterator.next();
      if (outgoing.destroyed) return;
      if (next.done === true) {
        outgoing.end();
        return;
      }
      for (let at = 0; at < next.value.length && !outgoing.destroyed; at += SLICE_BYTES) {
        if (!outgoing.write(next.value.subarray(at, at + SLICE_BYTES))) await drained(outgoing);
      }
    }
  } catch (error) {
    if (!outgoing.destroyed) logger.warn('a response was cut off', { error });
    outgoing.destroy();
  }
}

function headerRecord(headers: Headers): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  return cookies.length > 0 ? { ...record, 'set-cookie': cookies } : record;
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done);
      outgoing.off('close', done);
      resolve();
    };
    outgoing.once('drain', done);
    outgoing.once('close', done);
    if (outgoing.destroyed) done();
  });
}

/** Cuts a client that is silent although it is its turn; a slow handler is never cut. */
function watchIdleSockets(server: Server, idleTimeoutMs: number): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  server.on('request', (incoming, outgoing) => {
    exchanges.set(incoming.socket, { incoming, outgoing });
    incoming.socket.setTimeout(idleTimeoutMs);
  });
  server.on('timeout', (socket: Socket) => {
    const exchange = exchanges.get(socket);
    const clientsTurn =
      exchange === undefined ||
      exchange.outgoing.writableFinished ||
      // A body that waits here to be read, its client can do nothing about.
      owesBody(exchange.incoming) ||
      exchange.outgoing.writableNeedDrain;
    if (clientsTurn) socket.destroy();
    // Its turn may come while nothing moves, and a timeout is told only once.
    else socket.setTimeout(idleTimeoutMs);
  });
}

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') reject(httpErrors.PORT_IN_USE({ host, port }, error));
      else reject(httpErrors.LISTEN_FAILED({ host, port, reason: error.message }, error));
    };
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/**
 * Connections that have not sent a whole request yet. Node's http waits for their first request also while it closes, and
 * clients such as undici open connections in advance.
 */
function silentSockets(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', (incoming: IncomingMessage) => silent.delete(incoming.socket));
  return silent;
}

/** How often a closing server looks for connections that became idle. */
const SWEEP_MS = 10;

function closeServer(server: Server, silent: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A kept-alive connection becomes idle only after its response ended.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
    for (const socket of silent) socket.destroy();
  });
}

function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
