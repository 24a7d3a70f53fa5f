/** What makes a checkpoint the next one of a chain, apart from what its transactions do. */
import { equalBytes } from '@floe/platform';
import type { CheckpointRecord } from './api.ts';
import { type CheckpointContent, encodeContents, summaryMessage } from './checkpoint-codec.ts';
import { typedDigest } from './hash.ts';

/** Whether this is the Ed25519 signature (64 bytes) of the key (32 bytes) over the message. */
export type CheckpointVerifier = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/**
 * What is wrong with a checkpoint; undefined when nothing is. `before` is undefined for the first, and `pruned` where
 * the one before is not kept: then it stands for itself, by its signature.
 */
export function checkCheckpoint(
  checkpoint: CheckpointRecord,
  contents: readonly CheckpointContent[],
  before: CheckpointRecord | 'pruned' | undefined,
  publicKey: Uint8Array,
  verify: CheckpointVerifier,
): string | undefined {
  const problem = before === 'pruned' ? undefined : checkPlace(checkpoint, contents.length, before);
  if (problem !== undefined) return problem;
  if (contents.length !== checkpoint.transactions.length) return 'a transaction is missing';
  if (!equalBytes(typedDigest('CheckpointContents', encodeContents(contents)), checkpoint.contentDigest)) {
    return 'its transactions are not those it commits to';
  }
  if (!verify(publicKey, summaryMessage(checkpoint.summaryBytes), checkpoint.signature)) {
    return "its signature is not of the chain's key";
  }
  return undefined;
}

/** Whether it is the next one. */
function checkPlace(
  checkpoint: CheckpointRecord,
  transactionCount: number,
  before: CheckpointRecord | undefined,
): string | undefined {
  if (checkpoint.sequence !== (before === undefined ? 0n : before.sequence + 1n)) return 'its sequence is not the next';
  const follows =
    before === undefined
      ? checkpoint.previousDigest === undefined
      : checkpoint.previousDigest !== undefined && equalBytes(checkpoint.previousDigest, before.digest);
  if (!follows) return 'it does not follow the checkpoint before it';
  if (before !== undefined && checkpoint.timestampMs < before.timestampMs) return 'its time goes back';
  if (checkpoint.totalTransactions !== (before?.totalTransactions ?? 0n) + BigInt(transactionCount)) {
    return 'its number of transactions is wrong';
  }
  return undefined;
}
