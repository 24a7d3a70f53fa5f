/**
 * A codec that other reads keep busy (QUEUE_FULL) is waited for: half a blob may be out already, and asking for it all
 * again would make it busier. Each piece of work waits at most as long as a read may take.
 */
import { isFloeError, type Scheduler } from '@floe/platform';
import type { ClientLimits } from './limits.ts';
import { retry } from './retry.ts';

export interface BusyCodecModules {
  readonly scheduler: Scheduler;
  readonly limits: Pick<ClientLimits, 'minBackoffMs' | 'maxBackoffMs' | 'readTimeoutMs'>;
}

/** What `work` asks of the codec, once that takes it. @throws QUEUE_FULL when it does not in all that time */
export async function whenNotBusy<T>(
  signal: AbortSignal,
  { scheduler, limits }: BusyCodecModules,
  work: () => Promise<T>,
): Promise<T> {
  const again = (error: unknown, failures: number) =>
    isFloeError(error, 'QUEUE_FULL') && failures * limits.maxBackoffMs <= limits.readTimeoutMs;
  return await retry({ scheduler, signal, ...limits, again }, work);
}
