/**
 * Walks the records of a segment file in order. Whatever is not an intact record is stepped over, byte by byte, until
 * the next intact one: damage costs the records it hit and no others. What the disk cannot read is damage as well, unless
 * it is so much that the disk must be failing as a whole: then the walk fails, lest everything seem lost.
 */
import { crc32c } from '@floe/kernels';
import { type FileHandle, type FloeError, isFloeError } from '@floe/platform';
import {
  decodeRecordHeader,
  RECORD_HEADER_SIZE,
  type RecordHeader,
  SEGMENT_HEADER_SIZE,
  STORE_TAG_SIZE,
} from './record.ts';

export interface ScannedRecord {
  readonly header: RecordHeader;
  readonly offset: number;
}

export interface SegmentScan {
  readonly records: readonly ScannedRecord[];
  /** Where the last intact record ends; `from` when there is none. */
  readonly endOffset: number;
  /** Bytes that belong to no intact record but have an intact one behind them: damage, not a torn tail. */
  readonly damagedBytes: number;
}

const WINDOW_SIZE = 1024 * 1024;
/** Read alone where a window cannot be read: what the kernel reads of a disk at least. */
const PAGE_SIZE = 4096;
/** Unreadable pages, one behind another, that are stepped over: 4 MiB; at the seconds that a disk takes to give up one of them, an hour or so. */
const MAX_UNREADABLE_PAGES = 1024;

/**
 * Scans `[from, size)`. A record counts only when its payload matches its checksum. Memory: the largest payload.
 * @throws file-system errors, that of a read only when {@link MAX_UNREADABLE_PAGES} in a row fail.
 */
export async function scanSegment(
  handle: FileHandle,
  options: { from: number; size: number; storeTag: Uint8Array },
): Promise<SegmentScan> {
  const records: ScannedRecord[] = [];
  let endOffset = options.from;
  let damagedBytes = 0;
  for await (const { header, offset } of intactRecords(handle, options)) {
    records.push({ header, offset });
    damagedBytes += offset - endOffset;
    endOffset = offset + RECORD_HEADER_SIZE + header.payloadSize;
  }
  return { records, endOffset, damagedBytes };
}

/** The intact records in `[from, size)` with their payloads, one at a time. Damage is stepped over. */
export async function* intactRecords(
  handle: FileHandle,
  options: { from: number; size: number; storeTag: Uint8Array },
): AsyncGenerator<ScannedRecord & { readonly payload: Uint8Array }> {
  const { from, size, storeTag } = options;
  let offset: number | undefined = from;
  while (offset !== undefined && offset < size) {
    const record = await readIntactRecord(handle, offset, size, storeTag);
    if (record === undefined) {
      offset = await findTag(handle, { from: offset + 1, size, storeTag });
      continue;
    }
    yield { ...record, offset };
    offset += RECORD_HEADER_SIZE + record.header.payloadSize;
  }
}

/** The headers of all records in `[header of the segment, size)`, without reading their payloads. Damage is stepped over. */
export async function* segmentHeaders(
  handle: FileHandle,
  options: { size: number; storeTag: Uint8Array },
): AsyncGenerator<RecordHeader> {
  const { size, storeTag } = options;
  let offset: number | undefined = SEGMENT_HEADER_SIZE;
  while (offset !== undefined && offset < size) {
    const bytes = await readExactly(handle, offset, RECORD_HEADER_SIZE);
    const header = bytes === undefined ? undefined : decodeRecordHeader(bytes, storeTag);
    if (header === undefined) {
      offset = await findTag(handle, { from: offset + 1, size, storeTag });
      continue;
    }
    yield header;
    offset += RECORD_HEADER_SIZE + header.payloadSize;
  }
}

async function readIntactRecord(
  handle: FileHandle,
  offset: number,
  size: number,
  storeTag: Uint8Array,
): Promise<{ header: RecordHeader; payload: Uint8Array } | undefined> {
  const headerBytes = await readExactly(handle, offset, RECORD_HEADER_SIZE);
  const header = headerBytes === undefined ? undefined : decodeRecordHeader(headerBytes, storeTag);
  if (header === undefined || offset + RECORD_HEADER_SIZE + header.payloadSize > size) return undefined;
  const payload = await readExactly(handle, offset + RECORD_HEADER_SIZE, header.payloadSize);
  return payload !== undefined && crc32c(payload) === header.payloadCrc ? { header, payload } : undefined;
}

/** Offset of the next occurrence of the store's tag; undefined when there is none. */
async function findTag(
  handle: FileHandle,
  options: { from: number; size: number; storeTag: Uint8Array },
): Promise<number | undefined> {
  const { from, size, storeTag } = options;
  const unreadable = { pages: 0 };
  // Windows overlap by a tag less one byte, so that a tag across two of them is found.
  for (let start = from; start < size; start += WINDOW_SIZE - STORE_TAG_SIZE + 1) {
    const window = new Uint8Array(Math.min(WINDOW_SIZE, size - start));
    const length = await readWindow(handle, window, start, unreadable);
    const found = indexOfBytes(window.subarray(0, length), storeTag);
    if (found !== -1) return start + found;
    if (length < window.length) return undefined;
  }
  return undefined;
}

/** Reads what can be read and leaves zeros in place of the rest. `unreadable` counts the pages at the end of what was read so far that cannot. */
async function readWindow(
  handle: FileHandle,
  window: Uint8Array,
  start: number,
  unreadable: { pages: number },
): Promise<number> {
  const whole = await readable(handle, window, start);
  if (typeof whole === 'number') {
    unreadable.pages = 0;
    return whole;
  }
  for (let at = 0; at < window.length;) {
    const page = window.subarray(at, at + PAGE_SIZE - ((start + at) % PAGE_SIZE));
    const length = await readable(handle, page, start + at);
    if (typeof length === 'number') {
      unreadable.pages = 0;
      if (length < page.length) return at + length;
    } else {
      unreadable.pages += 1;
      if (unreadable.pages > MAX_UNREADABLE_PAGES) throw length;
      // It may have been read in part.
      page.fill(0);
    }
    at += page.length;
  }
  return window.length;
}

/** How much was read, or why the disk cannot read it. */
async function readable(handle: FileHandle, target: Uint8Array, offset: number): Promise<number | Error> {
  try {
    return await handle.read(target, offset);
  } catch (error) {
    if (isUnreadable(error)) return error;
    throw error;
  }
}

/** Whether the disk could not read what was asked for, as when a sector is broken. */
export function isUnreadable(error: unknown): error is FloeError {
  return isFloeError(error, 'IO_FAILED') && error.data['operation'] === 'read';
}

function indexOfBytes(haystack: Uint8Array, needle: Uint8Array): number {
  const first = needle[0] as number;
  for (let at = haystack.indexOf(first); at !== -1; at = haystack.indexOf(first, at + 1)) {
    if (at + needle.length > haystack.length) return -1;
    let matched = 1;
    while (matched < needle.length && haystack[at + matched] === needle[matched]) matched += 1;
    if (matched === needle.length) return at;
  }
  return -1;
}

/** `size` bytes at `offset`; undefined when the file ends before, or the disk twice cannot read them. */
export async function readExactly(handle: FileHandle, offset: number, size: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(size);
  let length = await readable(handle, bytes, offset);
  if (typeof length !== 'number') length = await readable(handle, bytes, offset);
  return length === size ? bytes : undefined;
}
