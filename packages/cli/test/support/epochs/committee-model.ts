/**
 * Who is in the next committee, and with which shards: worked out anew from stake after the contracts' rules (active set, committee
 * selection, shard assignment), with nothing of the ledger's own code.
 */
import type { NodeId } from '@floe/protocol';

const MOST_ACTIVE = 150;

export interface Candidate {
  readonly nodeId: NodeId;
  readonly amount: bigint;
}

/** Shards by node, ascending by id; the order within a node decides which it gives up first. */
export type Assignment = ReadonlyMap<NodeId, readonly number[]>;

/** The nodes with stake. Their order decides ties, so it changes exactly as the contracts change it. */
export class ActiveSet {
  readonly #entries: Candidate[];

  constructor(entries: readonly Candidate[]) {
    this.#entries = [...entries];
  }

  get entries(): readonly Candidate[] {
    return this.#entries;
  }

  update(nodeId: NodeId, amount: bigint): void {
    const at = this.#entries.findIndex((entry) => entry.nodeId === nodeId);
    if (amount > 0n) {
      if (at < 0 && this.#entries.length >= MOST_ACTIVE) throw new Error('a full active set is not modelled');
      this.#entries[at < 0 ? this.#entries.length : at] = { nodeId, amount };
      return;
    }
    const last = this.#entries.at(-1);
    if (at < 0 || last === undefined) return;
    // The last one moves into the hole.
    this.#entries[at] = last;
    this.#entries.pop();
  }
}

/** Shards by stake: one after another to the highest quotient, with a bound for each node. */
export function apportion(candidates: readonly Candidate[], nShards: number): Map<NodeId, number> {
  const { length } = candidates;
  const most = length >= 20 ? Math.floor(nShards / 10) : Math.ceil((nShards * 20) / (length * 10));
  const seats = candidates.map(() => 0);
  for (let given = 0; given < nShards; given += 1) {
    let [winner, highest] = [-1, -1n];
    candidates.forEach(({ amount }, i) => {
      const count = seats[i] as number;
      const quotient = (amount << 64n) / BigInt(count + 1);
      if (count < most && quotient > highest) [winner, highest] = [i, quotient];
    });
    if (winner < 0) throw new Error(`${length} nodes of at most ${most} shards cannot hold ${nShards}`);
    seats[winner] = (seats[winner] as number) + 1;
  }
  const wanted = candidates.map(({ nodeId }, i): [NodeId, number] => [nodeId, seats[i] as number]);
  return new Map(wanted.filter(([, count]) => count > 0));
}

/** Moves as few shards as the counts allow: freed ones go, last freed first, to new nodes, then to those that grow. */
export function reassign(old: Assignment, counts: ReadonlyMap<NodeId, number>): Assignment {
  const kept = new Map<NodeId, number[]>();
  const free: number[] = [];
  const growing: NodeId[] = [];
  for (const [nodeId, shards] of old) {
    const count = counts.get(nodeId) ?? 0;
    if (count > 0) kept.set(nodeId, shards.slice(0, count));
    if (count > shards.length) growing.push(nodeId);
    // A node that shrinks gives up its last one first; one that leaves hands over all, in order.
    free.push(...(count === 0 ? shards : shards.slice(count).toReversed()));
  }
  const fresh = [...counts.keys()].filter((nodeId) => !old.has(nodeId));
  for (const nodeId of [...fresh, ...growing]) {
    const shards = kept.get(nodeId) ?? [];
    while (shards.length < (counts.get(nodeId) as number)) shards.push(free.pop() as number);
    kept.set(nodeId, shards);
  }
  return new Map([...kept].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** How many shards another node has than before. */
export function movedShards(before: Assignment, after: Assignment): number {
  const owners = new Map(
    [...before].flatMap(([nodeId, shards]) => shards.map((shard): [number, NodeId] => [shard, nodeId])),
  );
  return [...after].reduce((sum, [id, shards]) => sum + shards.filter((shard) => owners.get(shard) !== id).length, 0);
}
