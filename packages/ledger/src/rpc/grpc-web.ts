/**
 * gRPC-Web over a web-standard handler, in both its formats: `application/grpc-web(+proto)` with raw frames, and
 * `application/grpc-web-text(+proto)` with base64 ones, encoded frame by frame.
 *
 * Every call answers HTTP 200 and ends with a trailer frame that holds the status, errors included. A stream is pulled:
 * the next message is made when the last one was taken, so a slow reader costs one message of memory; when the reader
 * goes, the call's signal aborts and its iterator is closed.
 *
 * `grpc-timeout` is not read: a client that gave up closes its connection, which aborts the call.
 */
import { type HttpHandler, type Logger, isFloeError, readBody, streamResponse } from '@floe/platform';
import { decodeBase64Text, encodeBase64Text } from './base64-text.ts';
import { corsHeaders, jsonResponse, preflightResponse } from './cors.ts';
import { type CallStatus, grpcStatus, statusOfError } from './errors.ts';
import { dataFrame, requestMessage, trailerFrame } from './frames.ts';
import { rpcLimits } from './limits.ts';
import type { CallReply, Dispatcher } from './service.ts';

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
  /** What `GET /` and `GET /health` answer. */
  readonly health: () => { readonly status: string } & Readonly<Record<string, unknown>>;
}

/** A handler that serves a dispatcher's methods under any path prefix. Never throws. */
export function createGrpcWebHandler(modules: GrpcWebModules): HttpHandler {
  return async (request) => {
    try {
      return await answer(request, modules);
    } catch (error) {
      modules.logger.error('answering an RPC request failed', { error: String(error) });
      return jsonResponse(500, { error: { code: 'INTERNAL', message: 'internal error of the ledger service' } });
    }
  };
}

function answer(request: Request, modules: GrpcWebModules): Response | Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === 'OPTIONS') return preflightResponse(request, METHODS);
  if (request.method === 'GET' || request.method === 'HEAD') return status(request, pathname, modules);
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

function status(request: Request, pathname: string, modules: GrpcWebModules): Response {
  if (pathname !== '/' && !pathname.endsWith('/health')) {
    return refuse(404, 'NOT_FOUND', `no resource at ${pathname}; RPC methods take POST`);
  }
  const response = jsonResponse(200, modules.health());
  return request.method === 'HEAD' ? new Response(null, response) : response;
}

async function call(request: Request, pathname: string, format: Format, modules: GrpcWebModules): Promise<Response> {
  const path = pathname.split('/').slice(-2).join('/');
  const caller = new AbortController();
  const signal = AbortSignal.any([request.signal, caller.signal]);
  try {
    // Text is four characters for three bytes; the frame's header and a group of padding ride on top.
    const body = await readBody(request, Math.ceil((rpcLimits.requestBytes * 4) / 3) + 16);
    const message = requestMessage(format.decode(body));
    const reply = await modules.dispatcher.call(path, message, { signal });
    return reply.kind === 'unary' ? unaryResponse(reply, format) : callResponse(reply, format, caller, path, modules);
  } catch (error) {
    return grpcResponse(format, format.encode(trailerFrame(failure(error, path, modules))));
  }
}

function unaryResponse(reply: Extract<CallReply, { kind: 'unary' }>, format: Format): Response {
  const data = format.encode(dataFrame(reply.message));
  const trailer = format.encode(trailerFrame({ code: grpcStatus.OK, message: '' }));
  const body = new Uint8Array(data.length + trailer.length);
  body.set(data);
  body.set(trailer, data.length);
  return grpcResponse(format, body);
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
  return streamResponse(frames, responseInit(format));
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
      let status: CallStatus = { code: grpcStatus.OK, message: '' };
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
  const callStatus = statusOfError(error);
  if (!isFloeError(error) && callStatus.code === grpcStatus.INTERNAL) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    modules.logger.error('an RPC method failed unexpectedly', { path, error: text });
  }
  return callStatus;
}

function grpcResponse(format: Format, body: Uint8Array<ArrayBuffer>): Response {
  return new Response(body, responseInit(format));
}

function responseInit(format: Format): ResponseInit {
  return { status: 200, headers: { ...corsHeaders, 'content-type': format.contentType } };
}

function refuse(code: number, name: string, message: string, headers?: Record<string, string>): Response {
  return jsonResponse(code, { error: { code: name, message } }, headers);
}

function formatOf(contentType: string | null): Format | undefined {
  const mediaType = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  switch (mediaType) {
    case 'application/grpc-web':
    case 'application/grpc-web+proto':
      return { contentType: 'application/grpc-web+proto', decode: same, encode: same };
    case 'application/grpc-web-text':
    case 'application/grpc-web-text+proto':
      return { contentType: 'application/grpc-web-text+proto', decode: decodeBase64Text, encode: encodeBase64Text };
    default:
      return undefined;
  }
}

function same<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  return bytes;
}
