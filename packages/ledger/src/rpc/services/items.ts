/** What queries and subscriptions deliver: the matching checkpoints, transactions or events of one checkpoint. */
import type { GrpcTypes } from '@mysten/sui/grpc';
import type { CheckpointRecord, LedgerApi } from '../../api.ts';
import type { FieldMask } from '../field-mask.ts';
import { renderCommitted, transactionOf } from '../rendering/checkpoints.ts';
import { renderEvent } from '../rendering/effects.ts';
import { digestText } from '../rendering/values.ts';
import { compileEventFilter, compileTransactionFilter } from './filters.ts';
import { endOf, positionOf } from './positions.ts';
import type { ItemsOf } from './queries.ts';

/** The checkpoint itself, when the filter is absent or matches any of its transactions. */
export function checkpointItems<Message>(
  ledger: LedgerApi,
  filter: GrpcTypes.TransactionFilter | undefined,
  render: (record: CheckpointRecord) => Message,
): ItemsOf<Message> {
  const matches = compileTransactionFilter(filter);
  return (record) => {
    const found =
      filter === undefined || record.transactions.some(({ digest }) => matches(transactionOf(ledger, digest)));
    return found ? [{ position: endOf(record.sequence), render: () => render(record) }] : [];
  };
}

/** Matching transactions. */
export function transactionItems(
  ledger: LedgerApi,
  filter: GrpcTypes.TransactionFilter | undefined,
  mask: FieldMask,
): ItemsOf<GrpcTypes.ExecutedTransaction> {
  const matches = compileTransactionFilter(filter);
  return (checkpoint) =>
    checkpoint.transactions.flatMap(({ digest }, index) => {
      const record = transactionOf(ledger, digest);
      if (!matches(record)) return [];
      const position = positionOf(checkpoint.sequence, index);
      return [{ position, render: () => renderCommitted(record, BigInt(index), mask) }];
    });
}

/** Matching events. */
export function eventItems(
  ledger: LedgerApi,
  filter: GrpcTypes.EventFilter | undefined,
  render: (event: GrpcTypes.Event) => GrpcTypes.Event,
): ItemsOf<GrpcTypes.Event> {
  const matches = compileEventFilter(filter);
  return (checkpoint) =>
    checkpoint.transactions.flatMap(({ digest }, index) => {
      const place = { checkpoint: checkpoint.sequence, transactionIndex: BigInt(index) };
      return transactionOf(ledger, digest).events.flatMap((event, eventIndex) => {
        if (!matches(event)) return [];
        const position = positionOf(checkpoint.sequence, index, eventIndex);
        return [{ position, render: () => render(renderEvent(event, eventIndex, digestText(digest), place)) }];
      });
    });
}
