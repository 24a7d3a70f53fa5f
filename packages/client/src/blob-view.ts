/** One blob as seen in one committee: its verified metadata, and which node holds which sliver. */
import { assert } from '@floe/platform';
import {
  type Axis,
  type Committee,
  type CommitteeMember,
  memberOfShard,
  pairOfSliver,
  type SliverIndex,
  shardOfPair,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { NodeClient } from './node-client.ts';

export interface BlobView {
  readonly verified: VerifiedMetadata;
  readonly committee: Committee;
  /** All nodes, those that answer best first. */
  nodes(): NodeClient[];
  /** The node that holds a sliver. */
  nodeOf(axis: Axis, index: SliverIndex): NodeClient;
}

export function blobView(
  verified: VerifiedMetadata,
  committee: Committee,
  clientOf: (member: CommitteeMember) => NodeClient,
): BlobView {
  assert(verified.geometry.nShards === committee.geometry.nShards, 'the metadata is of the same shard count', {
    metadata: verified.geometry.nShards,
    committee: committee.geometry.nShards,
  });
  return {
    verified,
    committee,
    nodes: () => rankedNodes(committee, clientOf),
    nodeOf(axis, index) {
      const pair = pairOfSliver(verified.geometry, axis, index);
      return clientOf(memberOfShard(committee, shardOfPair(verified.geometry, verified.blobId, pair)));
    },
  };
}

/** The committee's nodes that hold shards, those that answer best first. */
export function rankedNodes(committee: Committee, clientOf: (member: CommitteeMember) => NodeClient): NodeClient[] {
  return committee.members
    .filter(({ shards }) => shards.length > 0)
    .map(clientOf)
    .sort((a, b) => a.rank() - b.rank());
}
