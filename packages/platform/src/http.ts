/**
 * Ports of HTTP. A server is a {@link HttpHandler}, a web-standard function; a client calls through a
 * {@link HttpTransport}. The same handler serves a socket, a test and a simulated network.
 */
import { FloeError } from './errors.ts';

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

/** Errors: `HTTP_UNREACHABLE`, `HTTP_TIMEOUT`, `RESPONSE_TOO_LARGE` (all `unavailable`); an abort rejects with its reason. */
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
  if (fast !== undefined) return fast(maxBytes);
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
  return concatParts(parts, size);
}

/** A request's body as it arrives. */
export async function* streamBody(request: Request): AsyncIterable<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
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

const bodyReaders = new WeakMap<Request, (maxBytes: number) => Promise<Uint8Array>>();

/** For servers: a way to read this request's body that skips the web stream. */
export function setBodyReader(request: Request, read: (maxBytes: number) => Promise<Uint8Array>): void {
  bodyReaders.set(request, read);
}

/** `BODY_TOO_LARGE`, kind `invalid`. */
export function bodyTooLarge(sizeBytes: number, maxBytes: number): FloeError {
  return new FloeError({
    code: 'BODY_TOO_LARGE',
    kind: 'invalid',
    message: `request body of at least ${sizeBytes} bytes is larger than the maximum of ${maxBytes}`,
    data: { sizeBytes, maxBytes },
  });
}

function concatParts(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
