/** What a handler sees of a raw Node.js request: its signal, made on demand, and all of it for a direct handler. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DirectRequest, httpErrors } from '../http.ts';
import { readIncoming } from './request-body.ts';

/**
 * Gives the signal that aborts with `CLIENT_GONE` when the client leaves before it has its answer. Most handlers of
 * small requests never look at it, so it is made when one does.
 */
export function callerSignal(incoming: IncomingMessage, outgoing: ServerResponse): () => AbortSignal {
  let controller: AbortController | undefined;
  return () => {
    if (controller !== undefined) return controller.signal;
    const made = new AbortController();
    controller = made;
    const leave = (): void => {
      if (outgoing.writableFinished) return;
      const path = (incoming.url ?? '/').split('?', 1)[0] as string;
      made.abort(httpErrors.CLIENT_GONE({ method: incoming.method ?? 'GET', path }));
    };
    if (outgoing.closed) leave();
    else outgoing.once('close', leave);
    return made.signal;
  };
}

export function directRequest(incoming: IncomingMessage, outgoing: ServerResponse): DirectRequest {
  let signal: (() => AbortSignal) | undefined;
  return {
    method: incoming.method ?? 'GET',
    target: incoming.url ?? '/',
    header(name) {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    readBody: (maxBytes) => readIncoming(incoming, maxBytes),
    get signal() {
      signal ??= callerSignal(incoming, outgoing);
      return signal();
    },
  };
}
