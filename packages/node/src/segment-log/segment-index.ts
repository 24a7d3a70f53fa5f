/**
 * The index of the segment log: rows of two tables that can always be rebuilt from the segments.
 *
 * Invariant: a row is written only after the bytes it speaks of are durable, and the rows of one batch, with the
 * segment rows and the sequence numbers, are one atomic write. So everything in front of a segment's
 * `durableSize` was synced, and everything acknowledged is in front of it.
 */
import { fromHex, isFloeError, type KeyValueOperation, type KeyValueStore } from '@floe/platform';
import { type BlobId, blobIdBytes, type Epoch } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { SliverKey } from '../sliver-store.ts';
import { RowReader, RowWriter, tables } from '../tables.ts';
import { decodeSliverKey, encodeSliverKey } from './record.ts';

/** Where a sliver's record is. */
export interface IndexEntry {
  readonly segment: number;
  readonly offset: number;
  readonly payloadSize: number;
  readonly endEpoch: Epoch;
  readonly sequence: number;
}

export interface IndexPage {
  readonly entries: readonly { readonly key: SliverKey; readonly entry: IndexEntry }[];
  /** Keys whose rows are damaged. */
  readonly unreadable: readonly SliverKey[];
  /** Where the next page begins; undefined when this is the last one. */
  readonly next: SliverKey | undefined;
}

/** What is known of a segment file. */
export interface SegmentRow {
  readonly bucket: Epoch;
  /** Bytes from the beginning that were synced. */
  readonly durableSize: number;
  /** Live slivers and their payload bytes. */
  readonly slivers: number;
  readonly liveBytes: number;
  /** Nothing is appended any more. */
  readonly sealed: boolean;
}

/** A segment file and what is known of it; changes with every batch. */
export interface Segment {
  readonly id: number;
  readonly bucket: Epoch;
  readonly path: string;
  durableSize: number;
  slivers: number;
  liveBytes: number;
  sealed: boolean;
}

/** Where the counting of records stands. */
export interface Sequences {
  /** What the next record gets. */
  readonly next: number;
  /** The first of the newest batch of which something was indexed; a crash may have kept the rest of that batch from being indexed. */
  readonly batch: number;
}

/** The newest segment of each bucket, the only one that may be appended to; rows of others need not say that they are sealed. */
export function newestOfBuckets(segments: Iterable<readonly [id: number, { readonly bucket: Epoch }]>): Set<number> {
  const newest = new Map<Epoch, number>();
  for (const [id, { bucket }] of segments) newest.set(bucket, Math.max(id, newest.get(bucket) ?? 0));
  return new Set(newest.values());
}

const SEQUENCES_KEY = new TextEncoder().encode('segment-log/sequences');

export class SegmentIndex {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** The entry of a key. A row that is damaged counts as none: its sliver can be stored again. */
  get(key: SliverKey): IndexEntry | undefined {
    try {
      const row = this.#store.get(tables.slivers, encodeSliverKey(key));
      return row === undefined ? undefined : decodeEntry(row);
    } catch (error) {
      if (isFloeError(error, 'STORE_CORRUPT') || isFloeError(error, 'ROW_DAMAGED')) return undefined;
      throw error;
    }
  }

  keysOf(blobId: BlobId): SliverKey[] {
    const keys: SliverKey[] = [];
    for (const [key] of this.#store.entries(tables.slivers, { prefix: blobIdBytes(blobId) })) {
      keys.push(decodeSliverKey(key));
    }
    return keys;
  }

  /** Entries behind a key, in key order; the way to walk the whole index while writing to it. */
  page(options: { readonly after?: SliverKey; readonly limit: number }): IndexPage {
    // The smallest key behind the last one.
    const from = options.after === undefined ? undefined : new Uint8Array([...encodeSliverKey(options.after), 0]);
    const entries: { key: SliverKey; entry: IndexEntry }[] = [];
    const unreadable: SliverKey[] = [];
    let last: SliverKey | undefined;
    try {
      const range = { limit: options.limit, ...(from && { from }) };
      for (const [key, value] of this.#store.entries(tables.slivers, range)) {
        last = decodeSliverKey(key);
        entries.push({ key: last, entry: decodeEntry(value) });
      }
    } catch (error) {
      const corrupt = isFloeError(error, 'STORE_CORRUPT') ? fromHex(String(error.data['key'])) : undefined;
      if (corrupt !== undefined) last = decodeSliverKey(corrupt);
      else if (!isFloeError(error, 'ROW_DAMAGED')) throw error;
      if (last !== undefined) unreadable.push(last);
      return { entries, unreadable, next: last };
    }
    return { entries, unreadable, next: entries.length < options.limit ? undefined : last };
  }

