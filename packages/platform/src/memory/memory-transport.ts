/** HTTP between parts of one process: a request becomes a call of the handler that serves its origin. */
import type { HttpHandler, HttpTransport } from '../http.ts';
import type { Scheduler } from '../time.ts';
import { createFetchTransport } from '../web/fetch-transport.ts';
import { webScheduler } from '../web/time.ts';

export interface MemoryTransportOptions {
  /** Serves the timeouts; default real time. */
  readonly scheduler?: Scheduler;
}

/**
 * A transport to the handlers of `routes`, by origin (`http://host:port`). The map is looked up at each request: an
 * origin taken out is unreachable from then on. Responses are cut off where a handler's stream throws, as on a socket.
 */
export function createMemoryTransport(
  routes: ReadonlyMap<string, HttpHandler>,
  options: MemoryTransportOptions = {},
): HttpTransport {
  return createFetchTransport({
    fetch: (url, init) => callHandler(routes, url, init),
    scheduler: options.scheduler ?? webScheduler,
    streamUploads: true,
  });
}

async function callHandler(
  routes: ReadonlyMap<string, HttpHandler>,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const handler = routes.get(new URL(url).origin);
  if (handler === undefined) throw new Error('connection refused');
  const headers = new Headers(init.headers);
  if (init.body instanceof Uint8Array) headers.set('content-length', String(init.body.length));
  return await handler(new Request(url, { ...init, headers }));
}
