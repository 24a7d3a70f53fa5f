import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBudget, Lease } from '../src/http/admission.ts';

const never = new AbortController().signal;

describe('a byte budget', () => {
  it('never hands out more than it has, serves in order, and ends whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 150 }), { maxLength: 30 }),
        fc.infiniteStream(fc.boolean()),
        async (sizes, coin) => {
          const budget = new ByteBudget({ totalBytes: 100, maxWaiting: 100 });
          const order: number[] = [];
          const held: (() => void)[] = [];
          const all = sizes.map(async (size, index) => {
            const release = await budget.acquire(size, never);
            order.push(index);
            held.push(release);
          });
          while (order.length < sizes.length) {
            expect(budget.freeBytes).toBeGreaterThanOrEqual(0);
            await new Promise<void>((resolve) => setImmediate(resolve));
            const release = coin.next().value === true ? held.shift() : held.pop();
            release?.();
            release?.();
          }
          await Promise.all(all);
          for (const release of held) release();
          expect(order).toEqual(sizes.map((_, index) => index));
          expect(budget.freeBytes).toBe(100);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses past its queue, and forgets who gave up', async () => {
    const budget = new ByteBudget({ totalBytes: 10, maxWaiting: 1 });
    const release = await budget.acquire(10, never);
    const giveUp = new AbortController();
    const waiting = budget.acquire(5, giveUp.signal);
    await expect(budget.acquire(1, never)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    giveUp.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    const next = budget.acquire(4, never);
    release();
    (await next)();
    expect(budget.freeBytes).toBe(10);
  });

  it('lets those behind one who gave up go on', async () => {
    const budget = new ByteBudget({ totalBytes: 10, maxWaiting: 5 });
    await budget.acquire(6, never);
    const giveUp = new AbortController();
    const large = budget.acquire(8, giveUp.signal);
    const small = budget.acquire(3, never);
    giveUp.abort(new Error('gone'));
    await expect(large).rejects.toThrow('gone');
    await small;
    expect(budget.freeBytes).toBe(1);
  });
});

describe('a lease', () => {
  it('gives everything back once, also what is added too late', () => {
    const lease = new Lease();
    let given = 0;
    lease.add(() => (given += 1));
    lease.release();
    lease.release();
    lease.add(() => (given += 10));
    expect(given).toBe(11);
  });
});