  sliverCount(): number {
    return this.#store.count(tables.slivers);
  }

  damagedCount(): number {
    return this.#store.count(tables.damaged);
  }

  segments(): Map<number, SegmentRow> {
    const rows = new Map<number, SegmentRow>();
    for (const [key, value] of this.#store.entries(tables.segments)) rows.set(segmentIdOf(key), decodeSegment(value));
    return rows;
  }

  sequences(): Sequences | undefined {
    const row = this.#store.get(tables.state, SEQUENCES_KEY);
    if (row === undefined) return undefined;
    const reader = new RowReader(row, damaged(tables.state));
    const sequences = { next: reader.size(), batch: reader.size() };
    reader.end();
    return sequences;
  }

  write(operations: readonly KeyValueOperation[]): Promise<void> {
    return this.#store.write(operations);
  }

  /** Forgets everything, in bounded writes; the sequences first, so that a crash in between is seen as a missing index. */
  async clear(): Promise<void> {
    await this.#store.write([{ kind: 'remove', table: tables.state, key: SEQUENCES_KEY }]);
    for (const table of [tables.slivers, tables.segments]) {
      for (;;) {
        const keys = keysOfTable(this.#store, table, 4096);
        if (keys.length === 0) break;
        await this.#store.write(keys.map((key) => ({ kind: 'remove', table, key })));
      }
    }
  }
}

export const put = {
  entry: (key: SliverKey, entry: IndexEntry): KeyValueOperation => ({
    kind: 'put',
    table: tables.slivers,
    key: encodeSliverKey(key),
    value: new RowWriter()
      .u32(entry.segment)
      .u64(entry.offset)
      .u32(entry.payloadSize)
      .u32(entry.endEpoch)
      .u64(entry.sequence)
      .done(),
  }),
  segment: (id: number, row: SegmentRow): KeyValueOperation => ({
    kind: 'put',
    table: tables.segments,
    key: segmentKey(id),
    value: new RowWriter()
      .u32(row.bucket)
      .u64(row.durableSize)
      .u32(row.slivers)
      .u64(row.liveBytes)
      .u8(row.sealed ? 1 : 0)
      .done(),
  }),
  sequences: ({ next, batch }: Sequences): KeyValueOperation => ({
    kind: 'put',
    table: tables.state,
    key: SEQUENCES_KEY,
    value: new RowWriter().u64(next).u64(batch).done(),
  }),
  damaged: (key: SliverKey, entry: IndexEntry): KeyValueOperation => ({
    kind: 'put',
    table: tables.damaged,
    key: encodeSliverKey(key),
    value: new RowWriter().u32(entry.segment).u64(entry.offset).done(),
  }),
};

export const remove = {
  entry: (key: SliverKey): KeyValueOperation => ({
    kind: 'remove',
    table: tables.slivers,
    key: encodeSliverKey(key),
  }),
  segment: (id: number): KeyValueOperation => ({ kind: 'remove', table: tables.segments, key: segmentKey(id) }),
  damaged: (key: SliverKey): KeyValueOperation => ({
    kind: 'remove',
    table: tables.damaged,
    key: encodeSliverKey(key),
  }),
};

function decodeEntry(row: Uint8Array): IndexEntry {
  const reader = new RowReader(row, damaged(tables.slivers));
  const entry = {
    segment: reader.u32(),
    offset: reader.size(),
    payloadSize: reader.u32(),
    endEpoch: reader.u32() as Epoch,
    sequence: reader.size(),
  };
  reader.end();
  return entry;
}

function decodeSegment(row: Uint8Array): SegmentRow {
  const reader = new RowReader(row, damaged(tables.segments));
  const segment = {
    bucket: reader.u32() as Epoch,
    durableSize: reader.size(),
    slivers: reader.u32(),
    liveBytes: reader.size(),
    sealed: reader.u8() === 1,
  };
  reader.end();
  return segment;
}

function segmentKey(id: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, id);
  return key;
}

function segmentIdOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0);
}

/** Keys of a table, also when its values cannot be read. */
function keysOfTable(store: KeyValueStore, table: string, limit: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  try {
    for (const [key] of store.entries(table, { limit })) keys.push(key);
  } catch (error) {
    const key = isFloeError(error, 'STORE_CORRUPT') ? fromHex(String(error.data['key'])) : undefined;
    if (key === undefined) throw error;
    keys.push(key);
  }
  return keys;
}

function damaged(table: string): (why: string) => Error {
  return (why) => errors.ROW_DAMAGED({ table, why });
}
