/**
 * Hashing of a block of columns: every symbol of the block is hashed once, and both kinds of trees take the hash, the
 * column's own at once and each row's as one node over the block (blocks are a power of two wide, so that it is one).
 * Rows and columns of padding are skipped: their nodes are known.
 */
import type { CodeKernel, SymbolArray } from '@floe/kernels';
import { HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES } from '@floe/protocol';
import type { BlobLayout } from './blob-layout.ts';

/** Addresses in kernel memory of what hashing a block needs. */
export interface HashPlace {
  /** {@link leavesSize} bytes; the columns' roots are left at the start. */
  readonly leaves: number;
  /** {@link nodesSize} bytes. */
  readonly nodes: number;
  /** The nodes of padding. */
  readonly padding: number;
}

export function leavesSize({ geometry }: BlobLayout, columns: number): number {
  return geometry.nShards * columns * HASH_SIZE_BYTES;
}

export function nodesSize({ geometry }: BlobLayout, columns: number): number {
  return geometry.nShards * Math.ceil(columns / 2) * HASH_SIZE_BYTES;
}

/**
 * Hashes `count` columns.
 *
 * @param sources - the columns' own symbols at (row, column)
 * @param targets - those that the column code made, at (row - rows, column)
 * @returns the address of one node for each row; those of rows of padding are undefined
 */
export function hashBlock(
  kernel: CodeKernel,
  layout: BlobLayout,
  count: number,
  sources: SymbolArray,
  targets: SymbolArray,
  place: HashPlace,
): number {
  const { geometry, symbolSize, usedRows } = layout;
  const { nShards: n, rows } = geometry;
  const shape = { symbolSize, slots: count };
  kernel.hashLeaves(shape, usedRows, sources, place.leaves);
  kernel.hashLeaves(shape, n - rows, targets, place.leaves + rows * count * HASH_SIZE_BYTES);
  const rowNodes = reduceRowsOfBlock(kernel, layout, count, place);
  kernel.reduceColumns(place.leaves, n, count, { from: usedRows, to: rows, address: place.padding });
  return rowNodes;
}

function reduceRowsOfBlock(kernel: CodeKernel, layout: BlobLayout, count: number, place: HashPlace): number {
  const { geometry, usedRows, blockColumns, blocks } = layout;
  const { nShards: n, rows } = geometry;
  // The only block's nodes are the roots: a lone node is then not paired with an empty one.
  const isOnly = blocks === 1;
  let from = place.leaves;
  let length = count;
  for (let width = blockColumns; isOnly ? length > 1 : width > 1; width /= 2) {
    const parents = Math.ceil(length / 2);
    const skipped = rows * HASH_SIZE_BYTES;
    kernel.reduceRows(from, usedRows, length, place.nodes);
    kernel.reduceRows(from + skipped * length, n - rows, length, place.nodes + skipped * parents);
    from = place.nodes;
    length = parents;
  }
  if (from !== place.leaves) return from;
  // Blocks of one column: the leaves themselves, which the column trees are about to overwrite.
  kernel.bytes.copyWithin(place.nodes, from, from + n * HASH_SIZE_BYTES);
  return place.nodes;
}

/**
 * Roots of the trees of rows [first, first + count) from their nodes of all blocks, which are at (block, row) in kernel
 * memory at `nodes`, in place; then at (row).
 */
export function finishRows(
  kernel: CodeKernel,
  layout: BlobLayout,
  count: number,
  nodes: number,
  padding: number,
): void {
  const { blocks, blockColumns, usedColumns, geometry } = layout;
  const from = Math.ceil(usedColumns / blockColumns);
  const to = Math.max(from, Math.floor(geometry.columns / blockColumns));
  const address = padding + Math.log2(blockColumns) * HASH_SIZE_BYTES;
  kernel.reduceColumns(nodes, blocks, count, { from, to: blocks === 1 ? from : to, address });
}

/** Sets the hashes of rows and columns of padding. */
export function setPaddingHashes(layout: BlobLayout, root: Uint8Array, pairHashes: Uint8Array): void {
  const { geometry, usedRows, usedColumns } = layout;
  for (let row = usedRows; row < geometry.rows; row += 1) pairHashes.set(root, primaryHashAt(row));
  for (let column = usedColumns; column < geometry.columns; column += 1) {
    pairHashes.set(root, secondaryHashAt(layout, column));
  }
}

/** Where the hash of a primary sliver is among the pair hashes. */
export function primaryHashAt(row: number): number {
  return row * PAIR_HASHES_SIZE_BYTES;
}

/** Where the hash of a secondary sliver is among the pair hashes: of pair n - 1 - column. */
export function secondaryHashAt({ geometry }: BlobLayout, column: number): number {
  return (geometry.nShards - 1 - column) * PAIR_HASHES_SIZE_BYTES + HASH_SIZE_BYTES;
}
