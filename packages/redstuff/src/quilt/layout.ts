/**
 * How a quilt's columns hold byte streams (Walrus encoding rules: quilt geometry). A quilt is a blob that fills its whole
 * matrix; a stream occupies whole columns, which are systematic secondary slivers, so that one file can be fetched by
 * fetching the slivers it occupies.
 */
import { type Geometry, MAX_SYMBOL_SIZE_BYTES } from '@floe/protocol';
import { errors } from '../errors.ts';
import { MAX_QUILT_INDEX_COLUMNS, MAX_QUILT_SIZE_BYTES } from '../limits.ts';

/** Bytes before the index itself: a version byte and the index's length, u32le. */
export const INDEX_PREFIX_SIZE_BYTES = 5;

/**
 * Smallest even symbol size with which all streams fit; quilts of more than `MAX_QUILT_SIZE_BYTES` are refused.
 *
 * @param sizes - bytes of the index stream, then of each patch stream; at most `columns` of them
 * @param maxIndexColumns - columns that the first stream may take
 * @throws QUILT_TOO_LARGE
 */
export function quiltSymbolSize(
  sizes: readonly number[],
  shape: { readonly columns: number; readonly rows: number },
  maxIndexColumns = MAX_QUILT_INDEX_COLUMNS,
): number {
  const { columns, rows } = shape;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const fits = (symbolSize: number) =>
    sizes.reduce((sum, size) => sum + Math.ceil(size / (symbolSize * rows)), 0) <= columns;
  let low = Math.max(
    Math.ceil(total / (rows * columns)),
    Math.ceil((sizes[0] ?? 0) / (rows * maxIndexColumns)),
    Math.ceil(INDEX_PREFIX_SIZE_BYTES / rows),
  );
  // With one column per stream everything fits, as there are at most as many streams as columns.
  let high = Math.max(low, Math.ceil(Math.max(...sizes) / rows));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  const even = 2 * Math.ceil(low / 2);
  const inMemory = 2 * Math.floor(MAX_QUILT_SIZE_BYTES / (rows * columns) / 2);
  const maxSymbolSize = Math.min(MAX_SYMBOL_SIZE_BYTES, inMemory);
  if (even > maxSymbolSize) throw errors.QUILT_TOO_LARGE({ symbolSize: even, maxSymbolSize });
  return even;
}

/** Writes a stream into the columns of `quilt` from `firstColumn` on; its parts follow one another. */
export function writeStream(
  geometry: Geometry,
  symbolSize: number,
  quilt: Uint8Array,
  firstColumn: number,
  parts: readonly Uint8Array[],
): void {
  const { rows, columns } = geometry;
  const rowSize = symbolSize * columns;
  let position = 0;
  for (const part of parts) {
    for (let taken = 0; taken < part.length;) {
      const symbol = Math.floor(position / symbolSize);
      const within = position % symbolSize;
      const run = Math.min(symbolSize - within, part.length - taken);
      const column = firstColumn + Math.floor(symbol / rows);
      const offset = (symbol % rows) * rowSize + column * symbolSize + within;
      quilt.set(part.subarray(taken, taken + run), offset);
      taken += run;
      position += run;
    }
  }
}

/** The bytes of columns `[first, end)` of a quilt, read top to bottom: what those secondary slivers hold. */
export function readColumns(
  geometry: Geometry,
  symbolSize: number,
  quilt: Uint8Array,
  first: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const { rows, columns } = geometry;
  const rowSize = symbolSize * columns;
  const stream = new Uint8Array((end - first) * rows * symbolSize);
  let to = 0;
  for (let column = first; column < end; column += 1) {
    for (let row = 0; row < rows; row += 1, to += symbolSize) {
      const from = row * rowSize + column * symbolSize;
      stream.set(quilt.subarray(from, from + symbolSize), to);
    }
  }
  return stream;
}
