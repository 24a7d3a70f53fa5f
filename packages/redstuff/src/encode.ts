/**
 * Blob to slivers and sliver hashes (Walrus encoding rules: message matrix, expansion, sliver hashes) in the calling
 * thread; `team/` does the same on several.
 *
 * Rows first: each non-zero row of the matrix is extended by the row code, which gives the source part of the repair
 * columns. Then columns, a block at a time: each is extended by the column code, all its n symbols are hashed while they
 * are in the cache, and both trees take the hashes. The lower right quadrant of the expanded matrix is thus hashed but
 * never stored. Last the row trees.
 *
 * Memory beside the result: half a blob when only hashes are wanted, n * n / block width * 32 bytes of row nodes, and
 * the kernel's few MiB.
 */
import type { CodeKernel } from '@floe/kernels';
import { type Geometry, HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES } from '@floe/protocol';
import { type BlobLayout, blobLayout, isPaddingBlock, wantsLeafTable } from './blob-layout.ts';
import {
  finishRows,
  hashBlock,
  type HashPlace,
  leavesSize,
  nodesSize,
  primaryHashAt,
  secondaryHashAt,
  setPaddingHashes,
} from './column-block.ts';
import { MAX_STEP_COLUMNS, STEP_SIZE_BYTES } from './limits.ts';
import { type PaddingHashes, paddingHashes } from './padding.ts';
import { repairPrimaryOf, type SliverMemory } from './sliver-memory.ts';
import { allocate, perStep, type Steps } from './steps.ts';

/** What encoding adds to the blob itself, which holds the systematic primary slivers. */
export interface EncodedParts {
  /** n x 64 bytes, in pair order. */
  readonly pairHashes: Uint8Array<ArrayBuffer>;
  /** Primary slivers P..n-1, one after another. */
  readonly repairPrimary: Uint8Array;
  /** Secondary slivers 0..n-1, one after another. */
  readonly secondary: Uint8Array;
  /** Ends the use of slivers that were lent. */
  readonly release?: () => void;
}

/** What one encode works on. */
interface Plan {
  readonly kernel: CodeKernel;
  readonly layout: BlobLayout;
  readonly blob: Uint8Array;
  /** Secondary slivers `firstColumn`..n-1: all of them, or when only hashes are wanted those of the row phase. */
  readonly secondary: Uint8Array;
  readonly firstColumn: number;
  /** Where rows of the blob are copied to, if anywhere. */
  readonly systematicPrimary?: Uint8Array | undefined;
  /** Empty when only hashes are wanted. */
  readonly repairPrimary: Uint8Array;
  /** One node per row for each block of columns. */
  readonly rowNodes: Uint8Array<ArrayBuffer>;
  readonly pairHashes: Uint8Array<ArrayBuffer>;
  readonly padding: PaddingHashes;
}

/**
 * All slivers and hashes.
 *
 * @param into - where the slivers go; new memory by default
 * @throws BLOB_TOO_LARGE, OUT_OF_MEMORY
 */
export function* encodeSteps(
  kernel: CodeKernel,
  geometry: Geometry,
  blob: Uint8Array,
  into: SliverMemory | undefined,
): Steps<EncodedParts> {
  const layout = blobLayout(geometry, blob.length);
  const { nShards, rows } = geometry;
  const repairPrimary =
    into === undefined ? allocate((nShards - rows) * layout.rowSize, 'primary slivers') : repairPrimaryOf(layout, into);
  const secondary = into?.secondary ?? allocate(nShards * layout.columnSize, 'secondary slivers');
  const plan = makePlan(kernel, layout, blob, {
    repairPrimary,
    secondary,
    firstColumn: 0,
    systematicPrimary: into?.primary.subarray(0, rows * layout.rowSize),
  });
  if (into !== undefined) {
    into.primary.fill(0, layout.usedRows * layout.rowSize, rows * layout.rowSize);
    secondary.fill(0, layout.usedColumns * layout.columnSize, geometry.columns * layout.columnSize);
  }
  yield* phases(plan);
  return { pairHashes: plan.pairHashes, repairPrimary, secondary };
}

