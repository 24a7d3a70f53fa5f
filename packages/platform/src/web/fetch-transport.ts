/** HTTP client on `fetch`, for browsers. Timeouts as in the port: silence of the peer only. */
import { httpErrors, type HttpRequest, type HttpResponse, type HttpTransport, iterateStream } from '../http.ts';
import { LIMITS } from '../limits.ts';

export interface FetchTransportOptions {
  readonly fetch?: typeof fetch;
}

/**
 * A transport over the platform's `fetch`. A body given as an iterable is collected first, because browsers stream
 * uploads over HTTP/2 only.
 */
export function createFetchTransport(options: FetchTransportOptions = {}): HttpTransport {
  const send = options.fetch ?? ((input, init) => fetch(input, init));
  let closed = false;
  return {
    async request(request) {
      const { method, url } = request;
      if (closed) throw httpErrors.HTTP_UNREACHABLE({ method, url, reason: 'this transport is closed' });
      request.signal?.throwIfAborted();
      return await new Exchange(request).send(send);
    },
    async close() {
      closed = true;
    },
  };
}

class Exchange {
  readonly #request: HttpRequest;
  readonly #timeoutMs: number;
  readonly #cut = new AbortController();
  readonly #onAbort = (): void => this.#cut.abort(this.#request.signal?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(request: HttpRequest) {
    this.#request = request;
    this.#timeoutMs = request.timeoutMs ?? LIMITS.requestTimeoutMs;
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async send(send: typeof fetch): Promise<HttpResponse> {
    const { method, url, headers } = this.#request;
    const body = await this.#collectedBody();
    const init = { method, headers: { ...headers }, body, signal: this.#cut.signal, cache: 'no-store' } as const;
    const response = await this.#patiently("the response's headers", () => send(url, init));
    const chunks = this.#chunks(response);
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: chunks,
      bytes: (maxBytes) => this.#bytes(chunks, maxBytes),
      cancel: async () => {
        this.#close();
        this.#cut.abort(new DOMException('response cancelled', 'AbortError'));
      },
    };
  }

  async #collectedBody(): Promise<Uint8Array<ArrayBuffer> | null> {
    const { body } = this.#request;
    if (body === undefined) return null;
    if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of body) parts.push(part as Uint8Array<ArrayBuffer>);
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  async *#chunks(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
    let finished = false;
    const stream = response.body === null ? undefined : iterateStream(response.body)[Symbol.asyncIterator]();
    try {
      while (stream !== undefined) {
        const next = await this.#patiently("more of the response's body", () => stream.next());
        if (next.done === true) break;
        yield next.value;
      }
      finished = true;
    } finally {
      this.#close();
      if (!finished) this.#cut.abort(new DOMException('response given up', 'AbortError'));
    }
  }

  async #bytes(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
    const { method, url } = this.#request;
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > maxBytes) throw httpErrors.RESPONSE_TOO_LARGE({ method, url, maxBytes });
      parts.push(chunk);
    }
    const whole = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  async #patiently<T>(waitedFor: string, work: () => Promise<T>): Promise<T> {
    const { method, url, signal } = this.#request;
    this.#timer = setTimeout(() => {
      this.#cut.abort(httpErrors.HTTP_TIMEOUT({ method, url, timeoutMs: this.#timeoutMs, waitedFor }));
    }, this.#timeoutMs);
    try {
      return await work();
    } catch (error) {
      this.#close();
      if (signal?.aborted === true) throw signal.reason;
      if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
      throw httpErrors.HTTP_UNREACHABLE({ method, url, reason: reasonOf(error) }, error);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
