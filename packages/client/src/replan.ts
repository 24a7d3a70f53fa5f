/** Transactions pay exactly what was read; when prices or the epoch have changed by then, they are planned anew. */
import { isMoveAbort, type SystemInfo } from '@floe/contracts';
import type { LedgerPort } from './ledger-port.ts';
import { MAX_REPLANS } from './limits.ts';

/** Whether anything that a plan is made from differs. */
export function hasMoved(before: SystemInfo, after: SystemInfo): boolean {
  return (['epoch', 'storagePrice', 'writePrice', 'packageId'] as const).some((key) => before[key] !== after[key]);
}

/** Runs `act` with the state of the system; again with a fresh one when it aborted and that is another. */
export async function replanning<T>(
  ledger: LedgerPort,
  signal: AbortSignal | undefined,
  act: (system: SystemInfo) => Promise<T>,
): Promise<T> {
  let system = await ledger.systemState({ signal });
  for (let replans = 0; ; replans += 1) {
    try {
      return await act(system);
    } catch (error) {
      if (!isMoveAbort(error) || replans >= MAX_REPLANS) throw error;
      const fresh = await ledger.systemState({ fresh: true, signal });
      if (!hasMoved(system, fresh)) throw error;
      system = fresh;
    }
  }
}
