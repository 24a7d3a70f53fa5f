/** What a committee's votes come to, weighted by shards. Walrus contract rules: price and capacity votes. */

export interface Vote {
  readonly value: bigint;
  /** Shards of the voter. */
  readonly weight: number;
}

const MAX_U64 = (1n << 64n) - 1n;

/** Whether `weight` of `shardCount` shards is a quorum. */
export function isQuorumOf(weight: number, shardCount: number): boolean {
  return 3 * weight >= 2 * shardCount + 1;
}

/** The lowest value that a quorum votes for or below; the largest u64 when nobody votes. */
export function quorumAtOrBelow(votes: readonly Vote[], shardCount: number): bigint {
  let remaining = shardCount;
  for (const { value, weight } of descending(votes)) {
    remaining -= weight;
    if (!isQuorumOf(remaining, shardCount)) return value;
  }
  return MAX_U64;
}

/** The highest value that a quorum votes for or above; 0 when there is no quorum. */
export function quorumAtOrAbove(votes: readonly Vote[], shardCount: number): bigint {
  let weighed = 0;
  for (const { value, weight } of descending(votes)) {
    weighed += weight;
    if (isQuorumOf(weighed, shardCount)) return value;
  }
  return 0n;
}

/** A node's vote on its own capacity as one on that of all: scaled by its part of the shards. */
export function scaledCapacity(nodeCapacity: bigint, weight: number, shardCount: number): bigint {
  const scaled = (nodeCapacity * BigInt(shardCount)) / BigInt(weight);
  return scaled > MAX_U64 ? MAX_U64 : scaled;
}

function descending(votes: readonly Vote[]): Vote[] {
  return [...votes].sort((a, b) => (a.value > b.value ? -1 : a.value < b.value ? 1 : 0));
}
