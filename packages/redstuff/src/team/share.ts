/**
 * One member's share of an encode on shared memory: it takes tasks until there are none, phase after phase. Between two
 * phases members wait for each other, a short while at a time, so that one of them can be stopped.
 */
import { assert } from '@floe/platform';
import { CodeKernel } from '@floe/kernels';
import { HASH_SIZE_BYTES } from '@floe/protocol';
import { type BlobLayout, isPaddingBlock } from '../blob-layout.ts';
import { finishRows, hashBlock, primaryHashAt, secondaryHashAt } from '../column-block.ts';
import { TREE_TASK_ROWS } from '../limits.ts';
import type { Steps } from '../steps.ts';
import { type ArenaLayout, arenaLayout, type ArenaShape, CONTROL, CONTROL_WORDS, type MemberArea } from './arena.ts';

export interface ShareJob {
  readonly kind: 'share';
  readonly shape: ArenaShape;
  readonly memory: WebAssembly.Memory;
  /** Which of the members this is. */
  readonly member: number;
}

interface Share {
  readonly arena: ArenaLayout;
  readonly area: MemberArea;
  readonly kernel: CodeKernel;
  readonly control: Int32Array;
  /** Whether the thread may be stopped until others are ready; else it is its driver who waits between steps. */
  readonly mayBlock: boolean;
}

/** Longest wait between two looks at whether to stop. */
const WAIT_MS = 20;

/** Where threads are put to sleep is their owner's to say: the caller's own thread must not be. */
export function* shareSteps(job: ShareJob, { mayBlock }: { readonly mayBlock: boolean }): Steps<undefined> {
  const arena = arenaLayout(job.shape);
  const area = arena.areas[job.member];
  assert(area !== undefined, 'a member of the team', { member: job.member });
  const kernel = kernelOn(job, area.kernel, arena.blob);
  const control = new Int32Array(job.memory.buffer, arena.control, CONTROL_WORDS);
  const share = { arena, area, kernel, control, mayBlock };
  prepareTable(share);
  yield* rowPhase(share);
  yield* blockPhase(share);
  yield* treePhase(share);
  return undefined;
}

/** What was last made on a memory: making one takes as long as a tenth of a small encode. */
const kernels = new WeakMap<WebAssembly.Memory, { kernel: CodeKernel; area: number; nShards: number }>();

function kernelOn(
  { memory, shape: { nShards } }: ShareJob,
  area: number,
  { rowCode, columnCode }: BlobLayout,
): CodeKernel {
  const last = kernels.get(memory);
  if (last?.area === area && last.nShards === nShards) return last.kernel;
  const kernel = new CodeKernel({ memory, area }, rowCode, columnCode);
  kernels.set(memory, { kernel, area, nShards });
  return kernel;
}

/** Whoever comes first makes the table of leaf hashes, while others begin with the rows. */
function prepareTable({ arena, kernel, control }: Share): void {
  if (arena.leafTable === 0) return;
  if (Atomics.compareExchange(control, CONTROL.leafTable, 0, 1) === 0) {
    kernel.makeLeafTable(arena.leafTable);
    Atomics.store(control, CONTROL.leafTable, 2);
    Atomics.notify(control, CONTROL.leafTable);
  }
  kernel.useLeafTable(arena.leafTable);
}

/** Extends rows; the new symbols go to where the repair columns are. */
function* rowPhase(share: Share): Steps<void> {
  const { arena, kernel, control } = share;
  const { geometry, symbolSize, rowSize, columnSize, rowCode, usedRows, usedColumns } = arena.blob;
  const columns = arena.secondary + (geometry.columns - arena.firstColumn) * columnSize;
  for (const task of tasks(control, CONTROL.nextRows, arena.rowTasks)) {
    const first = task * arena.rowsPerTask;
    const rows = Math.min(arena.rowsPerTask, usedRows - first);
    yield* waitFor(share, CONTROL.rowsReady, first + rows);
    kernel.encode(
      rowCode,
      { symbolSize, slots: rows },
      Math.min(rowCode.sourceCount, usedColumns),
      { address: arena.matrix + first * rowSize, laneStep: symbolSize, slotStep: rowSize },
      { address: columns + first * symbolSize, laneStep: columnSize, slotStep: symbolSize },
    );
    finish(control, CONTROL.rowsDone);
    yield 0;
  }
  yield* waitFor(share, CONTROL.rowsReady, usedRows);
}

function* blockPhase(share: Share): Steps<void> {
  const { arena, control } = share;
  if (arena.leafTable !== 0) yield* waitFor(share, CONTROL.leafTable, 2);
  const { blocks, blockColumns, geometry } = arena.blob;
  for (const block of tasks(control, CONTROL.nextBlock, blocks)) {
    // Only repair columns come from the rows.
    if ((block + 1) * blockColumns > geometry.columns) yield* waitFor(share, CONTROL.rowsDone, arena.rowTasks);
    encodeBlock(share, block);
    finish(control, CONTROL.blocksDone);
    yield FIRST_SHARE + ((1 - FIRST_SHARE) * Atomics.load(control, CONTROL.blocksDone)) / (blocks + 1);
  }
  yield* waitFor(share, CONTROL.blocksDone, blocks);
}

/** Of the work, what the rows are before the blocks. */
const FIRST_SHARE = 0.1;

