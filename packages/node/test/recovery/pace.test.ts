import { createVirtualTime } from '@floe/platform/memory';
import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/recovery/pace.ts';

const signal = new AbortController().signal;

function start() {
  const time = createVirtualTime();
  const pace = new Pace({ healingYield: 4 }, { clock: time, scheduler: time });
  /** How long a step of this length keeps healing busy, its rest included. */
  const stepOf = async (ms: number): Promise<number> => {
    const startMs = time.monotonicMs();
    await time.run(pace.step(() => time.sleep(ms), signal));
    return time.monotonicMs() - startMs;
  };
  return { time, pace, stepOf };
}

describe('healing', () => {
  it('goes on without a pause while nobody is served', async () => {
    const { stepOf } = start();
    expect(await stepOf(50)).toBe(50);
  });

  it('works a quarter of the time while clients are served', async () => {
    const { pace, stepOf } = start();
    pace.served();
    expect(await stepOf(50)).toBe(200);
  });

  it('rests a second at most, and not for a client that has gone', async () => {
    const { time, pace, stepOf } = start();
    pace.served();
    expect(await stepOf(600)).toBe(600);
    const startMs = time.monotonicMs();
    await time.run(
      pace.step(async () => {
        await time.sleep(600);
        pace.served();
      }, signal),
    );
    expect(time.monotonicMs() - startMs).toBe(1600);
  });

  it('works a quarter of the time while clients are served, however many steps want to go at once', async () => {
    const { time, pace } = start();
    const over = new AbortController();
    const share = { freeMs: 0, busyMs: 0 };
    /** One processor, which steps use one after another. */
    const compute = async (): Promise<void> => {
      const endMs = Math.max(share.freeMs, time.monotonicMs()) + 10;
      share.freeMs = endMs;
      share.busyMs += 10;
      await time.sleep(endMs - time.monotonicMs());
    };
    const healer = async (): Promise<void> => {
      while (!over.signal.aborted) await pace.step(compute, signal);
    };
    const client = async (): Promise<void> => {
      for (let ms = 0; ms < 60_000; ms += 50) {
        pace.served();
        await time.sleep(50);
      }
      over.abort();
    };
    await time.run(Promise.all([client(), ...Array.from({ length: 32 }, healer)]));
    expect(share.busyMs).toBeGreaterThan(14_000);
    expect(share.busyMs).toBeLessThan(17_000);
  });

  it('takes all steps at once while nobody is served', async () => {
    const { time, pace } = start();
    const steps = Array.from({ length: 32 }, () => pace.step(() => time.sleep(50), signal));
    await time.run(Promise.all(steps));
    expect(time.monotonicMs()).toBe(50);
  });

  it('does not keep a step that nobody wants any more waiting for its turn', async () => {
    const { time, pace } = start();
    const unwanted = new AbortController();
    pace.served();
    const running = Array.from({ length: 8 }, () => pace.step(() => time.sleep(50), signal));
    const waiting = pace.step(() => Promise.resolve(), unwanted.signal);
    unwanted.abort(new Error('not wanted any more'));
    await expect(waiting).rejects.toThrow('not wanted any more');
    await time.run(Promise.all(running));
  });

  it('rests after steps that failed too, and goes on', async () => {
    const { time, pace } = start();
    pace.served();
    const failing = pace.step(async () => {
      await time.sleep(20);
      throw new Error('no disk');
    }, signal);
    await expect(time.run(failing)).rejects.toThrow('no disk');
    expect(time.monotonicMs()).toBe(80);
    expect(await time.run(pace.step(() => Promise.resolve('next'), signal))).toBe('next');
  });
});
