import { describe, expect, it } from 'vitest';
import { deferred, mapConcurrent, Semaphore } from '../src/concurrency.ts';

describe('the semaphore', () => {
  it('admits as many as it has permits, the rest in the order they came', async () => {
    const semaphore = new Semaphore({ name: 'test', permits: 2 });
    const releases = [await semaphore.acquire(), await semaphore.acquire()];
    const order: number[] = [];
    const later = [3, 4].map(async (name) => {
      const release = await semaphore.acquire();
      order.push(name);
      return release;
    });
    expect(semaphore.waiting).toBe(2);
    releases[0]?.();
    releases[0]?.();
    await later[0];
    expect(order).toEqual([3]);
    releases[1]?.();
    await later[1];
    expect(order).toEqual([3, 4]);
  });

  it('turns away more than may wait', async () => {
    const semaphore = new Semaphore({ name: 'uploads', permits: 1, maxWaiting: 1 });
    const release = await semaphore.acquire();
    const waiting = semaphore.acquire();
    await expect(semaphore.acquire()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      data: { queue: 'uploads', limit: 1 },
    });
    release();
    (await waiting)();
  });

  it('lets a waiting one go when its signal aborts, and keeps its permit for the next', async () => {
    const semaphore = new Semaphore({ name: 'test', permits: 1 });
    const release = await semaphore.acquire();
    const controller = new AbortController();
    const impatient = semaphore.acquire(controller.signal);
    const patient = semaphore.acquire();
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    release();
    (await patient)();
    await expect(semaphore.acquire(controller.signal)).rejects.toThrow('enough');
    expect(await semaphore.run(async () => 'ran')).toBe('ran');
  });

  it('gives the permit back when the work fails', async () => {
    const semaphore = new Semaphore({ name: 'test', permits: 1 });
    await expect(semaphore.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await semaphore.run(async () => 1)).toBe(1);
  });
});

describe('mapConcurrent', () => {
  it('keeps the order of results and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapConcurrent([5, 1, 4, 2, 3], 2, async (item, index) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      running -= 1;
      return `${item}@${index}`;
    });
    expect(results).toEqual(['5@0', '1@1', '4@2', '2@3', '3@4']);
    expect(most).toBe(2);
  });

  it('rejects with the first failure after what was under way has settled, and starts nothing more', async () => {
    const started: number[] = [];
    const slow = deferred<void>();
    let slowSettled = false;
    const all = mapConcurrent([0, 1, 2, 3], 2, async (item) => {
      started.push(item);
      if (item === 1) throw new Error('one failed');
      await slow.promise;
      slowSettled = true;
    });
    await Promise.resolve();
    slow.resolve();
    await expect(all).rejects.toThrow('one failed');
    expect(slowSettled).toBe(true);
    expect(started).toEqual([0, 1]);
  });

  it('maps nothing to nothing', async () => {
    expect(await mapConcurrent([], 4, async () => 1)).toEqual([]);
  });
});
