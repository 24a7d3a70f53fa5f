/**
 * How an encode whose slivers do not fit memory is cut into tasks, and what lies where in the memory of one task.
 *
 * Rows first, some at a time: each gives a run of every repair column. Then strips of columns, each of whole blocks:
 * their rows come from the source and from the repair columns, and they give whole secondary slivers and a run of every
 * repair primary one. Last the row trees, from one node for each row and block of columns.
 *
 * Each task has a slot of memory for itself; all slots are alike, so that tasks of any kind run in any of them. The
 * layout is a function of a few numbers: only those and the memory are sent to a worker.
 */
import { kernelAreaSize } from '@floe/kernels';
import { geometryOf, HASH_SIZE_BYTES } from '@floe/protocol';
import { type BlobLayout, blobLayout } from '../blob-layout.ts';
import { leavesSize, nodesSize } from '../column-block.ts';
import { TREE_TASK_ROWS } from '../limits.ts';
import { PADDING_NODES_SIZE } from '../padding.ts';
import { largest, takeFrom, type Taker } from './slot.ts';

/** What both sides compute the plan from. */
export interface StreamShape {
  readonly nShards: number;
  readonly blobSize: number;
  /** Rows and blocks of columns in one task. */
  readonly rowsPerTask: number;
  readonly blocksPerStrip: number;
  /** Whether secondary slivers are to stand in one piece: those that the blob's own symbols make, and the others. */
  readonly gathersSystematic: boolean;
  readonly gathersRepair: boolean;
  /** Whether what the column code makes is kept for all of a strip, as repair primary slivers. */
  readonly keepsRepairRows: boolean;
}

export type SliversWanted = Pick<StreamShape, 'gathersSystematic' | 'gathersRepair' | 'keepsRepairRows'>;

/** Columns of one task. */
export interface Strip {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly first: number;
  readonly columns: number;
  /** How many of them are the blob's own. */
  readonly systematic: number;
}

/** Addresses of what a task of a slot works on. */
export interface RowsPlace {
  readonly source: number;
  readonly target: number;
}

export interface StripPlace {
  /** (row, column) as read. */
  readonly matrix: number;
  /** Bytes from a row of the matrix to the next. */
  readonly rowStep: number;
  /** The columns, one after another; the matrix itself if it is a single column. */
  readonly columns: number;
  /** Whether they are made. */
  readonly gathers: boolean;
  /** What the column code makes: of the whole strip, or of one block at a time. */
  readonly repair: number;
  readonly repairStep: number;
  readonly keepsRepairRows: boolean;
  readonly leaves: number;
  readonly nodes: number;
  readonly padding: number;
  /** Results: a node for each row, block by block; the columns' roots. */
  readonly rowNodes: number;
  readonly roots: number;
}

export interface TreesPlace {
  readonly nodes: number;
  readonly padding: number;
}

export interface StreamPlan {
  readonly shape: StreamShape;
  readonly layout: BlobLayout;
  readonly slotSize: number;
  rowsPlace(slot: number): RowsPlace;
  stripPlace(slot: number, strip: Strip): StripPlace;
  treesPlace(slot: number): TreesPlace;
}

export function streamPlan(shape: StreamShape): StreamPlan {
  const layout = blobLayout(geometryOf(shape.nShards), shape.blobSize);
  const strips = stripsOf(layout, shape.blocksPerStrip).map((strip) => placeStrip(shape, layout, 0, strip));
  return {
    shape,
    layout,
    slotSize: Math.max(placeRows(shape, layout, 0).end, placeTrees(layout, 0).end, ...strips.map(({ end }) => end)),
    rowsPlace: (slot) => placeRows(shape, layout, slot),
    stripPlace: (slot, strip) => placeStrip(shape, layout, slot, strip),
    treesPlace: (slot) => placeTrees(layout, slot),
  };
}

/** After what the kernel needs for itself. */
function placeIn(slot: number, { rowCode, columnCode }: BlobLayout): Taker {
  return takeFrom(slot + kernelAreaSize(rowCode, columnCode));
}

