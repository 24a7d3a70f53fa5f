/** Time and chance of the machine. */
import { randomFillSync, randomInt } from 'node:crypto';
import type { Rng, Scheduler } from '../time.ts';
import { webScheduler } from '../web/time.ts';

export { webClock as systemClock, webScheduler as systemScheduler } from '../web/time.ts';

/**
 * A scheduler whose sleepers keep the process alive, for programs that end when their work does: with the other one, a
 * command that waits for its next try, and has no socket open meanwhile, would end in silence.
 */
export const holdingScheduler: Scheduler = {
  async sleep(delayMs, signal) {
    const hold = setInterval(() => undefined, 2 ** 30);
    try {
      await webScheduler.sleep(delayMs, signal);
    } finally {
      clearInterval(hold);
    }
  },
};

/** The operating system's generator. */
export const systemRng: Rng = {
  bytes: (size) => randomFillSync(new Uint8Array(size)),
  below: (bound) => (bound === 1 ? 0 : randomInt(bound)),
};
