/**
 * Has subsidies processed (Walrus contract rules: subsidies): shortly before an epoch ends, for what users paid in it,
 * and right after it changed, for the fixed part of the members of the epoch before. Only where a pool of subsidies is
 * configured: no object of the ledger names one.
 */
import { type EpochSchedule, processSubsidies, type SubsidiesInfo, transactionOf } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { Operator } from '../ledger-port.ts';
import { JITTER_EPOCH_SHARE, JITTER_LONGEST_MS, SUBSIDIES_LEAD_MS } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import { type DueCall, type DueCallModules, makeWhenDue } from './due-calls.ts';
import { reasonOf } from './waiting.ts';

export interface SubsidiesModules extends DueCallModules {
  readonly operator: Operator;
  readonly metrics: NodeMetrics;
}

const CALL = 'process_subsidies';

interface DueSubsidies extends DueCall {
  readonly subsidies: Pick<SubsidiesInfo, 'objectId' | 'packageId'>;
}

/** When subsidies are to be processed next, and within which time; undefined when they were for now. */
export function nextSubsidies(
  schedule: Pick<EpochSchedule, 'epoch' | 'epochDurationMs' | 'changeMs'>,
  subsidies: Pick<SubsidiesInfo, 'latestEpoch' | 'processedMs'>,
): { readonly dueMs: number; readonly spreadMs: number } | undefined {
  const { epoch, epochDurationMs, changeMs } = schedule;
  const share = epochDurationMs * JITTER_EPOCH_SHARE;
  // The epoch before has not been paid for: due since the change, whenever that was.
  if (epoch > 0 && subsidies.latestEpoch < epoch - 1) return { dueMs: 0, spreadMs: Math.min(JITTER_LONGEST_MS, share) };
  if (changeMs === undefined) return undefined;
  const leadMs = Math.min(SUBSIDIES_LEAD_MS, share);
  const dueMs = changeMs - leadMs;
  return subsidies.processedMs < dueMs ? { dueMs, spreadMs: leadMs / 2 } : undefined;
}

/** Goes on until `signal` aborts, then rejects with its reason. */
export async function driveSubsidies(
  options: { readonly subsidiesObjectId: ObjectId; readonly signal: AbortSignal },
  modules: SubsidiesModules,
): Promise<never> {
  const { subsidiesObjectId, signal } = options;
  const { ledger } = modules.operator;
  const look = async (): Promise<DueSubsidies | undefined> => {
    const subsidies = await ledger.subsidies(subsidiesObjectId, { signal });
    if (subsidies === undefined) {
      modules.logger.error('there is no such pool of subsidies', { subsidiesObjectId });
      return undefined;
    }
    const schedule = await ledger.epochSchedule({ fresh: true, signal });
    const next = nextSubsidies(schedule, subsidies);
    const { epoch, epochDurationMs } = schedule;
    return next === undefined ? undefined : { ...next, call: CALL, epoch, epochDurationMs, subsidies };
  };
  return makeWhenDue({ look, make: (due) => callFor(due, signal, modules) }, options, modules);
}

/** Whether it took effect. */
async function callFor(
  { epoch, subsidies }: DueSubsidies,
  signal: AbortSignal,
  { operator, metrics, logger }: SubsidiesModules,
): Promise<boolean> {
  const { ledger, signer } = operator;
  try {
    const target = await ledger.systemState({ signal });
    const source = transactionOf((transaction) => processSubsidies(transaction, target, subsidies));
    await ledger.execute(source, signer, { signal });
    metrics.epochCalls.add(1, { call: CALL, outcome: 'done' });
    logger.info('had subsidies processed', { epoch });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    metrics.epochCalls.add(1, { call: CALL, outcome: 'failed' });
    logger.warn('subsidies could not be processed; trying again', { epoch, reason: reasonOf(error) });
    return false;
  }
}
