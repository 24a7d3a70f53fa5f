/**
 * Cuts clients that send their request's body too slowly to be worth what the request holds meanwhile.
 *
 * Only time in which it is the client's turn counts, in whole ticks: neither a handler that does not read yet nor a process
 * that stood still is held against it.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { awaitsContinue } from './expect-continue.ts';

export interface BodyPaceOptions {
  /** Waited for any body, however slow. */
  readonly graceMs: number;
  /** Each byte that came allows that much more: a body must come at least this fast on average. */
  readonly minBytesPerSecond: number;
}

interface Arrival {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** What the connection had read when the body began. */
  readonly bytesBefore: number;
  waitedMs: number;
}

const MAX_TICK_MS = 1_000;
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/** Watches every request until the server closes. */
export function watchBodyPace(server: Server, { graceMs, minBytesPerSecond }: BodyPaceOptions): void {
  const arrivals = new Set<Arrival>();
  const tickMs = Math.min(MAX_TICK_MS, Math.max(1, Math.floor(graceMs / 4)));
  server.on('request', (incoming, outgoing) => {
    if (incoming.complete) return;
    const arrival = { incoming, outgoing, bytesBefore: incoming.socket.bytesRead, waitedMs: 0 };
    arrivals.add(arrival);
    const forget = (): void => void arrivals.delete(arrival);
    incoming.once('end', forget).once('close', forget);
  });
  const ticking = setInterval(() => {
    for (const arrival of arrivals) {
      if (!isClientsTurn(arrival)) continue;
      arrival.waitedMs += tickMs;
      const bytes = arrival.incoming.socket.bytesRead - arrival.bytesBefore;
      if (arrival.waitedMs > graceMs + (bytes * 1000) / minBytesPerSecond) cut(arrival);
    }
  }, tickMs);
  ticking.unref();
  server.once('close', () => clearInterval(ticking));
}

/** Whether a body is owed, none of it waits here to be read, and its client may send it. */
export function owesBody(incoming: IncomingMessage): boolean {
  return !incoming.complete && incoming.readableLength === 0 && !awaitsContinue(incoming);
}

/** A client that does not read an answer that has begun is watched for its silence, as any that does not read. */
function isClientsTurn({ incoming, outgoing }: Arrival): boolean {
  return owesBody(incoming) && !incoming.isPaused() && !outgoing.writableNeedDrain;
}

function cut({ incoming: { socket }, outgoing }: Arrival): void {
  if (!outgoing.headersSent && socket.writable) socket.write(REQUEST_TIMEOUT);
  socket.destroy();
}
