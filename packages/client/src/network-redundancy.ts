/**
 * How whole a network's blobs are, from what its nodes count.
 *
 * A blob is below its target when some node that owes slivers of it does not have them, or cannot be asked. Each node counts by looking
 * at what it stores; none is asked how its jobs went.
 */
import type { BlobId, Epoch, NodeId, NodeRedundancy } from '@floe/protocol';

export interface NodeCount {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly shards: number;
  /** What it says; undefined when it does not offer to, or an error when it could not be asked. */
  readonly redundancy: NodeRedundancy | undefined | { readonly error: Error };
}

export interface NetworkRedundancy {
  /** Certified blobs. */
  readonly blobs: number;
  /** Of those, how many lack something; at least so many when `isExact` is false. */
  readonly belowTarget: number;
  readonly isExact: boolean;
  /** Blobs that nodes are about to heal or healing; one counts for each node that does. */
  readonly healing: number;
  /** Shards of nodes that could not be asked, or have not counted yet in this epoch. */
  readonly unknownShards: number;
  /** Nodes that fail their challenges in the view of at least one node. */
  readonly failingNodes: readonly NodeId[];
  readonly nodes: readonly NodeCount[];
}

/** What a node says, without its count if that is not of `epoch`: in another one it owes other shards. */
export function saidOfEpoch(said: NodeRedundancy | undefined, epoch: Epoch): NodeRedundancy | undefined {
  if (said === undefined || said.epoch === epoch) return said;
  const { count: _, ...rest } = said;
  return rest;
}

export function sumRedundancy(nodes: readonly NodeCount[]): NetworkRedundancy {
  const incomplete = new Set<BlobId>();
  const failing = new Set<NodeId>();
  let [blobs, most, healing, unknownShards, isExact] = [0, 0, 0, 0, true];
  for (const { shards, redundancy } of nodes) {
    const said = redundancy === undefined || 'error' in redundancy ? undefined : redundancy;
    for (const nodeId of said?.failingNodes ?? []) failing.add(nodeId);
    healing += (said?.healing.waiting ?? 0) + (said?.healing.active ?? 0);
    if (said?.count === undefined) {
      unknownShards += shards;
      continue;
    }
    blobs = Math.max(blobs, said.count.blobs);
    most = Math.max(most, said.count.incomplete);
    for (const blobId of said.count.sample) incomplete.add(blobId);
    if (said.count.sample.length < said.count.incomplete) isExact = false;
  }
  // Of shards that nobody can vouch for, every blob may lack its slivers.
  const belowTarget = unknownShards > 0 ? blobs : Math.max(incomplete.size, most);
  return { blobs, belowTarget, isExact, healing, unknownShards, failingNodes: [...failing], nodes };
}
