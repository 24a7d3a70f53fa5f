/**
 * gRPC-Web over a web-standard handler, in both its formats: `application/grpc-web(+proto)` with raw frames, and
 * `application/grpc-web-text(+proto)` with base64 ones, encoded frame by frame.
 *
 * Every call answers HTTP 200 and ends with a trailer frame that holds the status, errors included. A stream is pulled:
 * the next message is made when the last one was taken, so a slow reader costs one message of memory; when the reader
 * goes, the call's signal aborts and its iterator is closed.
 *
 * `grpc-timeout` is not read: a client that gave up closes its connection, which aborts the call.
 *
 * Unary calls are answered alike on plain data (`DirectHandler`) and on web-standard requests.
 */
import {
  assert,
  type DirectHandler,
  type DirectResponse,
  type HttpHandler,
  type Logger,
  joinBytes,
  readBody,
  setDirectHandler,
  streamResponse,
} from '@floe/platform';
import { decodeBase64Text, encodeBase64Text } from './base64-text.ts';
import { corsHeaders, jsonResponse, preflightResponse } from './cors.ts';
import { type CallStatus, grpcStatus, isUnexpected, statusOfError } from './errors.ts';
import { dataFrame, requestMessage, trailerFrame } from './frames.ts';
import { rpcLimits } from './limits.ts';
import type { CallContext, CallReply, Dispatcher } from './service.ts';

const OK: CallStatus = { code: grpcStatus.OK, message: '' };
const METHODS = 'GET, HEAD, POST, OPTIONS';

/** One of the two formats; the response has the request's. */
interface Format {
  /** Exactly this: clients refuse a content type with parameters. */
  readonly contentType: string;
  readonly decode: (body: Uint8Array) => Uint8Array;
  readonly encode: (frame: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
}

export interface GrpcWebModules {
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  /** What can be read with GET; undefined: nothing at that path. */
  readonly read: (pathname: string) => Response | undefined | Promise<Response | undefined>;
}

/** A handler that serves a dispatcher's methods under any path prefix. Never throws. */
export function createGrpcWebHandler(modules: GrpcWebModules): HttpHandler {
  const handler: HttpHandler = async (request) => {
    try {
      return await answer(request, modules);
    } catch (error) {
      modules.logger.error('answering an RPC request failed', { error: String(error) });
      return jsonResponse(500, { error: { code: 'INTERNAL', message: 'internal error of the ledger service' } });
    }
  };
  setDirectHandler(handler, directUnaryCalls(modules));
  return handler;
}

/** Takes unary calls of a declared, permitted size. */
function directUnaryCalls(modules: GrpcWebModules): DirectHandler {
  return (request) => {
    const format = request.method === 'POST' ? formatOf(request.header('content-type')) : undefined;
    const path = callPath(request.target.split('?', 1)[0] as string);
    if (format === undefined || !modules.dispatcher.isUnary(path)) return undefined;
    if (!(Number(request.header('content-length')) <= MAX_BODY_BYTES)) return undefined;
    return unaryAnswer({ path, format, request }, modules);
  };
}

function answer(request: Request, modules: GrpcWebModules): Response | Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === 'OPTIONS') return preflightResponse(request, METHODS);
  if (request.method === 'GET' || request.method === 'HEAD') return resource(request, pathname, modules);
  if (request.method !== 'POST') {
    return refuse(405, 'METHOD_NOT_ALLOWED', `${request.method} is not allowed here; calls are POST`, {
      allow: METHODS,
    });
  }
  const contentType = request.headers.get('content-type');
  const format = formatOf(contentType);
  if (format === undefined) {
    const expected = 'application/grpc-web or application/grpc-web-text, both optionally with +proto';
    return refuse(415, 'UNSUPPORTED_MEDIA_TYPE', `content-type ${contentType ?? '(none)'} came, expected ${expected}`);
  }
  return call(request, pathname, format, modules);
}

async function resource(request: Request, pathname: string, modules: GrpcWebModules): Promise<Response> {
  const found = await modules.read(pathname);
  if (found === undefined) {
    return refuse(404, 'NOT_FOUND', `no resource at ${pathname}; RPC methods take POST`);
  }
  return request.method === 'HEAD' ? new Response(null, found) : found;
}

/** Text is four characters for three bytes; the frame's header and a group of padding ride on top. */
const MAX_BODY_BYTES = Math.ceil((rpcLimits.requestBytes * 4) / 3) + 16;

/** `package.Service/Method`, whatever stands before it. */
function callPath(pathname: string): string {
  return pathname.split('/').slice(-2).join('/');
}

