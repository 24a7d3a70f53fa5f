/**
 * The sliver store: an append-only log in segments, one series of segments per end epoch.
 *
 * Data passes through like this: `put` hands a record to the commit queue, which writes and syncs it, then its index row; `get`
 * asks the index and reads one record; what is removed or expired leaves with its segment, which the compactor empties.
 *
 * Invariants: see {@link SliverStore}; and of the log itself:
 * - Records are never changed in place. What is removed gets a removal record in the same bucket.
 * - A record is served only if its header names the key asked for and its payload matches its checksum.
 */
import { crc32c } from '@floe/kernels';
import {
  type Counter,
  type FileSystem,
  isFloeError,
  type KeyValueStore,
  type Logger,
  type Metrics,
} from '@floe/platform';
import type { BlobId, Epoch, ShardIndex } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { NodeLimits } from '../limits.ts';
import type {
  EmptiedSegment,
  EmptyOptions,
  SegmentStatus,
  SliverKey,
  SliverPage,
  SliverStore,
  SliverStoreStatus,
} from '../sliver-store.ts';
import { CommitQueue } from './commit-queue.ts';
import { decodeRecordHeader, RECORD_HEADER_SIZE, SEGMENT_HEADER_SIZE, sliverKeyText } from './record.ts';
import { SegmentCompactor } from './segment-compactor.ts';
import { OpenFiles } from './segment-files.ts';
import { type IndexEntry, type Segment, SegmentIndex } from './segment-index.ts';
import { type RecoveredSegments, recoverSegments } from './segment-recovery.ts';
import { isUnreadable } from './segment-scan.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SegmentLogOptions {
  /** Directory of the segments; made when absent. */
  readonly directory: string;
  /** The node's 32-byte id; a segment names the node it belongs to. */
  readonly nodeId: Uint8Array;
  /** 8 random bytes chosen when the node's directory was made. */
  readonly storeTag: Uint8Array;
  readonly limits: Pick<
    NodeLimits,
    'reserveBytes' | 'segmentBytes' | 'commitBatchBytes' | 'commitQueueBytes' | 'openReadSegments' | 'openWriteSegments'
  >;
}

