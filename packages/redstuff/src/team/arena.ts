/**
 * One encode spread over threads: what lies where in the memory they share.
 *
 * The caller's thread makes the memory and copies the blob in; workers take tasks by atomic counters, phase after phase:
 * rows, blocks of columns, row trees. A worker that comes late finds fewer tasks or none. Memory of the caller's for
 * slivers is such a memory too, so that slivers are made where they are wanted; and one thread can do all of it. The
 * layout is a function of a few numbers, so that only those and the memory are sent.
 */
import { KERNEL_CONSTANTS_SIZE, kernelAreaSize, LEAF_TABLE_SIZE } from '@floe/kernels';
import { geometryOf, HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES } from '@floe/protocol';
import { type BlobLayout, blobLayout, wantsLeafTable } from '../blob-layout.ts';
import { leavesSize, nodesSize } from '../column-block.ts';
import { MAX_ARENA_SIZE_BYTES, ROW_TASKS_PER_MEMBER, STEP_SIZE_BYTES, TREE_TASK_ROWS } from '../limits.ts';
import { PADDING_NODES_SIZE } from '../padding.ts';
import { perStep } from '../steps.ts';

/** What both sides compute the layout from. */
export interface ArenaShape {
  readonly nShards: number;
  readonly blobSize: number;
  readonly wantSlivers: boolean;
  /** Threads that may take part. */
  readonly members: number;
}

/** Words of the control block, and their meaning. */
export const CONTROL = {
  /** Rows of the blob that have been copied in. */
  rowsReady: 0,
  nextRows: 1,
  rowsDone: 2,
  nextBlock: 3,
  blocksDone: 4,
  nextTrees: 5,
  treesDone: 6,
  /** 0: no table of leaf hashes; 1: one is being made; 2: it is there. Kept from one encode to the next. */
  leafTable: 7,
} as const;
export const CONTROL_WORDS = 8;

/** Addresses and counts of tasks. */
export interface ArenaLayout {
  readonly blob: BlobLayout;
  readonly sizeBytes: number;
  readonly control: number;
  /** 0 when symbols are too large, or too few, for a table. */
  readonly leafTable: number;
  readonly padding: number;
  readonly pairHashes: number;
  /** The blob and zeros up to whole rows. */
  readonly matrix: number;
  /** Secondary slivers `firstColumn`..n-1. */
  readonly secondary: number;
  readonly firstColumn: number;
  /** Primary slivers P..n-1, when slivers are wanted. */
  readonly repairPrimary: number;
  /** (block, row). */
  readonly rowNodes: number;
  readonly rowsPerTask: number;
  readonly rowTasks: number;
  readonly treeTasks: number;
  readonly areas: readonly MemberArea[];
}

/** What each member has for itself. */
export interface MemberArea {
  readonly kernel: number;
  readonly source: number;
  readonly target: number;
  readonly leaves: number;
  readonly nodes: number;
}

export function arenaLayout(shape: ArenaShape): ArenaLayout {
  const geometry = geometryOf(shape.nShards);
  const blob = blobLayout(geometry, shape.blobSize, shape.members);
  const { nShards: n, rows, columns } = geometry;
  // The control block and the table are where they are for every blob, so that the table can be kept; slivers are where
  // they are for any number of members.
  let next = KERNEL_CONSTANTS_SIZE;
  const take = (size: number): number => {
    const address = next + GAP;
    next = Math.ceil((address + size) / GAP) * GAP;
    return address;
  };
  const control = take(CONTROL_WORDS * 4);
  const leafTable = wantsLeafTable(blob) ? take(LEAF_TABLE_SIZE) : 0;
  const firstColumn = shape.wantSlivers ? 0 : columns;
  const rowsPerTask = rowsOfTask(blob, shape.members);
  // Primary slivers stand together, as in the caller's memory.
  const matrix = take((shape.wantSlivers ? n : blob.usedRows) * blob.rowSize);
  const placed = {
    matrix,
    repairPrimary: shape.wantSlivers ? matrix + rows * blob.rowSize : 0,
    secondary: take((n - firstColumn) * blob.columnSize),
    padding: take(PADDING_NODES_SIZE),
    pairHashes: take(n * PAIR_HASHES_SIZE_BYTES),
    rowNodes: take(blob.blocks * n * HASH_SIZE_BYTES),
  };
  const columnsOfBlock = Math.min(n, blob.blockColumns);
  const areas = Array.from({ length: shape.members }, () => ({
    kernel: take(kernelAreaSize(blob.rowCode, blob.columnCode)),
    source: take(shape.wantSlivers ? 0 : columnsOfBlock * blob.columnSize),
    target: take(blob.columnCode.recoveryCount * columnsOfBlock * blob.symbolSize),
    leaves: take(leavesSize(blob, columnsOfBlock)),
    nodes: take(Math.max(nodesSize(blob, columnsOfBlock), TREE_TASK_ROWS * blob.blocks * HASH_SIZE_BYTES)),
  }));
  return {
    blob,
    sizeBytes: next,
    control,
    leafTable,
    firstColumn,
    rowsPerTask,
    rowTasks: Math.ceil(blob.usedRows / rowsPerTask),
    treeTasks: Math.ceil(n / TREE_TASK_ROWS),
    areas,
    ...placed,
  };
}

/** Areas are apart and aligned by a cache line; kernels may read a byte before an area. */
const GAP = 64;

/** Enough tasks for all members, but not so few rows in one that the lanes of its transforms are too short. */
function rowsOfTask({ usedRows, symbolSize, geometry }: BlobLayout, members: number): number {
  const most = perStep(STEP_SIZE_BYTES, geometry.nShards * symbolSize, geometry.rows);
  const even = Math.min(most, Math.ceil(usedRows / (ROW_TASKS_PER_MEMBER * members)));
  const least = Math.ceil(MIN_LANE_SIZE / symbolSize);
  return Math.max(1, even, Math.min(least, Math.ceil(usedRows / members)));
}

const MIN_LANE_SIZE = 512;

/** Whether shared memory can hold the encode: its addresses end at 4 GiB. */
export function fitsArena(layout: ArenaLayout): boolean {
  return layout.sizeBytes <= MAX_ARENA_SIZE_BYTES;
}
