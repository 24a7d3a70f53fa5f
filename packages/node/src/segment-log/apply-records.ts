/**
 * What records mean for the index. The record with the highest sequence decides for its key, in whatever order records
 * come: after a crash they are applied segment by segment, and a batch is applied bucket by bucket.
 */
import type { KeyValueOperation } from '@floe/platform';
import type { SliverKey } from '../sliver-store.ts';
import type { RecordHeader } from './record.ts';
import { sliverKeyText } from './record.ts';
import { type IndexEntry, put, remove, type Segment, type SegmentIndex } from './segment-index.ts';

export interface PlacedRecord {
  readonly header: RecordHeader;
  readonly segment: Segment;
  readonly offset: number;
}

export interface AppliedRecords {
  /** For the tables of slivers and segments; to be written together. */
  readonly operations: KeyValueOperation[];
  /** Takes the new counts over; to be called when the operations are durable. */
  readonly confirm: () => void;
}

/** Index operations for `records`, with the rows of every segment whose counts or size they change. */
export function applyRecords(
  index: SegmentIndex,
  segments: ReadonlyMap<number, Segment>,
  records: readonly PlacedRecord[],
): AppliedRecords {
  const operations: KeyValueOperation[] = [];
  const latest = new Map<string, IndexEntry | undefined>();
  const sequences = new Map<string, number>();
  const counts = new Map<Segment, { slivers: number; liveBytes: number }>();
  const count = (segment: Segment | undefined, step: 1 | -1 | 0, payloadSize: number): void => {
    if (segment === undefined) return;
    const current = counts.get(segment) ?? { slivers: segment.slivers, liveBytes: segment.liveBytes };
    counts.set(segment, {
      slivers: current.slivers + step,
      liveBytes: current.liveBytes + step * payloadSize,
    });
  };
  for (const { header, segment, offset } of records) {
    const text = sliverKeyText(header.key);
    const existing = latest.has(text) ? latest.get(text) : index.get(header.key);
    count(segment, 0, 0);
    if (Math.max(existing?.sequence ?? 0, sequences.get(text) ?? 0) >= header.sequence) continue;
    sequences.set(text, header.sequence);
    if (existing !== undefined) count(segments.get(existing.segment), -1, existing.payloadSize);
    if (header.kind === 'removal') {
      operations.push(remove.entry(header.key));
      latest.set(text, undefined);
      continue;
    }
    const { payloadSize, endEpoch, sequence } = header;
    const entry = { segment: segment.id, offset, payloadSize, endEpoch, sequence };
    operations.push(put.entry(header.key, entry), remove.damaged(header.key));
    count(segment, 1, payloadSize);
    latest.set(text, entry);
  }
  for (const [segment, counted] of counts) operations.push(put.segment(segment.id, { ...segment, ...counted }));
  const confirm = (): void => {
    for (const [segment, counted] of counts) Object.assign(segment, counted);
  };
  return { operations, confirm };
}

/** Index operations that take live records of one segment out of the index without a record of it. */
export function forgetRecords(
  segment: Segment,
  records: readonly { readonly key: SliverKey; readonly entry: IndexEntry }[],
): AppliedRecords {
  const lostBytes = records.reduce((sum, { entry }) => sum + entry.payloadSize, 0);
  const counted = { slivers: segment.slivers - records.length, liveBytes: segment.liveBytes - lostBytes };
  const operations = records.map(({ key }) => remove.entry(key));
  return {
    operations: [...operations, put.segment(segment.id, { ...segment, ...counted })],
    confirm: () => Object.assign(segment, counted),
  };
}
