/**
 * Native gRPC: a dispatcher's methods over HTTP/2 without TLS (prior knowledge), as Rust, Go and Node.js clients speak it.
 *
 * Every call answers status 200 and ends with `grpc-status` in its trailers, or in its headers when it failed before the
 * first message. A stream is pulled: the next message is made when the connection took the last one. A caller that goes
 * or whose `grpc-timeout` is over aborts the call's signal and closes its iterator.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { bodyTooLarge, joinBytes, type Logger, type Scheduler, silentLogger } from '@floe/platform';
import { type Http2Connections, systemScheduler } from '@floe/platform/node';
import { parseTimeout } from '../rpc/call-deadline.ts';
import { type CallStatus, grpcStatus, isUnexpected, statusOfError } from '../rpc/errors.ts';
import { dataFrame, encodeStatusMessage, requestMessage } from '../rpc/frames.ts';
import { rpcLimits } from '../rpc/limits.ts';
import type { Dispatcher } from '../rpc/service.ts';

export interface GrpcModules {
  readonly dispatcher: Dispatcher;
  readonly logger?: Logger;
  /** For deadlines and the grace of closing; default: the system's. */
  readonly scheduler?: Scheduler;
}

const FRAME_HEADER_BYTES = 5;
const OK: CallStatus = { code: grpcStatus.OK, message: '' };

/** Serves native gRPC on the connections it is given; for the `http2` option of `serveHttp`. */
export function createGrpcConnections(modules: GrpcModules): Http2Connections {
  const sessions = new Set<ServerHttp2Session>();
  const { dispatcher, logger = silentLogger, scheduler = systemScheduler } = modules;
  // Never listens: connections are handed to it.
  const server = createServer({
    settings: { maxConcurrentStreams: rpcLimits.http2Streams, maxHeaderListSize: rpcLimits.http2HeaderBytes },
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', (error) => logger.debug('an HTTP/2 connection failed', { error: error.message }));
    session.setTimeout(rpcLimits.http2IdleMs, () => session.close());
  });
  server.on('stream', (stream, headers) => void serveCall(stream, headers, { dispatcher, logger, scheduler }));
  let closing: Promise<void> | undefined;
  return {
    accept: (socket) => void server.emit('connection', socket),
    close(graceMs) {
      closing ??= closeSessions(sessions, graceMs, scheduler);
      return closing;
    },
  };
}

async function closeSessions(
  sessions: ReadonlySet<ServerHttp2Session>,
  graceMs: number,
  scheduler: Scheduler,
): Promise<void> {
  const open = [...sessions];
  const closed = open.map((session) => new Promise<void>((resolve) => void session.once('close', () => resolve())));
  for (const session of open) session.close();
  const done = new AbortController();
  const cut = (): void => {
    for (const session of open) session.destroy();
  };
  scheduler.sleep(graceMs, done.signal).then(cut, () => undefined);
  await Promise.all(closed);
  done.abort();
}

async function serveCall(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  modules: Required<GrpcModules>,
): Promise<void> {
  stream.on('error', (error) => modules.logger.debug('a call was cut off', { error: error.message }));
  if (refuse(stream, headers)) return;
  const caller = new AbortController();
  stream.once('close', () => caller.abort());
  const path = String(headers[':path']).split('/').slice(-2).join('/');
  const deadline = new AbortController();
  let status = OK;
  try {
    const timeoutMs = parseTimeout(headers['grpc-timeout'] as string | undefined);
    // Timers of more than 24.8 days fire at once.
    if (timeoutMs !== undefined && timeoutMs < rpcLimits.deadlineMs) {
      modules.scheduler.sleep(timeoutMs, caller.signal).then(
        () => deadline.abort(),
        () => undefined,
      );
    }
    const signal = timeoutMs === undefined ? caller.signal : AbortSignal.any([caller.signal, deadline.signal]);
    const message = requestMessage(await readRequest(stream));
    const call = answer(stream, path, message, signal, modules.dispatcher);
    await (timeoutMs === undefined ? call : Promise.race([call, expiry(deadline.signal)]));
  } catch (error) {
    status = deadline.signal.aborted ? DEADLINE_EXCEEDED : failure(error, path, modules);
  }
  finish(stream, status);
  // The deadline ends a call that goes on: its work is for nobody.
  caller.abort();
}

const DEADLINE_EXCEEDED: CallStatus = {
  code: grpcStatus.DEADLINE_EXCEEDED,
  message: 'the deadline of the call is over',
};

/** Answers in HTTP what is no gRPC call. */
function refuse(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
  const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const isGrpc = mediaType === 'application/grpc' || mediaType === 'application/grpc+proto';
  if (headers[':method'] === 'POST' && isGrpc) return false;
  const code = headers[':method'] === 'POST' ? 415 : 405;
  stream.respond({ ':status': code, ...(code === 405 ? { allow: 'POST' } : {}) }, { endStream: true });
  stream.close();
  return true;
}

async function readRequest(stream: ServerHttp2Stream): Promise<Uint8Array> {
  const maxBytes = rpcLimits.requestBytes + FRAME_HEADER_BYTES;
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += part.length;
    if (sizeBytes > maxBytes) throw bodyTooLarge(sizeBytes, maxBytes);
    parts.push(part);
  }
  return joinBytes(parts);
}

async function answer(
  stream: ServerHttp2Stream,
  path: string,
  message: Uint8Array,
  signal: AbortSignal,
  dispatcher: Dispatcher,
): Promise<void> {
  const reply = await dispatcher.call(path, message, { signal });
  if (signal.aborted) return;
  if (reply.kind === 'unary') {
    respond(stream);
    stream.write(dataFrame(reply.message));
    return;
  }
  // Before the first message: who subscribes waits for it to know that nothing is missed from here on.
  respond(stream);
  const messages = reply.messages[Symbol.asyncIterator]();
  const leave = (): void => void Promise.resolve(messages.return?.()).catch(() => undefined);
  signal.addEventListener('abort', leave, { once: true });
  try {
    for (;;) {
      const next = await messages.next();
      if (next.done === true || signal.aborted) return;
      if (!stream.write(dataFrame(next.value))) await drained(stream);
    }
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

const HEADERS: OutgoingHttpHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity',
};

const trailers = new WeakMap<ServerHttp2Stream, OutgoingHttpHeaders>();

function respond(stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.closed) return;
  stream.once('wantTrailers', () => stream.sendTrailers(trailers.get(stream) ?? {}));
  stream.respond(HEADERS, { waitForTrailers: true });
}

function finish(stream: ServerHttp2Stream, status: CallStatus): void {
  if (stream.destroyed || stream.closed) return;
  const fields: OutgoingHttpHeaders = { 'grpc-status': `${status.code}` };
  if (status.message !== '') fields['grpc-message'] = encodeStatusMessage(status.message);
  if (stream.headersSent) {
    trailers.set(stream, fields);
    stream.end();
  } else {
    stream.respond({ ...HEADERS, ...fields }, { endStream: true });
    // What is left of a request that is answered already is not read.
    if (!stream.readableEnded) stream.close();
  }
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

function expiry(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function failure(error: unknown, path: string, { logger }: Required<GrpcModules>): CallStatus {
  if (isUnexpected(error)) logger.error('an RPC method failed unexpectedly', { path, error });
  return statusOfError(error);
}
