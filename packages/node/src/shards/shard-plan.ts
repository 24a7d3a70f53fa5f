/**
 * What a new assignment of shards means for this node's storage of them (Walrus node rules: epoch change). Pure.
 *
 * | the shard is        | and here it is        | and                                   | then it is |
 * |---------------------|-----------------------|---------------------------------------|------------|
 * | this node's         | not, or being dropped | another node had it before            | transfer   |
 * |                     |                       | this node had it before: it lost it   | recovery   |
 * |                     |                       | nobody did: new, or lost since        | recovery   |
 * |                     | locked                |                                       | recovery   |
 * |                     | active                | this node slept through a change      | recovery   |
 * |                     | active                |                                       | active     |
 * |                     | transfer              | the old owner is the one before       | transfer   |
 * |                     | transfer              | an epoch has passed since             | recovery   |
 * |                     | recovery              |                                       | recovery   |
 * | not this node's     | here in any state     | it was so in the epoch before         | locked     |
 * |                     |                       | and neither in the epoch before       | dropping   |
 * | no committee's      | here in any state     |                                       | dropping   |
 */
import { type Committees, type Epoch, memberOfNode, memberOfShard, type NodeId, type ShardIndex } from '@floe/protocol';
import type { ShardState } from './shard-states.ts';

/** The states that change. */
export function planShards(options: {
  readonly nodeId: NodeId;
  readonly committees: Committees;
  readonly states: ReadonlyMap<ShardIndex, ShardState>;
  /** The epoch that the states are of; undefined when there are none, or of a time before that was noted. */
  readonly lastEpoch: Epoch | undefined;
}): Map<ShardIndex, ShardState> {
  const { nodeId, committees, states, lastEpoch } = options;
  const { current } = committees;
  const previous = committees.previous?.members.length === 0 ? undefined : committees.previous;
  const own = new Set(memberOfNode(current, nodeId)?.shards ?? []);
  const hadBefore = (shard: ShardIndex): boolean | undefined => {
    // No committee has it: rows of such shards are of a time when whatever records were found on disk was taken for a shard.
    if (shard >= current.geometry.nShards) return false;
    return previous === undefined ? undefined : memberOfShard(previous, shard).nodeId === nodeId;
  };
  const passed = lastEpoch === undefined ? 0 : current.epoch - lastEpoch;
  const changes = new Map<ShardIndex, ShardState>();
  const set = (shard: ShardIndex, state: ShardState): void => {
    if (states.get(shard) !== state) changes.set(shard, state);
  };
  for (const shard of own) {
    const state = states.get(shard);
    if (state === undefined || state === 'dropping') {
      set(shard, hadBefore(shard) === false ? 'transfer' : 'recovery');
    } else if (state === 'locked') {
      set(shard, 'recovery');
    } else if ((state === 'active' && passed > 1) || (state === 'transfer' && passed > 0)) {
      set(shard, 'recovery');
    }
  }
  for (const [shard, state] of states) {
    if (own.has(shard)) continue;
    if (hadBefore(shard) !== false) set(shard, state === 'dropping' ? 'dropping' : 'locked');
    else set(shard, 'dropping');
  }
  return changes;
}
