/**
 * HTTP client on undici, on its lowest interface: chunks go from the socket to their place without a stream between,
 * which costs a third of global `fetch`.
 *
 * Connections to servers of different keys are never shared, and one whose server has another key than asked for carries
 * no request. Timeouts count silence of the peer only: the clock stands while a request's body is being produced here, and while
 * nobody reads the response.
 */
import { Readable } from 'node:stream';
import { Agent, type Dispatcher, errors as undiciErrors } from 'undici';
import { toHex } from '../bytes.ts';
import { type FloeError, isFloeError } from '../errors.ts';
import { type HttpBody, httpErrors, type HttpRequest, type HttpResponse, type HttpTransport } from '../http.ts';
import { LIMITS } from '../limits.ts';
import { ResponseBody } from '../response-body.ts';
import { pinnedConnector } from './pinned-connector.ts';

export interface UndiciTransportOptions {
  /** Connections kept to one origin; further requests wait for one. */
  readonly connectionsPerOrigin?: number;
  readonly connectTimeoutMs?: number;
}

/** A transport with a pool of keep-alive connections for each origin. */
export function createUndiciTransport(options: UndiciTransportOptions = {}): HttpTransport {
  const agents = new Agents(options);
  let closing: Promise<void> | undefined;
  return {
    async request(request) {
      if (closing !== undefined) throw unreachable(request, 'this transport is closed');
      request.signal?.throwIfAborted();
      return await new Exchange(agents.of(request), request).response;
    },
    async close() {
      closing ??= agents.destroy();
      await closing;
    },
  };
}

