import { describe, expect, it } from 'vitest';
import { createVirtualTime } from '../../src/memory/virtual-time.ts';

describe('virtual time', () => {
  it('stands still until it is told to pass', async () => {
    const time = createVirtualTime({ startMs: 1000 });
    let woke = false;
    void time.sleep(10).then(() => {
      woke = true;
    });
    await time.advance(9);
    expect([woke, time.nowMs(), time.monotonicMs()]).toEqual([false, 1009, 9]);
    await time.advance(1);
    expect(woke).toBe(true);
  });

  it('wakes sleepers in order, at their own time, and those they start in turn', async () => {
    const time = createVirtualTime();
    const log: string[] = [];
    const sleeper = async (name: string, ms: number, times: number): Promise<void> => {
      for (let index = 0; index < times; index += 1) {
        await time.sleep(ms);
        log.push(`${name}@${time.nowMs()}`);
      }
    };
    void sleeper('a', 30, 2);
    void sleeper('b', 20, 3);
    await time.advance(60);
    expect(log).toEqual(['b@20', 'a@30', 'b@40', 'a@60', 'b@60']);
  });

  it('lets pass what a piece of work needs', async () => {
    const time = createVirtualTime();
    const work = (async () => {
      await time.sleep(5_000);
      await time.sleep(86_400_000);
      return time.nowMs();
    })();
    expect(await time.run(work)).toBe(86_405_000);
    await expect(time.run(time.sleep(5).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
  });

  it('drops a sleeper whose signal aborts', async () => {
    const time = createVirtualTime();
    const controller = new AbortController();
    const sleep = time.sleep(10, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    expect(time.sleepers).toBe(0);
    await expect(time.sleep(10, controller.signal)).rejects.toThrow('enough');
  });
});
