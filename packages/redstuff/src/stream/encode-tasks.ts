/**
 * The tasks of a streamed encode, on slots of memory that the caller of the codec fills and empties: rows to repair
 * columns, strips of columns to slivers and hashes, nodes to roots of rows. A task reads what it was given and writes
 * beside it, but for the trees, so it can be done again after its worker was lost.
 */
import { CodeKernel } from '@floe/kernels';
import { HASH_SIZE_BYTES } from '@floe/protocol';
import { finishRows, hashBlock } from '../column-block.ts';
import { paddingHashes } from '../padding.ts';
import type { Steps } from '../steps.ts';
import { type StreamPlan, streamPlan, type StreamShape, type Strip, type StripPlace } from './encode-plan.ts';

export type StreamTask =
  | { readonly type: 'rows'; readonly rows: number }
  | { readonly type: 'strip'; readonly strip: Strip }
  | { readonly type: 'trees'; readonly rows: number };

export interface StreamJob {
  readonly kind: 'stream';
  readonly shape: StreamShape;
  readonly memory: WebAssembly.Memory;
  /** Where the slot begins. */
  readonly slot: number;
  readonly task: StreamTask;
}

export function* streamSteps({ shape, memory, slot, task }: StreamJob): Steps<undefined> {
  const plan = streamPlan(shape);
  const { rowCode, columnCode } = plan.layout;
  const kernel = new CodeKernel({ memory, area: slot }, rowCode, columnCode);
  if (task.type === 'rows') extendRows(kernel, plan, slot, task.rows);
  else if (task.type === 'trees') finishTrees(kernel, plan, slot, task.rows);
  else yield* extendStrip(kernel, plan, slot, task.strip);
  return undefined;
}

/** Extends rows; the new symbols stand at (row, column), as the rows do. */
function extendRows(kernel: CodeKernel, plan: StreamPlan, slot: number, rows: number): void {
  const { rowCode, symbolSize, rowSize, usedColumns } = plan.layout;
  const { source, target } = plan.rowsPlace(slot);
  kernel.encode(
    rowCode,
    { symbolSize, slots: rows },
    Math.min(rowCode.sourceCount, usedColumns),
    { address: source, laneStep: symbolSize, slotStep: rowSize },
    { address: target, laneStep: symbolSize, slotStep: rowCode.recoveryCount * symbolSize },
  );
}

function* extendStrip(kernel: CodeKernel, plan: StreamPlan, slot: number, strip: Strip): Steps<void> {
  const { layout } = plan;
  const { geometry, symbolSize, blockColumns, usedRows } = layout;
  const place = plan.stripPlace(slot, strip);
  const { bytes } = kernel;
  bytes.set(paddingHashes(geometry.nShards, symbolSize).nodes, place.padding);
  bytes.fill(0, place.matrix + usedRows * place.rowStep, place.matrix + geometry.rows * place.rowStep);
  for (let block = 0; block < strip.blocks; block += 1) {
    extendBlock(kernel, plan, place, strip, block * blockColumns);
    yield (block + 1) / strip.blocks;
  }
}

/** Extends and hashes the block of columns that begins at `offset` in the strip. */
function extendBlock(kernel: CodeKernel, plan: StreamPlan, place: StripPlace, strip: Strip, offset: number): void {
  const { layout } = plan;
  const { geometry, symbolSize, columnSize, columnCode, blockColumns, usedRows } = layout;
  const count = Math.min(blockColumns, strip.columns - offset);
  const shape = { symbolSize, slots: count };
  const read = { address: place.matrix + offset * symbolSize, laneStep: place.rowStep, slotStep: symbolSize };
  const gathered = { address: place.columns + offset * columnSize, laneStep: symbolSize, slotStep: columnSize };
  const apart = place.gathers && place.columns !== place.matrix;
  if (apart) kernel.copySymbols(shape, geometry.rows, read, gathered);
  const sources = apart ? gathered : read;
  const targets = {
    address: place.repair + (place.keepsRepairRows ? offset * symbolSize : 0),
    laneStep: place.repairStep,
    slotStep: symbolSize,
  };
  kernel.encode(columnCode, shape, usedRows, sources, targets);
  const from = hashBlock(kernel, layout, count, sources, targets, place);
  const { bytes } = kernel;
  const size = geometry.nShards * HASH_SIZE_BYTES;
  bytes.copyWithin(place.rowNodes + (offset / blockColumns) * size, from, from + size);
  bytes.copyWithin(place.roots + offset * HASH_SIZE_BYTES, place.leaves, place.leaves + count * HASH_SIZE_BYTES);
}

/** Roots of row trees, in place of their nodes. */
function finishTrees(kernel: CodeKernel, plan: StreamPlan, slot: number, rows: number): void {
  const { layout } = plan;
  const { nodes, padding } = plan.treesPlace(slot);
  kernel.bytes.set(paddingHashes(layout.geometry.nShards, layout.symbolSize).nodes, padding);
  finishRows(kernel, layout, rows, nodes, padding);
}
