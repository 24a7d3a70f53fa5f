/**
 * Merkle trees (Walrus encoding rules: hashing).
 *
 *   leaf(data) = H(0x00 ‖ data)      inner(l, r) = H(0x01 ‖ l ‖ r)
 *
 * A level of odd length is padded on the right with one Empty node, which hashes as 32 zero bytes; nothing is padded to
 * a power of two, and a single leaf is its own root. In proofs Empty is `undefined`: as a node it differs from a digest
 * of zeros, although both hash alike. Levels are flat arrays of 32-byte nodes, so a tree is log2(n) allocations.
 */
import { assert, equalBytes } from '@floe/platform';
import { blake2b256, HASH_SIZE_BYTES } from './hash.ts';

/** A sibling on the way to the root; `undefined` is the Empty node. */
export type MerkleNode = Uint8Array | undefined;

/** Siblings from the leaf's level upwards. */
export type MerklePath = readonly MerkleNode[];

const LEAF_PREFIX = 0x00;
const INNER_PREFIX = 0x01;

/** H(0x00 ‖ data). */
export function merkleLeafHash(data: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + data.length);
  message[0] = LEAF_PREFIX;
  message.set(data, 1);
  return blake2b256(message);
}

/** Root over `leaves`, each of any length; without leaves the bytes of the Empty node, 32 zeros. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  return merkleRootOfHashes(hashLeaves(leaves));
}

/** Root over leaf hashes, 32 bytes each, one after the other. */
export function merkleRootOfHashes(leafHashes: Uint8Array): Uint8Array {
  assertHashes(leafHashes);
  if (leafHashes.length === 0) return new Uint8Array(HASH_SIZE_BYTES);
  let level = leafHashes;
  while (level.length > HASH_SIZE_BYTES) level = levelAbove(level);
  return level.slice();
}

/** A tree that is kept, for proofs. */
export class MerkleTree {
  readonly leafCount: number;
  readonly #levels: readonly Uint8Array[];

  private constructor(leafHashes: Uint8Array) {
    assertHashes(leafHashes);
    const levels = [leafHashes];
    for (let level = leafHashes; level.length > HASH_SIZE_BYTES;) {
      level = levelAbove(level);
      levels.push(level);
    }
    this.leafCount = leafHashes.length / HASH_SIZE_BYTES;
    this.#levels = levels;
  }

  /** From the leaves' data. */
  static build(leaves: readonly Uint8Array[]): MerkleTree {
    return new MerkleTree(hashLeaves(leaves));
  }

  /** From leaf hashes, 32 bytes each, one after the other. The array is kept and must not change. */
  static fromLeafHashes(leafHashes: Uint8Array): MerkleTree {
    return new MerkleTree(leafHashes);
  }

  get root(): Uint8Array {
    return merkleRootOfHashes(this.#levels.at(-1) as Uint8Array);
  }

  /** Siblings of leaf `index` from its level upwards: floor(log2(n-1)) + 1 of them, none for a single leaf. */
  proof(index: number): MerklePath {
    assert(Number.isInteger(index) && index >= 0 && index < this.leafCount, 'a leaf of this tree', { index });
    return this.#levels.slice(0, -1).map((level, height) => {
      const at = ((index >> height) ^ 1) * HASH_SIZE_BYTES;
      return at < level.length ? level.slice(at, at + HASH_SIZE_BYTES) : undefined;
    });
  }
}

/** Whether `proof` shows that leaf number `index` of the `leafCount` leaves under `root` is `leaf` (its data, not its hash). */
export function verifyMerkleProof(claim: {
  readonly root: Uint8Array;
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly leafCount: number;
  readonly proof: MerklePath;
}): boolean {
  const { root, leaf, index, leafCount, proof } = claim;
  // Exactly the height: a shorter path would make an inner node a leaf, which only the root's mismatch would show.
  if (!Number.isInteger(index) || index < 0 || index >= leafCount || proof.length !== pathLength(leafCount))
    return false;
  let node = merkleLeafHash(leaf);
  const message = new Uint8Array(1 + 2 * HASH_SIZE_BYTES);
  message[0] = INNER_PREFIX;
  for (const [height, sibling] of proof.entries()) {
    if (sibling !== undefined && sibling.length !== HASH_SIZE_BYTES) return false;
    const isRight = ((index >> height) & 1) === 1;
    message.fill(0, 1);
    message.set(node, isRight ? 1 + HASH_SIZE_BYTES : 1);
    if (sibling !== undefined) message.set(sibling, isRight ? 1 : 1 + HASH_SIZE_BYTES);
    node = blake2b256(message);
  }
  return equalBytes(node, root);
}

/** Nodes in the proof of any leaf of a tree of `leafCount` leaves. */
export function pathLength(leafCount: number): number {
  return leafCount <= 1 ? 0 : 32 - Math.clz32(leafCount - 1);
}

function hashLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  const hashes = new Uint8Array(leaves.length * HASH_SIZE_BYTES);
  for (const [i, leaf] of leaves.entries()) hashes.set(merkleLeafHash(leaf), i * HASH_SIZE_BYTES);
  return hashes;
}

function levelAbove(level: Uint8Array): Uint8Array {
  const width = Math.ceil(level.length / (2 * HASH_SIZE_BYTES));
  const above = new Uint8Array(width * HASH_SIZE_BYTES);
  const message = new Uint8Array(1 + 2 * HASH_SIZE_BYTES);
  message[0] = INNER_PREFIX;
  for (let i = 0; i < width; i += 1) {
    const pair = level.subarray(2 * i * HASH_SIZE_BYTES, (2 * i + 2) * HASH_SIZE_BYTES);
    message.set(pair, 1);
    // The right child of the last pair of an odd level is Empty: zeros.
    if (pair.length === HASH_SIZE_BYTES) message.fill(0, 1 + HASH_SIZE_BYTES);
    above.set(blake2b256(message), i * HASH_SIZE_BYTES);
  }
  return above;
}

function assertHashes(hashes: Uint8Array): void {
  assert(hashes.length % HASH_SIZE_BYTES === 0, 'leaf hashes are 32 bytes each', { sizeBytes: hashes.length });
}
