/** Transactions with a proof that holds in one epoch only. */
import { isMoveAbort, type SystemInfo } from '@floe/contracts';

interface SystemReader {
  systemState(options: { readonly fresh: true; readonly signal: AbortSignal }): Promise<SystemInfo>;
}

/** Runs `act` with the state of the system; again when its proof was refused because the epoch had turned on the way. */
export async function inCurrentEpoch<T>(
  ledger: SystemReader,
  signal: AbortSignal,
  act: (system: SystemInfo) => Promise<T>,
): Promise<T> {
  let system = await ledger.systemState({ fresh: true, signal });
  for (;;) {
    try {
      return await act(system);
    } catch (error) {
      if (!isMoveAbort(error, undefined, 'EInvalidProofOfPossession')) throw error;
      const now = await ledger.systemState({ fresh: true, signal });
      if (now.epoch === system.epoch) throw error;
      system = now;
    }
  }
}