/** Only the hashes: n x 64 bytes, in pair order. @throws BLOB_TOO_LARGE, OUT_OF_MEMORY */
export function* pairHashSteps(
  kernel: CodeKernel,
  geometry: Geometry,
  blob: Uint8Array,
): Steps<Uint8Array<ArrayBuffer>> {
  const layout = blobLayout(geometry, blob.length);
  const firstColumn = geometry.columns;
  const secondary = allocate((geometry.nShards - firstColumn) * layout.columnSize, 'secondary slivers');
  const plan = makePlan(kernel, layout, blob, { repairPrimary: allocate(0, 'no slivers'), secondary, firstColumn });
  yield* phases(plan);
  return plan.pairHashes;
}

function makePlan(
  kernel: CodeKernel,
  layout: BlobLayout,
  blob: Uint8Array,
  slivers: Pick<Plan, 'repairPrimary' | 'secondary' | 'firstColumn' | 'systematicPrimary'>,
): Plan {
  const { nShards: n } = layout.geometry;
  return {
    kernel,
    layout,
    blob,
    ...slivers,
    rowNodes: allocate(layout.blocks * n * HASH_SIZE_BYTES, 'row tree nodes'),
    pairHashes: allocate(n * PAIR_HASHES_SIZE_BYTES, 'sliver hashes'),
    padding: paddingHashes(n, layout.symbolSize),
  };
}

/** Shares of the work: rows of the expanded matrix's upper half against the whole of it and its hashes. */
const ROW_SHARE = 0.15;
const COLUMN_SHARE = 0.8;

function* phases(plan: Plan): Steps<void> {
  const { kernel, layout } = plan;
  const { nShards } = layout.geometry;
  if (wantsLeafTable(layout)) kernel.keepLeafTable();
  const rowsPerStep = perStep(STEP_SIZE_BYTES, nShards * layout.symbolSize, layout.geometry.rows);
  for (let row = 0; row < layout.usedRows; row += rowsPerStep) {
    encodeRows(plan, row, Math.min(rowsPerStep, layout.usedRows - row));
    yield ROW_SHARE * Math.min(1, (row + rowsPerStep) / layout.usedRows);
  }
  const { blocksPerStrip } = layout;
  for (let block = 0; block < layout.blocks; block += blocksPerStrip) {
    encodeStrip(plan, block, Math.min(blocksPerStrip, layout.blocks - block));
    yield ROW_SHARE + COLUMN_SHARE * Math.min(1, (block + blocksPerStrip) / layout.blocks);
  }
  finishRowTrees(plan);
}

/** Extends rows to n symbols; the new ones go to the repair columns. */
function encodeRows(plan: Plan, firstRow: number, rows: number): void {
  const { kernel, blob, secondary, layout } = plan;
  const { geometry, symbolSize, rowSize, columnSize, rowCode } = layout;
  const runSize = rows * symbolSize;
  const [source, target] = kernel.layout([rows * rowSize, rowCode.recoveryCount * runSize], rowCode) as [
    number,
    number,
  ];
  const { bytes } = kernel;
  const present = blob.subarray(firstRow * rowSize, (firstRow + rows) * rowSize);
  bytes.set(present, source);
  bytes.fill(0, source + present.length, source + rows * rowSize);
  plan.systematicPrimary?.set(bytes.subarray(source, source + rows * rowSize), firstRow * rowSize);
  kernel.encode(
    rowCode,
    { symbolSize, slots: rows },
    Math.min(rowCode.sourceCount, layout.usedColumns),
    { address: source, laneStep: symbolSize, slotStep: rowSize },
    { address: target, laneStep: runSize, slotStep: symbolSize },
  );
  for (let j = 0; j < rowCode.recoveryCount; j += 1) {
    const column = geometry.columns + j - plan.firstColumn;
    const run = bytes.subarray(target + j * runSize, target + (j + 1) * runSize);
    secondary.set(run, column * columnSize + firstRow * symbolSize);
  }
}

