/**
 * Follows the ledger's checkpoints in order and without gaps, from any one on; where the ledger has pruned, those that it
 * kept. A subscription is opened first and the
 * list read after it, so nothing that happens between the two is missed; a gap, a broken connection or a long silence
 * goes back to the list. Each checkpoint is delivered exactly once; memory is bounded on both ways.
 */
import { deferred } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import { ledgerErrors } from '../errors.ts';
import { CHECKPOINT_PAGE_SIZE, MAX_BUFFERED_CHECKPOINTS, SUBSCRIPTION_SILENCE_MS } from '../limits.ts';
import { type LedgerCalls, callTimeoutMs, retryDelayMs } from './calls.ts';
import { contractEvents, type EventPackages, timestampMs } from './contract-events.ts';
import { callFailure, isNotFound, isUnimplemented } from './failures.ts';
import type { CheckpointRecord } from './types.ts';

const CHECKPOINT_MASK = {
  paths: ['sequence_number', 'summary.timestamp', 'transactions.digest', 'transactions.events'],
};

/**
 * Checkpoints from `from` on, for ever; ends only by throwing: the signal's reason, or what is not worth another try.
 * While the ledger cannot be reached it keeps trying, with growing pauses.
 */
export async function* followCheckpoints(
  calls: LedgerCalls,
  options: { readonly from: bigint; readonly packages: EventPackages; readonly signal: AbortSignal },
): AsyncGenerator<CheckpointRecord, never> {
  const { packages, signal } = options;
  let next = options.from;
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    const subscription = openSubscription(calls, signal);
    try {
      await subscription.opened;
      let lowest = await lowestCheckpoint(calls, signal);
      for await (const checkpoint of readToTip(calls, next, signal)) {
        const sequence = sequenceOf(checkpoint);
        // It may have pruned on while it was read.
        if (sequence > next && sequence > lowest) lowest = await lowestCheckpoint(calls, signal);
        if (sequence > next && sequence <= lowest) next = sequence;
        const record = recordOf(calls, checkpoint, next, packages);
        yield next < lowest ? { ...record, isPartial: true } : record;
        next += 1n;
        failures = 0;
      }
      for (;;) {
        const checkpoint = await subscription.take(SUBSCRIPTION_SILENCE_MS);
        // Nothing for long, or something skipped: the list knows.
        if (checkpoint === undefined || sequenceOf(checkpoint) > next) break;
        if (sequenceOf(checkpoint) < next) continue;
        yield recordOf(calls, checkpoint, next, packages);
        next += 1n;
        failures = 0;
      }
    } catch (error) {
      signal.throwIfAborted();
      const failure = callFailure(calls.url, 'following checkpoints', error, callTimeoutMs('ListCheckpoints'));
      if (failure.kind !== 'unavailable') throw failure;
      failures += 1;
      await calls.scheduler.sleep(retryDelayMs(failures), signal);
    } finally {
      subscription.close();
    }
  }
}

/** Checkpoints from `from` to the tip, a page at a time; of a ledger without ListCheckpoints, one by one. */
async function* readToTip(calls: LedgerCalls, from: bigint, signal: AbortSignal): AsyncGenerator<GrpcTypes.Checkpoint> {
  let next = from;
  try {
    for (;;) {
      const page = await listPage(calls, next, signal);
      yield* page.checkpoints;
      const last = page.checkpoints.at(-1);
      if (last !== undefined) next = sequenceOf(last) + 1n;
      if (page.atTip) return;
    }
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
  }
  for (;;) {
    const checkpoint = await getCheckpoint(calls, next, signal);
    if (checkpoint === undefined) return;
    yield checkpoint;
    next += 1n;
  }
}

async function listPage(
  calls: LedgerCalls,
  startCheckpoint: bigint,
  signal: AbortSignal,
): Promise<{ checkpoints: GrpcTypes.Checkpoint[]; atTip: boolean }> {
  const call = calls.sui.ledgerService.listCheckpoints(
    { startCheckpoint, readMask: CHECKPOINT_MASK, options: { limit: CHECKPOINT_PAGE_SIZE } },
    { abort: signal },
  );
  const checkpoints: GrpcTypes.Checkpoint[] = [];
  let reason: GrpcTypes.QueryEndReason | undefined;
  for await (const frame of call.responses) {
    if (frame.checkpoint !== undefined) checkpoints.push(frame.checkpoint);
    if (frame.end !== undefined) reason = frame.end.reason ?? GrpcTypes.QueryEndReason.UNKNOWN;
    if (checkpoints.length > CHECKPOINT_PAGE_SIZE) throw misbehaved(calls, 'more checkpoints than were asked for');
  }
  if (reason === undefined) throw misbehaved(calls, 'a list of checkpoints without an end');
  return { checkpoints, atTip: reason === GrpcTypes.QueryEndReason.LEDGER_TIP || checkpoints.length === 0 };
}

