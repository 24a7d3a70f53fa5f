/** Committees with known keys for tests. */
import { type Committee, type CommitteeMember, createCommittee } from '../../src/committee.ts';
import { type Epoch, type NodeId, objectIdFromBytes, type ShardIndex } from '../../src/ids.ts';

export function nodeIdOf(position: number): NodeId {
  return objectIdFromBytes(new Uint8Array(32).fill(position + 1));
}

export function memberWith(
  position: number,
  shards: readonly number[],
  publicKey: Uint8Array = new Uint8Array(48),
): Omit<CommitteeMember, 'index'> {
  return {
    nodeId: nodeIdOf(position),
    name: `node ${position}`,
    networkAddress: `127.0.0.1:${9000 + position}`,
    publicKey,
    networkPublicKey: new Uint8Array(33),
    shards: shards as readonly ShardIndex[],
  };
}

/** A committee of epoch 3 whose member i owns `shards[i]`. */
export function committeeOf(shards: readonly (readonly number[])[], publicKeys: readonly Uint8Array[] = []): Committee {
  const nShards = shards.flat().length;
  const members = shards.map((owned, i) => memberWith(i, owned, publicKeys[i]));
  return createCommittee({ epoch: 3 as Epoch, nShards, members });
}

/** Members of the given weights, with consecutive shards. */
export function committeeOfWeights(weights: readonly number[], publicKeys: readonly Uint8Array[] = []): Committee {
  let next = 0;
  const shards = weights.map((weight) => Array.from({ length: weight }, () => next++));
  return committeeOf(shards, publicKeys);
}