/** One pool of connections for each key that servers must have, those used last; and one for servers of any key. */
class Agents {
  readonly #options: UndiciTransportOptions;
  readonly #common: Agent;
  /** By key, in order of last use. */
  readonly #pinned = new Map<string, Agent>();

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
    this.#common = this.#make(undefined);
  }

  of({ serverKey, url }: HttpRequest): Agent {
    if (serverKey === undefined || !url.startsWith('https:')) return this.#common;
    const name = toHex(serverKey);
    const agent = this.#pinned.get(name) ?? this.#make(serverKey);
    this.#pinned.delete(name);
    this.#pinned.set(name, agent);
    for (const [oldest, unused] of this.#pinned) {
      if (this.#pinned.size <= LIMITS.pinnedKeys) break;
      this.#pinned.delete(oldest);
      // What is under way on it ends first.
      unused.close().catch(() => undefined);
    }
    return agent;
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#common, ...this.#pinned.values()].map((agent) => agent.destroy()));
  }

  #make(serverKey: Uint8Array | undefined): Agent {
    const timeoutMs = this.#options.connectTimeoutMs ?? LIMITS.requestTimeoutMs;
    return new Agent({
      connections: this.#options.connectionsPerOrigin ?? LIMITS.connectionsPerOrigin,
      pipelining: 1,
      // Less than our servers' 120 s, so that the client closes an idle connection first and no request meets a closed one.
      keepAliveTimeout: LIMITS.keepAliveTimeoutMs / 2,
      keepAliveMaxTimeout: LIMITS.keepAliveTimeoutMs / 2,
      connect: serverKey === undefined ? { timeout: timeoutMs } : pinnedConnector(serverKey, timeoutMs),
      // The exchange below has a clock of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }
}

/** One request and its response. */
class Exchange {
  readonly response: Promise<HttpResponse>;
  readonly #request: HttpRequest;
  readonly #timeoutMs: number;
  #resolve!: (response: HttpResponse) => void;
  #reject!: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ResponseBody | undefined;
  /** Why we gave up; what undici reports afterwards is only the echo. */
  #abortReason: Error | undefined;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = (): void => this.#abort(this.#request.signal?.reason as Error);

  constructor(agent: Agent, request: HttpRequest) {
    this.#request = request;
    this.#timeoutMs = request.timeoutMs ?? LIMITS.requestTimeoutMs;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#waiting(true);
    try {
      this.#dispatch(agent, new URL(request.url));
    } catch (error) {
      this.#finish(error);
    }
  }

  #dispatch(agent: Agent, url: URL): void {
    const { method, headers, body } = this.#request;
    const sent = body === undefined ? null : this.#sentBody(body);
    const declared = body instanceof Uint8Array ? { 'content-length': String(body.length) } : {};
    agent.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method, headers: { ...headers, ...declared }, body: sent },
      {
        onRequestStart: (controller) => {
          this.#controller = controller;
          if (this.#abortReason !== undefined) controller.abort(this.#abortReason);
        },
        onResponseStart: (controller, status, responseHeaders) => {
          if (status >= 200) this.#begin(controller, status, responseHeaders);
        },
        onResponseData: (_controller, chunk) => {
          this.#timer?.refresh();
          this.#body?.push(chunk);
        },
        onResponseEnd: () => this.#finish(undefined),
        onResponseError: (_controller, error) => this.#finish(error),
      },
    );
  }

  /** Long bodies go in pieces, so that the clock sees progress. */
  #sentBody(body: HttpBody): Uint8Array | Readable {
    if (body instanceof Uint8Array) return body.length <= SLICE_BYTES ? body : Readable.from(this.#slices(body));
    return Readable.from(this.#produced(body));
  }

  *#slices(body: Uint8Array): Generator<Uint8Array> {
    for (let offset = 0; offset < body.length; offset += SLICE_BYTES) {
      this.#timer?.refresh();
      yield body.subarray(offset, offset + SLICE_BYTES);
    }
    this.#timer?.refresh();
  }

  async *#produced(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#waiting(false);
    try {
      for await (const chunk of body) {
        if (this.#body === undefined) this.#waiting(true);
        yield chunk;
        if (this.#body === undefined) this.#waiting(false);
      }
    } catch (error) {
      this.#abort(error as Error);
      throw error;
    }
    if (this.#body === undefined) this.#waiting(true);
  }

  #begin(controller: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#waiting(false);
    const { method, url } = this.#request;
    const declared = Number(headers['content-length']);
    const body = new ResponseBody({
      method,
      url,
      sizeBytes: method !== 'HEAD' && Number.isSafeInteger(declared) ? declared : undefined,
      source: {
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        abort: (reason) => this.#abort(reason),
        waiting: (isWaiting) => this.#waiting(isWaiting),
      },
    });
    this.#body = body;
    this.#resolve({
      status,
      header: (name) => headerText(headers[name]),
      get body() {
        return body.chunks();
      },
      bytes: (maxBytes) => body.bytes(maxBytes),
      async cancel() {
        body.cancel();
      },
    });
  }

  #waiting(isWaiting: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!isWaiting || this.#settled) return;
    this.#timer = setTimeout(() => {
      const { method, url } = this.#request;
      const waitedFor = this.#body === undefined ? "the response's headers" : "more of the response's body";
      this.#abort(httpErrors.HTTP_TIMEOUT({ method, url, timeoutMs: this.#timeoutMs, waitedFor }));
    }, this.#timeoutMs);
  }

  #abort(reason: Error): void {
    if (this.#settled) return;
    this.#abortReason = reason;
    // Not there yet while the request waits for a connection; it is then aborted when it gets one.
    this.#controller?.abort(reason);
    this.#finish(reason);
  }

  #finish(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#waiting(false);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    if (error === undefined) {
      this.#body?.end();
      return;
    }
    const failure =
      this.#abortReason ??
      (isFloeError(error, 'WRONG_SERVER_KEY') ? error : unreachable(this.#request, reasonOf(error), error));
    if (this.#body === undefined) this.#reject(failure);
    else this.#body.end(failure);
  }
}

const SLICE_BYTES = 256 * 1024;

function headerText(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : undefined;
}

function unreachable({ method, url }: HttpRequest, reason: string, cause?: unknown): FloeError {
  return httpErrors.HTTP_UNREACHABLE({ method, url, reason }, cause);
}

function reasonOf(error: unknown): string {
  if (error instanceof undiciErrors.SocketError) return 'the connection was closed';
  // Several addresses of one name: one failure for each.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