function encodeBlock(share: Share, block: number): void {
  const { arena, area, kernel } = share;
  const layout = arena.blob;
  const { geometry, symbolSize, columnSize, columnCode, usedRows, blockColumns } = layout;
  const { nShards: n, rows } = geometry;
  const first = block * blockColumns;
  const count = Math.min(blockColumns, n - first);
  const systematic = Math.max(0, Math.min(count, geometry.columns - first));
  if (isPaddingBlock(layout, block)) {
    clearBlock(share, first, count);
    return;
  }
  const shape = { symbolSize, slots: count };
  const sources = {
    address: placeColumns(share, first, count, systematic),
    laneStep: symbolSize,
    slotStep: columnSize,
  };
  const runSize = count * symbolSize;
  const targets = { address: area.target, laneStep: runSize, slotStep: symbolSize };
  kernel.encode(columnCode, shape, usedRows, sources, targets);
  if (arena.firstColumn === 0 && systematic > 0) {
    const to = arena.repairPrimary + first * symbolSize;
    kernel.copySymbols(
      { symbolSize: systematic * symbolSize, slots: 1 },
      n - rows,
      { address: area.target, laneStep: runSize, slotStep: 0 },
      { address: to, laneStep: layout.rowSize, slotStep: 0 },
    );
  }
  const from = hashBlock(kernel, layout, count, sources, targets, { ...area, padding: arena.padding });
  const { bytes } = kernel;
  const size = n * HASH_SIZE_BYTES;
  bytes.copyWithin(arena.rowNodes + block * size, from, from + size);
  for (let slot = 0; slot < count; slot += 1) {
    const root = area.leaves + slot * HASH_SIZE_BYTES;
    bytes.copyWithin(arena.pairHashes + secondaryHashAt(layout, first + slot), root, root + HASH_SIZE_BYTES);
  }
}

/** Makes the block's columns stand one after another, systematic ones from the blob, and says where. */
function placeColumns(share: Share, first: number, count: number, systematic: number): number {
  const { arena, area, kernel } = share;
  const { symbolSize, rowSize, columnSize, usedRows, geometry } = arena.blob;
  const { bytes } = kernel;
  const stored = arena.secondary + (first - arena.firstColumn) * columnSize;
  const unused = (geometry.rows - usedRows) * symbolSize;
  const to = arena.firstColumn === 0 || systematic === 0 ? stored : area.source;
  for (let column = 0; column < count && unused > 0; column += 1) {
    const end = to + (column + 1) * columnSize;
    bytes.fill(0, end - unused, end);
  }
  kernel.copySymbols(
    { symbolSize, slots: systematic },
    usedRows,
    { address: arena.matrix + first * symbolSize, laneStep: rowSize, slotStep: symbolSize },
    { address: to, laneStep: symbolSize, slotStep: columnSize },
  );
  if (to !== stored && systematic < count) {
    const repair = arena.secondary;
    const size = (count - systematic) * columnSize;
    bytes.copyWithin(to + systematic * columnSize, repair, repair + size);
  }
  return to;
}

/** The slivers of columns of padding are zero. */
function clearBlock({ arena, kernel }: Share, first: number, count: number): void {
  if (arena.firstColumn > 0) return;
  const { bytes } = kernel;
  const { columnSize, rowSize, symbolSize, geometry } = arena.blob;
  bytes.fill(0, arena.secondary + first * columnSize, arena.secondary + (first + count) * columnSize);
  for (let row = 0; row < geometry.nShards - geometry.rows; row += 1) {
    const at = arena.repairPrimary + row * rowSize + first * symbolSize;
    bytes.fill(0, at, at + count * symbolSize);
  }
}

function* treePhase(share: Share): Steps<void> {
  const { arena, control } = share;
  const { nShards } = arena.blob.geometry;
  for (const task of tasks(control, CONTROL.nextTrees, arena.treeTasks)) {
    const first = task * TREE_TASK_ROWS;
    finishTrees(share, first, Math.min(TREE_TASK_ROWS, nShards - first));
    finish(control, CONTROL.treesDone);
    yield 1;
  }
  yield* waitFor(share, CONTROL.treesDone, arena.treeTasks);
}

function finishTrees({ arena, area, kernel }: Share, first: number, count: number): void {
  const layout = arena.blob;
  const { nShards: n, rows } = layout.geometry;
  // Rows of padding have a known root, which the caller's thread has set.
  if (first >= layout.usedRows && first + count <= rows) return;
  kernel.copySymbols(
    { symbolSize: count * HASH_SIZE_BYTES, slots: 1 },
    layout.blocks,
    { address: arena.rowNodes + first * HASH_SIZE_BYTES, laneStep: n * HASH_SIZE_BYTES, slotStep: 0 },
    { address: area.nodes, laneStep: count * HASH_SIZE_BYTES, slotStep: 0 },
  );
  finishRows(kernel, layout, count, area.nodes, arena.padding);
  for (let i = 0; i < count; i += 1) {
    const row = first + i;
    if (row >= layout.usedRows && row < rows) continue;
    const root = area.nodes + i * HASH_SIZE_BYTES;
    kernel.bytes.copyWithin(arena.pairHashes + primaryHashAt(row), root, root + HASH_SIZE_BYTES);
  }
}

/** Numbers below `count` that no other member takes. */
function* tasks(control: Int32Array, counter: number, count: number): Generator<number, void> {
  for (;;) {
    const task = Atomics.add(control, counter, 1);
    if (task >= count) return;
    yield task;
  }
}

function finish(control: Int32Array, counter: number): void {
  Atomics.add(control, counter, 1);
  Atomics.notify(control, counter);
}

function* waitFor({ control, mayBlock }: Share, counter: number, least: number): Steps<void> {
  for (;;) {
    const value = Atomics.load(control, counter);
    if (value >= least) return;
    // Progress that is not: a look at whether to stop.
    if (!mayBlock || Atomics.wait(control, counter, value, WAIT_MS) === 'timed-out') yield 0;
  }
}
