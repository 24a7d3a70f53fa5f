/** Waiting between two looks at the ledger. */
import { isFloeError, type Logger, type Rng, type Scheduler } from '@floe/platform';
import { READ_BACKOFF_FIRST_MS, READ_BACKOFF_LONGEST_MS } from '../limits.ts';

/** The ledger's answer, however long it takes to get one; rejects with the signal's reason only. */
export async function untilAnswered<T>(
  ask: () => Promise<T>,
  modules: { readonly scheduler: Scheduler; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<T> {
  const { scheduler, logger, signal } = modules;
  for (let failures = 1; ; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      const delayMs = backoffMs(failures, { firstMs: READ_BACKOFF_FIRST_MS, longestMs: READ_BACKOFF_LONGEST_MS });
      logger.warn('the ledger does not say where its epoch stands; asking again', { reason: reasonOf(error), delayMs });
      await scheduler.sleep(delayMs, signal);
    }
  }
}

/** For logs. */
export function reasonOf(error: unknown): string {
  if (isFloeError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Sleeps for `delayMs` or until `change`, whichever is first; rejects with the signal's reason. */
export async function sleepUntilChange(
  delayMs: number,
  change: Promise<void>,
  { scheduler, signal }: { readonly scheduler: Scheduler; readonly signal: AbortSignal },
): Promise<void> {
  const woken = new AbortController();
  const sleeping = scheduler.sleep(delayMs, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
  await Promise.race([sleeping, change]);
  woken.abort();
  signal.throwIfAborted();
}

/** A share of `spanMs` by chance, so that the nodes of a committee do not all act at one moment. */
export function jitterMs(spanMs: number, rng: Rng): number {
  return Math.floor((Math.max(0, spanMs) * rng.below(2 ** 20)) / 2 ** 20);
}

/** Pause after the `failures`-th failure in a row: doubles from the first to the longest. */
export function backoffMs(failures: number, bounds: { readonly firstMs: number; readonly longestMs: number }): number {
  return Math.min(bounds.firstMs * 2 ** Math.min(failures - 1, 30), bounds.longestMs);
}
