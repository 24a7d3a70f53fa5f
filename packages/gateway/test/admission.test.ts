import { deferred } from '@floe/platform';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admission } from '../src/admission.ts';

const never = new AbortController().signal;
const answer = new Response('done');

/** Takes a place until `end` is called. */
function occupy(admission: Admission, place: { sizeBytes?: number; signal?: AbortSignal; address?: string } = {}) {
  const gate = deferred<Response>();
  let started = false;
  const done = admission.run({ signal: never, ...place }, () => {
    started = true;
    return gate.promise;
  });
  done.catch(() => undefined);
  return { done, isStarted: () => started, end: () => gate.resolve(answer), fail: gate.reject };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

async function* parts(count: number, failAt?: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let i = 0; i < count; i += 1) {
    if (i === failAt) throw new Error('lost');
    yield new Uint8Array([i]);
  }
}

describe('admission', () => {
  it('lets in as many as there are places, then keeps a line, then refuses', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 2, waiting: 1 });
    const [first, second, third] = [occupy(admission), occupy(admission), occupy(admission)];
    await settled();
    expect([first.isStarted(), second.isStarted(), third.isStarted()]).toEqual([true, true, false]);
    await expect(admission.run({ signal: never }, async () => answer)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    first.end();
    await settled();
    expect(third.isStarted()).toBe(true);
  });

  it('gives the place of a failed request back', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 1, waiting: 1 });
    const first = occupy(admission);
    const second = occupy(admission);
    first.fail(new Error('failed'));
    await expect(first.done).rejects.toThrow('failed');
    await settled();
    expect(second.isStarted()).toBe(true);
  });

  it('takes one that leaves out of the line', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 1, waiting: 1 });
    const first = occupy(admission);
    const leaving = new AbortController();
    const second = occupy(admission, { signal: leaving.signal });
    await settled();
    leaving.abort(new Error('gone'));
    await expect(second.done).rejects.toThrow('gone');
    const third = occupy(admission);
    first.end();
    await settled();
    expect([second.isStarted(), third.isStarted()]).toEqual([false, true]);
  });

  it('bounds bytes; a large request waits for room and is not overtaken', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 9, waiting: 9, bytesAtOnce: 100 });
    const small = occupy(admission, { sizeBytes: 60 });
    const large = occupy(admission, { sizeBytes: 80 });
    const behind = occupy(admission, { sizeBytes: 10 });
    await settled();
    expect([small.isStarted(), large.isStarted(), behind.isStarted()]).toEqual([true, false, false]);
    small.end();
    await settled();
    expect([large.isStarted(), behind.isStarted()]).toEqual([true, true]);
  });

  it('lets those behind a large request pass when it leaves', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 9, waiting: 9, bytesAtOnce: 100 });
    const first = occupy(admission, { sizeBytes: 60 });
    const leaving = new AbortController();
    occupy(admission, { sizeBytes: 80, signal: leaving.signal });
    const behind = occupy(admission, { sizeBytes: 10 });
    await settled();
    leaving.abort(new Error('gone'));
    await settled();
    expect([first.isStarted(), behind.isStarted()]).toEqual([true, true]);
  });

  it('lets a request larger than all bytes in alone', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 9, waiting: 9, bytesAtOnce: 100 });
    const huge = occupy(admission, { sizeBytes: 1000 });
    const next = occupy(admission, { sizeBytes: 1 });
    await settled();
    expect([huge.isStarted(), next.isStarted()]).toEqual([true, false]);
    huge.end();
    await settled();
    expect(next.isStarted()).toBe(true);
  });

  it('gives no address more than its share, and lets others pass those that wait for their own', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 4, waiting: 4, bytesAtOnce: 100, addressShare: 0.5 });
    const visit = (address: string | undefined, sizeBytes = 1) => occupy(admission, { address, sizeBytes });
    const [first, second, third] = [visit('a', 30), visit('a'), visit('a')];
    const other = visit('b', 60);
    const [large, small] = [visit('b', 40), visit('b')];
    await expect(visit('b').done).rejects.toMatchObject({ code: 'QUEUE_FULL', data: { limit: 2 } });
    const anyone = visit(undefined);
    await settled();
    const inside = () => [first, second, third, other, large, small, anyone].map((visitor) => visitor.isStarted());
    expect(inside()).toEqual([true, true, false, true, false, false, true]);
    other.end();
    await settled();
    expect(inside()).toEqual([true, true, false, true, true, false, true]);
    first.end();
    await settled();
    expect(inside()).toEqual([true, true, true, true, true, false, true]);
    second.end();
    await settled();
    expect(inside()).toEqual([true, true, true, true, true, true, true]);
  });

  it('lets a place grow while there is room, and gives all of it back', async () => {
    const admission = new Admission({ name: 'tests', atOnce: 4, waiting: 4, bytesAtOnce: 100, addressShare: 0.5 });
    const enter = (address?: string) => admission.enter({ signal: never, sizeBytes: 10, address });
    const [first, second, other] = [await enter('a'), await enter('a'), await enter()];
    expect([first.growTo(40), first.growTo(41), first.growTo(5)]).toEqual([true, false, true]);
    expect([other.growTo(50), other.growTo(51)]).toEqual([true, false]);
    second.release();
    expect([second.growTo(20), first.growTo(50), first.growTo(1000)]).toEqual([false, true, false]);
    other.release();
    expect(first.growTo(1000)).toBe(true);
    first.release();
    expect(admission.tryEnter(100)).toBeDefined();
  });

  it.each(['read to its end', 'dropped at once', 'dropped in the middle', 'failed'])(
    'keeps the place of a streamed answer until it is %s',
    async (end) => {
      const admission = new Admission({ name: 'tests', atOnce: 1, waiting: 1 });
      let body: AsyncIterable<Uint8Array> | undefined;
      await admission.run({ signal: never }, async (hold) => {
        body = hold(end === 'failed' ? parts(3, 0) : parts(3));
        return answer;
      });
      const next = occupy(admission);
      const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      await settled();
      expect(next.isStarted()).toBe(false);
      if (end === 'failed') await expect(iterator.next()).rejects.toThrow('lost');
      if (end === 'dropped in the middle') await iterator.next();
      if (end.startsWith('dropped')) await iterator.return?.();
      if (end === 'read to its end') while ((await iterator.next()).done !== true);
      await settled();
      expect(next.isStarted()).toBe(true);
    },
  );

  it('never has more under way than allowed, and ends everyone', async () => {
    const request = fc.record({ sizeBytes: fc.nat(150), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 30 }), fc.array(fc.nat()), async (requests, order) => {
        const admission = new Admission({ name: 'tests', atOnce: 3, waiting: 100, bytesAtOnce: 100 });
        const controllers = requests.map(() => new AbortController());
        const visitors = requests.map(({ sizeBytes }, i) => ({
          ...occupy(admission, { sizeBytes, signal: controllers[i]?.signal as AbortSignal }),
          sizeBytes: Math.min(100, sizeBytes),
          ended: false,
        }));
        for (const [i, { leaves }] of requests.entries()) if (leaves) controllers[i]?.abort(new Error('gone'));
        for (let step = 0; ; step += 1) {
          await settled();
          const inside = visitors.filter((visitor) => visitor.isStarted() && !visitor.ended);
          expect(inside.length).toBeLessThanOrEqual(3);
          expect(inside.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(100);
          const chosen = inside[(order[step % Math.max(1, order.length)] ?? 0) % Math.max(1, inside.length)];
          if (chosen === undefined) break;
          chosen.ended = true;
          chosen.end();
        }
        const waiting = visitors.filter((visitor, i) => !visitor.isStarted() && requests[i]?.leaves !== true);
        expect(waiting).toEqual([]);
      }),
    );
  });
});
