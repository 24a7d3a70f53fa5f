/**
 * Quilts: many files in one blob. A patch is read through the columns it occupies, each verified, so one file costs
 * about its own size; when columns cannot be had, through the whole blob, checked strictly (a writer could otherwise make
 * the two ways differ).
 */
import { isFloeError } from '@floe/platform';
import type { BlobId, Committee } from '@floe/protocol';
import {
  encodeQuilt,
  MAX_QUILT_SIZE_BYTES,
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
  quiltPatchSizeBytes,
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

/** @throws INVALID_QUILT_PATCH_ID, QUILT_PATCH_NOT_FOUND, BLOB_TOO_LARGE_TO_BUFFER */
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
  const columnSize = checkedColumnSize(reader);
  const { geometry, symbolSize } = reader.verified;
  const first = new Uint8Array(columnSize);
  if (!(await reader.columnsInto(first, 0, { signal }))) return (await wholeQuilt(reader, signal)).index;
  const count = quiltIndexColumns(geometry, symbolSize, first);
  const all = await withRest(reader, { first, startIndex: 0, count }, signal);
  return all === undefined ? (await wholeQuilt(reader, signal)).index : parseQuiltIndex(geometry, symbolSize, all);
}

/**
 * The patch that begins with the first column of the range. Whether one does, and of which size, its first bytes tell: no
 * other column is asked for before.
 *
 * @throws INVALID_QUILT, BLOB_TOO_LARGE_TO_BUFFER
 */
async function readPatch(
  reader: BlobReader,
  range: { readonly startIndex: number; readonly endIndex: number },
  signal: AbortSignal,
): Promise<QuiltPatchContents> {
  const { startIndex, endIndex } = range;
  const columnSize = checkedColumnSize(reader);
  const first = new Uint8Array(columnSize);
  if (!(await reader.columnsInto(first, startIndex, { signal })))
    return (await wholeQuilt(reader, signal)).patch(range);
  const sizeBytes = quiltPatchSizeBytes(first);
  const count = Math.ceil(sizeBytes / columnSize);
  if (count > endIndex - startIndex) {
    const expected = `at most ${(endIndex - startIndex) * columnSize} bytes`;
    throw redstuffErrors.INVALID_QUILT({ part: 'patch', expected, came: `${sizeBytes}` });
  }
  checkBufferable(sizeBytes);
  const all = await withRest(reader, { first, startIndex, count }, signal);
  return all === undefined ? (await wholeQuilt(reader, signal)).patch(range) : parseQuiltPatch(all);
}

/** A quilt fills its matrix. @throws INVALID_QUILT */
function checkedColumnSize({ verified }: BlobReader): number {
  const { geometry, symbolSize, metadata } = verified;
  const columnSize = geometry.rows * symbolSize;
  const size = geometry.columns * columnSize;
  if (metadata.unencodedLength === size) return columnSize;
  const came = `${metadata.unencodedLength}`;
  throw redstuffErrors.INVALID_QUILT({ part: 'size', expected: `${size} bytes`, came });
}

/** Columns of which the first is there; undefined when the others can be had neither from their nodes nor from symbols. */
async function withRest(
  reader: BlobReader,
  { first, startIndex, count }: { readonly first: Uint8Array; readonly startIndex: number; readonly count: number },
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (count === 1) return first;
  const all = new Uint8Array(count * first.length);
  all.set(first);
  return (await reader.columnsInto(all.subarray(first.length), startIndex + 1, { signal })) ? all : undefined;
}

async function wholeQuilt(reader: BlobReader, signal: AbortSignal): Promise<ReturnType<typeof openQuilt>> {
  checkBufferable(reader.sizeBytes);
  const blob = await reader.read({ consistency: 'strict', signal });
  return openQuilt(reader.verified.geometry, blob);
}

/** Others make larger quilts: of those what is small can be read alone. @throws BLOB_TOO_LARGE_TO_BUFFER */
function checkBufferable(sizeBytes: number): void {
  const maxBytes = MAX_QUILT_SIZE_BYTES;
  if (sizeBytes > maxBytes) throw clientErrors.BLOB_TOO_LARGE_TO_BUFFER({ sizeBytes, maxBytes });
}

function storedPatches(blobId: BlobId, { patches }: QuiltIndex): StoredPatch[] {
  return patches.map((patch) => ({
    ...patch,
    patchId: quiltPatchId({ blobId, startIndex: patch.startIndex, endIndex: patch.endIndex }),
  }));
}
