/**
 * Ids of quilt patches (Walrus encoding rules: quilt patch ids): blob id, then `0x01`, first column and the column after
 * the last, u16le each; as text URL-safe base64 without padding, 50 characters.
 */
import { assert, fromBase64Url, toBase64Url } from '@floe/platform';
import { type BlobId, ID_SIZE_BYTES, blobIdBytes, blobIdFromBytes } from '@floe/protocol';
import { errors } from '../errors.ts';

const VERSION = 1;
const PATCH_ID_SIZE_BYTES = ID_SIZE_BYTES + 5;

/** Where a patch is: columns `startIndex` to before `endIndex` of a quilt. */
export interface QuiltPatchId {
  readonly blobId: BlobId;
  readonly startIndex: number;
  readonly endIndex: number;
}

/** The text of a patch id. */
export function quiltPatchId({ blobId, startIndex, endIndex }: QuiltPatchId): string {
  assert(startIndex >= 0 && startIndex <= endIndex && endIndex <= 0xffff, 'a range of columns', {
    startIndex,
    endIndex,
  });
  const bytes = new Uint8Array(PATCH_ID_SIZE_BYTES);
  bytes.set(blobIdBytes(blobId));
  const view = new DataView(bytes.buffer, ID_SIZE_BYTES);
  view.setUint8(0, VERSION);
  view.setUint16(1, startIndex, true);
  view.setUint16(3, endIndex, true);
  return toBase64Url(bytes);
}

/** @throws INVALID_QUILT_PATCH_ID unless canonical, of version 1 and with a range that is not empty */
export function parseQuiltPatchId(text: string): QuiltPatchId {
  const bytes = text.length <= 2 * PATCH_ID_SIZE_BYTES ? fromBase64Url(text) : undefined;
  if (bytes?.length !== PATCH_ID_SIZE_BYTES) throw errors.INVALID_QUILT_PATCH_ID({ text });
  const view = new DataView(bytes.buffer, bytes.byteOffset + ID_SIZE_BYTES);
  const [startIndex, endIndex] = [view.getUint16(1, true), view.getUint16(3, true)];
  if (view.getUint8(0) !== VERSION || startIndex >= endIndex) throw errors.INVALID_QUILT_PATCH_ID({ text });
  return { blobId: blobIdFromBytes(bytes.subarray(0, ID_SIZE_BYTES)), startIndex, endIndex };
}
