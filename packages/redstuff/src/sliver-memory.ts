/** Memory of the caller's for slivers: encoding into the same again saves making and touching new memory each time. */
import { assert } from '@floe/platform';
import { type Geometry, symbolSizeOf } from '@floe/protocol';
import { type BlobLayout, blobLayout } from './blob-layout.ts';
import type { EncodedParts } from './encode.ts';
import { errors } from './errors.ts';
import { allocate } from './steps.ts';
import { createWorkplace } from './team/workplace.ts';

/**
 * All slivers of a blob of a certain size: n primary and n secondary ones, each kind one after another, by index. What
 * else is in their buffers is the codec's.
 */
export interface SliverMemory {
  readonly primary: Uint8Array;
  readonly secondary: Uint8Array;
}

/**
 * Memory for the slivers of blobs of `blobSize` bytes.
 *
 * @param options - `shared`: in shared memory, into which worker threads write themselves
 * @throws BLOB_TOO_LARGE, OUT_OF_MEMORY
 */
export function createSliverMemory(
  geometry: Geometry,
  blobSize: number,
  { shared = false }: { readonly shared?: boolean } = {},
): SliverMemory {
  const { primary, secondary } = sizes(geometry, symbolSizeOf(geometry, blobSize));
  const made = makeWorkplace(geometry, blobSize, { shared, sizeBytes: primary + secondary });
  if (made !== undefined) return made;
  const make = shared ? allocateShared : allocate;
  return { primary: make(primary, 'primary slivers'), secondary: make(secondary, 'secondary slivers') };
}

function makeWorkplace(
  geometry: Geometry,
  blobSize: number,
  { shared, sizeBytes }: { readonly shared: boolean; readonly sizeBytes: number },
): SliverMemory | undefined {
  try {
    return createWorkplace(geometry, blobSize, shared);
  } catch (cause) {
    throw errors.OUT_OF_MEMORY({ sizeBytes, purpose: 'slivers' }, cause);
  }
}

function allocateShared(sizeBytes: number, purpose: string): Uint8Array {
  try {
    return new Uint8Array(new SharedArrayBuffer(sizeBytes));
  } catch (cause) {
    throw errors.OUT_OF_MEMORY({ sizeBytes, purpose }, cause);
  }
}

function sizes({ nShards, rows, columns }: Geometry, symbolSize: number): { primary: number; secondary: number } {
  return { primary: nShards * columns * symbolSize, secondary: nShards * rows * symbolSize };
}

/** A caller that passes memory of another size has mixed up blobs. */
export function checkSliverMemory(geometry: Geometry, blobSize: number, memory: SliverMemory): void {
  const { primary, secondary } = sizes(geometry, symbolSizeOf(geometry, blobSize));
  assert(
    memory.primary.length === primary && memory.secondary.length === secondary,
    'memory of the size of the slivers',
    {
      expected: primary + secondary,
      came: memory.primary.length + memory.secondary.length,
    },
  );
}

/** The part of the primary slivers that the blob does not hold itself. */
export function repairPrimaryOf({ geometry, rowSize }: BlobLayout, { primary }: SliverMemory): Uint8Array {
  return primary.subarray(geometry.rows * rowSize);
}

/** Slivers in the caller's memory, copied there unless they were made there. */
export function deliver(geometry: Geometry, blob: Uint8Array, parts: EncodedParts, into: SliverMemory): EncodedParts {
  const layout = blobLayout(geometry, blob.length);
  const repairPrimary = repairPrimaryOf(layout, into);
  if (!isAt(parts.secondary, into.secondary)) {
    copySystematicRows(layout, blob, into);
    repairPrimary.set(parts.repairPrimary);
    into.secondary.set(parts.secondary);
  }
  return { pairHashes: parts.pairHashes, repairPrimary, secondary: into.secondary };
}

/** Whether two arrays of one length are the same bytes. */
function isAt(one: Uint8Array, other: Uint8Array): boolean {
  return one.buffer === other.buffer && one.byteOffset === other.byteOffset;
}

/** The blob with its padding, which is the systematic primary slivers. */
export function copySystematicRows(
  { geometry, rowSize }: BlobLayout,
  blob: Uint8Array,
  { primary }: SliverMemory,
): void {
  primary.set(blob);
  primary.fill(0, blob.length, geometry.rows * rowSize);
}
