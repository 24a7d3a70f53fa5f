/**
 * The node's HTTP service as a web-standard handler: finds the route, admits the request, turns answers and errors into responses, counts.
 *
 * Invariants: it never throws; every request gives back what it took, however it ends; after `close` began no request is let in.
 */
import {
  type Clock,
  type HttpHandler,
  type Logger,
  peerAddress,
  type Rng,
  type Scheduler,
  streamResponse,
  toHex,
} from '@floe/platform';
import { matchNodeRoute, nodeErrors, type NodeRoute } from '@floe/protocol';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { Pace } from '../recovery/pace.ts';
import { Admission, Lease } from './admission.ts';
import { type Answer, isInternal, refusalAnswer, textAnswer } from './answers.ts';
import { NodeRoutes, type RouteModules, type ServedRoute } from './node-routes.ts';
import { whileStreaming } from './streaming.ts';

export interface HandlerModules extends RouteModules {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  /** Told of every request of a client. */
  readonly pace: Pace;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/** What moves data for clients: healing gives way to them. */
const CLIENT_ROUTES: ReadonlySet<NodeRoute['name']> = new Set([
  'getSliver',
  'getSliverBatch',
  'putSliver',
  'putSliverBatch',
  'putMetadata',
  'getConfirmation',
  'getDecodingSymbols',
]);

const NO_BYTES = new Uint8Array(0);

const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': '*',
} as const;

export class NodeService {
  readonly #limits: NodeLimits;
  readonly #modules: HandlerModules;
  readonly #admission: Admission;
  readonly #routes: NodeRoutes;
  /** Requests under way, until their answer is sent. */
  readonly #active = new Set<AbortController>();
  #idle: (() => void) | undefined;
  #closing = false;

  constructor(options: { limits: NodeLimits }, modules: HandlerModules) {
    this.#limits = options.limits;
    this.#modules = modules;
    this.#admission = new Admission(options, modules);
    this.#routes = new NodeRoutes(options, { ...modules, admission: this.#admission });
  }

  get activeRequests(): number {
    return this.#active.size;
  }

  readonly handler: HttpHandler = async (request) => {
    if (request.method === 'OPTIONS') return preflight(request);
    const startedMs = this.#modules.clock.monotonicMs();
    const isHead = request.method === 'HEAD';
    const match = matchNodeRoute(isHead ? 'GET' : request.method, request.url);
    const route = match.kind === 'route' ? match.route : undefined;
    const isOfClient = route !== undefined && CLIENT_ROUTES.has(route.name);
    if (isOfClient) this.#modules.pace.served();
    const response =
      match.kind === 'refused'
        ? respond(textAnswer(match.httpStatus, match.message))
        : isServed(match.route)
          ? await this.#serve(match.route, request)
          : respond(textAnswer(404, ''));
    const label = route?.name ?? 'unknown';
    const { metrics, clock, pace } = this.#modules;
    if (isOfClient) pace.served();
    metrics.requests.add(1, { route: label, status: `${response.status}` });
    metrics.requestSeconds.observe((clock.monotonicMs() - startedMs) / 1000, { route: label });
    return response;
  };

  /** Lets nobody in any more, waits for the others for a bounded time, then cuts them off. Can be called twice. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#active.size === 0) return;
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    const timer = new AbortController();
    const timeout = this.#modules.scheduler.sleep(this.#limits.shutdownMs, timer.signal).catch(() => undefined);
    await Promise.race([idle, timeout]);
    timer.abort();
    for (const controller of this.#active) controller.abort(nodeErrors.NODE_BUSY({ reason: 'it is shutting down' }));
  }

  async #serve(route: ServedRoute, request: Request): Promise<Response> {
    const controller = new AbortController();
    const { signal } = controller;
    const gone = (): void => controller.abort(request.signal.reason);
    const lease = new Lease(peerAddress(request));
    lease.add(() => {
      request.signal.removeEventListener('abort', gone);
      this.#active.delete(controller);
      if (this.#active.size === 0) this.#idle?.();
    });
    request.signal.addEventListener('abort', gone, { once: true });
    if (request.signal.aborted) gone();
    this.#active.add(controller);
    let answer: Answer;
    try {
      if (this.#closing) throw nodeErrors.NODE_BUSY({ reason: 'it is shutting down' });
      const requestClass = this.#routes.classOf(route, request);
      await this.#admission.enter(requestClass, lease, signal);
      answer = await this.#routes.answer(route, { request, requestClass, signal, lease });
    } catch (error) {
      answer = this.#refusal(error, route, signal);
    }
    const { body } = answer;
    const count = (direction: 'received' | 'sent', bytes: number): void => {
      if (bytes > 0) this.#modules.metrics.requestBytes.add(bytes, { route: route.name, direction });
    };
    count('received', Number(request.headers.get('content-length') ?? '0'));
    if (body instanceof Uint8Array && request.method !== 'HEAD') count('sent', body.length);
    if (body instanceof Uint8Array || request.method === 'HEAD') {
      lease.release();
      return respond(request.method === 'HEAD' ? { ...answer, body: NO_BYTES } : answer);
    }
    const sent = (part: Uint8Array): void => count('sent', part.length);
    return respond({ ...answer, body: whileStreaming(body, () => lease.release(), signal, sent) });
  }

  #refusal(error: unknown, route: ServedRoute, signal: AbortSignal): Answer {
    const traceId = toHex(this.#modules.rng.bytes(8));
    if (isInternal(error) && !signal.aborted) {
      this.#modules.logger.error('request failed', { route: route.name, traceId, error });
    }
    return refusalAnswer(error, { traceId, retryAfterSeconds: this.#limits.retryAfterSeconds });
  }
}

function respond({ status, headers: own, body }: Answer): Response {
  const headers = { ...own, ...CORS_HEADERS };
  if (!(body instanceof Uint8Array)) return streamResponse(body, { status, headers });
  return new Response(body.length === 0 ? null : (body as Uint8Array<ArrayBuffer>), { status, headers });
}

function isServed(route: NodeRoute): route is ServedRoute {
  return route.name !== 'getApi';
}

function preflight(request: Request): Response {
  const wanted = request.headers.get('access-control-request-headers');
  return new Response(null, {
    status: 204,
    headers: {
      ...CORS_HEADERS,
      'access-control-allow-methods': 'GET, HEAD, PUT, POST, OPTIONS',
      'access-control-allow-headers': wanted ?? '*',
      'access-control-max-age': '86400',
    },
  });
}
