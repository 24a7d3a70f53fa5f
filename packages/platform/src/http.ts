/**
 * Ports of HTTP. A server is a {@link HttpHandler}, a web-standard function; a client calls through a
 * {@link HttpTransport}. The same handler serves a socket, a test and a simulated network.
 */
import { joinBytes } from './bytes.ts';
import { errorCatalogue, type FloeError, spec } from './errors.ts';

export const httpErrors = errorCatalogue({
  BODY_TOO_LARGE: spec<{ sizeBytes: number; maxBytes: number }>(
    'invalid',
    ({ sizeBytes, maxBytes }) =>
      `request body of at least ${sizeBytes} bytes is larger than the maximum of ${maxBytes}`,
  ),
  BODY_TRUNCATED: spec<{ sizeBytes: number; expectedBytes: number }>(
    'invalid',
    ({ sizeBytes, expectedBytes }) =>
      `request body ended after ${sizeBytes} bytes, its content-length said ${expectedBytes}`,
  ),
  CLIENT_GONE: spec<{ method: string; path: string }>(
    'unavailable',
    ({ method, path }) => `the client closed the connection before ${method} ${path} was answered`,
  ),
  HTTP_UNREACHABLE: spec<{ method: string; url: string; reason: string }>(
    'unavailable',
    ({ method, url, reason }) => `${method} ${url} got no answer: ${reason}`,
  ),
  HTTP_TIMEOUT: spec<{ method: string; url: string; timeoutMs: number; waitedFor: string }>(
    'unavailable',
    ({ method, url, timeoutMs, waitedFor }) => `${method} ${url} waited ${timeoutMs} ms for ${waitedFor}`,
  ),
  RESPONSE_TOO_LARGE: spec<{ method: string; url: string; maxBytes: number }>(
    'unavailable',
    ({ method, url, maxBytes }) => `the response to ${method} ${url} is larger than the maximum of ${maxBytes} bytes`,
  ),
  WRONG_SERVER_KEY: spec<{ server: string; expected: string; came: string }>(
    'integrity',
    ({ server, expected, came }) => `${server} is not who it should be: its key should be ${expected}, came ${came}`,
  ),
  CERTIFICATE_UNUSABLE: spec<{ reason: string }>(
    'invalid',
    ({ reason }) => `the certificate for TLS cannot be used: ${reason}`,
  ),
  PORT_IN_USE: spec<{ host: string; port: number }>(
    'conflict',
    ({ host, port }) => `${host}:${port} is in use by another program; choose another port or stop that program`,
  ),
  LISTEN_FAILED: spec<{ host: string; port: number; reason: string }>(
    'unavailable',
    ({ host, port, reason }) => `cannot listen on ${host}:${port}: ${reason}`,
  ),
});

/** Answers one request. Must not throw: errors become responses inside it. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

export type HttpBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Absolute URL. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Time until the response's headers, and then between two chunks of its body; default 30 000. */
  readonly timeoutMs?: number;
  /**
   * The P-256 key, 33 bytes, that a server of `https` must prove to hold, whoever signed its certificate; without one its
   * certificate must be good by the platform's authorities. Browsers cannot look at keys: there it is not used.
   */
  readonly serverKey?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
  /** The body as it arrives. Must be read to its end or `cancel`led. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The whole body; `RESPONSE_TOO_LARGE` past `maxBytes`. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  cancel(): Promise<void>;
}

/**
 * Errors: `HTTP_UNREACHABLE`, `HTTP_TIMEOUT`, `RESPONSE_TOO_LARGE` (all `unavailable`), `WRONG_SERVER_KEY` (`integrity`); an
 * abort rejects with its reason.
 */
