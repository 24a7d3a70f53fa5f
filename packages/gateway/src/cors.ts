/** Any origin may read and store: the gateway has no cookies or sessions that a foreign page could misuse. */
import type { HttpHandler } from '@floe/platform';
import { PREFLIGHT_MAX_AGE_SECONDS } from './limits.ts';

const METHODS = 'GET, HEAD, PUT, OPTIONS';
const EXPOSED = 'etag, content-range, content-length, accept-ranges, retry-after, x-quilt-patch-identifier';

/**
 * Answers preflight requests, and lets pages read every other answer, errors too. Changes the handler's own response:
 * a copy would no longer be known as a stream.
 */
export function withCors(handler: HttpHandler): HttpHandler {
  return async (request) => {
    if (request.method === 'OPTIONS') return preflight(request);
    const response = await handler(request);
    response.headers.set('access-control-allow-origin', '*');
    response.headers.set('access-control-expose-headers', EXPOSED);
    return response;
  };
}

function preflight(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': String(PREFLIGHT_MAX_AGE_SECONDS),
      vary: 'access-control-request-headers',
    },
  });
}
