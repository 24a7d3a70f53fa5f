/** Time and chance of the machine. */
import { randomFillSync, randomInt } from 'node:crypto';
import type { Rng } from '../time.ts';

export { webClock as systemClock, webScheduler as systemScheduler } from '../web/time.ts';

/** The operating system's generator. */
export const systemRng: Rng = {
  bytes: (size) => randomFillSync(new Uint8Array(size)),
  below: (bound) => (bound === 1 ? 0 : randomInt(bound)),
};