export interface HttpTransport {
  request(request: HttpRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** A server that listens; `close` stops accepting, waits for requests under way up to `graceMs`, then cuts. */
export interface HttpServer {
  /** The URL it is reached at, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  close(graceMs?: number): Promise<void>;
}

/**
 * How a handler reads a request's body: all of it into one buffer, refused with `BODY_TOO_LARGE` past `maxBytes`.
 * A server may register a faster way for its own requests ({@link setBodyReader}).
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const fast = bodyReaders.get(request);
  if (fast !== undefined) return fast.whole(maxBytes);
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (declared > maxBytes) throw bodyTooLarge(declared, maxBytes);
  if (request.body === null) return new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of streamBody(request)) {
    size += part.length;
    if (size > maxBytes) throw bodyTooLarge(size, maxBytes);
    parts.push(part);
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : joinBytes(parts);
}

/**
 * A request's body as it arrives, of at most `maxBytes`.
 *
 * @throws `BODY_TOO_LARGE`, at once when the body declares it; `BODY_TRUNCATED` where the server can tell
 */
export async function* streamBody(
  request: Request,
  maxBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array, void, undefined> {
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (declared > maxBytes) throw bodyTooLarge(declared, maxBytes);
  const fast = bodyReaders.get(request);
  const parts = fast === undefined ? bodyParts(request) : fast.parts();
  let size = 0;
  for await (const part of parts) {
    size += part.length;
    if (size > maxBytes) throw bodyTooLarge(size, maxBytes);
    yield part;
  }
}

async function* bodyParts({ body }: Request): AsyncGenerator<Uint8Array, void, undefined> {
  if (body !== null) yield* iterateStream(body);
}

/** The chunks of a web stream; leaving the loop early cancels it. (Not every browser iterates streams itself.) */
export async function* iterateStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Ways to read a request's body that skip the web stream; only one of them, once. */
export interface BodyReader {
  whole(maxBytes: number): Promise<Uint8Array>;
  parts(): AsyncIterable<Uint8Array>;
}

const bodyReaders = new WeakMap<Request, BodyReader>();

/** For servers: how the body of this request is read. */
export function setBodyReader(request: Request, reader: BodyReader): void {
  bodyReaders.set(request, reader);
}

const peerAddresses = new WeakMap<Request, string>();

/** For servers: where a request comes from. */
export function setPeerAddress(request: Request, address: string): void {
  peerAddresses.set(request, address);
}

/** The network address that a request came from, without a port; undefined where there is no socket. */
export function peerAddress(request: Request): string | undefined {
  return peerAddresses.get(request);
}

/** A request as plain data, for a {@link DirectHandler}. */
export interface DirectRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
  /** As the function {@link readBody}. */
  readBody(maxBytes: number): Promise<Uint8Array>;
  /** As that of a `Request`; made when it is first looked at. */
  readonly signal: AbortSignal;
}

export interface DirectResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Answers small requests that come often without a `Request` and a `Response`, which cost more than such an answer itself.
 * Undefined, at once and with the body not read: the handler answers. Must not reject.
 */
export type DirectHandler = (request: DirectRequest) => Promise<DirectResponse> | undefined;

const directHandlers = new WeakMap<HttpHandler, DirectHandler>();

/** For handlers: a server may ask `direct` first. What that answers, `handler` must answer the same. */
export function setDirectHandler(handler: HttpHandler, direct: DirectHandler): void {
  directHandlers.set(handler, direct);
}

/** For servers: see {@link setDirectHandler}. */
export function directHandler(handler: HttpHandler): DirectHandler | undefined {
  return directHandlers.get(handler);
}

/** `BODY_TOO_LARGE`, kind `invalid`. */
export function bodyTooLarge(sizeBytes: number, maxBytes: number): FloeError {
  return httpErrors.BODY_TOO_LARGE({ sizeBytes, maxBytes });
}

const responseSources = new WeakMap<Response, AsyncIterable<Uint8Array>>();

/**
 * A response whose body is pulled from `source` as the client reads. When `source` throws, the connection is cut, so
 * that a client never takes a part for the whole; when the client goes away, `source` is returned. Our own server
 * writes `source` without a web stream between.
 */
export function streamResponse(source: AsyncIterable<Uint8Array>, init?: ResponseInit): Response {
  let iterator: AsyncIterator<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        iterator ??= source[Symbol.asyncIterator]();
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        // Also when nothing was read: a source may hold something from the start.
        iterator ??= source[Symbol.asyncIterator]();
        await iterator.return?.();
      },
    },
    // Pull nothing before somebody reads: a server may take `source` itself.
    { highWaterMark: 0 },
  );
  const response = new Response(body, init);
  responseSources.set(response, source);
  return response;
}

/** For servers: the source of a {@link streamResponse}, undefined for any other response. */
export function responseSource(response: Response): AsyncIterable<Uint8Array> | undefined {
  return responseSources.get(response);
}
