/**
 * Makes calls that anyone may make, when they are due: every node does, each after a pause by chance; whoever is first
 * spares the others the call.
 *
 * Invariants:
 * - What to call follows from the ledger's state alone, read anew before each call; nothing is remembered across a restart.
 * - A call that fails, because another node was first or for any other reason, leads back to the ledger's state.
 */
import type { Clock, Logger, Rng, Scheduler } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import { CALL_BACKOFF_FIRST_MS, CALL_BACKOFF_LONGEST_MS, JITTER_EPOCH_SHARE, SCHEDULE_RECHECK_MS } from '../limits.ts';
import type { EpochChanges } from './epoch-changes.ts';
import { backoffMs, jitterMs, sleepUntilChange, untilAnswered } from './waiting.ts';

/** A call that the ledger's state waits for. */
export interface DueCall {
  readonly call: string;
  readonly epoch: Epoch;
  /** From when on the ledger accepts it, or it is wanted; Unix ms. */
  readonly dueMs: number;
  /** It is made within this time after that. */
  readonly spreadMs: number;
  readonly epochDurationMs: number;
}

export interface DueCallModules {
  readonly changes: EpochChanges;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly logger: Logger;
}

interface Plan<Call extends DueCall> {
  readonly due: Call;
  readonly failures: number;
  readonly atMs: number;
}

/**
 * Goes on until `signal` aborts, then rejects with its reason.
 *
 * @param work `look`: what to call next, as the ledger stands; undefined while there is nothing. `make`: makes the call,
 *   and says whether it took effect
 */
export async function makeWhenDue<Call extends DueCall>(
  work: { readonly look: () => Promise<Call | undefined>; readonly make: (due: Call) => Promise<boolean> },
  { signal }: { readonly signal: AbortSignal },
  modules: DueCallModules,
): Promise<never> {
  const { changes, clock, rng } = modules;
  const patience = { ...modules, signal };
  let plan: Plan<Call> | undefined;
  for (;;) {
    const { change } = changes;
    const due = await untilAnswered(work.look, patience);
    if (due === undefined) {
      plan = undefined;
      await sleepUntilChange(SCHEDULE_RECHECK_MS, change, patience);
      continue;
    }
    if (plan === undefined || !isSame(plan.due, due)) {
      plan = { due, failures: 0, atMs: Math.max(due.dueMs, clock.nowMs()) + jitterMs(due.spreadMs, rng) };
    }
    const waitMs = plan.atMs - clock.nowMs();
    if (waitMs > 0) {
      await sleepUntilChange(Math.min(waitMs, SCHEDULE_RECHECK_MS), change, patience);
      continue;
    }
    const isDone = await work.make(due);
    // A failed call is planned again, later; the state that is read next says whether it is still wanted.
    const failures = plan.failures + 1;
    plan = isDone ? undefined : { ...plan, failures, atMs: clock.nowMs() + pauseMs(failures, due) };
  }
}

/** The same call may become due sooner: when members attest, voting ends long before the deadline of their committee. */
function isSame(planned: DueCall, due: DueCall): boolean {
  return planned.call === due.call && planned.dueMs === due.dueMs && planned.epoch === due.epoch;
}

function pauseMs(failures: number, { epochDurationMs }: DueCall): number {
  const longestMs = Math.min(CALL_BACKOFF_LONGEST_MS, Math.max(1, epochDurationMs * JITTER_EPOCH_SHARE));
  return backoffMs(failures, { firstMs: Math.min(CALL_BACKOFF_FIRST_MS, longestMs), longestMs });
}
