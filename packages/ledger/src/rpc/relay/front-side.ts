/** The front's side of the relay: a dispatcher whose calls another thread answers. */
import { assert, deferred } from '@floe/platform';
import { CallFailure } from '../errors.ts';
import type { Dispatcher } from '../service.ts';
import type { FrontChannel, LedgerMessage } from './messages.ts';

/** Which methods the other side offers. */
export interface OfferedMethods {
  readonly methods: readonly string[];
  /** Of these, the ones that answer with a stream. */
  readonly streams: readonly string[];
}

export function offeredMethods(dispatcher: Dispatcher): OfferedMethods {
  const { methods } = dispatcher;
  return { methods, streams: methods.filter((path) => !dispatcher.isUnary(path)) };
}

export interface RelayFront {
  readonly dispatcher: Dispatcher;
  /** What a GET answers; undefined: nothing at that path. */
  read(pathname: string): Promise<Response | undefined>;
}

type Answered = (answer: LedgerMessage) => void;

export function createRelayFront({ methods, streams }: OfferedMethods, channel: FrontChannel): RelayFront {
  const streaming = new Set(streams);
  const waiting = new Map<number, Answered>();
  let lastId = 0;
  channel.listen((answer) => {
    const answered = waiting.get(answer.id);
    waiting.delete(answer.id);
    answered?.(answer);
  });
  const newId = (): number => (lastId += 1);
  const ask = (question: Parameters<FrontChannel['post']>[0]): Promise<LedgerMessage> => {
    const { promise, resolve } = deferred<LedgerMessage>();
    waiting.set(question.id, resolve);
    channel.post(question);
    return promise;
  };
  const leave = (id: number): void => {
    // Whoever waits for the next message hears that there is none.
    waiting.get(id)?.({ kind: 'end', id });
    waiting.delete(id);
    channel.post({ kind: 'leave', id });
  };
  const streamOf = (id: number): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]: () => ({
      async next() {
        const answer = await ask({ kind: 'next', id });
        if (answer.kind === 'message') return { done: false, value: answer.message };
        if (answer.kind === 'failed') throw new CallFailure(answer.status);
        return { done: true, value: undefined };
      },
      return() {
        leave(id);
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  });
  return {
    dispatcher: {
      methods,
      isUnary: (path) => !streaming.has(path),
      async call(path, message, context) {
        const id = newId();
        const answer = await ask({ kind: 'call', id, path, message, signers: context.signers });
        if (answer.kind === 'message') return { kind: 'unary', message: answer.message };
        if (answer.kind === 'failed') throw new CallFailure(answer.status);
        assert(answer.kind === 'stream', 'a call is answered, fails, or streams', { kind: answer.kind });
        // Also when nobody ever asks for a message.
        if (context.signal.aborted) leave(id);
        else context.signal.addEventListener('abort', () => leave(id), { once: true });
        return { kind: 'stream', messages: streamOf(id) };
      },
    },
    async read(pathname) {
      const answer = await ask({ kind: 'read', id: newId(), pathname });
      if (answer.kind === 'failed') throw new CallFailure(answer.status);
      assert(answer.kind === 'resource', 'a read is answered or fails', { kind: answer.kind });
      if (answer.resource === undefined) return undefined;
      const { status, headers, body } = answer.resource;
      return new Response(body, { status, headers: headers.map(([name, value]): [string, string] => [name, value]) });
    },
  };
}
