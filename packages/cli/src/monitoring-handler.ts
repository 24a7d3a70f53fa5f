/** What machines that watch a node ask for, on a port of its own: metrics, and whether it should get requests. */
import type { StorageNode } from '@floe/node';
import type { HttpHandler, Logger } from '@floe/platform';

const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface MonitoringModules {
  readonly node: Pick<StorageNode, 'observe' | 'probe'>;
  readonly metrics: { render(): Promise<string> };
  readonly logger: Logger;
}

/** Answers `GET /metrics`, and `GET /ready`: 200 when something stored just now was read back, else 503 with the reason. */
export function createMonitoringHandler({ node, metrics, logger }: MonitoringModules): HttpHandler {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname !== '/metrics' && pathname !== '/ready') return new Response(null, { status: 404 });
    if (request.method !== 'GET') return new Response(null, { status: 405, headers: { allow: 'GET' } });
    if (pathname === '/ready') {
      const result = await node.probe();
      return Response.json(result, { status: result.ok ? 200 : 503 });
    }
    await node.observe().catch((error: unknown) => logger.warn('metrics are not all up to date', { error }));
    return new Response(await metrics.render(), { headers: { 'content-type': METRICS_CONTENT_TYPE } });
  };
}
