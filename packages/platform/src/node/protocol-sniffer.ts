/**
 * Two protocols on one port: HTTP/2 with prior knowledge begins with a preface that no HTTP/1 request begins with.
 *
 * A connection is handed on once its first bytes tell, with those bytes put back; one that stays silent is cut.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { LIMITS } from '../limits.ts';

/** Takes over connections that speak HTTP/2. */
export interface Http2Connections {
  /** The socket is at the start of HTTP/2's preface. */
  accept(socket: Socket): void;
  /** Ends all: lets calls under way finish up to `graceMs`, then cuts. Can be called twice. */
  close(graceMs: number): Promise<void>;
}

/** `PRI * HTTP/2.0`; its first two bytes already differ from every method of HTTP/1 but a `PROPFIND`'s `PR`. */
const PREFACE = Buffer.from('PRI ');

/** Puts `connections` before the listeners that `server` has for new connections; gives the sockets not told apart yet. */
export function divertHttp2(server: Server, connections: Http2Connections): ReadonlySet<Socket> {
  const takeHttp1 = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const undecided = new Set<Socket>();
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    undecided.add(socket);
    let start: Buffer = Buffer.alloc(0);
    const cut = (): void => void socket.destroy();
    const leave = (): void => {
      undecided.delete(socket);
      socket.off('readable', decide).off('error', cut).off('timeout', cut).off('end', cut).off('close', leave);
      socket.setTimeout(0);
    };
    const decide = (): void => {
      const part = socket.read() as Buffer | null;
      if (part === null) return;
      start = start.length === 0 ? part : Buffer.concat([start, part]);
      const known = Math.min(start.length, PREFACE.length);
      const isPreface = start.subarray(0, known).equals(PREFACE.subarray(0, known));
      // So few bytes that both are possible: the next ones tell. Only then is anything put back, as that is told at once.
      if (isPreface && known < PREFACE.length) return;
      leave();
      socket.unshift(start);
      if (isPreface) connections.accept(socket);
      else for (const listener of takeHttp1) listener.call(server, socket);
    };
    socket.on('readable', decide).on('error', cut).on('timeout', cut).on('end', cut).on('close', leave);
    socket.setTimeout(LIMITS.requestHeadTimeoutMs);
  });
  return undecided;
}
