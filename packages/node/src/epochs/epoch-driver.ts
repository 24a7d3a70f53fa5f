/**
 * Turns epochs: calls voting end and epoch change when they are due. Anyone may call them, so every node does, each
 * after a pause by chance; whoever is first spares the others the call.
 *
 * Invariants:
 * - What to call follows from the ledger's state alone, read anew before each call; nothing is remembered across a restart.
 * - A call that fails, because another node was first or for any other reason, leads back to the ledger's state.
 */
import { type EpochSchedule, initiateEpochChange, isMoveAbort, transactionOf, votingEnd } from '@floe/contracts';
import type { Clock, Logger, Rng, Scheduler } from '@floe/platform';
import type { Operator } from '../ledger-port.ts';
import {
  CALL_BACKOFF_FIRST_MS,
  CALL_BACKOFF_LONGEST_MS,
  JITTER_EPOCH_SHARE,
  JITTER_LONGEST_MS,
  SCHEDULE_RECHECK_MS,
} from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { EpochChanges } from './epoch-changes.ts';
import { backoffMs, jitterMs, reasonOf, sleepUntilChange, untilAnswered } from './waiting.ts';

export interface DriverModules {
  readonly operator: Operator;
  readonly changes: EpochChanges;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

type EpochCall = 'voting_end' | 'initiate_epoch_change_v2';

/** What to call next, and from when on the ledger accepts it, Unix ms. */
export interface EpochStep {
  readonly call: EpochCall;
  readonly dueMs: number;
}

/** The call that the state waits for; undefined while members may take their time to attest. */
export function nextStep(schedule: EpochSchedule): EpochStep | undefined {
  const { phase, votingEndMs, changeMs } = schedule;
  if (votingEndMs !== undefined) return { call: 'voting_end', dueMs: votingEndMs };
  if (phase === 'selected' && changeMs !== undefined) return { call: 'initiate_epoch_change_v2', dueMs: changeMs };
  return undefined;
}

interface Plan {
  readonly step: EpochStep;
  readonly epoch: number;
  readonly failures: number;
  readonly atMs: number;
}

/** Drives until `signal` aborts, then rejects with its reason. */
export async function driveEpochs({ signal }: { signal: AbortSignal }, modules: DriverModules): Promise<never> {
  const { operator, changes, clock, metrics } = modules;
  const patience = { ...modules, signal };
  let plan: Plan | undefined;
  for (;;) {
    const { change } = changes;
    const schedule = await untilAnswered(() => operator.ledger.epochSchedule({ fresh: true, signal }), patience);
    metrics.epochState.set(['sync', 'done', 'selected'].indexOf(schedule.phase));
    const step = nextStep(schedule);
    if (step === undefined) {
      plan = undefined;
      await sleepUntilChange(SCHEDULE_RECHECK_MS, change, patience);
      continue;
    }
    if (plan === undefined || !isSame(plan, step, schedule)) plan = planOf(step, schedule, modules);
    const waitMs = plan.atMs - clock.nowMs();
    if (waitMs > 0) {
      await sleepUntilChange(Math.min(waitMs, SCHEDULE_RECHECK_MS), change, patience);
      continue;
    }
    const isDone = await makeCall(step, schedule, signal, modules);
    // A failed call is planned again, later; the state that is read next says whether it is still wanted.
    const failures = plan.failures + 1;
    plan = isDone ? undefined : { ...plan, failures, atMs: clock.nowMs() + pauseMs(failures, schedule) };
  }
}

/** The same call may become due sooner: when members attest, voting ends long before the deadline of their committee. */
function isSame(plan: Plan, step: EpochStep, { epoch }: EpochSchedule): boolean {
  return plan.step.call === step.call && plan.step.dueMs === step.dueMs && plan.epoch === epoch;
}

function planOf(step: EpochStep, schedule: EpochSchedule, { clock, rng }: DriverModules): Plan {
  const spanMs = Math.min(JITTER_LONGEST_MS, schedule.epochDurationMs * JITTER_EPOCH_SHARE);
  const atMs = Math.max(step.dueMs, clock.nowMs()) + jitterMs(spanMs, rng);
  return { step, epoch: schedule.epoch, failures: 0, atMs };
}

function pauseMs(failures: number, { epochDurationMs }: EpochSchedule): number {
  const longestMs = Math.min(CALL_BACKOFF_LONGEST_MS, Math.max(1, epochDurationMs * JITTER_EPOCH_SHARE));
  return backoffMs(failures, { firstMs: Math.min(CALL_BACKOFF_FIRST_MS, longestMs), longestMs });
}

/** Whether the call took effect. */
async function makeCall(
  { call }: EpochStep,
  { epoch }: EpochSchedule,
  signal: AbortSignal,
  modules: DriverModules,
): Promise<boolean> {
  const { operator, metrics, logger } = modules;
  const { ledger, signer } = operator;
  try {
    const target = await ledger.systemState({ signal });
    const treasuryObjectId = await ledger.treasuryObjectId({ signal });
    const source = transactionOf((transaction) => {
      if (call === 'voting_end') votingEnd(transaction, target);
      else initiateEpochChange(transaction, target, { treasuryObjectId });
    });
    await ledger.execute(source, signer, { signal });
    metrics.epochCalls.add(1, { call, outcome: 'done' });
    logger.info('turned the epoch', { call, epoch });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // Most often another node was first; else the ledger's clock is behind this one's.
    const outcome = isMoveAbort(error, 'staking_inner') ? 'not-due' : 'failed';
    metrics.epochCalls.add(1, { call, outcome });
    const reason = reasonOf(error);
    if (outcome === 'not-due') logger.debug('the ledger did not want the call', { call, epoch, reason });
    else logger.warn('could not turn the epoch; trying again', { call, epoch, reason });
    return false;
  }
}
