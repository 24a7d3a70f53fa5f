import { createVirtualTime } from '@floe/platform/memory';
import { describe, expect, it } from 'vitest';
import { createBoundedFetch } from '../../src/ledger/bounded-fetch.ts';
import { MAX_RESPONSE_BYTES } from '../../src/limits.ts';

const UNARY = 'http://ledger.test/sui.rpc.v2.LedgerService/GetObject';
const STREAM = 'http://ledger.test/sui.rpc.v2.SubscriptionService/SubscribeCheckpoints';

function bounded(fetch: (url: string, init: RequestInit) => Promise<Response>) {
  const time = createVirtualTime({ startMs: 0 });
  const call = createBoundedFetch(
    { timeoutMs: () => 1_000 },
    { fetch: (input, init) => fetch(input as string, init ?? {}), scheduler: time },
  );
  return { time, call };
}

/** A body that gives `chunks` and then stays open, or breaks. */
function body(chunks: readonly Uint8Array<ArrayBuffer>[], then: 'hang' | 'break'): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        if (then === 'break') controller.error(new Error('connection reset'));
      },
    }),
  );
}

describe('bounded fetch', () => {
  it('gives the answer through when it comes in time, and leaves no timer behind', async () => {
    const { time, call } = bounded(async () => new Response(Uint8Array.of(1, 2)));
    expect(new Uint8Array(await (await call(UNARY)).arrayBuffer())).toEqual(Uint8Array.of(1, 2));
    await time.advance(0);
    expect(time.sleepers).toBe(0);
  });

  it('ends a call whose headers come and whose body does not', async () => {
    const { time, call } = bounded(async (_url, { signal }) => {
      let fail: (error: unknown) => void = () => undefined;
      signal?.addEventListener('abort', () => fail(signal.reason));
      return new Response(
        new ReadableStream({ start: (controller) => void (fail = (error) => controller.error(error)) }),
      );
    });
    const failed = expect(call(UNARY)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await time.advance(1_000);
    await failed;
  });

  it('refuses an answer over the limit without holding it', async () => {
    const mebibyte = new Uint8Array(1_048_576);
    let sent = 0;
    const { call } = bounded(
      async () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += mebibyte.length;
              controller.enqueue(mebibyte);
            },
          }),
        ),
    );
    await expect(call(UNARY)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(sent).toBeLessThan(MAX_RESPONSE_BYTES + 4 * mebibyte.length);
  });

  it('takes a connection that breaks in the middle for an unreachable ledger', async () => {
    const { call } = bounded(async () => body([Uint8Array.of(1)], 'break'));
    await expect(call(UNARY)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'connection reset' });
    const stream = await call(STREAM);
    await expect(stream.arrayBuffer()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('lets a stream be silent longer than the deadline of a call', async () => {
    let push: (chunk: Uint8Array) => void = () => undefined;
    const { time, call } = bounded(
      async () =>
        new Response(new ReadableStream({ start: (controller) => void (push = (chunk) => controller.enqueue(chunk)) })),
    );
    const reader = (await call(STREAM)).body?.getReader();
    const read = reader?.read();
    await time.advance(60_000);
    push(Uint8Array.of(7));
    expect((await read)?.value).toEqual(Uint8Array.of(7));
  });

  it('ends a stream at once with the caller’s signal, even over a fetch that does not heed it', async () => {
    const stop = new AbortController();
    const { call } = bounded(async () => body([], 'hang'));
    const reader = (await call(STREAM, { signal: stop.signal })).body?.getReader();
    const read = reader?.read();
    stop.abort(new Error('closing'));
    await expect(read).rejects.toThrow('closing');
  });
});
