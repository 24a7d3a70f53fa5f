/**
 * `ListCheckpoints`, `ListTransactions`, `ListEvents`: items of a range of the chain, as a stream of frames.
 *
 * Every frame has a watermark whose cursor resumes the query after it; the last frame, and no other, has `end`. A range
 * that begins beyond the tip is empty, not an error: followers list up to the tip and then subscribe. What one call reads
 * is bounded (`SCAN_LIMIT`), and it reads in lots, between which the thread is free: it is the one that executes.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CheckpointRecord, LedgerApi } from '../../api.ts';
import { applyFieldMask, parseFieldMask, selects } from '../field-mask.ts';
import { rpcLimits } from '../limits.ts';
import { checkpointDefaults, renderCheckpoint } from '../rendering/checkpoints.ts';
import type { CallContext, Pause } from '../service.ts';
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

/** What a query reads from, and the caller that it reads for. */
export interface QueryContext {
  readonly ledger: LedgerApi;
  readonly signal: CallContext['signal'];
  readonly pause: Pause;
}

/** What a query looks for. */
interface Search<Message> {
  readonly itemsOf: ItemsOf<Message>;
  /** Whether it reads the transactions of the checkpoints that it looks at. */
  readonly readsTransactions: boolean;
}

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
  context: QueryContext,
  request: GrpcTypes.ListCheckpointsRequest,
): AsyncIterable<GrpcTypes.ListCheckpointsResponse> {
  const { ledger } = context;
  const mask = parseFieldMask(GrpcTypes.Checkpoint, request.readMask, checkpointDefaults);
  const itemsOf = checkpointItems(ledger, request.filter, (record) => renderCheckpoint(ledger, record, mask));
  const readsTransactions = request.filter !== undefined || selects(mask, 'transactions') || selects(mask, 'contents');
  return mapFrames(query(context, planOf(ledger, request), { itemsOf, readsTransactions }), ({ item, ...rest }) => ({
    checkpoint: item,
    ...rest,
  }));
}

export function listTransactions(
  context: QueryContext,
  request: GrpcTypes.ListTransactionsRequest,
): AsyncIterable<GrpcTypes.ListTransactionsResponse> {
  const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, ['digest']);
  const itemsOf = transactionItems(context.ledger, request.filter, mask);
  const plan = planOf(context.ledger, request);
  return mapFrames(query(context, plan, { itemsOf, readsTransactions: true }), ({ item, ...rest }) => ({
    transaction: item,
    ...rest,
  }));
}

export function listEvents(
  context: QueryContext,
  request: GrpcTypes.ListEventsRequest,
): AsyncIterable<GrpcTypes.ListEventsResponse> {
  const mask = parseFieldMask(GrpcTypes.Event, request.readMask, ['event_type']);
  const itemsOf = eventItems(context.ledger, request.filter, (event) => applyFieldMask(GrpcTypes.Event, event, mask));
  const plan = planOf(context.ledger, request);
  return mapFrames(query(context, plan, { itemsOf, readsTransactions: true }), ({ item, ...rest }) => ({
    event: item,
    ...rest,
  }));
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
  context: QueryContext,
  plan: QueryPlan,
  { itemsOf, readsTransactions }: Search<Message>,
): AsyncIterable<QueryFrame<Message>> {
  const transactionsOf = (record: CheckpointRecord): number => (readsTransactions ? record.transactions.length : 0);
  let count = 0;
  let checkpoints = 0;
  let transactions = 0;
  let covered: bigint | undefined;
  let cursor = startCursor(plan);
  for await (const record of recordsOf(context, plan, transactionsOf)) {
    if (checkpoints === rpcLimits.queryScanCheckpoints || transactions >= rpcLimits.queryScanTransactions) {
      yield { watermark: watermarkOf(cursor, covered), end: { reason: Reason.SCAN_LIMIT } };
      return;
    }
    checkpoints += 1;
    transactions += transactionsOf(record);
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
  if (context.signal.aborted) return;
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

/** The checkpoints of a plan, in lots; ends early when the caller is gone. */
async function* recordsOf(
  { ledger, signal, pause }: QueryContext,
  { from, to, descending }: QueryPlan,
  transactionsOf: (record: CheckpointRecord) => number,
): AsyncIterable<CheckpointRecord> {
  let next = descending ? to - 1n : from;
  let lot = 0;
  for (;;) {
    if (descending ? next < from || next < 0n : next >= to) return;
    // One at a time: what is read ahead of a pause, pruning may take meanwhile.
    const [record] = ledger.listCheckpoints(next, 1, { descending });
    if (record === undefined || record.sequence < from || record.sequence >= to) return;
    yield record;
    next = record.sequence + (descending ? -1n : 1n);
    lot += 1 + transactionsOf(record);
    if (lot < rpcLimits.queryLotItems) continue;
    await pause();
    if (signal.aborted) return;
    lot = 0;
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
