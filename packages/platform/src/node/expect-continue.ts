/**
 * `Expect: 100-continue`: a client that asks before it sends a body is told to go on when the body is first read, not
 * before: one that is refused, or waits for its turn, sends nothing meanwhile. (RFC 9110 §10.1.1)
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Hands such requests to the server's listeners like any other. Node.js closes their connection if they are never read. */
export function acceptExpectations(server: Server): void {
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    waiting.set(incoming, outgoing);
    server.emit('request', incoming, outgoing);
  });
}

/** Whether the client waits to be told to send its body. */
export function awaitsContinue(incoming: IncomingMessage): boolean {
  return waiting.has(incoming);
}

/** Tells a client that waits to send its body. */
export function letSend(incoming: IncomingMessage): void {
  const outgoing = waiting.get(incoming);
  waiting.delete(incoming);
  if (outgoing?.headersSent === false) outgoing.writeContinue();
}
