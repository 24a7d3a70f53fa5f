/**
 * Fetches a blob's metadata: the first answer that hashes to the blob id is as good as any, whoever gave it.
 *
 * Invariant: "not found" is believed only of a quorum. A certified blob was confirmed by n-f shards, so at least
 * n-2f honest ones have it, and more than 2f that have not cannot exist.
 */
import type { Scheduler } from '@floe/platform';
import { type BlobId, type Committee, isQuorum, type VerifiedMetadata, verifyMetadata } from '@floe/protocol';
import { describeWeights, refusalReason } from './answers.ts';
import { clientErrors } from './errors.ts';
import { fanOut, type Verdict } from './fan-out.ts';
import type { NodeClient } from './node-client.ts';

/** Asked at once to begin with; one usually answers, the others are insurance against a slow one. */
const INITIAL_REQUESTS = 2;

/**
 * @throws BLOB_NOT_FOUND, BLOB_FORBIDDEN when a quorum says so; METADATA_UNAVAILABLE when too few answer.
 */
export async function fetchMetadata(
  blobId: BlobId,
  committee: Committee,
  nodes: readonly NodeClient[],
  modules: { scheduler: Scheduler; signal: AbortSignal },
): Promise<VerifiedMetadata> {
  const { geometry } = committee;
  const weights = new Map<string, number>();
  let found: VerifiedMetadata | undefined;
  const settled = await fanOut({
    nodes,
    initial: INITIAL_REQUESTS,
    hedgeDelayMs: () => nodes[0]?.hedgeDelayMs(64 * geometry.nShards) ?? 0,
    ask: (node, signal) => node.metadata(blobId, signal),
    onReply(node, metadata): Verdict {
      try {
        found = verifyMetadata(geometry, blobId, metadata);
        return 'enough';
      } catch (error) {
        node.reportMisbehaviour(error instanceof Error ? error.message : 'wrong metadata');
        count(weights, 'INVALID_METADATA', node.weight);
        return 'more';
      }
    },
    onFailure(node, error): Verdict {
      const reason = count(weights, refusalReason(error), node.weight);
      const definite = reason === 'METADATA_NOT_FOUND' || reason === 'FORBIDDEN_BLOB';
      return definite && isQuorum(geometry, weights.get(reason) ?? 0) ? 'enough' : 'continue';
    },
    ...modules,
  });
  if (found !== undefined) return found;
  if (settled && isQuorum(geometry, weights.get('FORBIDDEN_BLOB') ?? 0)) throw clientErrors.BLOB_FORBIDDEN({ blobId });
  if (settled) throw clientErrors.BLOB_NOT_FOUND({ blobId });
  throw clientErrors.METADATA_UNAVAILABLE({ blobId, asked: nodes.length, answers: describeWeights(weights) });
}

function count(weights: Map<string, number>, reason: string, weight: number): string {
  weights.set(reason, (weights.get(reason) ?? 0) + weight);
  return reason;
}
