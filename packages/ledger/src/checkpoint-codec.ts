/**
 * Checkpoints: BCS of Sui's `CheckpointSummary` and `CheckpointContents`, and the form on disk.
 *
 * The root of the state tree stands where Sui keeps its commitment to the live object set
 * (`checkpoint_commitments[0]`); Floe's is a Merkle root (see state-tree.ts) from which membership can be proven.
 * `contentDigest` commits to the digests of transactions and effects and to the signatures, in order; `previousDigest`
 * chains all checkpoints to the first, whose digest names the chain.
 */
import { BcsReader, BcsWriter } from '@floe/protocol';
import type { CheckpointRecord, Digest, GasUsed } from './api.ts';
import { readDigest, readGasUsed, readOptional, writeGasUsed, writeOptional } from './effects-codec.ts';
import { errors } from './errors.ts';
import { typedDigest } from './hash.ts';
import { MAX_CHECKPOINT_TRANSACTIONS } from './limits.ts';

const STORED_CHECKPOINT_VERSION = 1;

/** Sui's intent for signing a checkpoint summary: scope 2, version 0, application 0. */
const SUMMARY_INTENT = Uint8Array.of(2, 0, 0);

/** What a summary says, before it is encoded. */
export type CheckpointSummary = Omit<
  CheckpointRecord,
  'digest' | 'summaryBytes' | 'signature' | 'transactions' | 'contentDigest'
>;

export interface CheckpointContent {
  readonly digest: Digest;
  readonly effectsDigest: Digest;
  readonly signatures: readonly Uint8Array[];
}

/** What the ledger's key signs. */
export function summaryMessage(summaryBytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(SUMMARY_INTENT.length + summaryBytes.length);
  message.set(SUMMARY_INTENT);
  message.set(summaryBytes, SUMMARY_INTENT.length);
  return message;
}

/** Encodes, hashes and signs a checkpoint. */
export function makeCheckpoint(
  summary: CheckpointSummary,
  contents: readonly CheckpointContent[],
  sign: (message: Uint8Array) => Uint8Array,
): CheckpointRecord {
  const contentDigest = typedDigest('CheckpointContents', encodeContents(contents));
  const summaryBytes = encodeSummary(summary, contentDigest);
  return {
    ...summary,
    contentDigest,
    digest: typedDigest('CheckpointSummary', summaryBytes),
    summaryBytes,
    signature: sign(summaryMessage(summaryBytes)),
    transactions: contents.map(({ digest, effectsDigest }) => ({ digest, effectsDigest })),
  };
}

/** BCS of Sui's `CheckpointContents::V1`. */
export function encodeContents(contents: readonly CheckpointContent[]): Uint8Array {
  const writer = new BcsWriter(256);
  writer.uleb(0);
  writer.vector(contents, (w, { digest, effectsDigest }) => w.bytes(digest).bytes(effectsDigest));
  writer.vector(contents, (w, { signatures }) => w.vector(signatures, (inner, signature) => inner.bytes(signature)));
  return writer.finish();
}

function encodeSummary(summary: CheckpointSummary, contentDigest: Digest): Uint8Array {
  const writer = new BcsWriter(256);
  writer.u64(summary.epoch).u64(summary.sequence).u64(summary.totalTransactions).bytes(contentDigest);
  writeOptional(writer, summary.previousDigest, (digest) => writer.bytes(digest));
  writeGasUsed(writer, summary.gasTotals);
  writer.u64(summary.timestampMs);
  writer.uleb(1).uleb(0).bytes(summary.stateRoot);
  // No end-of-epoch data, no version-specific data.
  return writer.u8(0).uleb(0).finish();
}

/** @throws INVALID_BCS */
function decodeSummary(bytes: Uint8Array): CheckpointSummary & { contentDigest: Digest } {
  const reader = new BcsReader(bytes, 'checkpoint summary');
  const [epoch, sequence, totalTransactions] = [reader.u64(), reader.u64(), reader.u64()];
  const contentDigest = readDigest(reader);
  const previousDigest = readOptional(reader, () => readDigest(reader));
  const gasTotals: GasUsed = readGasUsed(reader);
  const timestampMs = reader.u64Number();
  if (reader.uleb() !== 1 || reader.uleb() !== 0) reader.fail('one state commitment', 'another number or kind');
  const stateRoot = readDigest(reader);
  if (reader.u8() !== 0 || reader.uleb() !== 0) reader.fail('no further data', 'some');
  reader.end();
  return { epoch, sequence, totalTransactions, contentDigest, previousDigest, gasTotals, timestampMs, stateRoot };
}

export function encodeStoredCheckpoint(record: CheckpointRecord): Uint8Array {
  const writer = new BcsWriter(512);
  writer.u8(STORED_CHECKPOINT_VERSION).bytes(record.summaryBytes).bytes(record.signature);
  writer.vector(record.transactions, (w, { digest, effectsDigest }) => w.fixed(digest).fixed(effectsDigest));
  return writer.finish();
}

/** @throws LEDGER_CORRUPT */
export function decodeStoredCheckpoint(sequence: bigint, bytes: Uint8Array): CheckpointRecord {
  const reader = new BcsReader(bytes, `checkpoint ${sequence}`);
  const version = reader.u8();
  if (version !== STORED_CHECKPOINT_VERSION) {
    throw errors.LEDGER_CORRUPT({ what: `checkpoint ${sequence}`, reason: `format ${version}` });
  }
  const summaryBytes = reader.bytes().slice();
  const signature = reader.bytes().slice();
  const readPair = (r: BcsReader) => ({ digest: r.fixed(32).slice(), effectsDigest: r.fixed(32).slice() });
  const transactions = reader.vector(readPair, 64, MAX_CHECKPOINT_TRANSACTIONS);
  reader.end();
  const digest = typedDigest('CheckpointSummary', summaryBytes);
  return { ...decodeSummary(summaryBytes), digest, summaryBytes, signature, transactions };
}
