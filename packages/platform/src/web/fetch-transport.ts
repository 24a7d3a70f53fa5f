/**
 * HTTP client on `fetch`, for browsers and for whatever else looks like `fetch`. Timeouts as in the port: silence of
 * the peer only.
 */
import { joinBytes } from '../bytes.ts';
import { httpErrors, type HttpBody, type HttpRequest, type HttpResponse, type HttpTransport } from '../http.ts';
import { LIMITS } from '../limits.ts';
import type { Scheduler } from '../time.ts';
import { webScheduler } from './time.ts';

export interface FetchTransportOptions {
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly scheduler?: Scheduler;
  /** Send an iterable body as it comes. Off, it is collected first: browsers stream uploads over HTTP/2 only. */
  readonly streamUploads?: boolean;
}

/** A transport over the platform's `fetch`. */
export function createFetchTransport(options: FetchTransportOptions = {}): HttpTransport {
  const modules: Modules = {
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    scheduler: options.scheduler ?? webScheduler,
    streamUploads: options.streamUploads ?? false,
  };
  let closed = false;
  return {
    async request(request) {
      const { method, url } = request;
      if (closed) throw httpErrors.HTTP_UNREACHABLE({ method, url, reason: 'this transport is closed' });
      request.signal?.throwIfAborted();
      return await new Exchange(request, modules).send();
    },
    async close() {
      closed = true;
    },
  };
}

type Modules = Required<FetchTransportOptions>;

/** One request and its response. */
class Exchange {
  readonly #request: HttpRequest;
  readonly #modules: Modules;
  readonly #timeoutMs: number;
  readonly #cut = new AbortController();
  readonly #onAbort = (): void => this.#cut.abort(this.#request.signal?.reason);

  constructor(request: HttpRequest, modules: Modules) {
    this.#request = request;
    this.#modules = modules;
    this.#timeoutMs = request.timeoutMs ?? LIMITS.requestTimeoutMs;
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async send(): Promise<HttpResponse> {
    const { method, url, headers, body } = this.#request;
    const init: RequestInit & { duplex: 'half' } = {
      method,
      headers: { ...headers },
      body: body === undefined ? null : await this.#sentBody(body),
      signal: this.#cut.signal,
      cache: 'no-store',
      duplex: 'half',
    };
    const response = await this.#patiently("the response's headers", () => this.#modules.fetch(url, init));
    const chunks = this.#chunks(response);
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: chunks,
      bytes: (maxBytes) => this.#bytes(chunks, maxBytes),
      cancel: async () => {
        this.#cut.abort(new DOMException('the reader gave the response up', 'AbortError'));
        await chunks.return();
        this.#leave();
      },
    };
  }

  async #sentBody(body: HttpBody): Promise<BodyInit> {
    if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
    if (this.#modules.streamUploads) return streamOf(body);
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return joinBytes(parts);
  }

  async *#chunks(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = this.#request.method === 'HEAD' ? undefined : response.body?.getReader();
    let finished = false;
    try {
      while (reader !== undefined) {
        const next = await this.#patiently("more of the response's body", () => reader.read());
        if (next.done) break;
        yield next.value;
      }
      finished = true;
    } finally {
      this.#leave();
      if (!finished) {
        this.#cut.abort(new DOMException('the reader gave the response up', 'AbortError'));
        // Not waited for: a source that hangs would hold the reader up.
        reader?.cancel().catch(() => undefined);
      }
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
    return joinBytes(parts);
  }

  /** Waits for the peer no longer than the timeout, and not at all once the request is given up. */
  async #patiently<T>(waitedFor: string, work: () => Promise<T>): Promise<T> {
    const { method, url } = this.#request;
    const cut = this.#cut;
    const answered = new AbortController();
    const timeout = async (): Promise<never> => {
      await this.#modules.scheduler.sleep(this.#timeoutMs, answered.signal);
      throw httpErrors.HTTP_TIMEOUT({ method, url, timeoutMs: this.#timeoutMs, waitedFor });
    };
    const given = new Promise<never>((_resolve, reject) => {
      cut.signal.addEventListener('abort', () => reject(cut.signal.reason as Error), { signal: answered.signal });
      if (cut.signal.aborted) reject(cut.signal.reason as Error);
    });
    const late = timeout();
    // The losers of the race still settle.
    late.catch(() => undefined);
    given.catch(() => undefined);
    const fetched = work().catch((error: unknown) => {
      if (cut.signal.aborted) throw cut.signal.reason;
      throw httpErrors.HTTP_UNREACHABLE({ method, url, reason: reasonOf(error) }, error);
    });
    try {
      return await Promise.race([fetched, late, given]);
    } catch (error) {
      this.#leave();
      fetched.catch(() => undefined);
      cut.abort(error);
      throw error;
    } finally {
      answered.abort();
    }
  }

  #leave(): void {
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
