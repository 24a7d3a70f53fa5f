/** Byte ranges of a blob and the rows (systematic primary slivers) that hold them. */
import { type SliverIndex, sliverSize, type VerifiedMetadata } from '@floe/protocol';
import { clientErrors } from './errors.ts';

/** Half-open: from `start` (inclusive) to `end` (exclusive; default: the blob's end). */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface ResolvedRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The whole blob when `range` is undefined.
 * @throws INVALID_RANGE unless it lies within the blob and holds at least a byte.
 */
export function resolveRange(range: ByteRange | undefined, sizeBytes: number): ResolvedRange {
  if (range === undefined) return { start: 0, end: sizeBytes };
  const { start, end = sizeBytes } = range;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || start >= end || end > sizeBytes) {
    throw clientErrors.INVALID_RANGE({ start, end, sizeBytes });
  }
  return { start, end };
}

/** Bytes of the blob in one row. */
export function rowSize({ geometry, symbolSize }: VerifiedMetadata): number {
  return sliverSize(geometry, 'primary', symbolSize);
}

/** Rows that hold bytes of the range, in order; rows that are padding alone are never among them. */
export function rowsOf(verified: VerifiedMetadata, { start, end }: ResolvedRange): SliverIndex[] {
  if (start >= end) return [];
  const size = rowSize(verified);
  const first = Math.floor(start / size);
  const last = Math.floor((end - 1) / size);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) as SliverIndex);
}

/** The part of a row's data that the range asks for, as a view; padding is cut off. */
export function rowPart(
  verified: VerifiedMetadata,
  row: SliverIndex,
  data: Uint8Array,
  { start, end }: ResolvedRange,
): Uint8Array {
  const rowStart = row * rowSize(verified);
  return data.subarray(Math.max(0, start - rowStart), Math.min(data.length, end - rowStart));
}

/** All parts of a range in one array. */
export async function collected(
  parts: AsyncIterable<Uint8Array>,
  { start, end }: ResolvedRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start);
  let at = 0;
  for await (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The part of a whole blob's bytes that lies in the range. */
export async function* cut(
  parts: AsyncIterable<Uint8Array>,
  { start, end }: ResolvedRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const part of parts) {
    const wanted = part.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += part.length;
    if (wanted.length > 0) yield wanted;
    if (at >= end) return;
  }
}