/** From which on it has every checkpoint; 0 for one that does not say. */
async function lowestCheckpoint(calls: LedgerCalls, signal: AbortSignal): Promise<bigint> {
  try {
    const { response } = await calls.sui.ledgerService.getServiceInfo({}, { abort: signal });
    return response.lowestAvailableCheckpoint ?? 0n;
  } catch (error) {
    if (isUnimplemented(error)) return 0n;
    throw error;
  }
}

async function getCheckpoint(
  calls: LedgerCalls,
  sequenceNumber: bigint,
  signal: AbortSignal,
): Promise<GrpcTypes.Checkpoint | undefined> {
  try {
    const call = calls.sui.ledgerService.getCheckpoint(
      { checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber }, readMask: CHECKPOINT_MASK },
      { abort: signal },
    );
    return (await call).response.checkpoint;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

interface Subscription {
  /** Resolves when the ledger has accepted it: what happens from then on will arrive. */
  readonly opened: Promise<void>;
  /** The next checkpoint; undefined after `silenceMs` without one, or when too many waited. Rejects when it broke. */
  take(silenceMs: number): Promise<GrpcTypes.Checkpoint | undefined>;
  close(): void;
}

function openSubscription(calls: LedgerCalls, signal: AbortSignal): Subscription {
  const connection = new AbortController();
  const call = calls.sui.subscriptionService.subscribeCheckpoints(
    { readMask: CHECKPOINT_MASK },
    { abort: connection.signal },
  );
  const buffer: GrpcTypes.Checkpoint[] = [];
  let overflowed = false;
  let ended: { error: unknown } | undefined;
  let wake = deferred<void>();
  const notify = () => {
    wake.resolve();
    wake = deferred<void>();
  };
  call.responses.onMessage(({ checkpoint }) => {
    if (checkpoint === undefined || overflowed) return;
    overflowed = buffer.length >= MAX_BUFFERED_CHECKPOINTS;
    if (overflowed) connection.abort();
    else buffer.push(checkpoint);
    notify();
  });
  const end = (error: unknown) => {
    ended ??= { error };
    notify();
  };
  call.responses.onError(end);
  const stop = () => {
    connection.abort(signal.reason);
    end(signal.reason);
  };
  signal.addEventListener('abort', stop, { once: true });
  call.responses.onComplete(() => end(unreachable(calls, 'the subscription ended')));

  return {
    opened: call.headers.then(() => undefined),
    async take(silenceMs) {
      if (buffer.length === 0 && ended === undefined && !overflowed) {
        const timer = new AbortController();
        const silence = calls.scheduler.sleep(silenceMs, timer.signal).catch(() => undefined);
        await Promise.race([wake.promise, silence]);
        timer.abort();
      }
      const checkpoint = buffer.shift();
      if (checkpoint === undefined && ended !== undefined && !overflowed) throw ended.error;
      return checkpoint;
    },
    close() {
      signal.removeEventListener('abort', stop);
      connection.abort();
    },
  };
}

function recordOf(
  calls: LedgerCalls,
  checkpoint: GrpcTypes.Checkpoint,
  expected: bigint,
  packages: EventPackages,
): CheckpointRecord {
  const timestamp = checkpoint.summary?.timestamp;
  if (sequenceOf(checkpoint) !== expected || timestamp === undefined) {
    throw misbehaved(calls, `checkpoint ${sequenceOf(checkpoint)} where ${expected} with its timestamp was due`);
  }
  return {
    sequence: expected,
    timestampMs: timestampMs(timestamp),
    events: checkpoint.transactions.flatMap((transaction) =>
      contractEvents(transaction.digest ?? '', transaction.events?.events ?? [], packages),
    ),
  };
}

function sequenceOf(checkpoint: GrpcTypes.Checkpoint): bigint {
  return checkpoint.sequenceNumber ?? -1n;
}

function misbehaved(calls: LedgerCalls, reason: string) {
  return ledgerErrors.LEDGER_MISBEHAVED({ url: calls.url, reason });
}

function unreachable(calls: LedgerCalls, reason: string) {
  return ledgerErrors.LEDGER_UNREACHABLE({ url: calls.url, call: 'SubscribeCheckpoints', reason });
}
