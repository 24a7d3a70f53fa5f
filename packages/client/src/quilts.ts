/**
 * Quilts: many files in one blob. A patch is read through the columns it occupies, each verified, so one file costs
 * about its own size; when columns cannot be had, through the whole blob, checked strictly (a writer could otherwise make
 * the two ways differ).
 */
import { concatBytes, isFloeError } from '@floe/platform';
import { type BlobId, type Committee, type SliverIndex } from '@floe/protocol';
import {
  encodeQuilt,
  openQuilt,
  parseQuiltIndex,
  parseQuiltPatch,
  parseQuiltPatchId,
  type QuiltIndex,
  quiltIndexColumns,
  type QuiltPatch,
  type QuiltPatchContents,
  quiltPatchId,
  type QuiltPatchInput,
  redstuffErrors,
} from '@floe/redstuff';
import type { BlobReader } from './blob-reader.ts';
import { clientErrors } from './errors.ts';
import type { StoreOptions, StoreResult } from './store-options.ts';

/** What marks a quilt on its blob object. */
export const QUILT_ATTRIBUTE = Object.freeze({ key: '_walrusBlobType', value: 'quilt' });

/** A patch and where it is. */
export interface StoredPatch extends QuiltPatch {
  /** Text of 50 characters; names the patch for ever. */
  readonly patchId: string;
}

export interface StoreQuiltResult {
  readonly store: StoreResult;
  /** In the order of their identifiers' bytes. */
  readonly patches: readonly StoredPatch[];
}

export interface PatchContents extends QuiltPatchContents {
  readonly patchId: string;
}

/** @throws TOO_MANY_PATCHES, INVALID_IDENTIFIER, DUPLICATE_IDENTIFIER, QUILT_TOO_LARGE, and what `store` throws */
export async function storeQuilt(
  patches: readonly QuiltPatchInput[],
  committee: Committee,
  options: StoreOptions,
  store: (blob: Uint8Array, options: StoreOptions) => Promise<StoreResult>,
): Promise<StoreQuiltResult> {
  const { bytes, index } = encodeQuilt(committee.geometry, patches);
  const attributes = { ...options.attributes, [QUILT_ATTRIBUTE.key]: QUILT_ATTRIBUTE.value };
  const result = await store(bytes, { ...options, attributes });
  return { store: result, patches: storedPatches(result.blobId, index) };
}

/** The index of a quilt, with ids. */
export async function readQuiltIndex(reader: BlobReader, signal: AbortSignal): Promise<StoredPatch[]> {
  return storedPatches(reader.verified.blobId, await readIndex(reader, signal));
}

/** @throws INVALID_QUILT_PATCH_ID, QUILT_PATCH_NOT_FOUND */
export async function readPatchById(reader: BlobReader, patchId: string, signal: AbortSignal): Promise<PatchContents> {
  const { blobId, startIndex, endIndex } = parseQuiltPatchId(patchId);
  const notFound = (cause?: unknown) => clientErrors.QUILT_PATCH_NOT_FOUND({ quiltId: blobId, patch: patchId }, cause);
  if (endIndex > reader.verified.geometry.columns) throw notFound();
  try {
    return { ...(await readPatch(reader, { startIndex, endIndex }, signal)), patchId };
  } catch (error) {
    // Columns where no patch begins, or no quilt at all.
    if (isFloeError(error, 'INVALID_QUILT')) throw notFound(error);
    throw error;
  }
}

/** The patches that `accept` chooses from the index, in its order. */
export async function readPatches(
  reader: BlobReader,
  accept: (patch: QuiltPatch) => boolean,
  signal: AbortSignal,
): Promise<PatchContents[]> {
  const contents: PatchContents[] = [];
  for (const patch of (await readQuiltIndex(reader, signal)).filter(accept)) {
    const { patchId } = patch;
    contents.push({ ...(await readPatch(reader, patch, signal)), patchId });
  }
  return contents;
}

/** The quilt that a patch id names. @throws INVALID_QUILT_PATCH_ID */
export function quiltOfPatch(patchId: string): BlobId {
  return parseQuiltPatchId(patchId).blobId;
}

async function readIndex(reader: BlobReader, signal: AbortSignal): Promise<QuiltIndex> {
  const { geometry, symbolSize, metadata } = reader.verified;
  const size = geometry.rows * geometry.columns * symbolSize;
  if (metadata.unencodedLength !== size) {
    const came = `${metadata.unencodedLength}`;
    throw redstuffErrors.INVALID_QUILT({ part: 'size', expected: `${size} bytes`, came });
  }
  const first = await columns(reader, 0, 1, signal);
  if (first === undefined) return (await wholeQuilt(reader, signal)).index;
  const count = quiltIndexColumns(geometry, symbolSize, first);
  const rest = count === 1 ? new Uint8Array(0) : await columns(reader, 1, count, signal);
  if (rest === undefined) return (await wholeQuilt(reader, signal)).index;
  return parseQuiltIndex(geometry, symbolSize, concatBytes(first, rest));
}

async function readPatch(
  reader: BlobReader,
  range: { readonly startIndex: number; readonly endIndex: number },
  signal: AbortSignal,
): Promise<QuiltPatchContents> {
  const bytes = await columns(reader, range.startIndex, range.endIndex, signal);
  return bytes === undefined ? (await wholeQuilt(reader, signal)).patch(range) : parseQuiltPatch(bytes);
}

/** The bytes of columns `[first, end)`; undefined when they can be had neither from their nodes nor from symbols. */
async function columns(
  reader: BlobReader,
  first: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const indices = Array.from({ length: end - first }, (_, i) => (first + i) as SliverIndex);
  const slivers = await reader.columns(indices, { signal });
  return slivers === undefined ? undefined : concatBytes(...slivers.map(({ data }) => data));
}

async function wholeQuilt(reader: BlobReader, signal: AbortSignal): Promise<ReturnType<typeof openQuilt>> {
  const blob = await reader.read({ consistency: 'strict', signal });
  return openQuilt(reader.verified.geometry, blob);
}

function storedPatches(blobId: BlobId, { patches }: QuiltIndex): StoredPatch[] {
  return patches.map((patch) => ({
    ...patch,
    patchId: quiltPatchId({ blobId, startIndex: patch.startIndex, endIndex: patch.endIndex }),
  }));
}
