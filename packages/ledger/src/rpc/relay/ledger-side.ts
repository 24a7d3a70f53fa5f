/** The ledger's side of the relay: answers what a front asks, from a dispatcher. */
import { type Logger, silentLogger } from '@floe/platform';
import { isUnexpected, statusOfError } from '../errors.ts';
import type { CallReply, Dispatcher } from '../service.ts';
import type { FrontMessage, LedgerChannel, RelayedResource } from './messages.ts';

export interface RelayModules {
  readonly dispatcher: Dispatcher;
  /** What a GET answers; undefined: nothing at that path. */
  readonly read: (pathname: string) => Response | undefined;
  readonly logger?: Logger;
}

/** A stream that a front has begun and not left. */
interface OpenStream {
  readonly messages: AsyncIterator<Uint8Array>;
  readonly caller: AbortController;
}

/** Answers until `close`, which ends the streams that are open. */
export function serveRelay(channel: LedgerChannel, modules: RelayModules): { close(): void } {
  const { dispatcher, read, logger = silentLogger } = modules;
  const streams = new Map<number, OpenStream>();
  const failed = (id: number, path: string, error: unknown): void => {
    if (isUnexpected(error)) logger.error('an RPC method failed unexpectedly', { path, error });
    channel.post({ kind: 'failed', id, status: statusOfError(error) });
  };
  const leave = (id: number): void => {
    const stream = streams.get(id);
    streams.delete(id);
    stream?.caller.abort();
    void stream?.messages.return?.().catch(() => undefined);
  };
  const call = async ({ id, path, message, signers }: Extract<FrontMessage, { kind: 'call' }>): Promise<void> => {
    // A unary call runs to its end, whether or not its caller still waits.
    const caller = dispatcher.isUnary(path) ? NOBODY_LEAVES : new AbortController();
    let reply: CallReply;
    try {
      reply = await dispatcher.call(path, message, { signal: caller.signal, signers });
    } catch (error) {
      return failed(id, path, error);
    }
    if (reply.kind === 'unary') return channel.post({ kind: 'message', id, message: reply.message });
    streams.set(id, { messages: reply.messages[Symbol.asyncIterator](), caller });
    return channel.post({ kind: 'stream', id });
  };
  const next = async (id: number): Promise<void> => {
    const stream = streams.get(id);
    if (stream === undefined) return channel.post({ kind: 'end', id });
    try {
      const { done, value } = await stream.messages.next();
      if (done !== true) return channel.post({ kind: 'message', id, message: value });
      channel.post({ kind: 'end', id });
    } catch (error) {
      failed(id, 'a stream', error);
    }
    return void streams.delete(id);
  };
  const resource = async (id: number, pathname: string): Promise<void> => {
    try {
      channel.post({ kind: 'resource', id, resource: await plain(read(pathname)) });
    } catch (error) {
      failed(id, pathname, error);
    }
  };
  channel.listen((message) => {
    if (message.kind === 'call') void call(message);
    else if (message.kind === 'next') void next(message.id);
    else if (message.kind === 'read') void resource(message.id, message.pathname);
    else leave(message.id);
  });
  return {
    close() {
      for (const id of streams.keys()) leave(id);
    },
  };
}

const NOBODY_LEAVES = new AbortController();

async function plain(response: Response | undefined): Promise<RelayedResource | undefined> {
  if (response === undefined) return undefined;
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: [...response.headers], body };
}
