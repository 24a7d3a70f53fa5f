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
});
