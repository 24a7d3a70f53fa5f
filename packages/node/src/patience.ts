/** Waiting for what passes: a ledger that cannot be reached for a while, a disk that is full or fails. */
import { isFloeError, type Logger, type Scheduler } from '@floe/platform';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;

interface PatienceModules {
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Runs `work` until it succeeds or fails for another reason than the ledger being unavailable. */
export function patiently<T>(work: () => Promise<T>, modules: PatienceModules): Promise<T> {
  const isAway = (error: unknown): boolean => isFloeError(error) && error.kind === 'unavailable';
  return repeated(work, { passes: isAway, message: 'the ledger is not available; trying again' }, modules);
}

/** Runs `work`, which may be run again after it failed half-way, until it succeeds or fails for another reason than a disk that takes no writes. */
export function despiteDisk<T>(work: () => Promise<T>, modules: PatienceModules): Promise<T> {
  return repeated(work, { passes: isDiskTrouble, message: 'the disk takes no writes; trying again' }, modules);
}

/** Whether something was not written because the disk is full or fails: it may be written later, and reads go on. */
export function isDiskTrouble(error: unknown): boolean {
  if (!isFloeError(error)) return false;
  // A database that cannot be read is damaged: that does not pass.
  return error.code === 'STORE_FAILED' ? error.data['operation'] === 'write' : DISK_CODES.has(error.code);
}

const DISK_CODES: ReadonlySet<string> = new Set(['DISK_FULL', 'IO_FAILED', 'STORE_FULL', 'INSUFFICIENT_STORAGE']);

async function repeated<T>(
  work: () => Promise<T>,
  trouble: { readonly passes: (error: unknown) => boolean; readonly message: string },
  modules: PatienceModules,
): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (error) {
      modules.signal.throwIfAborted();
      if (!trouble.passes(error)) throw error;
      modules.logger.warn(trouble.message, { reason: (error as Error).message, delayMs });
      await modules.scheduler.sleep(delayMs, modules.signal);
    }
  }
}
