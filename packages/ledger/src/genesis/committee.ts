/** The first committee: shards by stake, then numbers handed out by ascending node id. Walrus contract rules: shard assignment. */
import type { ObjectId, ShardIndex } from '@floe/protocol';
import { apportionShards } from '../staking/apportionment.ts';
import type { CheckedConfig, GenesisNode } from './config.ts';

/** A node with the ids it got and what it holds. */
export interface PlacedNode {
  readonly node: GenesisNode;
  readonly nodeId: ObjectId;
  readonly capId: ObjectId;
  readonly stake: bigint;
  /** Uncompressed BLS key, 96 bytes. */
  readonly expandedKey: Uint8Array;
  readonly shards: readonly ShardIndex[];
}

/** Number of shards by node, in the order of the configuration. */
export function shardCounts(config: CheckedConfig): number[] {
  const given = config.nodes.map(({ shardCount }) => shardCount);
  return given.every((count) => count !== undefined) ? given : apportionShards(config.stakes, config.nShards);
}

/** Nodes in ascending order of id with consecutive shards; a node without shards keeps an empty list. */
export function assignShards(nodes: readonly (Omit<PlacedNode, 'shards'> & { shardCount: number })[]): PlacedNode[] {
  const ascending = [...nodes].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  let next = 0;
  return ascending.map(({ shardCount, ...placed }) => {
    const shards = Array.from({ length: shardCount }, (_, i) => (next + i) as ShardIndex);
    next += shardCount;
    return { ...placed, shards };
  });
}
