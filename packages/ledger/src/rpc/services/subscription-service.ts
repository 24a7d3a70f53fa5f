/**
 * `SubscriptionService`: what happens from now on. A subscription covers every checkpoint after the one that was the
 * latest when the call came, in order and without gaps; to lose nothing, subscribe first, list up to the tip, then read.
 * It has no successful end: when the ledger closes, the call fails with `UNAVAILABLE`.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CheckpointRecord, LedgerApi } from '../../api.ts';
import { rpcErrors } from '../errors.ts';
import { applyFieldMask, parseFieldMask } from '../field-mask.ts';
import { rpcLimits } from '../limits.ts';
import { checkpointDefaults, renderCheckpoint } from '../rendering/checkpoints.ts';
import type { CallContext, RpcService } from '../service.ts';
import { checkpointItems, eventItems, transactionItems } from './items.ts';
import { endOf } from './positions.ts';
import { type ItemsOf, watermarkOf } from './queries.ts';

export function createSubscriptionService(ledger: LedgerApi): RpcService {
  const follow = createFollower(ledger);
  return {
    descriptor: GrpcTypes.SubscriptionService,
    unary: {},
    streams: {
      SubscribeCheckpoints: (request: GrpcTypes.SubscribeCheckpointsRequest, context) => {
        const mask = parseFieldMask(GrpcTypes.Checkpoint, request.readMask, checkpointDefaults);
        const items = checkpointItems(ledger, request.filter, (record) => renderCheckpoint(ledger, record, mask));
        return follow(context, (record) => {
          const [item] = items(record);
          return [{ cursor: record.sequence, checkpoint: item?.render() }];
        });
      },
      SubscribeTransactions: (request: GrpcTypes.SubscribeTransactionsRequest, context) => {
        const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, ['digest']);
        return follow(
          context,
          framesOf(transactionItems(ledger, request.filter, mask), (transaction) => ({ transaction })),
        );
      },
      SubscribeEvents: (request: GrpcTypes.SubscribeEventsRequest, context) => {
        const mask = parseFieldMask(GrpcTypes.Event, request.readMask, ['event_type']);
        const items = eventItems(ledger, request.filter, (event) => applyFieldMask(GrpcTypes.Event, event, mask));
        return follow(
          context,
          framesOf(items, (event) => ({ event })),
        );
      },
    },
  };
}

type Follow = <Frame extends object>(
  context: CallContext,
  framesOfCheckpoint: (record: CheckpointRecord) => readonly Frame[],
) => AsyncIterable<Frame>;

function createFollower(ledger: LedgerApi): Follow {
  let open = 0;
  async function* frames<Frame>(
    from: bigint,
    { signal }: CallContext,
    framesOfCheckpoint: (record: CheckpointRecord) => readonly Frame[],
  ): AsyncIterable<Frame> {
    if (open >= rpcLimits.subscriptions) throw rpcErrors.RPC_SUBSCRIPTIONS_FULL({ limit: rpcLimits.subscriptions });
    open += 1;
    try {
      for await (const record of ledger.subscribe({ from, signal })) yield* framesOfCheckpoint(record);
    } finally {
      open -= 1;
    }
    if (!signal.aborted) throw rpcErrors.RPC_CLOSING({});
  }
  return (context, framesOfCheckpoint) => {
    // Fixed when the call comes, not when its first frame is read.
    const from = (ledger.getCheckpoint('latest')?.sequence ?? -1n) + 1n;
    return frames(from, context, framesOfCheckpoint);
  };
}

/** One frame for each item, then one without an item that moves the watermark past the checkpoint. */
function framesOf<Message, Frame extends object>(
  items: ItemsOf<Message>,
  frameOf: (message: Message) => Frame,
): (record: CheckpointRecord) => (Partial<Frame> & { watermark: GrpcTypes.Watermark })[] {
  return (record) => {
    const covered = record.sequence === 0n ? undefined : record.sequence - 1n;
    return [
      ...items(record).map((item) => ({ ...frameOf(item.render()), watermark: watermarkOf(item.position, covered) })),
      { watermark: watermarkOf(endOf(record.sequence), record.sequence) } as Partial<Frame> & {
        watermark: GrpcTypes.Watermark;
      },
    ];
  };
}
