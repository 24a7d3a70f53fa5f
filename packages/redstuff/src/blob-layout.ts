/** Sizes of one blob's matrix and how its encoding is cut (Walrus encoding rules: message matrix). */
import type { LineCode } from '@floe/kernels';
import { type Geometry, symbolSizeOf } from '@floe/protocol';
import { BLOCK_SIZE_BYTES, BLOCKS_PER_THREAD, MAX_BLOCK_COLUMNS, STRIP_RUN_SIZE_BYTES } from './limits.ts';
import { lineCode } from './line-code.ts';

export interface BlobLayout {
  readonly geometry: Geometry;
  readonly blobSize: number;
  readonly symbolSize: number;
  readonly rowCode: LineCode;
  readonly columnCode: LineCode;
  /** Bytes of a primary and of a secondary sliver. */
  readonly rowSize: number;
  readonly columnSize: number;
  /** Rows before this one are not all padding; rows from here to `geometry.rows` are. */
  readonly usedRows: number;
  /** Columns from here to `geometry.columns` are all padding; there are some only if the blob ends in the first row. */
  readonly usedColumns: number;
  /** Columns that are extended and hashed together, a power of two. */
  readonly blockColumns: number;
  /** How many blocks of columns there are. */
  readonly blocks: number;
  /** Blocks whose rows are copied between memories in one piece. */
  readonly blocksPerStrip: number;
}

/**
 * @param threads - that share the columns: enough blocks for all of them to end at about the same time
 * @throws BLOB_TOO_LARGE
 */
export function blobLayout(geometry: Geometry, blobSize: number, threads = 1): BlobLayout {
  const { nShards, rows, columns } = geometry;
  const symbolSize = symbolSizeOf(geometry, blobSize);
  const rowSize = columns * symbolSize;
  const usedRows = Math.ceil(blobSize / rowSize);
  const blockColumns = columnsPerBlock(nShards, symbolSize, threads);
  return {
    geometry,
    blobSize,
    symbolSize,
    rowCode: lineCode(geometry, 'primary'),
    columnCode: lineCode(geometry, 'secondary'),
    rowSize,
    columnSize: rows * symbolSize,
    usedRows,
    usedColumns: usedRows <= 1 ? Math.ceil(blobSize / symbolSize) : columns,
    blockColumns,
    blocks: Math.ceil(nShards / blockColumns),
    blocksPerStrip: Math.max(1, Math.floor(STRIP_RUN_SIZE_BYTES / (blockColumns * symbolSize))),
  };
}

/** As many columns as fit the size for a block; two where that is too few, unless one alone is already far above it. */
function columnsPerBlock(nShards: number, symbolSize: number, threads: number): number {
  const columnSize = nShards * symbolSize;
  const fair = threads === 1 ? MAX_BLOCK_COLUMNS : Math.floor(nShards / (BLOCKS_PER_THREAD * threads));
  if (fair < 2) return 1;
  const fitting = Math.min(MAX_BLOCK_COLUMNS, fair, Math.floor(BLOCK_SIZE_BYTES / columnSize));
  if (fitting < 2) return columnSize > 4 * BLOCK_SIZE_BYTES ? 1 : 2;
  return 2 ** Math.floor(Math.log2(fitting));
}

/** Whether a block has only columns that are all padding: its hashes are known and its slivers zero. */
export function isPaddingBlock(layout: BlobLayout, block: number): boolean {
  const first = block * layout.blockColumns;
  return first >= layout.usedColumns && first + layout.blockColumns <= layout.geometry.columns;
}

/** Whether a table of the leaf hashes of all symbols of two bytes costs less than it saves. */
export function wantsLeafTable(layout: BlobLayout): boolean {
  const { nShards, rows } = layout.geometry;
  const hashed = (nShards - rows + layout.usedRows) * nShards;
  return isLeafTableWorth(layout.symbolSize, hashed);
}

/** The same for any number of symbols that are hashed. */
export function isLeafTableWorth(symbolSize: number, hashed: number): boolean {
  return symbolSize === 2 && hashed > 3 * 65_536;
}