/** Addresses in kernel memory of one strip's data. */
interface StripPlace extends HashPlace {
  /** The strip's part of the matrix, (row, column); then of the rows that the column code makes. */
  readonly matrix: number;
  readonly repair: number;
  /** The columns of one block, one after another. */
  readonly source: number;
  /** Bytes from a row of the strip to the next. */
  readonly rowStep: number;
}

/** Several blocks, because copying rows between memories costs by the piece: short runs are gathered into longer ones. */
function encodeStrip(plan: Plan, firstBlock: number, blocks: number): void {
  const { kernel, layout } = plan;
  const { geometry, symbolSize, blockColumns, columnSize, columnCode, usedRows } = layout;
  const first = firstBlock * blockColumns;
  const columns = Math.min(blocks * blockColumns, geometry.nShards - first);
  const systematic = Math.max(0, Math.min(columns, geometry.columns - first));
  const count = Math.min(blockColumns, columns);
  const rowStep = columns * symbolSize;
  const [matrix, repair, source, leaves, nodes, padding] = kernel.layout(
    [
      usedRows * rowStep,
      columnCode.recoveryCount * rowStep,
      count * columnSize,
      leavesSize(layout, count),
      nodesSize(layout, count),
      plan.padding.nodes.length,
    ],
    columnCode,
  ) as [number, number, number, number, number, number];
  const place = { matrix, repair, source, leaves, nodes, padding, rowStep };
  kernel.bytes.set(plan.padding.nodes, padding);
  loadRows(plan, first, systematic, place);
  for (let block = firstBlock; block < firstBlock + blocks; block += 1) {
    if (isPaddingBlock(layout, block)) clearBlock(plan, block * blockColumns - first, place);
    else encodeBlock(plan, block, block * blockColumns - first, place);
  }
  if (plan.repairPrimary.length > 0) storeRepairRows(plan, first, systematic, place);
}

/** Extends a block of columns to n symbols and hashes them all. `offset` is the block's first column in the strip. */
function encodeBlock(plan: Plan, block: number, offset: number, place: StripPlace): void {
  const { kernel, layout, rowNodes, pairHashes } = plan;
  const { geometry, symbolSize, columnSize, columnCode, usedRows, blockColumns } = layout;
  const { nShards: n } = geometry;
  const { source, leaves, rowStep } = place;
  const first = block * blockColumns;
  const count = Math.min(blockColumns, n - first);
  const systematic = Math.max(0, Math.min(count, geometry.columns - first));
  if (systematic > 0) gatherColumns(plan, first, systematic, offset, place);
  if (systematic < count) gatherRepairColumns(plan, first + systematic, count - systematic, source, systematic);
  const shape = { symbolSize, slots: count };
  const sources = { address: source, laneStep: symbolSize, slotStep: columnSize };
  const targets = { address: place.repair + offset * symbolSize, laneStep: rowStep, slotStep: symbolSize };
  kernel.encode(columnCode, shape, usedRows, sources, targets);
  const from = hashBlock(kernel, layout, count, sources, targets, place);
  const size = n * HASH_SIZE_BYTES;
  rowNodes.set(kernel.bytes.subarray(from, from + size), block * size);
  for (let slot = 0; slot < count; slot += 1) {
    const root = kernel.bytes.subarray(leaves + slot * HASH_SIZE_BYTES, leaves + (slot + 1) * HASH_SIZE_BYTES);
    pairHashes.set(root, secondaryHashAt(layout, first + slot));
  }
}

/** Brings the rows of a strip from the blob. */
function loadRows({ kernel, blob, layout }: Plan, first: number, systematic: number, place: StripPlace): void {
  if (systematic === 0) return;
  const { symbolSize, rowSize, usedRows } = layout;
  const { bytes } = kernel;
  const runSize = systematic * symbolSize;
  for (let row = 0; row < usedRows; row += 1) {
    const from = row * rowSize + first * symbolSize;
    const run = blob.subarray(from, from + runSize);
    const at = place.matrix + row * place.rowStep;
    bytes.set(run, at);
    if (run.length < runSize) bytes.fill(0, at + run.length, at + runSize);
  }
}

