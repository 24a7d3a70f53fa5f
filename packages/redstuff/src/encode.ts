/**
 * Blob to slivers and sliver hashes (Walrus encoding rules: message matrix, expansion, sliver hashes).
 *
 * Rows first: each non-zero row of the matrix is extended by the row code, which gives the source part of the repair
 * columns. Then columns, a block at a time: each is extended by the column code, all its n symbols are hashed while they
 * are in the cache, and both trees take the hashes: the column's own tree at once, and the row trees as one node per row
 * and block, the root of that row's leaves in the block (blocks are a power of two wide, so it is a node of the row's
 * tree). The lower right quadrant of the expanded matrix is thus hashed but never stored. Last the row trees.
 *
 * Memory beside the result: half a blob when only hashes are wanted, n * n / block width * 32 bytes of row nodes, and
 * the kernel's few MiB.
 */
import type { CodeKernel, LineCode } from '@floe/kernels';
import { type Geometry, HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES, symbolSizeOf } from '@floe/protocol';
import { lineCode } from './line-code.ts';
import { MAX_STEP_COLUMNS, STEP_SIZE_BYTES } from './limits.ts';
import { allocate, perStep, type Steps } from './steps.ts';

/** What encoding adds to the blob itself, which holds the systematic primary slivers. */
export interface EncodedParts {
  /** n x 64 bytes, in pair order. */
  readonly pairHashes: Uint8Array<ArrayBuffer>;
  /** Primary slivers P..n-1, one after another. */
  readonly repairPrimary: Uint8Array<ArrayBuffer>;
  /** Secondary slivers 0..n-1, one after another. */
  readonly secondary: Uint8Array<ArrayBuffer>;
}

/** Sizes and buffers of one encode. */
interface Plan {
  readonly kernel: CodeKernel;
  readonly geometry: Geometry;
  readonly blob: Uint8Array;
  readonly symbolSize: number;
  readonly rowCode: LineCode;
  readonly columnCode: LineCode;
  /** Bytes of a primary and of a secondary sliver. */
  readonly rowSize: number;
  readonly columnSize: number;
  /** Rows that are not all padding. */
  readonly usedRows: number;
  /** Columns per block, a power of two. */
  readonly blockColumns: number;
  /** Secondary slivers `firstColumn`..n-1: all of them, or when only hashes are wanted those of the row phase. */
  readonly secondary: Uint8Array<ArrayBuffer>;
  readonly firstColumn: number;
  /** Empty when only hashes are wanted. */
  readonly repairPrimary: Uint8Array<ArrayBuffer>;
  /** One node per row for each block of columns. */
  readonly rowNodes: Uint8Array<ArrayBuffer>;
  readonly pairHashes: Uint8Array<ArrayBuffer>;
}

/** All slivers and hashes. @throws BLOB_TOO_LARGE, OUT_OF_MEMORY */
export function* encodeSteps(kernel: CodeKernel, geometry: Geometry, blob: Uint8Array): Steps<EncodedParts> {
  const plan = makePlan(kernel, geometry, blob, true);
  yield* phases(plan);
  const { pairHashes, repairPrimary, secondary } = plan;
  return { pairHashes, repairPrimary, secondary };
}

/** Only the hashes: n x 64 bytes, in pair order. @throws BLOB_TOO_LARGE, OUT_OF_MEMORY */
export function* pairHashSteps(
  kernel: CodeKernel,
  geometry: Geometry,
  blob: Uint8Array,
): Steps<Uint8Array<ArrayBuffer>> {
  const plan = makePlan(kernel, geometry, blob, false);
  yield* phases(plan);
  return plan.pairHashes;
}

function makePlan(kernel: CodeKernel, geometry: Geometry, blob: Uint8Array, wantSlivers: boolean): Plan {
  const { nShards: n, rows, columns } = geometry;
  const symbolSize = symbolSizeOf(geometry, blob.length);
  const rowSize = columns * symbolSize;
  const columnSize = rows * symbolSize;
  const fitting = perStep(STEP_SIZE_BYTES, n * symbolSize, MAX_STEP_COLUMNS);
  const blockColumns = 2 ** Math.floor(Math.log2(fitting));
  const firstColumn = wantSlivers ? 0 : columns;
  return {
    kernel,
    geometry,
    blob,
    symbolSize,
    rowCode: lineCode(geometry, 'primary'),
    columnCode: lineCode(geometry, 'secondary'),
    rowSize,
    columnSize,
    usedRows: Math.ceil(blob.length / rowSize),
    blockColumns,
    secondary: allocate((n - firstColumn) * columnSize, 'secondary slivers'),
    firstColumn,
    repairPrimary: allocate(wantSlivers ? (n - rows) * rowSize : 0, 'primary slivers'),
    rowNodes: allocate(Math.ceil(n / blockColumns) * n * HASH_SIZE_BYTES, 'row tree nodes'),
    pairHashes: allocate(n * PAIR_HASHES_SIZE_BYTES, 'sliver hashes'),
  };
}

