/**
 * Trying again: exponential pauses on the scheduler's time, bounded in number or by a deadline of the caller's, and never sooner than
 * who refused asked for.
 */
import { pause, type Scheduler } from '@floe/platform';
import { MAX_RETRY_AFTER_MS } from './limits.ts';

export interface RetryOptions {
  readonly scheduler: Scheduler;
  readonly signal: AbortSignal;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Whether to try again after the `failures`-th failure in a row. */
  readonly again: (error: unknown, failures: number) => boolean;
}

const retryAfterMs = new WeakMap<object, number>();

/** Notes what the answer that `error` is of said in `retry-after`: seconds, or nothing that is understood here. */
export function noteRetryAfter(error: Error, header: string | undefined): void {
  const seconds = Number(header ?? '');
  if (seconds > 0 && Number.isFinite(seconds)) retryAfterMs.set(error, Math.min(MAX_RETRY_AFTER_MS, seconds * 1000));
}

/** The result of the first try that succeeds; the last error when `again` says no. */
export async function retry<T>(options: RetryOptions, work: () => Promise<T>): Promise<T> {
  const { scheduler, signal, minBackoffMs, maxBackoffMs, again } = options;
  for (let failures = 1; ; failures += 1) {
    let askedMs = 0;
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!again(error, failures)) throw error;
      askedMs = retryAfterMs.get(error as object) ?? 0;
    }
    await pause(scheduler, Math.max(askedMs, Math.min(maxBackoffMs, minBackoffMs * 2 ** (failures - 1))), signal);
  }
}