/** Puts systematic columns one after another, which makes them secondary slivers. */
function gatherColumns(plan: Plan, first: number, count: number, offset: number, place: StripPlace): void {
  const { kernel, layout } = plan;
  const { symbolSize, columnSize, usedRows, geometry } = layout;
  const { source } = place;
  const { bytes } = kernel;
  const unused = (geometry.rows - usedRows) * symbolSize;
  for (let end = source + columnSize; unused > 0 && end <= source + count * columnSize; end += columnSize) {
    bytes.fill(0, end - unused, end);
  }
  kernel.copySymbols(
    { symbolSize, slots: count },
    usedRows,
    { address: place.matrix + offset * symbolSize, laneStep: place.rowStep, slotStep: symbolSize },
    { address: source, laneStep: symbolSize, slotStep: columnSize },
  );
  if (plan.firstColumn === 0)
    plan.secondary.set(bytes.subarray(source, source + count * columnSize), first * columnSize);
}

/** Brings repair columns, of which the row phase has written the rows that are not padding. */
function gatherRepairColumns(plan: Plan, firstColumn: number, count: number, source: number, slot: number): void {
  const { kernel, secondary, layout } = plan;
  const { columnSize, symbolSize, usedRows, geometry } = layout;
  const from = (firstColumn - plan.firstColumn) * columnSize;
  if (usedRows < geometry.rows) {
    for (let column = 0; column < count; column += 1) {
      const at = from + column * columnSize;
      secondary.fill(0, at + usedRows * symbolSize, at + columnSize);
    }
  }
  kernel.bytes.set(secondary.subarray(from, from + count * columnSize), source + slot * columnSize);
}

/** The rows that the column code made are the repair primary slivers, as far as their columns are systematic. */
function storeRepairRows(plan: Plan, first: number, systematic: number, place: StripPlace): void {
  const { kernel, repairPrimary, layout } = plan;
  if (systematic === 0) return;
  const { bytes } = kernel;
  const { symbolSize, rowSize, columnCode } = layout;
  for (let j = 0; j < columnCode.recoveryCount; j += 1) {
    const from = place.repair + j * place.rowStep;
    repairPrimary.set(bytes.subarray(from, from + systematic * symbolSize), j * rowSize + first * symbolSize);
  }
}

/** What encoding a block of padding would give. */
function clearBlock({ kernel, layout }: Plan, offset: number, { repair, rowStep }: StripPlace): void {
  const { symbolSize, columnCode, blockColumns } = layout;
  for (let j = 0; j < columnCode.recoveryCount; j += 1) {
    const from = repair + j * rowStep + offset * symbolSize;
    kernel.bytes.fill(0, from, from + blockColumns * symbolSize);
  }
}

/** Roots of the row trees from their nodes of all blocks. */
function finishRowTrees(plan: Plan): void {
  const { kernel, layout, rowNodes, pairHashes } = plan;
  const { blocks, usedRows, geometry } = layout;
  const { nShards: n, rows } = geometry;
  setPaddingHashes(layout, plan.padding.root, pairHashes);
  const atOnce = perStep(STEP_SIZE_BYTES, blocks * HASH_SIZE_BYTES, MAX_STEP_COLUMNS);
  for (const [begin, end] of [
    [0, usedRows],
    [rows, n],
  ] as const) {
    for (let first = begin; first < end; first += atOnce) {
      const count = Math.min(atOnce, end - first);
      const [nodes, padding] = kernel.layout([blocks * count * HASH_SIZE_BYTES, plan.padding.nodes.length]) as [
        number,
        number,
      ];
      const { bytes } = kernel;
      bytes.set(plan.padding.nodes, padding);
      for (let block = 0; block < blocks; block += 1) {
        const from = (block * n + first) * HASH_SIZE_BYTES;
        const run = rowNodes.subarray(from, from + count * HASH_SIZE_BYTES);
        bytes.set(run, nodes + block * count * HASH_SIZE_BYTES);
      }
      finishRows(kernel, layout, count, nodes, padding);
      for (let i = 0; i < count; i += 1) {
        const root = bytes.subarray(nodes + i * HASH_SIZE_BYTES, nodes + (i + 1) * HASH_SIZE_BYTES);
        pairHashes.set(root, primaryHashAt(first + i));
      }
    }
  }
}
