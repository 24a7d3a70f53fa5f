import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blake2b } from '@noble/hashes/blake2.js';
import { merkleLeafHash, merkleRoot, MerkleTree, pathLength, verifyMerkleProof } from '../src/merkle.ts';
import { bytes, encoding, hex, path } from './support/vectors.ts';

const leavesOf = (max: number) => fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: max });

describe('vectors', () => {
  it.each(encoding.merkle)('$leaves_utf8: leaf hashes, root and proofs', (vector) => {
    const leaves = vector.leaves_utf8.map((text) => new TextEncoder().encode(text));
    expect(leaves.map((leaf) => hex(merkleLeafHash(leaf)))).toEqual(vector.leaf_hashes ?? []);
    expect(hex(merkleRoot(leaves))).toBe(vector.root);
    const tree = MerkleTree.build(leaves);
    expect(hex(tree.root)).toBe(vector.root);
    expect(leaves.map((_leaf, i) => tree.proof(i))).toEqual((vector.proofs ?? []).map(path));
  });
});

describe('proofs', () => {
  it('every leaf of every tree proves itself, and its data only', () => {
    fc.assert(
      fc.property(leavesOf(40), fc.nat(), (leaves, seed) => {
        const tree = MerkleTree.build(leaves);
        const index = seed % leaves.length;
        const proof = tree.proof(index);
        const claim = { root: tree.root, leaf: leaves[index]!, index, leafCount: leaves.length, proof };
        expect(proof.length).toBe(pathLength(leaves.length));
        expect(verifyMerkleProof(claim)).toBe(true);
        expect(verifyMerkleProof({ ...claim, leaf: Uint8Array.of(...claim.leaf, 1) })).toBe(false);
      }),
    );
  });

  it('hold for the position they were made for only', () => {
    const leaves = [1, 2, 3, 4, 5].map((byte) => Uint8Array.of(byte));
    const tree = MerkleTree.build(leaves);
    for (let made = 0; made < 5; made += 1) {
      for (let index = -1; index < 9; index += 1) {
        const claim = { root: tree.root, leaf: leaves[made]!, index, leafCount: 5, proof: tree.proof(made) };
        expect(verifyMerkleProof(claim)).toBe(index === made);
      }
    }
  });

  it('of another length are refused: an inner node is no leaf', () => {
    const leaves = [1, 2, 3, 4].map((byte) => Uint8Array.of(byte));
    const tree = MerkleTree.build(leaves);
    const [sibling, above] = tree.proof(0);
    const claim = { root: tree.root, leaf: leaves[0]!, index: 0, leafCount: 4 };
    expect(verifyMerkleProof({ ...claim, proof: [sibling, above] })).toBe(true);
    expect(verifyMerkleProof({ ...claim, proof: [sibling] })).toBe(false);
    expect(verifyMerkleProof({ ...claim, proof: [sibling, above, undefined] })).toBe(false);
    // The data of an inner node as a leaf one level up must not verify either.
    const inner = Uint8Array.of(...merkleLeafHash(leaves[0]!), ...merkleLeafHash(leaves[1]!));
    expect(verifyMerkleProof({ root: tree.root, leaf: inner, index: 0, leafCount: 2, proof: [above] })).toBe(false);
  });

  it('with a changed node are refused', () => {
    fc.assert(
      fc.property(leavesOf(20), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (leaves, seed, at, flip) => {
        fc.pre(leaves.length > 1);
        const tree = MerkleTree.build(leaves);
        const index = seed % leaves.length;
        const proof = tree.proof(index).map((node) => node?.slice() ?? new Uint8Array(32));
        proof[at % proof.length]![at % 32]! ^= flip;
        expect(
          verifyMerkleProof({ root: tree.root, leaf: leaves[index]!, index, leafCount: leaves.length, proof }),
        ).toBe(false);
      }),
    );
  });

  it('with a node of another size are refused', () => {
    const leaves = [Uint8Array.of(1), Uint8Array.of(2)];
    const tree = MerkleTree.build(leaves);
    const proof = [tree.proof(0)[0]!.subarray(0, 31)];
    expect(verifyMerkleProof({ root: tree.root, leaf: leaves[0]!, index: 0, leafCount: 2, proof })).toBe(false);
  });
});

it('the root is the one of the definition, for any number of leaves', () => {
  const hash = (...parts: Uint8Array[]) => blake2b(Buffer.concat(parts), { dkLen: 32 });
  const define = (leaves: readonly Uint8Array[]): Uint8Array => {
    let level = leaves.map((leaf) => hash(Uint8Array.of(0), leaf));
    while (level.length > 1) {
      if (level.length % 2 === 1) level.push(new Uint8Array(32));
      level = level.flatMap((node, i) => (i % 2 === 0 ? [hash(Uint8Array.of(1), node, level[i + 1]!)] : []));
    }
    return level[0]!;
  };
  fc.assert(
    fc.property(leavesOf(70), (leaves) => {
      expect(merkleRoot(leaves)).toEqual(define(leaves));
    }),
  );
});

it('a tree does not change when its root or proofs are written to', () => {
  const tree = MerkleTree.build([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  const root = hex(tree.root);
  tree.root.fill(0);
  tree.proof(0)[0]!.fill(0);
  expect(hex(tree.root)).toBe(root);
  expect(
    verifyMerkleProof({ root: bytes(root), leaf: Uint8Array.of(1), index: 0, leafCount: 3, proof: tree.proof(0) }),
  ).toBe(true);
});
