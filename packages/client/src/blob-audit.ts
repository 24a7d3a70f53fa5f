/**
 * How much of a blob is really there: each node is asked, now, for one symbol of every sliver that it owes, at a place that
 * nobody knew before, with its Merkle proof.
 *
 * What it says: at this moment the node could produce that symbol, which takes the sliver it belongs to, or symbols of many others.
 * It does not say that the node kept the sliver all the time, nor that it will keep it.
 */
import { type Rng, type Scheduler, withDeadline } from '@floe/platform';
import {
  type Axis,
  AXES,
  type BlobId,
  type NodeId,
  orthogonal,
  pairOfShard,
  type SliverIndex,
  sliverOfPair,
  sourceSymbols,
} from '@floe/protocol';
import { verifyRecoverySymbol } from '@floe/redstuff';
import type { BlobView } from './blob-view.ts';
import { clientErrors } from './errors.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeClient } from './node-client.ts';

/** What one node was asked for and proved. */
export interface NodeAudit {
  readonly nodeId: NodeId;
  readonly name: string;
  /** Slivers that it owes: two for each of its shards. */
  readonly owed: number;
  readonly proven: number;
  /** The last thing that went wrong, when something did. */
  readonly reason?: string;
}

export interface BlobAudit {
  readonly blobId: BlobId;
  /** Slivers that exist when all is well: two for each shard. */
  readonly target: number;
  /** Slivers proven to be there, by axis. */
  readonly proven: Readonly<Record<Axis, number>>;
  /** How many more shards may be lost before the blob cannot be read; below 0 it cannot be now. */
  readonly spareShards: number;
  readonly nodes: readonly NodeAudit[];
}

interface AuditModules {
  readonly rng: Rng;
  readonly scheduler: Scheduler;
  readonly limits: ClientLimits;
  readonly signal: AbortSignal | undefined;
}

export async function auditBlob(view: BlobView, modules: AuditModules): Promise<BlobAudit> {
  const { verified } = view;
  const { geometry, blobId } = verified;
  const proven: Record<Axis, number> = { primary: 0, secondary: 0 };
  const nodes = await Promise.all(
    view.nodes().map(async (node): Promise<NodeAudit> => {
      const { nodeId, name, shards } = node.member;
      const owed = AXES.length * shards.length;
      let reason: string | undefined;
      let count = 0;
      for (const axis of AXES) {
        try {
          const found = await provenSlivers(view, node, axis, modules);
          proven[axis] += found;
          count += found;
          if (found < shards.length) reason ??= `${shards.length - found} ${axis} slivers are not there`;
        } catch (error) {
          modules.signal?.throwIfAborted();
          reason = error instanceof Error ? error.message : String(error);
        }
      }
      return { nodeId, name, owed, proven: count, ...(reason !== undefined && { reason }) };
    }),
  );
  const spare = AXES.map((axis) => proven[axis] - sourceSymbols(geometry, axis));
  return { blobId, target: AXES.length * geometry.nShards, proven, spareShards: Math.max(...spare), nodes };
}

/** How many of its slivers of one axis the node proves. */
async function provenSlivers(
  { verified }: BlobView,
  node: NodeClient,
  axis: Axis,
  { rng, scheduler, limits, signal: parent }: AuditModules,
): Promise<number> {
  const { geometry, blobId } = verified;
  const target = rng.below(geometry.nShards) as SliverIndex;
  const timeoutMs = limits.dataTimeoutMs;
  const reason = `no whole answer within ${timeoutMs} ms`;
  const onTimeout = () => clientErrors.NODE_UNREACHABLE({ node: node.name, reason });
  // A symbol that helps to rebuild a sliver of the other axis is cut from, and proven by, one of this axis.
  const symbols = await withDeadline({ scheduler, timeoutMs, parent, onTimeout }, (signal) =>
    node.recoverySymbols(verified, orthogonal(axis), target, signal),
  );
  const owed = new Set(
    node.member.shards.map((shard) => sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard))),
  );
  let found = 0;
  for (const symbol of symbols) {
    if (!verifyRecoverySymbol(verified, orthogonal(axis), target, symbol)) {
      node.reportMisbehaviour(`a wrong symbol of ${axis} sliver ${symbol.index}`);
    } else if (owed.delete(symbol.index)) {
      found += 1;
    }
  }
  return found;
}
