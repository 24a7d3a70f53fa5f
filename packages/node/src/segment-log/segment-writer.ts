/**
 * Appends records: one gathered write and one sync per segment touched.
 *
 * Invariant: bytes behind a segment's durable size are never appended to after a failed write or sync. What the kernel kept of
 * them is unknown then, so the segment is sealed and its tail cut off; the next batch begins a new one.
 */
import { assert, type FileHandle, type FileSystem, type Logger } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import { encodeSegmentHeader, SEGMENT_FORMAT_VERSION, SEGMENT_HEADER_SIZE } from './record.ts';
import { segmentName } from './segment-files.ts';
import type { Segment } from './segment-index.ts';

export interface WriterOptions {
  readonly directory: string;
  readonly nodeId: Uint8Array;
  readonly storeTag: Uint8Array;
  readonly segmentBytes: number;
  /** Segments kept open for appending. */
  readonly openSegments: number;
}

export class SegmentWriter {
  readonly #options: WriterOptions;
  readonly #fileSystem: FileSystem;
  readonly #logger: Logger;
  readonly #segments: Map<number, Segment>;
  /** The segment that takes a bucket's next records, in order of use. */
  readonly #open = new Map<Epoch, { segment: Segment; handle: FileHandle }>();
  #nextId: number;

  constructor(
    options: WriterOptions,
    modules: { fileSystem: FileSystem; logger: Logger; segments: Map<number, Segment> },
  ) {
    this.#options = options;
    this.#fileSystem = modules.fileSystem;
    this.#logger = modules.logger;
    this.#segments = modules.segments;
    this.#nextId = Math.max(0, ...modules.segments.keys()) + 1;
  }

  /**
   * Writes all parts to one segment of the bucket and syncs. Resolves to the segment and the offset of the first part.
   * The caller serialises calls for one bucket.
   */
  async append(bucket: Epoch, parts: readonly Uint8Array[]): Promise<{ segment: Segment; offset: number }> {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const { segment, handle } = await this.#writable(bucket, size);
    const offset = segment.durableSize;
    try {
      await handle.write(parts, offset);
      await handle.sync();
    } catch (error) {
      await this.#abandon(bucket, segment, handle);
      throw error;
    }
    segment.durableSize = offset + size;
    return { segment, offset };
  }

  /**
   * Cuts off what was appended last, as the index could not take it: what nobody was told of must not take effect when the log is
   * opened again.
   */
  async takeBack(segment: Segment, offset: number): Promise<void> {
    segment.durableSize = offset;
    const open = this.#open.get(segment.bucket);
    if (open?.segment !== segment) {
      segment.sealed = true;
      return;
    }
    try {
      await open.handle.truncate(offset);
      await open.handle.sync();
    } catch {
      await this.#abandon(segment.bucket, segment, open.handle);
    }
  }

  /** Nothing is appended to the segment any more. */
  async release(segment: Segment): Promise<void> {
    segment.sealed = true;
    const open = this.#open.get(segment.bucket);
    if (open?.segment !== segment) return;
    this.#open.delete(segment.bucket);
    await open.handle.close();
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ handle }) => handle.close()));
  }

  async #writable(bucket: Epoch, size: number): Promise<{ segment: Segment; handle: FileHandle }> {
    const open = this.#open.get(bucket);
    if (open !== undefined) {
      this.#open.delete(bucket);
      if (this.#hasRoom(open.segment, size)) {
        this.#open.set(bucket, open);
        return open;
      }
      open.segment.sealed = true;
      await open.handle.close();
    }
    const resumed = open === undefined ? this.#lastUnsealed(bucket, size) : undefined;
    const next =
      resumed === undefined
        ? await this.#create(bucket)
        : { segment: resumed, handle: await this.#fileSystem.open(resumed.path, 'write') };
    this.#open.set(bucket, next);
    await this.#closeOldest();
    return next;
  }

  /** The newest segment of the bucket, if it may be appended to; older ones never are. */
  #lastUnsealed(bucket: Epoch, size: number): Segment | undefined {
    let last: Segment | undefined;
    for (const segment of this.#segments.values()) {
      if (segment.bucket === bucket && segment.id > (last?.id ?? 0)) last = segment;
    }
    return last !== undefined && !last.sealed && this.#hasRoom(last, size) ? last : undefined;
  }

  #hasRoom(segment: Segment, size: number): boolean {
    // A batch larger than a segment gets one of its own.
    return segment.durableSize === SEGMENT_HEADER_SIZE || segment.durableSize + size <= this.#options.segmentBytes;
  }

  async #create(bucket: Epoch): Promise<{ segment: Segment; handle: FileHandle }> {
    const { directory, nodeId, storeTag } = this.#options;
    const id = this.#nextId;
    this.#nextId += 1;
    const path = `${directory}/${segmentName(bucket, id)}`;
    const handle = await this.#fileSystem.open(path, 'create');
    const empty = { durableSize: SEGMENT_HEADER_SIZE, slivers: 0, liveBytes: 0, sealed: false };
    const segment: Segment = { id, bucket, path, ...empty };
    try {
      await handle.write([encodeSegmentHeader({ version: SEGMENT_FORMAT_VERSION, bucket, id, storeTag, nodeId })], 0);
      await handle.sync();
      await this.#fileSystem.syncDirectory(directory);
    } catch (error) {
      await handle.close().catch(() => undefined);
      await this.#fileSystem.remove(path).catch(() => undefined);
      throw error;
    }
    assert(!this.#segments.has(id), 'a segment id is used once', { id });
    this.#segments.set(id, segment);
    return { segment, handle };
  }

  async #abandon(bucket: Epoch, segment: Segment, handle: FileHandle): Promise<void> {
    segment.sealed = true;
    this.#open.delete(bucket);
    this.#logger.error('writing to a segment failed; it is sealed', { path: segment.path, size: segment.durableSize });
    // Best effort: what stays behind the durable size is examined when the store opens again.
    await handle
      .truncate(segment.durableSize)
      .then(() => handle.sync())
      .catch(() => undefined);
    await handle.close().catch(() => undefined);
  }

  async #closeOldest(): Promise<void> {
    for (const [bucket, { handle }] of this.#open) {
      if (this.#open.size <= this.#options.openSegments) return;
      this.#open.delete(bucket);
      await handle.close();
    }
  }
}
