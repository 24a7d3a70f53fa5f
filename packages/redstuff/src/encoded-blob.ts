/** The slivers of an encoded blob, as views (Walrus encoding rules: slivers). */
import { assert } from '@floe/platform';
import { type Axis, type Geometry, type Sliver, type SliverIndex, sealMetadata } from '@floe/protocol';
import type { EncodedBlob } from './codec.ts';
import type { EncodedParts } from './encode.ts';

/**
 * Puts the systematic primary slivers and what encoding added together.
 *
 * @param matrix - the blob, or its matrix with padding
 */
export function encodedBlob(
  geometry: Geometry,
  unencodedLength: number,
  matrix: Uint8Array,
  parts: EncodedParts,
): EncodedBlob {
  const verified = sealMetadata(geometry, { unencodedLength, pairHashes: parts.pairHashes });
  const { symbolSize } = verified;
  const primary = primarySlivers(geometry, matrix, symbolSize, parts.repairPrimary);
  const columnSize = geometry.rows * symbolSize;
  const secondary = (index: number) => parts.secondary.subarray(index * columnSize, (index + 1) * columnSize);
  return {
    verified,
    sliver(axis: Axis, index: SliverIndex): Sliver {
      assert(Number.isInteger(index) && index >= 0 && index < geometry.nShards, 'a sliver of this blob', { index });
      return { axis, index, symbolSize, data: axis === 'primary' ? primary(index) : secondary(index) };
    },
    release: () => parts.release?.(),
  };
}

function primarySlivers(
  geometry: Geometry,
  blob: Uint8Array,
  symbolSize: number,
  repair: Uint8Array,
): (index: number) => Uint8Array {
  const systematic = systematicPrimaries(geometry, blob, symbolSize);
  const rowSize = geometry.columns * symbolSize;
  return (index) => {
    if (index < geometry.rows) return systematic[index] as Uint8Array;
    const from = (index - geometry.rows) * rowSize;
    return repair.subarray(from, from + rowSize);
  };
}

/**
 * The rows of the zero-padded blob: views, but for the one row that the blob ends in. Rows of padding share one array.
 */
export function systematicPrimaries(geometry: Geometry, blob: Uint8Array, symbolSize: number): readonly Uint8Array[] {
  const rowSize = geometry.columns * symbolSize;
  let padding: Uint8Array | undefined;
  return Array.from({ length: geometry.rows }, (_, row) => {
    const present = blob.subarray(row * rowSize, (row + 1) * rowSize);
    if (present.length === rowSize) return present;
    if (present.length === 0) return (padding ??= new Uint8Array(rowSize));
    const padded = new Uint8Array(rowSize);
    padded.set(present);
    return padded;
  });
}
