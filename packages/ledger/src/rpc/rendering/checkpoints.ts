/** Checkpoints as protobuf messages, with their transactions when selected. */
import { equalBytes } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CheckpointRecord, LedgerApi, TransactionRecord } from '../../api.ts';
import { encodeContents } from '../../checkpoint-codec.ts';
import { rpcErrors } from '../errors.ts';
import { type FieldMask, applyFieldMask, maskOf, selects } from '../field-mask.ts';
import { renderGasUsed } from './effects.ts';
import { renderExecuted, renderSignature } from './transactions.ts';
import { digestText, renderTimestamp } from './values.ts';

/** Version of Sui's `CheckpointContents` that the ledger writes. */
const CONTENTS_VERSION = 1;

/** Fields that `GetCheckpoint` returns when the request has no mask. */
export const checkpointDefaults = ['sequence_number', 'digest'] as const;

/**
 * The message of a checkpoint with the mask applied.
 *
 * @param pass what each of its transactions goes through, such as a count of their bytes
 */
export function renderCheckpoint(
  ledger: LedgerApi,
  record: CheckpointRecord,
  mask: FieldMask,
  pass: (transaction: GrpcTypes.ExecutedTransaction) => GrpcTypes.ExecutedTransaction = (transaction) => transaction,
): GrpcTypes.Checkpoint {
  const message: GrpcTypes.Checkpoint = {
    sequenceNumber: record.sequence,
    digest: digestText(record.digest),
    summary: selects(mask, 'summary') ? renderSummary(record) : undefined,
    // The ledger's one Ed25519 signature stands where Sui has its validators' aggregate.
    signature: { epoch: record.epoch, signature: record.signature },
    contents: selects(mask, 'contents') ? renderContents(ledger, record, mask) : undefined,
    transactions: [],
  };
  const masked = applyFieldMask(GrpcTypes.Checkpoint, message, mask);
  if (!selects(mask, 'transactions')) return masked;
  const transactionMask = maskOf(mask, 'transactions');
  const transactions = record.transactions.map(({ digest }, index) =>
    pass(renderCommitted(transactionOf(ledger, digest), BigInt(index), transactionMask)),
  );
  return { ...masked, transactions };
}

/**
 * The message of a committed transaction with the mask applied.
 *
 * @param index its index in its checkpoint; undefined when nothing selected shows it
 */
export function renderCommitted(
  record: TransactionRecord,
  index: bigint | undefined,
  mask: FieldMask,
): GrpcTypes.ExecutedTransaction {
  const { checkpoint, timestampMs, transactionBytes, signatures } = record;
  const position = { checkpoint, transactionIndex: index };
  const context = { transactionBytes, signatures, timestampMs, position };
  return applyFieldMask(GrpcTypes.ExecutedTransaction, renderExecuted(record, context, mask), mask);
}

/** A committed transaction that stands alone: its index is looked up only when the mask shows it. */
export function renderLookedUp(
  ledger: LedgerApi,
  record: TransactionRecord,
  mask: FieldMask,
): GrpcTypes.ExecutedTransaction {
  const shown = selects(mask, 'transaction_index') || selects(mask, 'events');
  return renderCommitted(record, shown ? transactionIndexOf(ledger, record) : undefined, mask);
}

function transactionIndexOf(ledger: LedgerApi, record: TransactionRecord): bigint | undefined {
  const entries = ledger.getCheckpoint(record.checkpoint)?.transactions ?? [];
  const index = entries.findIndex(({ digest }) => equalBytes(digest, record.digest));
  return index === -1 ? undefined : BigInt(index);
}

/** A transaction that a checkpoint names. @throws RPC_NOT_FOUND */
export function transactionOf(ledger: LedgerApi, digest: Uint8Array): TransactionRecord {
  const record = ledger.getTransaction(digest);
  if (record === undefined) throw rpcErrors.RPC_NOT_FOUND({ what: 'Transaction', id: digestText(digest) });
  return record;
}

function renderSummary(record: CheckpointRecord): GrpcTypes.CheckpointSummary {
  return {
    bcs: { name: 'CheckpointSummary', value: record.summaryBytes },
    digest: digestText(record.digest),
    epoch: record.epoch,
    sequenceNumber: record.sequence,
    totalNetworkTransactions: record.totalTransactions,
    contentDigest: digestText(record.contentDigest),
    previousDigest: record.previousDigest === undefined ? undefined : digestText(record.previousDigest),
    epochRollingGasCostSummary: renderGasUsed(record.gasTotals),
    timestamp: renderTimestamp(record.timestampMs),
    // The Merkle root of all objects stands where Sui commits to its live object set.
    commitments: [
      {
        kind: GrpcTypes.CheckpointCommitment_CheckpointCommitmentKind.ECMH_LIVE_OBJECT_SET,
        digest: digestText(record.stateRoot),
      },
    ],
  };
}

function renderContents(ledger: LedgerApi, record: CheckpointRecord, mask: FieldMask): GrpcTypes.CheckpointContents {
  const withBytes = selects(mask, 'contents', 'bcs');
  const withSignatures = withBytes || selects(mask, 'contents', 'transactions', 'signatures');
  const entries = record.transactions.map(({ digest, effectsDigest }) => {
    const signatures = withSignatures ? transactionOf(ledger, digest).signatures : [];
    return { digest, effectsDigest, signatures };
  });
  return {
    bcs: withBytes ? { name: 'CheckpointContents', value: encodeContents(entries) } : undefined,
    digest: digestText(record.contentDigest),
    version: CONTENTS_VERSION,
    transactions: entries.map(({ digest, effectsDigest, signatures }) => ({
      transaction: digestText(digest),
      effects: digestText(effectsDigest),
      signatures: signatures.map(renderSignature),
      addressAliasesVersions: [],
    })),
  };
}
