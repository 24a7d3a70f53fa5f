/**
 * Cross-origin rules: any page may call. The service holds no cookies or sessions (every write carries its signature),
 * so there is nothing that another origin could borrow.
 */

/** Headers that go on every response. gRPC-Web reads its status from exposed headers when there is no body. */
export const corsHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'grpc-status, grpc-message, retry-after',
};

/** The answer to a preflight. `*` does not cover `authorization`, so what was asked for is echoed. */
export function preflightResponse(request: Request, methods: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...corsHeaders,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '86400',
      vary: 'access-control-request-headers',
    },
  });
}

/** A JSON response with the cross-origin headers. Big integers become decimal text. */
export function jsonResponse(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Response {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
  return new Response(text, { status, headers: { ...corsHeaders, 'content-type': 'application/json', ...headers } });
}