/** Shares of the work: rows of the expanded matrix's upper half against the whole of it and its hashes. */
const ROW_SHARE = 0.15;
const COLUMN_SHARE = 0.8;

function* phases(plan: Plan): Steps<void> {
  const { nShards } = plan.geometry;
  const rowsPerStep = perStep(STEP_SIZE_BYTES, nShards * plan.symbolSize, MAX_STEP_COLUMNS);
  for (let row = 0; row < plan.usedRows; row += rowsPerStep) {
    encodeRows(plan, row, Math.min(rowsPerStep, plan.usedRows - row));
    yield ROW_SHARE * Math.min(1, (row + rowsPerStep) / plan.usedRows);
  }
  for (let column = 0; column < nShards; column += plan.blockColumns) {
    encodeColumns(plan, column, Math.min(plan.blockColumns, nShards - column));
    yield ROW_SHARE + COLUMN_SHARE * Math.min(1, (column + plan.blockColumns) / nShards);
  }
  finishRowTrees(plan);
}

/** Extends rows to n symbols; the new ones go to the repair columns. */
function encodeRows(plan: Plan, firstRow: number, rows: number): void {
  const { kernel, geometry, blob, symbolSize, rowSize, columnSize, rowCode, secondary } = plan;
  const runSize = rows * symbolSize;
  const [source, target] = kernel.layout([rows * rowSize, rowCode.recoveryCount * runSize], rowCode) as [
    number,
    number,
  ];
  const { bytes } = kernel;
  const present = blob.subarray(firstRow * rowSize, (firstRow + rows) * rowSize);
  bytes.set(present, source);
  bytes.fill(0, source + present.length, source + rows * rowSize);
  kernel.encode(
    rowCode,
    { symbolSize, slots: rows },
    rowCode.sourceCount,
    { address: source, laneStep: symbolSize, slotStep: rowSize },
    { address: target, laneStep: runSize, slotStep: symbolSize },
  );
  for (let j = 0; j < rowCode.recoveryCount; j += 1) {
    const column = geometry.columns + j - plan.firstColumn;
    const run = bytes.subarray(target + j * runSize, target + (j + 1) * runSize);
    secondary.set(run, column * columnSize + firstRow * symbolSize);
  }
}

/** Extends a block of columns to n symbols, stores what is wanted of them and hashes them all. */
function encodeColumns(plan: Plan, firstColumn: number, count: number): void {
  const { kernel, geometry, symbolSize, columnSize, columnCode, usedRows } = plan;
  const { nShards: n, rows } = geometry;
  const systematic = Math.max(0, Math.min(count, geometry.columns - firstColumn));
  const runSize = count * symbolSize;
  const [stage, source, target, leaves, nodes] = kernel.layout(
    [
      usedRows * systematic * symbolSize,
      count * columnSize,
      columnCode.recoveryCount * runSize,
      n * count * HASH_SIZE_BYTES,
      n * Math.ceil(count / 2) * HASH_SIZE_BYTES,
    ],
    columnCode,
  ) as [number, number, number, number, number];
  if (systematic > 0) gatherColumns(plan, firstColumn, systematic, stage, source);
  if (systematic < count) {
    const from = (firstColumn + systematic - plan.firstColumn) * columnSize;
    const repair = plan.secondary.subarray(from, from + (count - systematic) * columnSize);
    kernel.bytes.set(repair, source + systematic * columnSize);
  }
  const shape = { symbolSize, slots: count };
  const sources = { address: source, laneStep: symbolSize, slotStep: columnSize };
  const targets = { address: target, laneStep: runSize, slotStep: symbolSize };
  kernel.encode(columnCode, shape, usedRows, sources, targets);
  if (plan.repairPrimary.length > 0) storeRepairRows(plan, firstColumn, systematic, target, runSize);
  kernel.hashLeaves(shape, rows, sources, leaves);
  kernel.hashLeaves(shape, n - rows, targets, leaves + rows * count * HASH_SIZE_BYTES);
  reduceRowsOfBlock(plan, firstColumn, count, leaves, nodes);
  kernel.reduceColumns(leaves, n, count);
  for (let slot = 0; slot < count; slot += 1) {
    const pair = n - 1 - (firstColumn + slot);
    const root = kernel.bytes.subarray(leaves + slot * HASH_SIZE_BYTES, leaves + (slot + 1) * HASH_SIZE_BYTES);
    plan.pairHashes.set(root, pair * PAIR_HASHES_SIZE_BYTES + HASH_SIZE_BYTES);
  }
}