function placeRows({ rowsPerTask }: StreamShape, layout: BlobLayout, slot: number): RowsPlace & { end: number } {
  const { take, end } = placeIn(slot, layout);
  return {
    source: take(rowsPerTask * layout.rowSize),
    target: take(rowsPerTask * layout.rowCode.recoveryCount * layout.symbolSize),
    end: end(),
  };
}

function placeTrees(layout: BlobLayout, slot: number): TreesPlace & { end: number } {
  const { take, end } = placeIn(slot, layout);
  const rows = Math.min(TREE_TASK_ROWS, layout.geometry.nShards);
  return { nodes: take(rows * layout.blocks * HASH_SIZE_BYTES), padding: take(PADDING_NODES_SIZE), end: end() };
}

function placeStrip(shape: StreamShape, layout: BlobLayout, slot: number, strip: Strip): StripPlace & { end: number } {
  const { geometry, symbolSize, columnSize, columnCode, blockColumns } = layout;
  const { columns, systematic, blocks } = strip;
  const { take, end } = placeIn(slot, layout);
  const rowStep = columns * symbolSize;
  const blockWidth = Math.min(blockColumns, columns);
  const gathers = (shape.gathersSystematic && systematic > 0) || (shape.gathersRepair && systematic < columns);
  const keepsRepairRows = shape.keepsRepairRows && systematic > 0;
  const repairStep = keepsRepairRows ? rowStep : blockWidth * symbolSize;
  const matrix = take(geometry.rows * rowStep);
  return {
    matrix,
    rowStep,
    gathers,
    columns: gathers && columns > 1 ? take(columns * columnSize) : matrix,
    repair: take(columnCode.recoveryCount * repairStep),
    repairStep,
    keepsRepairRows,
    leaves: take(leavesSize(layout, blockWidth)),
    nodes: take(nodesSize(layout, blockWidth)),
    padding: take(PADDING_NODES_SIZE),
    rowNodes: take(blocks * geometry.nShards * HASH_SIZE_BYTES),
    roots: take(columns * HASH_SIZE_BYTES),
    end: end(),
  };
}

/** All columns, or those of the blocks from `firstBlock` to `endBlock` - 1. */
export function stripsOf(
  layout: BlobLayout,
  blocksPerStrip: number,
  firstBlock = 0,
  endBlock: number = layout.blocks,
): Strip[] {
  const { blockColumns, geometry } = layout;
  const strips: Strip[] = [];
  for (let block = firstBlock; block < endBlock; block += blocksPerStrip) {
    const blocks = Math.min(blocksPerStrip, endBlock - block);
    const first = block * blockColumns;
    const columns = Math.min(blocks * blockColumns, geometry.nShards - first);
    const systematic = Math.max(0, Math.min(columns, geometry.columns - first));
    strips.push({ firstBlock: block, blocks, first, columns, systematic });
  }
  return strips;
}

/** The plan of the largest tasks with which `slots` slots take at most `sizeBytes`; of the smallest if none do. */
export function planWithin(
  blob: Pick<StreamShape, 'nShards' | 'blobSize'>,
  wanted: SliversWanted,
  slots: number,
  sizeBytes: number,
): StreamPlan {
  const { usedRows, blocks } = blobLayout(geometryOf(blob.nShards), blob.blobSize);
  const attempt = (rowsPerTask: number, blocksPerStrip: number) =>
    streamPlan({ ...blob, ...wanted, rowsPerTask, blocksPerStrip });
  const fits = (plan: StreamPlan) => slots * plan.slotSize <= sizeBytes;
  // Enough tasks that slots do not wait long for one another at the end.
  const blocksPerStrip = largest(Math.ceil(blocks / (4 * slots)), (count) => fits(attempt(1, count)));
  const rowsPerTask = largest(Math.ceil(usedRows / (2 * slots)), (count) => fits(attempt(count, blocksPerStrip)));
  return attempt(rowsPerTask, blocksPerStrip);
}
