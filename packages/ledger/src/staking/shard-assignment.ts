/**
 * Which shards each node of a committee holds. Walrus contract rules: shard assignment.
 *
 * Shards stay where they are as far as the counts allow. A node that shrinks gives up shards from the end of its vector;
 * what is free is handed out last in, first out: to new nodes in the order of the active set, then to growing ones by id.
 */
import type { layouts } from '@floe/contracts';
import type { ObjectId, ShardIndex } from '@floe/protocol';

type Committee = layouts.Committee;

/** How many shards a node gets. */
export interface ShardCount {
  readonly nodeId: ObjectId;
  readonly count: number;
}

/** The first committee: consecutive shards by ascending node id. */
export function firstAssignment(wanted: readonly ShardCount[]): Committee {
  let next = 0;
  return [...wanted]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map(({ nodeId, count }) => {
      const shards = Array.from({ length: count }, (_, i) => (next + i) as ShardIndex);
      next += count;
      return { key: nodeId, value: shards };
    });
}

/**
 * The committee after `current`, with the counts that `wanted` gives in the order of the active set.
 * Undefined when these are not as many shards as `current` holds.
 */
export function transitionShards(current: Committee, wanted: readonly ShardCount[]): Committee | undefined {
  const held = current.reduce((sum, { value }) => sum + value.length, 0);
  if (wanted.reduce((sum, { count }) => sum + count, 0) !== held) return undefined;
  const remaining = new Map(wanted.map(({ nodeId, count }) => [nodeId, count]));
  const next: { key: ObjectId; value: ShardIndex[] }[] = [];
  const growing: { nodeId: ObjectId; count: number; shards: ShardIndex[] }[] = [];
  const free: ShardIndex[] = [];
  for (const { key, value } of current) {
    const count = remaining.get(key) ?? 0;
    remaining.delete(key);
    const shards = [...value];
    if (count === 0) free.push(...shards);
    else if (count > shards.length) growing.push({ nodeId: key, count, shards });
    else {
      while (shards.length > count) free.push(shards.pop() as ShardIndex);
      next.push({ key, value: shards });
    }
  }
  const fresh = [...remaining]
    .filter(([, count]) => count > 0)
    .map(([nodeId, count]) => ({ nodeId, count, shards: [] as ShardIndex[] }));
  for (const { nodeId, count, shards } of [...fresh, ...growing]) {
    while (shards.length < count) shards.push(free.pop() as ShardIndex);
    next.push({ key: nodeId, value: shards });
  }
  return next.sort((a, b) => (a.key < b.key ? -1 : 1));
}
