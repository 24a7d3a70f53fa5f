/**
 * `ListCheckpoints`, `ListTransactions`, `ListEvents`: items of a range of the chain, as a stream of frames.
 *
 * Every frame has a watermark whose cursor resumes the query after it; the last frame, and no other, has `end`. A range
 * that begins beyond the tip is empty, not an error: followers list up to the tip and then subscribe.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CheckpointRecord, LedgerApi } from '../../api.ts';
import { applyFieldMask, parseFieldMask } from '../field-mask.ts';
import { rpcLimits } from '../limits.ts';
import { checkpointDefaults, renderCheckpoint } from '../rendering/checkpoints.ts';
import { checkpointItems, eventItems, transactionItems } from './items.ts';
import { type Position, comparePositions, decodeCursor, encodeCursor, endOf, startOf } from './positions.ts';

const Reason = GrpcTypes.QueryEndReason;

/** Something at a position; `render` makes its message. */
export interface QueryItem<Message> {
  readonly position: Position;
  readonly render: () => Message;
}

/** The items of one checkpoint that match, in order. */
export type ItemsOf<Message> = (record: CheckpointRecord) => readonly QueryItem<Message>[];

interface QueryRequest {
  readonly startCheckpoint?: bigint;
  readonly endCheckpoint?: bigint;
  readonly options?: GrpcTypes.QueryOptions;
}

interface QueryFrame<Message> {
  readonly item?: Message;
  readonly watermark: GrpcTypes.Watermark;
  readonly end?: GrpcTypes.QueryEnd;
}

export function listCheckpoints(
  ledger: LedgerApi,
  request: GrpcTypes.ListCheckpointsRequest,
): AsyncIterable<GrpcTypes.ListCheckpointsResponse> {
  const mask = parseFieldMask(GrpcTypes.Checkpoint, request.readMask, checkpointDefaults);
  const items = checkpointItems(ledger, request.filter, (record) => renderCheckpoint(ledger, record, mask));
  return mapFrames(query(ledger, planOf(ledger, request), items), ({ item, ...rest }) => ({
    checkpoint: item,
    ...rest,
  }));
}

export function listTransactions(
  ledger: LedgerApi,
  request: GrpcTypes.ListTransactionsRequest,
): AsyncIterable<GrpcTypes.ListTransactionsResponse> {
  const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, ['digest']);
  const items = transactionItems(ledger, request.filter, mask);
  return mapFrames(query(ledger, planOf(ledger, request), items), ({ item, ...rest }) => ({
    transaction: item,
    ...rest,
  }));
}

export function listEvents(
  ledger: LedgerApi,
  request: GrpcTypes.ListEventsRequest,
): AsyncIterable<GrpcTypes.ListEventsResponse> {
  const mask = parseFieldMask(GrpcTypes.Event, request.readMask, ['event_type']);
  const items = eventItems(ledger, request.filter, (event) => applyFieldMask(GrpcTypes.Event, event, mask));
  return mapFrames(query(ledger, planOf(ledger, request), items), ({ item, ...rest }) => ({ event: item, ...rest }));
}

/** What a query covers: checkpoints `from` up to, not including, `to`; items strictly between `after` and `before`. */
interface QueryPlan {
  readonly from: bigint;
  readonly to: bigint;
  readonly after: Position | undefined;
  readonly before: Position | undefined;
  readonly limit: number;
  readonly descending: boolean;
  /** Why the scan ends when it has seen everything. */
  readonly completion: number;
}

/** @throws RPC_INVALID_FIELD */
function planOf(ledger: LedgerApi, request: QueryRequest): QueryPlan {
  const { options } = request;
  const after = decodeCursor('options.after', options?.after);
  const before = decodeCursor('options.before', options?.before);
  const descending = options?.ordering === GrpcTypes.Ordering.DESCENDING;
  const tip = (ledger.getCheckpoint('latest')?.sequence ?? -1n) + 1n;
  const from = largest(request.startCheckpoint ?? 0n, after?.checkpoint ?? 0n);
  const ends = [tip, request.endCheckpoint ?? tip, before === undefined ? tip : before.checkpoint + 1n];
  const to = ends.reduce((a, b) => (b < a ? b : a));
  const limit = Math.min(options?.limit ?? rpcLimits.defaultQueryItems, rpcLimits.maxQueryItems);
  const completion = completionOf({ request, after, before, descending, tip, to });
  return { from, to, after, before, limit: Math.max(limit, 1), descending, completion };
}

