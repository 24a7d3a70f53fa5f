/**
 * The nodes that may become the next committee, with the stake each will have. Walrus contract rules: active set.
 *
 * The order of the vector decides ties of the apportionment, so it changes exactly as in the original contracts: a
 * removed entry is replaced by the last one, a displaced one by its displacer.
 */
import type { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';

type ActiveSet = layouts.ActiveSet;

/** The set once `nodeId` has `amount` staked. */
export function updateActiveSet(set: ActiveSet, nodeId: ObjectId, amount: bigint): ActiveSet {
  const index = set.nodes.findIndex((entry) => entry.nodeId === nodeId);
  if (amount === 0n || amount < set.thresholdStake) return index < 0 ? set : removeAt(set, index);
  const entry = { nodeId, stakedAmount: amount };
  if (index >= 0) return replaceAt(set, index, entry);
  if (set.nodes.length < set.maxSize) {
    return { ...set, nodes: [...set.nodes, entry], totalStake: set.totalStake + amount };
  }
  const weakest = weakestBelow(set, amount);
  return weakest === undefined ? set : replaceAt(set, weakest, entry);
}

/** The first of the entries with the least stake, when that is below `amount`. */
function weakestBelow(set: ActiveSet, amount: bigint): number | undefined {
  let least = amount;
  let weakest: number | undefined;
  for (const [index, { stakedAmount }] of set.nodes.entries()) {
    if (stakedAmount < least) {
      least = stakedAmount;
      weakest = index;
    }
  }
  return weakest;
}

function replaceAt(set: ActiveSet, index: number, entry: layouts.ActiveSetEntry): ActiveSet {
  const nodes = [...set.nodes];
  const before = (nodes[index] as layouts.ActiveSetEntry).stakedAmount;
  nodes[index] = entry;
  return { ...set, nodes, totalStake: set.totalStake - before + entry.stakedAmount };
}

function removeAt(set: ActiveSet, index: number): ActiveSet {
  const nodes = [...set.nodes];
  const removed = nodes[index] as layouts.ActiveSetEntry;
  const last = nodes.pop() as layouts.ActiveSetEntry;
  if (index < nodes.length) nodes[index] = last;
  return { ...set, nodes, totalStake: set.totalStake - removed.stakedAmount };
}
