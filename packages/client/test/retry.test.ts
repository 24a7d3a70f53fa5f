import { createVirtualTime } from '@floe/platform/memory';
import { describe, expect, it } from 'vitest';
import { noteRetryAfter, retry } from '../src/retry.ts';

describe('trying again', () => {
  const pausesAfter = async (headers: readonly (string | undefined)[]): Promise<number[]> => {
    const time = createVirtualTime({ startMs: 0 });
    const tries: number[] = [];
    const options = {
      scheduler: time,
      signal: new AbortController().signal,
      minBackoffMs: 10,
      maxBackoffMs: 20,
      again: () => true,
    };
    const work = async (): Promise<void> => {
      tries.push(time.monotonicMs());
      if (tries.length > headers.length) return;
      const error = new Error('busy');
      noteRetryAfter(error, headers[tries.length - 1]);
      throw error;
    };
    await time.run(retry(options, work));
    return tries.slice(1).map((at, index) => at - (tries[index] as number));
  };

  it('waits ever longer, and not sooner than it was asked to', async () => {
    expect(await pausesAfter([undefined, undefined, undefined])).toEqual([10, 20, 20]);
    expect(await pausesAfter(['1', '2', undefined])).toEqual([1000, 2000, 20]);
  });

  it('waits no longer than is reasonable, whatever it is asked', async () => {
    expect(await pausesAfter(['86400', 'Wed, 21 Oct 2026 07:28:00 GMT', '-1', 'Infinity'])).toEqual([
      10_000, 20, 20, 20,
    ]);
  });
});
