/**
 * The tasks of a streamed decode, on slots of memory that the caller of the codec fills and empties: runs of primary
 * slivers to the same run of missing rows, rows from runs of secondary slivers, and roots of rows. A task reads what it
 * was given and writes beside it, so it can be done again after its worker was lost.
 */
import { CodeKernel, type DecodePlan, kernelAreaSize } from '@floe/kernels';
import { type Axis, type Geometry, geometryOf, HASH_SIZE_BYTES } from '@floe/protocol';
import { lineCode } from '../line-code.ts';
import type { Steps } from '../steps.ts';
import { takeFrom } from './slot.ts';

/** What both sides compute the layout of a slot from. */
export interface RestoreShape {
  readonly nShards: number;
  readonly unencodedLength: number;
  readonly symbolSize: number;
  /** Of the slivers that there are. */
  readonly axis: Axis;
  /** Their indices, ascending. */
  readonly indices: readonly number[];
  /** How to compute the rows, or the columns, that are missing. */
  readonly plan: DecodePlan;
  /** Symbols of each sliver that one task takes: columns of primary, rows of secondary ones. */
  readonly symbolsPerTask: number;
}

export type RestoreTask =
  /** Runs of the missing rows. */
  | { readonly type: 'runs'; readonly symbols: number }
  /** Whole rows, from secondary slivers, and if wanted their roots. */
  | { readonly type: 'rows'; readonly firstRow: number; readonly rows: number; readonly wantsRoots: boolean }
  /** The roots of a row that is there. */
  | { readonly type: 'roots'; readonly rows: number };

export interface RestoreJob {
  readonly kind: 'restore';
  readonly shape: RestoreShape;
  readonly memory: WebAssembly.Memory;
  /** Where the slot begins. */
  readonly slot: number;
  readonly task: RestoreTask;
}

/** Addresses of what a task works on. */
export interface RestorePlace {
  /** A run of each sliver, and of each missing row or column, one after another. */
  readonly source: number;
  readonly target: number;
  /** Whole rows, and their roots. */
  readonly rows: number;
  readonly roots: number;
}

/** What the row code makes of rows lies where the slivers were. */
export function restorePlace(shape: RestoreShape, slot: number): RestorePlace & { readonly end: number } {
  const { symbolSize, plan, indices, symbolsPerTask, axis } = shape;
  const geometry = geometryOf(shape.nShards);
  const { take, end } = takeFrom(slot + kernelAreaSize(lineCode(geometry, 'primary'), lineCode(geometry, 'secondary')));
  const rowsAtOnce = axis === 'primary' ? 1 : symbolsPerTask;
  const runSize = symbolsPerTask * symbolSize;
  const repairSize = rowsAtOnce * lineCode(geometry, 'primary').recoveryCount * symbolSize;
  return {
    source: take(Math.max(indices.length * runSize, repairSize)),
    target: take(plan.missing.length * runSize),
    rows: take(rowsAtOnce * geometry.columns * symbolSize),
    roots: take(rowsAtOnce * geometry.nShards * HASH_SIZE_BYTES),
    end: end(),
  };
}

// eslint-disable-next-line require-yield -- a task is a step
export function* restoreSteps({ shape, memory, slot, task }: RestoreJob): Steps<undefined> {
  const geometry = geometryOf(shape.nShards);
  const codes = [lineCode(geometry, 'primary'), lineCode(geometry, 'secondary')];
  const kernel = new CodeKernel({ memory, area: slot }, ...codes);
  const place = restorePlace(shape, slot);
  if (task.type === 'runs') {
    decodeRuns(kernel, shape, place, task.symbols);
    return undefined;
  }
  if (task.type === 'rows') decodeRows(kernel, geometry, shape, place, task);
  if (task.type === 'roots' || task.wantsRoots) rootsOfRows(kernel, geometry, shape.symbolSize, place, task.rows);
  return undefined;
}

function decodeRuns(kernel: CodeKernel, { symbolSize, plan }: RestoreShape, place: RestorePlace, slots: number): void {
  const steps = { laneStep: slots * symbolSize, slotStep: symbolSize };
  const target = { address: place.target, ...steps };
  kernel.decode(plan, { symbolSize, slots }, { address: place.source, ...steps }, target);
}

/** A column is a lane, a row a slot; each row takes a symbol of every column. */
function decodeRows(
  kernel: CodeKernel,
  geometry: Geometry,
  { symbolSize, plan, indices, unencodedLength }: RestoreShape,
  place: RestorePlace,
  { rows: slots, firstRow }: { readonly rows: number; readonly firstRow: number },
): void {
  const shape = { symbolSize, slots };
  const rowSize = geometry.columns * symbolSize;
  const steps = { laneStep: slots * symbolSize, slotStep: symbolSize };
  kernel.decode(plan, shape, { address: place.source, ...steps }, { address: place.target, ...steps });
  const put = (lane: number, column: number) => {
    const to = { address: place.rows + column * symbolSize, laneStep: 0, slotStep: rowSize };
    kernel.copySymbols(shape, 1, { address: lane, ...steps }, to);
  };
  plan.missing.forEach((column, lane) => put(place.target + lane * steps.laneStep, column));
  indices.forEach((column, lane) => {
    if (column < geometry.columns) put(place.source + lane * steps.laneStep, column);
  });
  // What a writer put behind the blob's end is not padding and must not pass as such.
  const end = Math.max(0, unencodedLength - firstRow * rowSize);
  if (end < slots * rowSize) kernel.bytes.fill(0, place.rows + end, place.rows + slots * rowSize);
}

function rootsOfRows(
  kernel: CodeKernel,
  geometry: Geometry,
  symbolSize: number,
  place: RestorePlace,
  slots: number,
): void {
  const code = lineCode(geometry, 'primary');
  const shape = { symbolSize, slots };
  const sources = { address: place.rows, laneStep: symbolSize, slotStep: code.sourceCount * symbolSize };
  const targets = { address: place.source, laneStep: slots * symbolSize, slotStep: symbolSize };
  kernel.encode(code, shape, code.sourceCount, sources, targets);
  kernel.hashLeaves(shape, code.sourceCount, sources, place.roots);
  kernel.hashLeaves(shape, code.recoveryCount, targets, place.roots + code.sourceCount * slots * HASH_SIZE_BYTES);
  kernel.reduceColumns(place.roots, geometry.nShards, slots);
}
