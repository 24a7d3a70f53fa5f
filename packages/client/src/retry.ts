/** Trying again: exponential pauses on the scheduler's time, bounded in number or by a deadline of the caller's. */
import { pause, type Scheduler } from '@floe/platform';

export interface RetryOptions {
  readonly scheduler: Scheduler;
  readonly signal: AbortSignal;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Whether to try again after the `failures`-th failure in a row. */
  readonly again: (error: unknown, failures: number) => boolean;
}

/** The result of the first try that succeeds; the last error when `again` says no. */
export async function retry<T>(options: RetryOptions, work: () => Promise<T>): Promise<T> {
  const { scheduler, signal, minBackoffMs, maxBackoffMs, again } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!again(error, failures)) throw error;
    }
    await pause(scheduler, Math.min(maxBackoffMs, minBackoffMs * 2 ** (failures - 1)), signal);
  }
}