async function call(request: Request, pathname: string, format: Format, modules: GrpcWebModules): Promise<Response> {
  const path = callPath(pathname);
  if (modules.dispatcher.isUnary(path)) {
    const source = {
      readBody: (maxBytes: number) => readBody(request, maxBytes),
      get signal() {
        return request.signal;
      },
    };
    const { status: code, headers, body } = await unaryAnswer({ path, format, request: source }, modules);
    return new Response(body, { status: code, headers });
  }
  const caller = new AbortController();
  const signal = AbortSignal.any([request.signal, caller.signal]);
  try {
    const message = requestMessage(format.decode(await readBody(request, MAX_BODY_BYTES)));
    const reply = await modules.dispatcher.call(path, message, { signal });
    assert(reply.kind === 'stream', 'a method that is not unary streams', { path });
    return callResponse(reply, format, caller, path, modules);
  } catch (error) {
    return new Response(unaryBody(format, failure(error, path, modules)), { status: 200, headers: headersOf(format) });
  }
}

interface UnaryCall {
  readonly path: string;
  readonly format: Format;
  /** The request is its context: the signal of most is never looked at, and so never made. */
  readonly request: CallContext & { readBody(maxBytes: number): Promise<Uint8Array> };
}

async function unaryAnswer(
  { path, format, request }: UnaryCall,
  modules: GrpcWebModules,
): Promise<DirectResponse & { body: Uint8Array<ArrayBuffer> }> {
  let body: Uint8Array<ArrayBuffer>;
  try {
    const message = requestMessage(format.decode(await request.readBody(MAX_BODY_BYTES)));
    const reply = await modules.dispatcher.call(path, message, request);
    assert(reply.kind === 'unary', 'a unary method answers one message', { path });
    body = unaryBody(format, OK, reply.message);
  } catch (error) {
    body = unaryBody(format, failure(error, path, modules));
  }
  return { status: 200, headers: headersOf(format), body };
}

/** A data frame, if there is a message, and the trailer. */
function unaryBody(format: Format, callStatus: CallStatus, message?: Uint8Array): Uint8Array<ArrayBuffer> {
  const trailer = format.encode(trailerFrame(callStatus));
  return message === undefined ? trailer : joinBytes([format.encode(dataFrame(message)), trailer]);
}

function callResponse(
  reply: Extract<CallReply, { kind: 'stream' }>,
  format: Format,
  caller: AbortController,
  path: string,
  modules: GrpcWebModules,
): Response {
  const frames: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () =>
      frameIterator(reply.messages, caller, (error) => failure(error, path, modules), format),
  };
  return streamResponse(frames, { status: 200, headers: headersOf(format) });
}

/**
 * Data frames, then the trailer. An iterator and no generator: `return` must reach the call while `next` waits, which a
 * generator would only do after.
 */
function frameIterator(
  source: AsyncIterable<Uint8Array>,
  caller: AbortController,
  failed: (error: unknown) => CallStatus,
  format: Format,
): AsyncIterator<Uint8Array> {
  const messages = source[Symbol.asyncIterator]();
  let ended = false;
  const finish = (): IteratorReturnResult<undefined> => {
    ended = true;
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (ended) return finish();
      let status = OK;
      try {
        const next = await messages.next();
        if (next.done !== true) return { done: false, value: format.encode(dataFrame(next.value)) };
      } catch (error) {
        if (caller.signal.aborted) return finish();
        status = failed(error);
      }
      ended = true;
      return { done: false, value: format.encode(trailerFrame(status)) };
    },
    async return() {
      caller.abort();
      await messages.return?.();
      return finish();
    },
  };
}

function failure(error: unknown, path: string, modules: GrpcWebModules): CallStatus {
  if (isUnexpected(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    modules.logger.error('an RPC method failed unexpectedly', { path, error: text });
  }
  return statusOfError(error);
}

function refuse(code: number, name: string, message: string, headers?: Record<string, string>): Response {
  return jsonResponse(code, { error: { code: name, message } }, headers);
}

function same<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  return bytes;
}

const BINARY: Format = { contentType: 'application/grpc-web+proto', decode: same, encode: same };
const TEXT: Format = {
  contentType: 'application/grpc-web-text+proto',
  decode: decodeBase64Text,
  encode: encodeBase64Text,
};

function formatOf(contentType: string | null | undefined): Format | undefined {
  switch ((contentType ?? '').split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/grpc-web':
    case 'application/grpc-web+proto':
      return BINARY;
    case 'application/grpc-web-text':
    case 'application/grpc-web-text+proto':
      return TEXT;
    default:
      return undefined;
  }
}

function headersOf(format: Format): Readonly<Record<string, string>> {
  return { ...corsHeaders, 'content-type': format.contentType };
}
