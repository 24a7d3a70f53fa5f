/**
 * Serves a {@link HttpHandler} on a socket through Node's http, with TLS or without, in HTTP/1.1 and, if wanted, HTTP/2.
 *
 * Requests and responses pass through @hono/node-server's light adapters; two paths bypass web streams: `readBody`
 * copies the raw request into one buffer, and a `streamResponse` is written from its source with back-pressure. What a
 * `DirectHandler` takes passes by the adapters.
 * Bounded: head, connections and requests under way, of all clients and of one network address, silence of a client,
 * slowness of a body and of taking an answer. A client that goes away aborts `request.signal` with `CLIENT_GONE`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { assert } from '../errors.ts';
import {
  directHandler,
  type DirectResponse,
  type HttpHandler,
  httpErrors,
  type HttpServer,
  responseSource,
  setBodyReader,
  setPeerAddress,
} from '../http.ts';
import { LIMITS } from '../limits.ts';
import { type Logger, silentLogger } from '../observe.ts';
import { SLICE_BYTES, waitsForClient, watchAnswerPace } from './answer-pace.ts';
import { owesBody, watchBodyPace } from './body-pace.ts';
import { callerSignal, directRequest } from './direct-request.ts';
import { AddressShares, addressGroup } from '../address-shares.ts';
import { createHttp2Connections, type Http2Options } from './http2-handler.ts';
import { type ConnectionEvent, divertHttp2, type Http2Connections } from './protocol-sniffer.ts';
import { acceptExpectations } from './expect-continue.ts';
import { readIncoming, streamIncoming } from './request-body.ts';
import type { TlsIdentity } from './tls-identity.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly maxConnections?: number;
  /** Requests worked on at once; a further one is answered with 503 and `retry-after`. */
  readonly maxRequests?: number;
  /** The part of both that one network address may have; 1 for servers that only one calls, such as behind a proxy. */
  readonly addressShare?: number;
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
  /**
   * Takes connections of clients that speak HTTP/2, by agreement (ALPN) or by their preface; without it they are refused.
   * Closed with the server. `handler`: they are served by the handler too.
   */
  readonly http2?: Http2Connections | 'handler';
  /** Serves TLS, and nothing without it. */
  readonly tls?: TlsIdentity;
  readonly logger?: Logger;
}

/** As the port has it, and more. */
export interface ListeningServer extends HttpServer {
  /** What new connections are shown from now on; those that are open stay. Only for servers that were given one. */
  useIdentity(identity: TlsIdentity): void;
}

/**
 * Listens.
 *
 * @throws `PORT_IN_USE` (conflict) naming host and port; `LISTEN_FAILED` for any other reason
 */
