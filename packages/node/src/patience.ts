/** Waiting for a ledger that cannot be reached for a while. */
import { isFloeError, type Logger, type Scheduler } from '@floe/platform';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;

/** Runs `work` until it succeeds or fails for another reason than the ledger being unavailable. */
export async function patiently<T>(
  work: () => Promise<T>,
  modules: { readonly scheduler: Scheduler; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (error) {
      modules.signal.throwIfAborted();
      if (!isFloeError(error) || error.kind !== 'unavailable') throw error;
      modules.logger.warn('the ledger is not available; trying again', { reason: error.message, delayMs });
      await modules.scheduler.sleep(delayMs, modules.signal);
    }
  }
}
