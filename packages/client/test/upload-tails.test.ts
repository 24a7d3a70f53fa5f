import { createVirtualTime } from '@floe/platform/memory';
import { expect, test } from 'vitest';
import { TailKeeper } from '../src/upload-tails.ts';

test('a tail that fails is over, and fails nobody else', async () => {
  const tails = new TailKeeper({ maxTails: 0, minTailMs: 1000, tailFactor: 1 }, { scheduler: createVirtualTime() });
  const tail = { openWeight: 1, finished: Promise.reject(new Error('the scratch is gone')), cancel: () => undefined };
  const kept = tails.keep(tail, 10);
  await tails.room();
  await kept;
  await expect(tails.settled()).resolves.toBeUndefined();
});
