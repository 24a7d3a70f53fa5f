/** Time and chance as every web platform has them (Node.js too). */
import type { Clock, Rng, Scheduler } from '../time.ts';

export const webClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Longest delay of `setTimeout`; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const webScheduler: Scheduler = {
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let timer: ReturnType<typeof setTimeout>;
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const wait = (restMs: number): void => {
        timer = setTimeout(
          () => {
            if (restMs > MAX_TIMER_MS) {
              wait(restMs - MAX_TIMER_MS);
              return;
            }
            signal?.removeEventListener('abort', abort);
            resolve();
          },
          Math.min(restMs, MAX_TIMER_MS),
        );
        // Node.js: a timer must not keep the process alive. In browsers timers are numbers.
        (timer as { unref?: () => void }).unref?.();
      };
      wait(delayMs);
      signal?.addEventListener('abort', abort, { once: true });
    }),
};

/** The platform's cryptographic generator. */
export const webRng: Rng = {
  bytes(size) {
    const bytes = new Uint8Array(size);
    // getRandomValues gives at most 65 536 bytes at a time.
    for (let offset = 0; offset < size; offset += 65_536)
      crypto.getRandomValues(bytes.subarray(offset, offset + 65_536));
    return bytes;
  },
  below(bound) {
    // Values past the last whole multiple of `bound` are drawn again, or small results would be likelier.
    const ceiling = 2 ** 32 - (2 ** 32 % bound);
    const word = new Uint32Array(1);
    do crypto.getRandomValues(word);
    while ((word[0] as number) >= ceiling);
    return (word[0] as number) % bound;
  },
};