export interface SegmentLogModules {
  readonly fileSystem: FileSystem;
  readonly store: KeyValueStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class SegmentLog implements SliverStore {
  readonly #options: SegmentLogOptions;
  readonly #modules: SegmentLogModules;
  readonly #index: SegmentIndex;
  readonly #segments: Map<number, Segment>;
  readonly #writer: SegmentWriter;
  readonly #queue: CommitQueue;
  readonly #compactor: SegmentCompactor;
  readonly #files: OpenFiles;
  readonly #damage: Counter;
  /** Puts accepted and not settled, by key. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Keys whose removal, or being forgotten, is on its way to the disk. */
  readonly #leaving = new Set<string>();
  /**
   * Keys whose removal failed: its record may be on the disk all the same and take effect when the log is opened again, so they do not count as held
   * until they are put again. As many as one failing disk lets a collector try.
   */
  readonly #unsure = new Set<string>();
  /** When opening had to rebuild the index from the segments: the shards that they have records of. */
  readonly shardsFound: ReadonlySet<ShardIndex> | undefined;
  #onDamage: (blobId: BlobId) => void = () => undefined;
  #closed: Promise<void> | undefined;

  /** @throws FOREIGN_FILE, DIRECTORY_MISMATCH; file-system and store errors. */
  static async open(options: SegmentLogOptions, modules: SegmentLogModules): Promise<SegmentLog> {
    const { fileSystem, store, logger } = modules;
    await fileSystem.makeDirectory(options.directory);
    const parent = options.directory.slice(0, options.directory.lastIndexOf('/'));
    if (parent !== '') await fileSystem.syncDirectory(parent);
    const index = new SegmentIndex(store);
    const recovered = await recoverSegments(options, { fileSystem, index, logger });
    return new SegmentLog(options, modules, index, recovered);
  }

  private constructor(
    options: SegmentLogOptions,
    modules: SegmentLogModules,
    index: SegmentIndex,
    recovered: RecoveredSegments,
  ) {
    const { directory, nodeId, storeTag, limits } = options;
    const { fileSystem, logger, metrics } = modules;
    this.#options = options;
    this.#modules = modules;
    this.#index = index;
    this.#segments = recovered.segments;
    this.shardsFound = recovered.shardsFound;
    this.#files = new OpenFiles({ capacity: limits.openReadSegments }, { fileSystem });
    this.#writer = new SegmentWriter(
      { directory, nodeId, storeTag, segmentBytes: limits.segmentBytes, openSegments: limits.openWriteSegments },
      { fileSystem, logger, segments: recovered.segments },
    );
    const commits = metrics.counter({
      name: 'floe_node_segment_commits_total',
      help: 'Batches written and synced to segments.',
    });
    const parts = { fileSystem, index, segments: recovered.segments, writer: this.#writer };
    this.#queue = new CommitQueue(
      { directory, storeTag, nextSequence: recovered.nextSequence, limits },
      { ...parts, commits },
    );
    this.#compactor = new SegmentCompactor(
      { directory, storeTag },
      { ...parts, files: this.#files, queue: this.#queue, get: (key) => this.get(key), leaving: this.#leaving },
    );
    this.#damage = metrics.counter({
      name: 'floe_node_damaged_records_total',
      help: 'Records found damaged when read.',
    });
  }

  has(key: SliverKey): boolean {
    return this.#isIndexed(key) && (this.#unsure.size === 0 || !this.#unsure.has(sliverKeyText(key)));
  }

  sizeOf(key: SliverKey): number | undefined {
    return this.#index.get(key)?.payloadSize;
  }

  keysOf(blobId: BlobId): SliverKey[] {
    return this.#index.keysOf(blobId);
  }

  async put(key: SliverKey, payload: Uint8Array, endEpoch: Epoch): Promise<'stored' | 'existing'> {
    this.#queue.checkOpen();
    if (this.has(key)) return 'existing';
    const text = sliverKeyText(key);
    const first = this.#underWay.get(text);
    if (first !== undefined) {
      await first;
      return 'existing';
    }
    const done = this.#queue.whenRoom({ kind: 'sliver', key, endEpoch, payload });
    this.#underWay.set(text, done);
    try {
      await done;
      this.#unsure.delete(text);
    } finally {
      this.#underWay.delete(text);
    }
    return 'stored';
  }

  async get(key: SliverKey): Promise<Uint8Array | undefined> {
    this.#queue.checkOpen();
    let [entry, why] = [this.#index.get(key), ''];
    // Once more, past whatever went wrong between the disk and here, before the record is given up; and as often as
    // the record was moved meanwhile.
    for (let attempt = 0; entry !== undefined && attempt < 2; attempt += 1) {
      const found = await this.#read(key, entry);
      if (typeof found !== 'string') return found;
      const now = this.#index.get(key);
      if (now?.sequence !== entry.sequence) attempt = -1;
      [entry, why] = [now, found];
    }
    if (entry === undefined) return undefined;
    await this.#setAside(key, entry, why);
    throw errors.SLIVER_DAMAGED({ blobId: key.blobId, shard: key.shard, axis: key.axis, why });
  }

  whenDamaged(listener: (blobId: BlobId) => void): void {
    this.#onDamage = listener;
  }

  async setAside(key: SliverKey, why: string): Promise<void> {
    this.#queue.checkOpen();
    const entry = this.#index.get(key);
    if (entry !== undefined) await this.#setAside(key, entry, why);
  }

  async remove(keys: readonly SliverKey[]): Promise<number> {
    this.#queue.checkOpen();
    const held = keys.filter((key) => this.#isIndexed(key));
    await Promise.all(held.map((key) => this.#removeOne({ key })));
    return held.length;
  }

  page(options: { after?: SliverKey; limit: number }): SliverPage {
    return this.#index.page(options);
  }

  segments(): readonly SegmentStatus[] {
    return Array.from(this.#segments.values(), ({ id, bucket, durableSize, slivers, liveBytes, sealed }) => {
      const liveSize = SEGMENT_HEADER_SIZE + slivers * RECORD_HEADER_SIZE + liveBytes;
      return { id, endEpoch: bucket, fileBytes: durableSize, liveBytes: liveSize, sealed };
    });
  }

  empty(id: number, options: EmptyOptions): Promise<EmptiedSegment> {
    this.#queue.checkOpen();
    return this.#compactor.empty(id, options);
  }

  status(): SliverStoreStatus {
    let [liveBytes, fileBytes] = [0, 0];
    for (const segment of this.#segments.values()) {
      liveBytes += segment.liveBytes;
      fileBytes += segment.durableSize;
    }
    const slivers = this.#index.sliverCount();
    return { slivers, liveBytes, fileBytes, segments: this.#segments.size, damaged: this.#index.damagedCount() };
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#queue.close();
      await this.#writer.close();
      await this.#files.close();
    })();
    return this.#closed;
  }

  /** What is being removed is gone from that moment on: a put that comes now is written behind the removal. */
  #isIndexed(key: SliverKey): boolean {
    if (this.#index.get(key) === undefined) return false;
    return this.#leaving.size === 0 || !this.#leaving.has(sliverKeyText(key));
  }

  /** The payload, or what is wrong with the record. */
  async #read(key: SliverKey, entry: IndexEntry): Promise<Uint8Array | string> {
    const segment = this.#segments.get(entry.segment);
    if (segment === undefined) return `segment ${entry.segment} is missing`;
    const record = new Uint8Array(RECORD_HEADER_SIZE + entry.payloadSize);
    let length: number;
    try {
      length = await this.#files.use(segment.path, (handle) => handle.read(record, entry.offset));
    } catch (error) {
      if (isFloeError(error, 'FILE_NOT_FOUND')) return `${segment.path} is missing`;
      // Closed under the reader's hands.
      this.#queue.checkOpen();
      // Where the whole disk fails and not this place, nothing is given up: the removal cannot be written either.
      if (isUnreadable(error)) return error.message;
      throw error;
    }
    if (length < record.length) return `${segment.path} ends inside the record`;
    const header = decodeRecordHeader(record, this.#options.storeTag);
    if (header === undefined) return 'its header does not match its checksum';
    if (header.kind !== 'sliver' || sliverKeyText(header.key) !== sliverKeyText(key)) return 'another record is there';
    const payload = record.subarray(RECORD_HEADER_SIZE);
    if (header.payloadSize !== payload.length) return 'its size is not that of the index';
    return crc32c(payload) === header.payloadCrc ? payload : 'its payload does not match its checksum';
  }

  async #setAside(key: SliverKey, entry: IndexEntry, why: string): Promise<void> {
    // Another reader, or a removal and a new put, may have been faster.
    if (!this.#isIndexed(key) || this.#index.get(key)?.sequence !== entry.sequence) return;
    this.#damage.add();
    const { blobId, shard, axis } = key;
    this.#modules.logger.error('a stored sliver is damaged', { blobId, shard, axis, why, segment: entry.segment });
    await this.#removeOne({ key, damaged: entry });
    this.#onDamage(blobId);
  }

  async #removeOne(removal: { readonly key: SliverKey; readonly damaged?: IndexEntry }): Promise<void> {
    const text = sliverKeyText(removal.key);
    this.#leaving.add(text);
    try {
      const endEpoch = this.#index.get(removal.key)?.endEpoch ?? (0 as Epoch);
      await this.#queue.enqueue({ kind: 'removal', endEpoch, payload: new Uint8Array(0), ...removal });
      this.#unsure.delete(text);
    } catch (error) {
      this.#unsure.add(text);
      throw error;
    } finally {
      this.#leaving.delete(text);
    }
  }
}
