/**
 * Cuts clients that take an answer too slowly to be worth what the answer holds meanwhile, as `body-pace.ts` does for
 * what they send. A client that takes a little before each silence is too long would otherwise stay for ever.
 *
 * Only time in which the answer waits for the client counts, in whole ticks.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface AnswerPaceOptions {
  /** Waited for any answer, however slowly it is taken. */
  readonly graceMs: number;
  /** Each byte that was handed to the socket allows that much more. */
  readonly minBytesPerSecond: number;
}

interface Departure {
  readonly socket: Socket;
  readonly outgoing: ServerResponse;
  /** What the connection had been handed when the request came. */
  readonly bytesBefore: number;
  waitedMs: number;
}

/** Handed on at once of an answer, so that it shows how fast a client takes a long part. */
export const SLICE_BYTES = 256 * 1024;

const MAX_TICK_MS = 1_000;

/**
 * Whether what is left of an answer waits for its client to read: also one that was given whole, of which Node.js says that
 * it needs no drain. One that is behind another answer on its connection waits for that.
 */
export function waitsForClient(outgoing: ServerResponse): boolean {
  if (outgoing.socket === null) return false;
  return outgoing.writableNeedDrain || (outgoing.writableEnded && !outgoing.writableFinished);
}

/** Watches every answer until the server closes. */
export function watchAnswerPace(server: Server, { graceMs, minBytesPerSecond }: AnswerPaceOptions): void {
  const departures = new Set<Departure>();
  const tickMs = Math.min(MAX_TICK_MS, Math.max(1, Math.floor(graceMs / 4)));
  server.on('request', ({ socket }, outgoing) => {
    const departure = { socket, outgoing, bytesBefore: socket.bytesWritten, waitedMs: 0 };
    departures.add(departure);
    outgoing.once('close', () => void departures.delete(departure));
  });
  const ticking = setInterval(() => {
    for (const departure of departures) {
      const { socket, outgoing, bytesBefore } = departure;
      if (!waitsForClient(outgoing)) continue;
      departure.waitedMs += tickMs;
      const bytes = socket.bytesWritten - bytesBefore;
      if (departure.waitedMs > graceMs + (bytes * 1000) / minBytesPerSecond) socket.destroy();
    }
  }, tickMs);
  ticking.unref();
  server.once('close', () => clearInterval(ticking));
}
