/**
 * How many shards each node of the next committee gets, by stake. Walrus contract rules: committee selection.
 *
 * Highest quotients (D'Hondt) with a cap per node; ties go to the lower index. Every node first gets a safe lower bound
 * of what the quotients would give it, so that the loop runs for the remainder only.
 */
import { errorCatalogue, spec } from '@floe/platform';

const apportionmentErrors = errorCatalogue({
  NO_STAKE: spec<{ nodes: number }>('invalid', ({ nodes }) => `none of the ${nodes} nodes has stake`),
  EVERY_NODE_CAPPED: spec<{ nodes: number; shards: number; cap: number }>(
    'invalid',
    ({ nodes, shards, cap }) => `${nodes} nodes of at most ${cap} shards each cannot hold ${shards} shards`,
  ),
});

/** The most shards that one of `nodes` nodes may get. */
export function maxShardsPerNode(nodes: number, shards: number): number {
  return nodes >= 20 ? Math.floor(shards / 10) : Math.ceil((shards * 20) / (nodes * 10));
}

/**
 * Shards by node, in the order of `stakes` (that of the active set).
 * @throws NO_STAKE, EVERY_NODE_CAPPED
 */
export function apportionShards(stakes: readonly bigint[], shards: number): number[] {
  if (shards === 0) return stakes.map(() => 0);
  const total = stakes.reduce((sum, stake) => sum + stake, 0n);
  if (total === 0n) throw apportionmentErrors.NO_STAKE({ nodes: stakes.length });
  const cap = maxShardsPerNode(stakes.length, shards);
  const divisor = total / BigInt(shards + 1) + 1n;
  const seats = stakes.map((stake) => Math.min(Number(stake / divisor), cap));
  for (let given = seats.reduce((sum, count) => sum + count, 0); given < shards; given += 1) {
    const winner = highestQuotient(stakes, seats, cap);
    if (winner === undefined) throw apportionmentErrors.EVERY_NODE_CAPPED({ nodes: stakes.length, shards, cap });
    seats[winner] = (seats[winner] as number) + 1;
  }
  return seats;
}

/** The quotient is a fixed-point number with 64 fraction bits, cut off. */
function highestQuotient(stakes: readonly bigint[], seats: readonly number[], cap: number): number | undefined {
  let winner: number | undefined;
  let highest = -1n;
  for (const [index, stake] of stakes.entries()) {
    const count = seats[index] as number;
    if (count === cap) continue;
    const quotient = (stake << 64n) / BigInt(count + 1);
    if (quotient > highest) {
      highest = quotient;
      winner = index;
    }
  }
  return winner;
}
