/**
 * Records of a segment and the segment's own header: what stands on disk, byte by byte.
 *
 * Invariants:
 * - A record describes itself: key, end epoch, order and both checksums, so that the index can be rebuilt from segments alone.
 * - Every record begins with the store's random tag. A payload is a stranger's bytes and may look like anything, but
 *   not like a record of this store: the search for the next record after damage cannot be led astray by it.
 *
 * All integers are little-endian; the layouts are tables in the package's README.
 */
import { crc32c } from '@floe/kernels';
import { equalBytes } from '@floe/platform';
import { type Axis, blobIdBytes, blobIdFromBytes, type Epoch, type ShardIndex } from '@floe/protocol';
import type { SliverKey } from '../sliver-store.ts';

export const SEGMENT_FORMAT_VERSION = 1;
export const SEGMENT_HEADER_SIZE = 64;
export const RECORD_HEADER_SIZE = 72;
/** Larger than any sliver (43.7 MB at 1,000 shards); a length beyond it is damage. */
export const MAX_PAYLOAD_SIZE = 64 * 1024 * 1024;
export const STORE_TAG_SIZE = 8;

/** "FLOESEGM" */
const SEGMENT_MAGIC = 0x4d47_4553_454f_4c46n;
const RECORD_VERSION = 1;

export interface SegmentHeader {
  readonly version: number;
  readonly bucket: Epoch;
  readonly id: number;
  readonly storeTag: Uint8Array;
  readonly nodeId: Uint8Array;
}

/** A sliver, or the note that one was removed. */
export type RecordKind = 'sliver' | 'removal';

export interface RecordHeader {
  readonly kind: RecordKind;
  readonly key: SliverKey;
  readonly endEpoch: Epoch;
  readonly payloadSize: number;
  readonly payloadCrc: number;
  /** Orders the records of one key over all segments. */
  readonly sequence: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_SIZE);
  const view = viewOf(bytes);
  view.setBigUint64(0, SEGMENT_MAGIC, true);
  view.setUint16(8, header.version, true);
  view.setUint32(12, header.bucket, true);
  view.setUint32(16, header.id, true);
  bytes.set(header.storeTag, 20);
  bytes.set(header.nodeId, 28);
  view.setUint32(60, crc32c(bytes.subarray(0, 60)), true);
  return bytes;
}

/** Undefined when the bytes are not an intact segment header. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_SIZE) return undefined;
  const view = viewOf(bytes);
  if (view.getBigUint64(0, true) !== SEGMENT_MAGIC) return undefined;
  if (view.getUint32(60, true) !== crc32c(bytes.subarray(0, 60))) return undefined;
  return {
    version: view.getUint16(8, true),
    bucket: view.getUint32(12, true) as Epoch,
    id: view.getUint32(16, true),
    storeTag: bytes.slice(20, 28),
    nodeId: bytes.slice(28, 60),
  };
}

export function encodeRecordHeader(header: RecordHeader, storeTag: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_SIZE);
  const view = viewOf(bytes);
  bytes.set(storeTag, 0);
  view.setUint8(8, RECORD_VERSION);
  view.setUint8(9, header.kind === 'sliver' ? 1 : 2);
  view.setUint8(10, axisByte(header.key.axis));
  view.setUint16(12, header.key.shard, true);
  view.setUint32(16, header.endEpoch, true);
  view.setUint32(20, header.payloadSize, true);
  view.setUint32(24, header.payloadCrc, true);
  view.setBigUint64(28, BigInt(header.sequence), true);
  bytes.set(blobIdBytes(header.key.blobId), 36);
  view.setUint32(68, crc32c(bytes.subarray(0, 68)), true);
  return bytes;
}

/** Undefined when the bytes are not an intact record header of this store. */
export function decodeRecordHeader(bytes: Uint8Array, storeTag: Uint8Array): RecordHeader | undefined {
  if (bytes.length < RECORD_HEADER_SIZE || !equalBytes(bytes.subarray(0, STORE_TAG_SIZE), storeTag)) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(68, true) !== crc32c(bytes.subarray(0, 68))) return undefined;
  const kind = view.getUint8(9);
  const axis = view.getUint8(10);
  const payloadSize = view.getUint32(20, true);
  const sequence = view.getBigUint64(28, true);
  if (view.getUint8(8) !== RECORD_VERSION || kind < 1 || kind > 2 || axis > 1) return undefined;
  if (payloadSize > MAX_PAYLOAD_SIZE || sequence > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return {
    kind: kind === 1 ? 'sliver' : 'removal',
    key: {
      blobId: blobIdFromBytes(bytes.slice(36, 68)),
      shard: view.getUint16(12, true) as ShardIndex,
      axis: axis === 0 ? 'primary' : 'secondary',
    },
    endEpoch: view.getUint32(16, true) as Epoch,
    payloadSize,
    payloadCrc: view.getUint32(24, true),
    sequence: Number(sequence),
  };
}

/** The key's 35 bytes in tables: blob id, shard, axis; a blob's keys stand together. */
export function encodeSliverKey(key: SliverKey): Uint8Array {
  const bytes = new Uint8Array(35);
  bytes.set(blobIdBytes(key.blobId), 0);
  bytes[32] = key.shard >>> 8;
  bytes[33] = key.shard & 0xff;
  bytes[34] = axisByte(key.axis);
  return bytes;
}

export function decodeSliverKey(bytes: Uint8Array): SliverKey {
  return {
    blobId: blobIdFromBytes(bytes.slice(0, 32)),
    shard: (((bytes[32] as number) << 8) | (bytes[33] as number)) as ShardIndex,
    axis: bytes[34] === 0 ? 'primary' : 'secondary',
  };
}

/** A text that is different for different keys, for maps. */
export function sliverKeyText(key: SliverKey): string {
  return `${key.blobId}/${key.shard}/${key.axis}`;
}

function axisByte(axis: Axis): number {
  return axis === 'primary' ? 0 : 1;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
