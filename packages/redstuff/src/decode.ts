/**
 * Slivers to blob, and symbols to sliver (Walrus encoding rules: decode paths).
 *
 * Always from exactly as many slivers as determine the blob; the decoding plan depends on their indices alone and is
 * made once. Systematic slivers are copied, only missing parts are computed, and only rows that the blob reaches.
 */
import { type CodeKernel, type DecodePlan, planDecode } from '@floe/kernels';
import { type Axis, type Geometry, orthogonal, symbolSizeOf } from '@floe/protocol';
import { lineCode } from './line-code.ts';
import { MAX_STEP_COLUMNS, STEP_SIZE_BYTES } from './limits.ts';
import { allocate, perStep, type Steps } from './steps.ts';

/** Slivers of one axis: as many as decode the blob, distinct, of the right size, in ascending order. */
export interface DecodeInput {
  readonly axis: Axis;
  readonly unencodedLength: number;
  readonly indices: readonly number[];
  readonly slivers: readonly Uint8Array[];
  /** Where the blob goes. */
  readonly into?: Uint8Array | undefined;
}

/** The blob. @throws OUT_OF_MEMORY */
export function* decodeSteps(kernel: CodeKernel, geometry: Geometry, input: DecodeInput): Steps<Uint8Array> {
  const symbolSize = symbolSizeOf(geometry, input.unencodedLength);
  const blob = input.into ?? allocate(input.unencodedLength, 'decoded blob');
  const plan = planDecode(lineCode(geometry, orthogonal(input.axis)), input.indices);
  const job = { kernel, geometry, input, symbolSize, plan, blob, rowSize: geometry.columns * symbolSize };
  yield* input.axis === 'primary' ? fromPrimary(job) : fromSecondary(job);
  return blob;
}

/** Puts rows that are the blob as it is, but for padding after the last, one after another. */
export function joinRows(rows: readonly Uint8Array[], blob: Uint8Array): void {
  let offset = 0;
  for (const row of rows) {
    copyClipped(row, blob, offset);
    offset += row.length;
  }
}

interface DecodeJob {
  readonly kernel: CodeKernel;
  readonly geometry: Geometry;
  readonly input: DecodeInput;
  readonly symbolSize: number;
  readonly plan: DecodePlan;
  readonly blob: Uint8Array;
  readonly rowSize: number;
}

/** Rows that came are slices of the blob; the others are decoded a block of columns at a time. */
function* fromPrimary(job: DecodeJob): Steps<void> {
  const { kernel, geometry, input, symbolSize, plan, blob, rowSize } = job;
  input.indices.forEach((row, i) => {
    if (row < geometry.rows) copyClipped(input.slivers[i] as Uint8Array, blob, row * rowSize);
  });
  if (!plan.missing.some((row) => row * rowSize < blob.length)) return;
  const code = lineCode(geometry, 'secondary');
  const atOnce = perStep(STEP_SIZE_BYTES, geometry.nShards * symbolSize, geometry.columns);
  for (let first = 0; first < geometry.columns; first += atOnce) {
    const slots = Math.min(atOnce, geometry.columns - first);
    const runSize = slots * symbolSize;
    const [source, target] = kernel.layout([code.sourceCount * runSize, plan.missing.length * runSize], code) as [
      number,
      number,
    ];
    const { bytes } = kernel;
    const from = first * symbolSize;
    input.slivers.forEach((sliver, lane) => bytes.set(sliver.subarray(from, from + runSize), source + lane * runSize));
    const steps = { laneStep: runSize, slotStep: symbolSize };
    kernel.decode(plan, { symbolSize, slots }, { address: source, ...steps }, { address: target, ...steps });
    plan.missing.forEach((row, lane) => {
      const run = bytes.subarray(target + lane * runSize, target + (lane + 1) * runSize);
      copyClipped(run, blob, row * rowSize + from);
    });
    yield (first + slots) / geometry.columns;
  }
}

/** Every row takes a symbol of every column, so rows are put together in kernel memory, a block of rows at a time. */
function* fromSecondary(job: DecodeJob): Steps<void> {
  const { kernel, geometry, input, symbolSize, plan, blob, rowSize } = job;
  const code = lineCode(geometry, 'primary');
  const usedRows = Math.ceil(blob.length / rowSize);
  const atOnce = perStep(STEP_SIZE_BYTES, geometry.nShards * symbolSize, MAX_STEP_COLUMNS);
  for (let first = 0; first < usedRows; first += atOnce) {
    const slots = Math.min(atOnce, usedRows - first);
    const runSize = slots * symbolSize;
    const [source, target, rows] = kernel.layout(
      [code.sourceCount * runSize, plan.missing.length * runSize, slots * rowSize],
      code,
    ) as [number, number, number];
    const { bytes } = kernel;
    const from = first * symbolSize;
    input.slivers.forEach((sliver, lane) => bytes.set(sliver.subarray(from, from + runSize), source + lane * runSize));
    const shape = { symbolSize, slots };
    const steps = { laneStep: runSize, slotStep: symbolSize };
    kernel.decode(plan, shape, { address: source, ...steps }, { address: target, ...steps });
    const place = (lane: number, column: number) => {
      const to = { address: rows + column * symbolSize, laneStep: 0, slotStep: rowSize };
      kernel.copySymbols(shape, 1, { address: lane, ...steps }, to);
    };
    plan.missing.forEach((column, lane) => place(target + lane * runSize, column));
    input.indices.forEach((column, lane) => {
      if (column < geometry.columns) place(source + lane * runSize, column);
    });
    copyClipped(bytes.subarray(rows, rows + slots * rowSize), blob, first * rowSize);
    yield (first + slots) / usedRows;
  }
}

/** One sliver from as many symbols of its line as it has, given with their positions in the line. */
export function decodeSliver(
  kernel: CodeKernel,
  geometry: Geometry,
  axis: Axis,
  symbolSize: number,
  indices: readonly number[],
  symbols: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const code = lineCode(geometry, axis);
  const plan = planDecode(code, indices);
  const [source, target] = kernel.layout([code.sourceCount * symbolSize, plan.missing.length * symbolSize], code) as [
    number,
    number,
  ];
  const { bytes } = kernel;
  symbols.forEach((symbol, lane) => bytes.set(symbol, source + lane * symbolSize));
  const steps = { laneStep: symbolSize, slotStep: symbolSize };
  kernel.decode(plan, { symbolSize, slots: 1 }, { address: source, ...steps }, { address: target, ...steps });
  const sliver = allocate(code.sourceCount * symbolSize, 'recovered sliver');
  plan.missing.forEach((index, lane) => {
    sliver.set(bytes.subarray(target + lane * symbolSize, target + (lane + 1) * symbolSize), index * symbolSize);
  });
  indices.forEach((index, i) => {
    if (index < code.sourceCount) sliver.set(symbols[i] as Uint8Array, index * symbolSize);
  });
  return sliver;
}

/** Copies what of `from` lies within `to` when put at `offset`. */
function copyClipped(from: Uint8Array, to: Uint8Array, offset: number): void {
  if (offset >= to.length) return;
  const room = to.length - offset;
  to.set(from.length <= room ? from : from.subarray(0, room), offset);
}
