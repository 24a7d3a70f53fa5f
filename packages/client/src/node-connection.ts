/**
 * Requests to one storage node: bounded in number, size and time, with every outcome remembered in {@link NodeHealth}.
 *
 * Invariants: what comes back is a parsed success, the node's refusal as the protocol's catalogue has it,
 * `NODE_UNREACHABLE`, `NODE_WRONG_KEY`, or `NODE_MISBEHAVED`; an abort by the caller rejects with its reason and is not held against the
 * node.
 */
import {
  abortScope,
  type Clock,
  type FloeError,
  type HttpResponse,
  type HttpTransport,
  isFloeError,
  type Logger,
  Semaphore,
} from '@floe/platform';
import { BCS_CONTENT_TYPE, type NodeId, parseFailure } from '@floe/protocol';
import { clientErrors } from './errors.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeHealth } from './node-health.ts';
import { noteRetryAfter } from './retry.ts';

/** Error bodies are short; more than this is not read. */
const MAX_ERROR_BYTES = 65_536;

export interface NodeRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Path with query. */
  readonly target: string;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly contentType?: string;
  /** The size of an iterable body, when it is known. */
  readonly sizeBytes?: number;
  /** Longest silence; default `controlTimeoutMs`. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export interface NodeConnectionOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly baseUrl: string;
  /** The node's network key as the ledger has it. */
  readonly serverKey: Uint8Array;
}

export interface NodeConnectionModules {
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly health: NodeHealth;
  readonly limits: ClientLimits;
  readonly logger: Logger;
}

export class NodeConnection {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly health: NodeHealth;
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly #baseUrl: string;
  readonly #serverKey: Uint8Array;
  readonly #transport: HttpTransport;
  readonly #permits: Semaphore;
  readonly #logger: Logger;

  constructor(options: NodeConnectionOptions, modules: NodeConnectionModules) {
    this.nodeId = options.nodeId;
    this.name = options.name;
    this.health = modules.health;
    this.limits = modules.limits;
    this.clock = modules.clock;
    this.#baseUrl = options.baseUrl;
    this.#serverKey = options.serverKey;
    this.#transport = modules.transport;
    this.#logger = modules.logger;
    this.#permits = new Semaphore({ name: `requests to ${options.name}`, permits: modules.limits.maxRequestsPerNode });
  }

  /** The node sent something that does not verify: it is asked last from now on. */
  reportLie(reason: string): void {
    this.health.lied(this.nodeId);
    this.#logger.warn('storage node sent something false', { node: this.name, nodeId: this.nodeId, reason });
  }

  /** Sends a request; `read` takes the response of status 2xx and returns the result with the bytes it read. */
  async send<T>(
    request: NodeRequest,
    read: (response: HttpResponse) => Promise<{ value: T; sizeBytes: number }>,
  ): Promise<T> {
    // A scope of its own: the transport and the line below listen on it, not on a signal that a whole store shares.
    const scope = abortScope(request.signal);
    const { signal } = scope;
    const work = async (): Promise<T> => {
      const startMs = this.clock.monotonicMs();
      let response: HttpResponse | undefined;
      try {
        response = await this.#request({ ...request, signal });
        const headersMs = this.clock.monotonicMs();
        if (response.status < 200 || response.status > 299) throw await this.#refusal(response);
        const { value, sizeBytes } = await read(response);
        const bodyMs = this.clock.monotonicMs() - headersMs;
        // What an upload takes is mostly the sending, which is no latency of the node.
        const latencyMs = request.method === 'GET' ? headersMs - startMs : undefined;
        this.health.succeeded(this.nodeId, { latencyMs, sizeBytes, bodyMs });
        return value;
      } catch (error) {
        await response?.cancel().catch(() => undefined);
        if (signal.aborted) throw signal.reason;
        throw this.#failure(error);
      }
    };
    try {
      return await this.#permits.run(work, signal);
    } finally {
      scope.end();
    }
  }

  async #request(request: NodeRequest): Promise<HttpResponse> {
    const { method, target, body, contentType, sizeBytes, timeoutMs, signal } = request;
    const headers: Record<string, string> =
      body === undefined ? {} : { 'content-type': contentType ?? BCS_CONTENT_TYPE };
    if (sizeBytes !== undefined) headers['content-length'] = String(sizeBytes);
    return await this.#transport.request({
      method,
      url: this.#baseUrl + target,
      headers,
      body,
      timeoutMs: timeoutMs ?? this.limits.controlTimeoutMs,
      serverKey: this.#serverKey,
      signal,
    });
  }

  async #refusal(response: HttpResponse): Promise<FloeError> {
    const body = await response.bytes(MAX_ERROR_BYTES);
    const error = parseFailure({ httpStatus: response.status, contentType: response.header('content-type'), body });
    noteRetryAfter(error, response.header('retry-after'));
    return error;
  }

  /** What went wrong, in the terms of this client, and whether it is held against the node. */
  #failure(error: unknown): FloeError {
    if (isFloeError(error) && typeof error.data['httpStatus'] === 'number') {
      const { httpStatus } = error.data;
      if (httpStatus >= 500 || httpStatus === 429) this.health.failed(this.nodeId);
      return error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (isFloeError(error, 'WRONG_SERVER_KEY')) {
      this.reportLie(reason);
      return clientErrors.NODE_WRONG_KEY({ node: this.name, reason }, error);
    }
    this.health.failed(this.nodeId);
    if (isFloeError(error, 'HTTP_UNREACHABLE') || isFloeError(error, 'HTTP_TIMEOUT')) {
      return clientErrors.NODE_UNREACHABLE({ node: this.name, reason }, error);
    }
    if (isFloeError(error, 'NODE_MISBEHAVED')) return error;
    return clientErrors.NODE_MISBEHAVED({ node: this.name, reason }, error);
  }
}
