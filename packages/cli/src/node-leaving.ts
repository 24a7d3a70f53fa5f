/** What committees say of a node that leaves. Pure. */
import { type Committees, memberOfNode, memberOfShard, type NodeId, type ShardIndex } from '@floe/protocol';

/** How far a node has come on its way out. */
export type DrainState =
  /** It has shards in this committee or the next. */
  | { readonly kind: 'member'; readonly shards: number; readonly nextShards: number | undefined }
  /** Others have its shards, and some do not hold them yet. */
  | { readonly kind: 'moving'; readonly shards: number; readonly waitingFor: readonly string[] }
  | { readonly kind: 'drained' };

/** What the committees alone say: a member, or one whose shards went to others with this epoch, or none. Pure. */
export function membershipOf(committees: Committees, nodeId: NodeId): DrainState {
  const { current, previous, next } = committees;
  const shards = memberOfNode(current, nodeId)?.shards.length ?? 0;
  const nextShards = next === undefined ? undefined : (memberOfNode(next, nodeId)?.shards.length ?? 0);
  if (shards > 0 || (nextShards ?? 0) > 0) return { kind: 'member', shards, nextShards };
  const moved = previous === undefined ? 0 : (memberOfNode(previous, nodeId)?.shards.length ?? 0);
  return moved === 0 ? { kind: 'drained' } : { kind: 'moving', shards: moved, waitingFor: [] };
}

/** Who has the shards now that the node had in the epoch before. */
export function newOwners({ current, previous }: Committees, nodeId: NodeId): NodeId[] {
  const shards: readonly ShardIndex[] = (previous && memberOfNode(previous, nodeId)?.shards) ?? [];
  return [...new Set(shards.map((shard) => memberOfShard(current, shard).nodeId))];
}