function completionOf(bounds: {
  request: QueryRequest;
  after: Position | undefined;
  before: Position | undefined;
  descending: boolean;
  tip: bigint;
  to: bigint;
}): number {
  const { request, after, before, descending, tip, to } = bounds;
  const cursor = descending ? after : before;
  if (descending) {
    const start = request.startCheckpoint ?? 0n;
    return cursor !== undefined && cursor.checkpoint >= start ? Reason.CURSOR_BOUND : Reason.CHECKPOINT_BOUND;
  }
  if (cursor !== undefined && to === cursor.checkpoint + 1n) return Reason.CURSOR_BOUND;
  return request.endCheckpoint !== undefined && request.endCheckpoint <= tip
    ? Reason.CHECKPOINT_BOUND
    : Reason.LEDGER_TIP;
}

async function* query<Message>(
  ledger: LedgerApi,
  plan: QueryPlan,
  itemsOf: ItemsOf<Message>,
): AsyncIterable<QueryFrame<Message>> {
  let count = 0;
  let scanned = 0;
  let covered: bigint | undefined;
  let cursor = startCursor(plan);
  for (const record of recordsOf(ledger, plan)) {
    if (scanned === rpcLimits.queryScanCheckpoints) {
      yield { watermark: watermarkOf(cursor, covered), end: { reason: Reason.SCAN_LIMIT } };
      return;
    }
    scanned += 1;
    const items = itemsOf(record).filter(({ position }) => isInside(plan, position));
    for (const item of plan.descending ? [...items].reverse() : items) {
      count += 1;
      cursor = item.position;
      // A checkpoint as an item covers itself; an item inside one leaves the rest of it open.
      if (comparePositions(item.position, endOf(record.sequence)) === 0) covered = record.sequence;
      const end = count === plan.limit ? { reason: Reason.ITEM_LIMIT } : undefined;
      yield { item: item.render(), watermark: watermarkOf(cursor, covered), end };
      if (end !== undefined) return;
    }
    covered = record.sequence;
    cursor = plan.descending ? startOf(record.sequence) : endOf(record.sequence);
  }
  yield { watermark: watermarkOf(finalCursor(plan, cursor), covered), end: { reason: plan.completion } };
}

/** Where the scan begins: resuming there repeats nothing and loses nothing. */
function startCursor(plan: QueryPlan): Position {
  if (plan.descending) return plan.before ?? startOf(plan.to);
  return plan.after ?? startOf(plan.from);
}

/** A cursor bound is where a resumed query must not go past, so the last frame names it. */
function finalCursor(plan: QueryPlan, scannedTo: Position): Position {
  if (plan.completion !== Reason.CURSOR_BOUND) return scannedTo;
  return (plan.descending ? plan.after : plan.before) ?? scannedTo;
}

function isInside({ after, before }: QueryPlan, position: Position): boolean {
  if (after !== undefined && comparePositions(position, after) <= 0) return false;
  return before === undefined || comparePositions(position, before) < 0;
}

/** Checkpoints are read a few at a time: a consumer that stops early costs little. */
const READ_AHEAD = 16;

function* recordsOf(ledger: LedgerApi, { from, to, descending }: QueryPlan): Iterable<CheckpointRecord> {
  let next = descending ? to - 1n : from;
  for (;;) {
    if (descending ? next < from || next < 0n : next >= to) return;
    const records = ledger.listCheckpoints(next, READ_AHEAD, { descending });
    for (const record of records) {
      if (record.sequence < from || record.sequence >= to) return;
      yield record;
    }
    const last = records.at(-1);
    if (last === undefined) return;
    next = last.sequence + (descending ? -1n : 1n);
  }
}

/** Renders frames into the response messages of a method. */
async function* mapFrames<Message, Response>(
  frames: AsyncIterable<QueryFrame<Message>>,
  render: (frame: QueryFrame<Message>) => Response,
): AsyncIterable<Response> {
  for await (const frame of frames) yield render(frame);
}

export function watermarkOf(cursor: Position, covered: bigint | undefined): GrpcTypes.Watermark {
  return { cursor: encodeCursor(cursor), checkpoint: covered };
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
