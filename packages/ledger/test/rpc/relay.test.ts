import { deferred } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { CallFailure, rpcErrors, statusOfError } from '../../src/rpc/errors.ts';
import { createRelayFront, offeredMethods } from '../../src/rpc/relay/front-side.ts';
import { serveRelay } from '../../src/rpc/relay/ledger-side.ts';
import type { Channel, FrontMessage, LedgerMessage } from '../../src/rpc/relay/messages.ts';
import type { CallContext, Dispatcher } from '../../src/rpc/service.ts';

/** Two ends, each of which hears the other one a microtask later. */
function channels() {
  const end = <In, Out>(hear: (message: Out) => void) => {
    const heard = deferred<(message: In) => void>();
    const channel: Channel<In, Out> = { post: hear, listen: (listener) => heard.resolve(listener) };
    return { channel, deliver: (message: In) => void heard.promise.then((listener) => listener(message)) };
  };
  const posted: FrontMessage[] = [];
  const front = end<LedgerMessage, FrontMessage>((message) => {
    posted.push(message);
    ledger.deliver(message);
  });
  const ledger = end<FrontMessage, LedgerMessage>((message) => front.deliver(message));
  return { front: front.channel, ledger: ledger.channel, posted };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const context: CallContext = { signal: new AbortController().signal };

function relayed(calls: Dispatcher['call']) {
  const dispatcher: Dispatcher = {
    methods: ['s/Unary', 's/Stream'],
    isUnary: (path) => path !== 's/Stream',
    call: calls,
  };
  const { front, ledger, posted } = channels();
  const read = (pathname: string) =>
    pathname === '/' ? new Response('here', { status: 201, headers: { 'x-name': 'value' } }) : undefined;
  const served = serveRelay(ledger, { dispatcher, read });
  return { ...createRelayFront(offeredMethods(dispatcher), front), served, posted };
}

describe('a relay', () => {
  it('carries a unary call, its signers and its answer', async () => {
    const { dispatcher } = relayed(async (path, message, { signers }) => ({
      kind: 'unary',
      message: bytes(`${path} ${new TextDecoder().decode(message)} ${signers?.join()}`),
    }));
    expect(dispatcher.methods).toEqual(['s/Unary', 's/Stream']);
    const reply = await dispatcher.call('s/Unary', bytes('ask'), { ...context, signers: [undefined] });
    expect(reply).toEqual({ kind: 'unary', message: bytes('s/Unary ask ') });
  });

  it('carries the status of a failure, and nothing else of one that nobody expected', async () => {
    const known = relayed(() => Promise.reject(rpcErrors.RPC_MISSING_FIELD({ field: 'transaction' })));
    const failure = await known.dispatcher.call('s/Unary', bytes(''), context).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallFailure);
    expect(statusOfError(failure)).toEqual({ code: 3, message: 'missing transaction' });
    const unknown = relayed(() => Promise.reject(new TypeError('secret')));
    const bug = await unknown.dispatcher.call('s/Unary', bytes(''), context).catch((error: unknown) => error);
    expect(statusOfError(bug)).toEqual({ code: 13, message: 'internal error of the ledger service' });
  });

  it('pulls a stream message by message and tells its failure', async () => {
    let made = 0;
    const { dispatcher } = relayed(async () => ({
      kind: 'stream',
      messages: (async function* () {
        for (; made < 2; made += 1) yield bytes(`${made}`);
        throw rpcErrors.RPC_CLOSING({});
      })(),
    }));
    const reply = await dispatcher.call('s/Stream', bytes(''), context);
    if (reply.kind !== 'stream') throw new TypeError(reply.kind);
    const messages = reply.messages[Symbol.asyncIterator]();
    expect(made).toBe(0);
    expect(await messages.next()).toEqual({ done: false, value: bytes('0') });
    expect(made).toBe(0);
    expect(await messages.next()).toEqual({ done: false, value: bytes('1') });
    await expect(messages.next()).rejects.toThrow('the ledger is closing');
    expect(await messages.next()).toMatchObject({ done: true });
  });

  it.each(['returns the iterator', 'aborts', 'aborts before it iterates'])(
    'ends a stream for whom it waits when its caller %s',
    async (how) => {
      const ended = deferred<string>();
      const { dispatcher } = relayed(async (_path, _message, { signal }) => {
        signal.addEventListener('abort', () => ended.resolve('aborted'));
        const never = { next: () => new Promise<never>(() => undefined) };
        return { kind: 'stream', messages: { [Symbol.asyncIterator]: () => never } };
      });
      const caller = new AbortController();
      const reply = await dispatcher.call('s/Stream', bytes(''), { signal: caller.signal });
      if (reply.kind !== 'stream') throw new TypeError(reply.kind);
      const messages = reply.messages[Symbol.asyncIterator]();
      const waiting = how === 'aborts before it iterates' ? undefined : messages.next();
      if (how === 'returns the iterator') await messages.return?.();
      else caller.abort();
      if (waiting !== undefined) expect(await waiting).toMatchObject({ done: true });
      expect(await ended.promise).toBe('aborted');
    },
  );

  it('ends the streams that are open when the ledger closes it', async () => {
    const ended = deferred<void>();
    const { dispatcher, served } = relayed(async (_path, _message, { signal }) => {
      signal.addEventListener('abort', () => ended.resolve());
      return { kind: 'stream', messages: (async function* () {})() };
    });
    await dispatcher.call('s/Stream', bytes(''), context);
    served.close();
    await ended.promise;
  });

  it('carries what a GET answers, and that there is nothing', async () => {
    const front = relayed(() => Promise.reject(new TypeError('no call')));
    const response = await front.read('/');
    expect([response?.status, response?.headers.get('x-name'), await response?.text()]).toEqual([201, 'value', 'here']);
    expect(await front.read('/elsewhere')).toBeUndefined();
  });
});
