/**
 * Two protocols on one port. Clients of TLS may agree on one in the handshake (ALPN). Those that do not, and all without TLS,
 * show it: HTTP/2 with prior knowledge begins with a preface that no HTTP/1 request begins with.
 *
 * A connection is handed on once its first bytes tell, with those bytes put back; one that stays silent is cut.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
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

/** The event with which a server has a new connection on which requests may come. */
export type ConnectionEvent = 'connection' | 'secureConnection';

/** Puts `connections` before the listeners that `server` has for new connections; gives the sockets not told apart yet. */
export function divertHttp2(
  server: Server,
  connections: Http2Connections,
  event: ConnectionEvent = 'connection',
): ReadonlySet<Socket> {
  const listeners = server.listeners(event) as ((this: Server, socket: Socket) => void)[];
  const takeHttp1 = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const undecided = new Set<Socket>();
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    const agreed = socket instanceof TLSSocket ? socket.alpnProtocol : undefined;
    if (agreed === 'h2') connections.accept(socket);
    else if (agreed === 'http/1.1') takeHttp1(socket);
    else watch(socket);
  });
  const watch = (socket: Socket): void => {
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
      else takeHttp1(socket);
    };
    socket.on('readable', decide).on('error', cut).on('timeout', cut).on('end', cut).on('close', leave);
    socket.setTimeout(LIMITS.requestHeadTimeoutMs);
  };
  return undecided;
}
