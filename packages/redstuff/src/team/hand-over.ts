/** What the thread that makes a memory for an encode puts in before the work, and takes out after. */
import { type Geometry, PAIR_HASHES_SIZE_BYTES } from '@floe/protocol';
import { setPaddingHashes } from '../column-block.ts';
import type { EncodedParts } from '../encode.ts';
import { COPIED_AT_ONCE_SIZE_BYTES } from '../limits.ts';
import { paddingHashes } from '../padding.ts';
import type { Steps } from '../steps.ts';
import { type ArenaLayout, CONTROL, CONTROL_WORDS } from './arena.ts';

export type SliverParts = Pick<EncodedParts, 'repairPrimary' | 'secondary'>;

/** Puts what members need before their first task where they look for it. No member of an encode before may be left. */
export function prepare(layout: ArenaLayout, memory: WebAssembly.Memory): void {
  const control = controlOf(layout, memory);
  // The table of leaf hashes is kept from one encode to the next, unless this one puts other things in its place.
  const table = layout.leafTable !== 0 && control[CONTROL.leafTable] === TABLE_MADE ? TABLE_MADE : 0;
  control.fill(0);
  control[CONTROL.leafTable] = table;
  bytesOf(memory).set(paddingOf(layout).nodes, layout.padding);
}

const TABLE_MADE = 2;

/** Copies the blob in, some rows at a time, and says how far it is. */
export function* copyIn(layout: ArenaLayout, memory: WebAssembly.Memory, blob: Uint8Array): Steps<void> {
  const { rowSize, usedRows } = layout.blob;
  const bytes = bytesOf(memory);
  const control = controlOf(layout, memory);
  const atOnce = Math.max(1, Math.floor(COPIED_AT_ONCE_SIZE_BYTES / rowSize));
  for (let row = 0; row < usedRows; row += atOnce) {
    const end = Math.min(usedRows, row + atOnce);
    const present = blob.subarray(row * rowSize, end * rowSize);
    const at = layout.matrix + row * rowSize;
    bytes.set(present, at);
    bytes.fill(0, at + present.length, layout.matrix + end * rowSize);
    Atomics.store(control, CONTROL.rowsReady, end);
    Atomics.notify(control, CONTROL.rowsReady);
    yield 0;
  }
}

/** Rows that the blob does not reach into, where they are wanted as slivers. */
export function clearRows({ blob, matrix }: ArenaLayout, memory: WebAssembly.Memory): void {
  bytesOf(memory).fill(0, matrix + blob.usedRows * blob.rowSize, matrix + blob.geometry.rows * blob.rowSize);
}

/** The hashes that the members have computed, and those of padding. */
export function takePairHashes(layout: ArenaLayout, memory: WebAssembly.Memory): Uint8Array<ArrayBuffer> {
  const size = layout.blob.geometry.nShards * PAIR_HASHES_SIZE_BYTES;
  const pairHashes = bytesOf(memory).slice(layout.pairHashes, layout.pairHashes + size);
  setPaddingHashes(layout.blob, paddingOf(layout).root, pairHashes);
  return pairHashes;
}

/** Views of the slivers in the memory. */
export function partsIn(layout: ArenaLayout, memory: WebAssembly.Memory): SliverParts {
  const { geometry, rowSize, columnSize } = layout.blob;
  const { nShards, rows } = geometry;
  const bytes = bytesOf(memory);
  return {
    repairPrimary: bytes.subarray(layout.repairPrimary, layout.repairPrimary + (nShards - rows) * rowSize),
    secondary: bytes.subarray(layout.secondary, layout.secondary + nShards * columnSize),
  };
}

/** Views of all slivers, where the memory was made for them. */
export function sliversIn(
  layout: ArenaLayout,
  memory: WebAssembly.Memory,
  { nShards }: Geometry,
): { readonly primary: Uint8Array; readonly secondary: Uint8Array } {
  const { matrix, blob } = layout;
  return {
    primary: bytesOf(memory).subarray(matrix, matrix + nShards * blob.rowSize),
    secondary: partsIn(layout, memory).secondary,
  };
}

function paddingOf({ blob }: ArenaLayout): ReturnType<typeof paddingHashes> {
  return paddingHashes(blob.geometry.nShards, blob.symbolSize);
}

function controlOf(layout: ArenaLayout, memory: WebAssembly.Memory): Int32Array {
  return new Int32Array(memory.buffer, layout.control, CONTROL_WORDS);
}

/** Views of shared memory are typed as if it were not: they are used alike. */
function bytesOf(memory: WebAssembly.Memory): Uint8Array<ArrayBuffer> {
  return new Uint8Array(memory.buffer as ArrayBuffer);
}
