/**
 * Slivers expanded to whole codewords, for their hashes and for the symbols that others ask for (Walrus encoding rules:
 * sliver hashes, recovery symbols).
 */
import type { CodeKernel } from '@floe/kernels';
import { type Axis, type Geometry, HASH_SIZE_BYTES } from '@floe/protocol';
import { lineCode } from './line-code.ts';
import { MAX_STEP_COLUMNS, STEP_SIZE_BYTES } from './limits.ts';
import { allocate, perStep, type Steps } from './steps.ts';

/** Merkle roots of the expansions of slivers of one axis, 32 bytes each, in order. Each sliver must have its full size. */
export function* rootSteps(
  kernel: CodeKernel,
  geometry: Geometry,
  axis: Axis,
  symbolSize: number,
  slivers: readonly Uint8Array[],
): Steps<Uint8Array<ArrayBuffer>> {
  const roots = allocate(slivers.length * HASH_SIZE_BYTES, 'sliver hashes');
  const atOnce = perStep(STEP_SIZE_BYTES, geometry.nShards * symbolSize, MAX_STEP_COLUMNS);
  for (let first = 0; first < slivers.length; first += atOnce) {
    const batch = slivers.slice(first, first + atOnce);
    const { leaves } = expand(kernel, geometry, axis, symbolSize, batch);
    kernel.reduceColumns(leaves, geometry.nShards, batch.length);
    const found = kernel.bytes.subarray(leaves, leaves + batch.length * HASH_SIZE_BYTES);
    roots.set(found, first * HASH_SIZE_BYTES);
    yield Math.min(1, (first + atOnce) / slivers.length);
  }
  return roots;
}

/** One sliver's recovery symbols, one after another, and its Merkle tree's levels from the leaf hashes to the root. */
export interface ExpandedSliver {
  readonly recovery: Uint8Array<ArrayBuffer>;
  readonly levels: readonly Uint8Array<ArrayBuffer>[];
}

/** Expands one sliver and keeps everything. */
export function expandSliver(
  kernel: CodeKernel,
  geometry: Geometry,
  axis: Axis,
  symbolSize: number,
  sliver: Uint8Array,
): ExpandedSliver {
  const { leaves, recovery } = expand(kernel, geometry, axis, symbolSize, [sliver]);
  const { bytes } = kernel;
  const recoverySize = lineCode(geometry, axis).recoveryCount * symbolSize;
  const levels = [bytes.slice(leaves, leaves + geometry.nShards * HASH_SIZE_BYTES)];
  for (let length = geometry.nShards; length > 1;) {
    kernel.reduceRows(leaves, 1, length, leaves);
    length = Math.ceil(length / 2);
    levels.push(bytes.slice(leaves, leaves + length * HASH_SIZE_BYTES));
  }
  return { recovery: bytes.slice(recovery, recovery + recoverySize), levels };
}

/** Addresses of the leaf hashes, at (symbol, sliver), and of the recovery symbols, at the same. */
function expand(
  kernel: CodeKernel,
  geometry: Geometry,
  axis: Axis,
  symbolSize: number,
  slivers: readonly Uint8Array[],
): { leaves: number; recovery: number } {
  const code = lineCode(geometry, axis);
  const sliverSize = code.sourceCount * symbolSize;
  const runSize = slivers.length * symbolSize;
  const hashesSize = slivers.length * HASH_SIZE_BYTES;
  const [source, recovery, leaves] = kernel.layout(
    [slivers.length * sliverSize, code.recoveryCount * runSize, geometry.nShards * hashesSize],
    code,
  ) as [number, number, number];
  slivers.forEach((sliver, slot) => kernel.bytes.set(sliver, source + slot * sliverSize));
  const shape = { symbolSize, slots: slivers.length };
  const sources = { address: source, laneStep: symbolSize, slotStep: sliverSize };
  const targets = { address: recovery, laneStep: runSize, slotStep: symbolSize };
  kernel.encode(code, shape, code.sourceCount, sources, targets);
  kernel.hashLeaves(shape, code.sourceCount, sources, leaves);
  kernel.hashLeaves(shape, code.recoveryCount, targets, leaves + code.sourceCount * hashesSize);
  return { leaves, recovery };
}
