/**
 * Quilts, version 1: many files in one blob, each readable alone (Walrus encoding rules: quilts).
 *
 * A quilt is bound to the number of shards it was made for. Patches lie in the order of their identifiers' bytes, after
 * the index; what is unused is zero.
 */
import { compareBytes, utf8 } from '@floe/platform';
import type { Geometry } from '@floe/protocol';
import { errors } from '../errors.ts';
import { allocate } from '../steps.ts';
import { quiltSymbolSize, readColumns, writeStream } from './layout.ts';
import {
  type QuiltIndex,
  type QuiltPatch,
  encodeQuiltIndex,
  parseQuiltIndex,
  quiltIndexColumns,
} from './quilt-index.ts';
import { type QuiltPatchContents, type QuiltPatchInput, encodePatchHead, parseQuiltPatch } from './quilt-patch.ts';

/** A quilt ready to be encoded as a blob. */
export interface EncodedQuilt {
  /** Fills the whole matrix, so that encoding it uses the same symbol size. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly symbolSize: number;
  readonly index: QuiltIndex;
}

/**
 * Puts files into a quilt.
 *
 * @throws as {@link quiltSizeBytes}, and OUT_OF_MEMORY
 */
export function encodeQuilt(geometry: Geometry, patches: readonly QuiltPatchInput[]): EncodedQuilt {
  const { sorted, heads, entries, sizes, indexSize, symbolSize } = layOut(geometry, patches);
  const columnSize = geometry.rows * symbolSize;
  const bytes = allocate(columnSize * geometry.columns, 'quilt');
  let column = Math.ceil(indexSize / columnSize);
  const placed = entries.map((entry, i) => {
    const startIndex = column;
    const { contents } = sorted[i] as QuiltPatchInput;
    writeStream(geometry, symbolSize, bytes, startIndex, [heads[i] as Uint8Array, contents]);
    column += Math.ceil((sizes[i] as number) / columnSize);
    return { ...entry, startIndex, endIndex: column };
  });
  writeStream(geometry, symbolSize, bytes, 0, [encodeQuiltIndex(placed)]);
  return { bytes, symbolSize, index: { patches: placed } };
}

/**
 * Bytes of the quilt that {@link encodeQuilt} makes of these files. Each takes whole columns, so that one large file among
 * many small ones makes a quilt of many times their size.
 *
 * @throws TOO_MANY_PATCHES (at most one less than columns), INVALID_IDENTIFIER, DUPLICATE_IDENTIFIER, TAGS_TOO_LARGE,
 *   QUILT_TOO_LARGE
 */
export function quiltSizeBytes(geometry: Geometry, patches: readonly QuiltPatchInput[]): number {
  return geometry.rows * geometry.columns * layOut(geometry, patches).symbolSize;
}

interface QuiltPlan {
  readonly sorted: readonly QuiltPatchInput[];
  /** What stands before the contents of each. */
  readonly heads: readonly Uint8Array[];
  readonly entries: readonly Omit<QuiltPatch, 'startIndex'>[];
  /** Bytes of their streams. */
  readonly sizes: readonly number[];
  readonly indexSize: number;
  readonly symbolSize: number;
}

function layOut(geometry: Geometry, patches: readonly QuiltPatchInput[]): QuiltPlan {
  const max = geometry.columns - 1;
  if (patches.length > max) throw errors.TOO_MANY_PATCHES({ count: patches.length, max });
  const sorted = sortedByIdentifier(patches);
  const heads = sorted.map(encodePatchHead);
  const entries = sorted.map(({ identifier, tags = {} }) => ({ identifier, tags, endIndex: 0 }));
  const indexSize = encodeQuiltIndex(entries).length; // ends have a fixed width, so zeros give the size
  const sizes = sorted.map(({ contents }, i) => (heads[i] as Uint8Array).length + contents.length);
  const symbolSize = quiltSymbolSize([indexSize, ...sizes], geometry);
  return { sorted, heads, entries, sizes, indexSize, symbolSize };
}

/** A quilt that has been read whole. Read it so only after a strict consistency check. */
export interface Quilt {
  readonly index: QuiltIndex;
  /** The patch in columns `[startIndex, endIndex)`. @throws INVALID_QUILT */
  patch(range: { readonly startIndex: number; readonly endIndex: number }): QuiltPatchContents;
}

/** Opens the quilt in a whole blob. @throws INVALID_QUILT */
export function openQuilt(geometry: Geometry, blob: Uint8Array): Quilt {
  const symbols = geometry.rows * geometry.columns;
  const symbolSize = blob.length / symbols;
  if (!Number.isInteger(symbolSize) || symbolSize < 2 || symbolSize % 2 !== 0) {
    const expected = `a multiple of ${2 * symbols} bytes`;
    throw errors.INVALID_QUILT({ part: 'size', expected, came: `${blob.length}` });
  }
  const columns = (first: number, end: number) => readColumns(geometry, symbolSize, blob, first, end);
  const indexColumns = quiltIndexColumns(geometry, symbolSize, columns(0, 1));
  return {
    index: parseQuiltIndex(geometry, symbolSize, columns(0, indexColumns)),
    patch({ startIndex, endIndex }) {
      if (!(startIndex >= 0 && startIndex < endIndex && endIndex <= geometry.columns)) {
        const expected = `columns within 0 to ${geometry.columns}`;
        throw errors.INVALID_QUILT({ part: 'patch range', expected, came: `${startIndex} to ${endIndex}` });
      }
      return parseQuiltPatch(columns(startIndex, endIndex));
    },
  };
}

/** By UTF-8 bytes; UTF-16 order differs beyond U+FFFF. @throws DUPLICATE_IDENTIFIER */
function sortedByIdentifier(patches: readonly QuiltPatchInput[]): QuiltPatchInput[] {
  const keyed = patches.map((patch) => ({ patch, key: utf8(patch.identifier) }));
  keyed.sort((a, b) => compareBytes(a.key, b.key));
  keyed.forEach(({ patch, key }, i) => {
    const before = keyed[i - 1];
    if (before !== undefined && compareBytes(before.key, key) === 0) {
      throw errors.DUPLICATE_IDENTIFIER({ identifier: patch.identifier });
    }
  });
  return keyed.map(({ patch }) => patch);
}
