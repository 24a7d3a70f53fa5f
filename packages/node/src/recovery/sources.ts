/**
 * Whom to ask for parts of a blob. While a change of committees is under way, what was certified before it is still with the previous one;
 * but whoever has a shard, by either committee, may be asked, and an answer is judged by what it hashes to.
 */
import {
  type Axis,
  type CommitteeMember,
  type Committees,
  type Epoch,
  memberOfShard,
  type NodeId,
  pairOfShard,
  type ShardIndex,
  sliverOfPair,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Candidate } from '../peers/gather.ts';
import type { Peers } from '../peers/peers.ts';

/** Members with the shards they should hold slivers of, in the order to ask; a shard may be listed twice, with its new and its old owner. */
function holders(committees: Committees, since: Epoch, peers: Peers) {
  const { current, previous, phase } = committees;
  const former = previous === undefined || previous.members.length === 0 ? undefined : previous;
  const readers = phase === 'sync' && former !== undefined && since < current.epoch ? former : current;
  const others = readers === current ? former : current;
  const holding = peers.inOrder(readers.members).map((member) => ({ member, shards: member.shards }));
  if (others !== undefined) {
    for (const member of peers.inOrder(others.members)) {
      const moved = member.shards.filter((shard) => memberOfShard(readers, shard).nodeId !== member.nodeId);
      if (moved.length > 0) holding.push({ member, shards: moved });
    }
  }
  const isSuspect = ({ member }: { member: CommitteeMember }): boolean => peers.health.isSuspect(member.nodeId);
  return [...holding.filter((each) => !isSuspect(each)), ...holding.filter(isSuspect)];
}

/** Everybody who may have the blob's metadata, in the order to ask. */
export function metadataSources(committees: Committees, since: Epoch, peers: Peers): CommitteeMember[] {
  const byId = new Map<NodeId, CommitteeMember>();
  for (const { member } of holders(committees, since, peers)) {
    if (!byId.has(member.nodeId)) byId.set(member.nodeId, member);
  }
  return [...byId.values()];
}

/** Who should have which slivers of an axis, but for the slivers in `known`. */
export function sliverSources(
  options: {
    readonly verified: VerifiedMetadata;
    readonly axis: Axis;
    readonly since: Epoch;
    readonly known: ReadonlySet<number>;
  },
  modules: { readonly committees: Committees; readonly peers: Peers },
): Candidate[] {
  const { verified, axis, since, known } = options;
  const { geometry, blobId } = verified;
  const indexOf = (shard: ShardIndex): number => sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard));
  const candidates: Candidate[] = [];
  for (const { member, shards } of holders(modules.committees, since, modules.peers)) {
    const items = shards.map(indexOf).filter((index) => !known.has(index));
    if (items.length > 0) candidates.push({ member, items });
  }
  return candidates;
}

/** The node that held `shard` before this one, or holds it while this one still does not; undefined when there is none. */
export function otherHolder(committees: Committees, shard: ShardIndex, nodeId: NodeId): CommitteeMember | undefined {
  const { current, previous } = committees;
  for (const committee of [previous, current]) {
    if (committee === undefined || committee.members.length === 0) continue;
    const member = memberOfShard(committee, shard);
    if (member.nodeId !== nodeId) return member;
  }
  return undefined;
}