/** Brings systematic columns of the matrix from the blob to `source`, one whole column after another. */
function gatherColumns(plan: Plan, firstColumn: number, count: number, stage: number, source: number): void {
  const { kernel, blob, symbolSize, rowSize, columnSize, usedRows } = plan;
  const { bytes } = kernel;
  const runSize = count * symbolSize;
  for (let row = 0; row < usedRows; row += 1) {
    const from = row * rowSize + firstColumn * symbolSize;
    const run = blob.subarray(from, from + runSize);
    const at = stage + row * runSize;
    bytes.set(run, at);
    if (run.length < runSize) bytes.fill(0, at + run.length, at + runSize);
  }
  if (usedRows < plan.geometry.rows) bytes.fill(0, source, source + count * columnSize);
  kernel.copySymbols(
    { symbolSize, slots: count },
    usedRows,
    { address: stage, laneStep: runSize, slotStep: symbolSize },
    { address: source, laneStep: symbolSize, slotStep: columnSize },
  );
  if (plan.firstColumn === 0) {
    plan.secondary.set(bytes.subarray(source, source + count * columnSize), firstColumn * columnSize);
  }
}

/** The rows that the column code made are the repair primary slivers, as far as their columns are systematic. */
function storeRepairRows(plan: Plan, firstColumn: number, systematic: number, target: number, runSize: number): void {
  const { kernel, symbolSize, rowSize, columnCode, repairPrimary } = plan;
  if (systematic === 0) return;
  for (let j = 0; j < columnCode.recoveryCount; j += 1) {
    const from = target + j * runSize;
    const run = kernel.bytes.subarray(from, from + systematic * symbolSize);
    repairPrimary.set(run, j * rowSize + firstColumn * symbolSize);
  }
}

/** Each row's leaves in this block become one node of that row's tree. */
function reduceRowsOfBlock(plan: Plan, firstColumn: number, count: number, leaves: number, nodes: number): void {
  const { kernel, geometry, blockColumns, rowNodes } = plan;
  const { nShards: n } = geometry;
  // The only block's nodes are the roots: a lone node is then not paired with an empty one.
  const isOnly = n <= blockColumns;
  let from = leaves;
  let length = count;
  for (let width = blockColumns; isOnly ? length > 1 : width > 1; width /= 2) {
    kernel.reduceRows(from, n, length, nodes);
    from = nodes;
    length = Math.ceil(length / 2);
  }
  const size = n * HASH_SIZE_BYTES;
  rowNodes.set(kernel.bytes.subarray(from, from + size), (firstColumn / blockColumns) * size);
}

/** Roots of the row trees from their nodes of all blocks. */
function finishRowTrees(plan: Plan): void {
  const { kernel, geometry, blockColumns, rowNodes, pairHashes } = plan;
  const { nShards: n } = geometry;
  const blocks = Math.ceil(n / blockColumns);
  const rowsAtOnce = perStep(STEP_SIZE_BYTES, blocks * HASH_SIZE_BYTES, n);
  for (let first = 0; first < n; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, n - first);
    const [nodes] = kernel.layout([blocks * count * HASH_SIZE_BYTES]) as [number];
    const { bytes } = kernel;
    for (let block = 0; block < blocks; block += 1) {
      const from = (block * n + first) * HASH_SIZE_BYTES;
      const run = rowNodes.subarray(from, from + count * HASH_SIZE_BYTES);
      bytes.set(run, nodes + block * count * HASH_SIZE_BYTES);
    }
    kernel.reduceColumns(nodes, blocks, count);
    for (let i = 0; i < count; i += 1) {
      const root = bytes.subarray(nodes + i * HASH_SIZE_BYTES, nodes + (i + 1) * HASH_SIZE_BYTES);
      pairHashes.set(root, (first + i) * PAIR_HASHES_SIZE_BYTES);
    }
  }
}