export async function serveHttp(handler: HttpHandler, options: ServeOptions): Promise<ListeningServer> {
  const pace = paceOf(options);
  const { server, event } = makeServer(options);
  const requests = new AddressShares(options.maxRequests ?? LIMITS.serverRequests, shareOf(options));
  const listener = requestListener(handler, options, requests);
  server.on('request', (incoming, outgoing) => void listener(incoming, outgoing));
  acceptExpectations(server);
  watchIdleSockets(server, pace.idleTimeoutMs, keptIdleMs(options));
  watchBodyPace(server, pace.body);
  watchAnswerPace(server, pace.answer);
  const silent = silentSockets(server, event);
  const http2 =
    options.http2 === 'handler'
      ? createHttp2Connections(handler, {
          ...pace,
          admit: (address) => requests.enter(addressGroup(address)),
          logger: options.logger ?? silentLogger,
        })
      : options.http2;
  const undecided = http2 === undefined ? undefined : divertHttp2(server, http2, event);
  // After the listeners were diverted, so that it also counts connections of HTTP/2 and those that say nothing yet.
  limitConnections(server, options);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${reachableHost(options.host)}:${port}`,
    port,
    async close(graceMs = 5_000) {
      closing ??= Promise.all([
        closeServer(server, new Set([...silent, ...(undecided ?? [])]), graceMs),
        http2?.close(graceMs),
      ]).then(() => undefined);
      await closing;
    },
    useIdentity({ certificate, key }) {
      assert('setSecureContext' in server, 'only a server with TLS has an identity', {});
      server.setSecureContext({ cert: certificate, key, minVersion: MIN_TLS_VERSION });
    },
  };
}

const MIN_TLS_VERSION = 'TLSv1.2';

function makeServer(options: ServeOptions): { server: Server | TlsServer; event: ConnectionEvent } {
  const common = {
    maxHeaderSize: LIMITS.requestHeadBytes,
    headersTimeout: LIMITS.requestHeadTimeoutMs,
    // A long upload is fine as long as it moves: `idleTimeoutMs` and `minBodyBytesPerSecond` watch that.
    requestTimeout: 0,
    // What clients are told; `watchIdleSockets` waits that long once more.
    keepAliveTimeout: keptIdleMs(options) / 2,
    noDelay: true,
  };
  const { tls, http2 } = options;
  if (tls === undefined) return { server: createServer(common), event: 'connection' };
  const server = createTlsServer({
    ...common,
    cert: tls.certificate,
    key: tls.key,
    minVersion: MIN_TLS_VERSION,
    ALPNProtocols: http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
    handshakeTimeout: LIMITS.requestHeadTimeoutMs,
  });
  // Whoever scans ports fails here all the time.
  server.on('tlsClientError', (error) => options.logger?.debug('a TLS handshake failed', { error: error.message }));
  return { server, event: 'secureConnection' };
}

function keptIdleMs(options: ServeOptions): number {
  return options.keepAliveTimeoutMs ?? LIMITS.keepAliveTimeoutMs;
}

/** Silence and slowness that clients are allowed. */
function paceOf(options: ServeOptions): Pick<Http2Options, 'idleTimeoutMs' | 'body' | 'answer'> {
  return {
    idleTimeoutMs: options.idleTimeoutMs ?? LIMITS.serverIdleTimeoutMs,
    body: {
      graceMs: options.bodyGraceMs ?? LIMITS.requestBodyGraceMs,
      minBytesPerSecond: options.minBodyBytesPerSecond ?? LIMITS.requestBodyBytesPerSecond,
    },
    answer: {
      graceMs: options.answerGraceMs ?? LIMITS.answerGraceMs,
      minBytesPerSecond: options.minAnswerBytesPerSecond ?? LIMITS.answerBytesPerSecond,
    },
  };
}

function shareOf({ addressShare = LIMITS.addressShare }: ServeOptions): number {
  return addressShare;
}

/** Connections past the number for all are dropped by Node.js, those past the part of one address here. */
function limitConnections(server: Server, options: ServeOptions): void {
  server.maxConnections = options.maxConnections ?? LIMITS.serverConnections;
  const connections = new AddressShares(server.maxConnections, shareOf(options));
  server.on('connection', (socket: Socket) => {
    const leave = connections.enter(addressGroup(socket.remoteAddress));
    if (leave === undefined) socket.destroy();
    else socket.once('close', leave);
  });
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

function requestListener(
  handler: HttpHandler,
  options: ServeOptions,
  requests: AddressShares,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  const logger = options.logger ?? silentLogger;
  const direct = directHandler(handler);
  const answer = async (request: Request, raw: Exchange) => {
    setBodyReader(request, {
      whole: (maxBytes) => readIncoming(raw.incoming, maxBytes),
      parts: () => streamIncoming(raw.incoming),
    });
    const { remoteAddress } = raw.incoming.socket;
    if (remoteAddress !== undefined) setPeerAddress(request, remoteAddress);
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
    const leave = requests.enter(addressGroup(incoming.socket.remoteAddress));
    if (leave === undefined) {
      outgoing.writeHead(503, { 'retry-after': '1', connection: 'close' }).end();
      return;
    }
    outgoing.once('close', leave);
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

/**
 * Cuts a client that is silent although it is its turn; a slow handler is never cut. An idle connection stays for as long again as clients
 * were told: one whose thread was busy when it should have closed it, for seconds while it encodes, sends its next request on it.
 */
function watchIdleSockets(server: Server, idleTimeoutMs: number, keptIdleMs: number): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  /** Whose connections were idle for as long as clients were told. */
  const overdue = new WeakSet<Exchange>();
  server.on('request', (incoming, outgoing) => {
    exchanges.set(incoming.socket, { incoming, outgoing });
    incoming.socket.setTimeout(idleTimeoutMs);
  });
  server.on('timeout', (socket: Socket) => {
    const exchange = exchanges.get(socket);
    const isIdle = exchange?.outgoing.writableFinished === true && exchange.incoming.complete;
    if (isIdle && !overdue.has(exchange)) {
      overdue.add(exchange);
      socket.setTimeout(keptIdleMs / 2);
      return;
    }
    const clientsTurn =
      exchange === undefined ||
      exchange.outgoing.writableFinished ||
      // A body that waits here to be read, its client can do nothing about.
      owesBody(exchange.incoming) ||
      waitsForClient(exchange.outgoing);
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
function silentSockets(server: Server, event: ConnectionEvent): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  const add = (socket: Socket): void => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  };
  server.on('connection', add);
  if (event === 'secureConnection') {
    // The raw socket is the handshake's until then.
    server.on(event, (socket: Socket) => {
      for (const raw of silent) if (raw !== socket && isSamePeer(raw, socket)) silent.delete(raw);
      add(socket);
    });
  }
  server.on('request', (incoming: IncomingMessage) => silent.delete(incoming.socket));
  return silent;
}

function isSamePeer(a: Socket, b: Socket): boolean {
  return a.remotePort === b.remotePort && a.remoteAddress === b.remoteAddress;
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
