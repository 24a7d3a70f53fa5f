/** Turns epochs: calls voting end and epoch change when they are due. */
import { type EpochSchedule, initiateEpochChange, isMoveAbort, transactionOf, votingEnd } from '@floe/contracts';
import type { Operator } from '../ledger-port.ts';
import { JITTER_EPOCH_SHARE, JITTER_LONGEST_MS } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import { type DueCall, type DueCallModules, makeWhenDue } from './due-calls.ts';
import { reasonOf } from './waiting.ts';

export interface DriverModules extends DueCallModules {
  readonly operator: Operator;
  readonly metrics: NodeMetrics;
}

type EpochCall = 'voting_end' | 'initiate_epoch_change_v2';

/** What to call next, and from when on the ledger accepts it, Unix ms. */
export interface EpochStep {
  readonly call: EpochCall;
  readonly dueMs: number;
}

type DueStep = EpochStep & DueCall;

/** The call that the state waits for; undefined while members may take their time to attest. */
export function nextStep(schedule: EpochSchedule): EpochStep | undefined {
  const { phase, votingEndMs, changeMs } = schedule;
  if (votingEndMs !== undefined) return { call: 'voting_end', dueMs: votingEndMs };
  if (phase === 'selected' && changeMs !== undefined) return { call: 'initiate_epoch_change_v2', dueMs: changeMs };
  return undefined;
}

/** Drives until `signal` aborts, then rejects with its reason. */
export async function driveEpochs({ signal }: { signal: AbortSignal }, modules: DriverModules): Promise<never> {
  const { operator, metrics } = modules;
  const look = async (): Promise<DueStep | undefined> => {
    const schedule = await operator.ledger.epochSchedule({ fresh: true, signal });
    metrics.epochState.set(['sync', 'done', 'selected'].indexOf(schedule.phase));
    const step = nextStep(schedule);
    if (step === undefined) return undefined;
    const { epoch, epochDurationMs } = schedule;
    const spreadMs = Math.min(JITTER_LONGEST_MS, epochDurationMs * JITTER_EPOCH_SHARE);
    return { ...step, epoch, epochDurationMs, spreadMs };
  };
  return makeWhenDue({ look, make: (due) => makeCall(due, signal, modules) }, { signal }, modules);
}

/** Whether the call took effect. */
async function makeCall({ call, epoch }: DueStep, signal: AbortSignal, modules: DriverModules): Promise<boolean> {
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
