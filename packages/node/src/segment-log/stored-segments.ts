/** The segments that a node's store speaks of, for whoever copies a node's directory. */
import type { KeyValueStore } from '@floe/platform';
import { segmentName } from './segment-files.ts';
import { newestOfBuckets, SegmentIndex } from './segment-index.ts';

export interface StoredSegment {
  /** Name of its file in the directory of the segments. */
  readonly name: string;
  /** Bytes from the beginning that are durable; they never change. */
  readonly durableSize: number;
  /** Nothing is appended to it any more. */
  readonly sealed: boolean;
}

/** In the order of their names. @throws STORE_CORRUPT, ROW_DAMAGED */
export function storedSegments(store: KeyValueStore): StoredSegment[] {
  const rows = [...new SegmentIndex(store).segments()];
  const newest = newestOfBuckets(rows);
  return rows
    .map(([id, { bucket, durableSize, sealed }]) => {
      return { name: segmentName(bucket, id), durableSize, sealed: sealed || !newest.has(id) };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
