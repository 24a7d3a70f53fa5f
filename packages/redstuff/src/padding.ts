/**
 * Hashes of padding: symbols that are all zero make the same nodes in every Merkle tree, so a blob that fills only part
 * of its matrix needs each of them once (Walrus encoding rules: Merkle tree).
 */
import { blake2b256 } from '@floe/kernels';
import { HASH_SIZE_BYTES } from '@floe/protocol';

/** Levels of a tree of the most leaves there are, 1,000, with room to spare. */
const LEVELS = 12;

export interface PaddingHashes {
  /** For each level, from the leaves up, the node over zero symbols only. */
  readonly nodes: Uint8Array<ArrayBuffer>;
  /** Root of a whole sliver of zero symbols. */
  readonly root: Uint8Array<ArrayBuffer>;
}

/** Bytes of {@link PaddingHashes.nodes}. */
export const PADDING_NODES_SIZE = LEVELS * HASH_SIZE_BYTES;

let last: (PaddingHashes & { readonly nShards: number; readonly symbolSize: number }) | undefined;

/** The hashes for a geometry and symbol size; those asked for last are kept, because blobs of one kind come in numbers. */
export function paddingHashes(nShards: number, symbolSize: number): PaddingHashes {
  if (last?.nShards !== nShards || last.symbolSize !== symbolSize) {
    last = { nShards, symbolSize, ...computePaddingHashes(nShards, symbolSize) };
  }
  return last;
}

function computePaddingHashes(nShards: number, symbolSize: number): PaddingHashes {
  const nodes = new Uint8Array(PADDING_NODES_SIZE);
  let node = blake2b256(new Uint8Array(1 + symbolSize));
  for (let level = 0; level < LEVELS; level += 1) {
    nodes.set(node, level * HASH_SIZE_BYTES);
    node = inner(node, node);
  }
  // The last node of each level is over fewer leaves than the others, or over the empty node as well.
  const empty = new Uint8Array(HASH_SIZE_BYTES);
  const at = (level: number) => nodes.subarray(level * HASH_SIZE_BYTES, (level + 1) * HASH_SIZE_BYTES);
  let end: Uint8Array<ArrayBuffer> = at(0).slice();
  for (let length = nShards, level = 0; length > 1; length = Math.ceil(length / 2), level += 1) {
    end = length % 2 === 1 ? inner(end, empty) : inner(at(level), end);
  }
  return { nodes, root: end };
}

function inner(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(1 + 2 * HASH_SIZE_BYTES);
  message[0] = 1;
  message.set(left, 1);
  message.set(right, 1 + HASH_SIZE_BYTES);
  return blake2b256(message);
}
