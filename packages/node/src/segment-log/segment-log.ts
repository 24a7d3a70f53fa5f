/**
 * The sliver store: an append-only log in segments, one series of segments per end epoch.
 *
 * Data passes through like this: `put` queues a record; one loop takes what is queued, writes each bucket's records with one gathered
 * write and one sync, then writes the index rows of the batch in one atomic write, then settles the promises. Puts
 * that arrive meanwhile form the next batch, so the cost of a sync is shared by all who wait for it.
 *
 * Invariants: see {@link SliverStore}; and of the log itself:
 * - Records are never changed in place. What is removed gets a removal record in the same bucket.
 * - A record is served only if its header names the key asked for and its payload matches its checksum.
 * - Only one batch is under way at a time, so behind a segment's durable size stands at most one batch.
 */
import { crc32c } from '@floe/kernels';
import {
  type Counter,
  deferred,
  type FileSystem,
  isFloeError,
  type KeyValueStore,
  type Logger,
  type Metrics,
} from '@floe/platform';
import type { BlobId, Epoch } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { NodeLimits } from '../limits.ts';
import type { SliverKey, SliverStore, SliverStoreStatus } from '../sliver-store.ts';
import { applyRecords, type PlacedRecord } from './apply-records.ts';
import {
  decodeRecordHeader,
  encodeRecordHeader,
  RECORD_HEADER_SIZE,
  type RecordHeader,
  type RecordKind,
  sliverKeyText,
} from './record.ts';
import { OpenFiles } from './segment-files.ts';
import { type IndexEntry, put, type Segment, SegmentIndex } from './segment-index.ts';
import { recoverSegments } from './segment-recovery.ts';
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

interface PendingRecord {
  readonly kind: RecordKind;
  readonly key: SliverKey;
  readonly endEpoch: Epoch;
  readonly payload: Uint8Array;
  readonly payloadCrc: number;
  /** For a removal because of damage: where the damaged record is. */
  readonly damaged?: IndexEntry;
  readonly settle: (error?: unknown) => void;
}

interface OrderedRecord extends PendingRecord {
  readonly sequence: number;
}

const NO_BYTES = new Uint8Array(0);

export class SegmentLog implements SliverStore {
  readonly #options: SegmentLogOptions;
  readonly #modules: SegmentLogModules;
  readonly #index: SegmentIndex;
  readonly #segments: Map<number, Segment>;
  readonly #writer: SegmentWriter;
  readonly #files: OpenFiles;
  readonly #commits: Counter;
  readonly #damage: Counter;
  /** Puts accepted and not settled, by key. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Keys whose damaged record is being removed. */
  readonly #settingAside = new Set<string>();
  readonly #queue: PendingRecord[] = [];
  #queuedBytes = 0;
  /** Resolves when a batch has left the queue. */
  #room: ReturnType<typeof deferred<void>> | undefined;
  #nextSequence: number;
  #loop: Promise<void> | undefined;
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
    recovered: { segments: Map<number, Segment>; nextSequence: number },
  ) {
    const { directory, nodeId, storeTag, limits } = options;
    const { fileSystem, logger, metrics } = modules;
    this.#options = options;
    this.#modules = modules;
    this.#index = index;
    this.#segments = recovered.segments;
    this.#nextSequence = recovered.nextSequence;
    this.#files = new OpenFiles({ capacity: limits.openReadSegments }, { fileSystem });
    this.#writer = new SegmentWriter(
      { directory, nodeId, storeTag, segmentBytes: limits.segmentBytes, openSegments: limits.openWriteSegments },
      { fileSystem, logger, segments: recovered.segments },
    );
    this.#commits = metrics.counter({
      name: 'floe_node_segment_commits_total',
      help: 'Batches written and synced to segments.',
    });
    this.#damage = metrics.counter({
      name: 'floe_node_damaged_records_total',
      help: 'Records found damaged when read.',
    });
  }

  has(key: SliverKey): boolean {
    // A record found damaged is gone from that moment on, also while its removal is on its way to the disk.
    return this.#index.get(key) !== undefined && !this.#settingAside.has(sliverKeyText(key));
  }

  sizeOf(key: SliverKey): number | undefined {
    return this.#index.get(key)?.payloadSize;
  }

  keysOf(blobId: BlobId): SliverKey[] {
    return this.#index.keysOf(blobId);
  }

  async put(key: SliverKey, payload: Uint8Array, endEpoch: Epoch): Promise<'stored' | 'existing'> {
    this.#checkOpen();
    if (this.has(key)) return 'existing';
    const text = sliverKeyText(key);
    const first = this.#underWay.get(text);
    if (first !== undefined) {
      await first;
      return 'existing';
    }
    const done = this.#whenRoom({ kind: 'sliver', key, endEpoch, payload });
    this.#underWay.set(text, done);
    try {
      await done;
    } finally {
      this.#underWay.delete(text);
    }
    return 'stored';
  }

  async get(key: SliverKey): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    const entry = this.#index.get(key);
    if (entry === undefined) return undefined;
    const first = await this.#read(key, entry);
    if (typeof first !== 'string') return first;
    // Once more, past whatever went wrong between the disk and here, before the record is given up.
    const second = await this.#read(key, entry);
    if (typeof second !== 'string') return second;
    await this.#setAside(key, entry, second);
    throw errors.SLIVER_DAMAGED({ blobId: key.blobId, shard: key.shard, axis: key.axis, why: second });
  }

  async remove(keys: readonly SliverKey[]): Promise<number> {
    this.#checkOpen();
    const held = keys.flatMap((key) => {
      const entry = this.#index.get(key);
      return entry === undefined ? [] : [{ key, entry }];
    });
    await Promise.all(
      held.map(({ key, entry }) =>
        this.#enqueue({ kind: 'removal', key, endEpoch: entry.endEpoch, payload: NO_BYTES }),
      ),
    );
    return held.length;
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
      while (this.#loop !== undefined) await this.#loop;
      await this.#writer.close();
      await this.#files.close();
    })();
    return this.#closed;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw errors.STORE_CLOSED({ store: 'the sliver store' });
  }

  /** Queues the record as soon as what waits before it leaves room. One that finds the queue empty is taken whatever its size. */
  async #whenRoom(record: Omit<PendingRecord, 'settle' | 'payloadCrc'>): Promise<void> {
    const { commitQueueBytes } = this.#options.limits;
    while (this.#queuedBytes > 0 && this.#queuedBytes + record.payload.length > commitQueueBytes) {
      this.#room ??= deferred();
      await this.#room.promise;
      this.#checkOpen();
    }
    await this.#enqueue(record);
  }

  #enqueue(record: Omit<PendingRecord, 'settle' | 'payloadCrc'>): Promise<void> {
    // Here and not in the batch, whose checksums together would keep the event loop busy for long.
    const payloadCrc = crc32c(record.payload);
    return new Promise((resolve, reject) => {
      this.#queuedBytes += record.payload.length;
      const settle = (error?: unknown): void => {
        this.#queuedBytes -= record.payload.length;
        if (error === undefined) resolve();
        else reject(error as Error);
      };
      this.#queue.push({ ...record, payloadCrc, settle });
      this.#loop ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // Let the callers of this tick queue theirs too: they share the first sync.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#commit(this.#takeBatch());
      this.#room?.resolve();
      this.#room = undefined;
    }
    this.#loop = undefined;
  }

  #takeBatch(): PendingRecord[] {
    let size = 0;
    let count = 0;
    for (const record of this.#queue) {
      size += record.payload.length + RECORD_HEADER_SIZE;
      if (count > 0 && size > this.#options.limits.commitBatchBytes) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Never rejects: every record of the batch is settled. */
  async #commit(batch: readonly PendingRecord[]): Promise<void> {
    const buckets = new Map<Epoch, OrderedRecord[]>();
    for (const record of await this.#withinReserve(batch)) {
      const ordered = { ...record, sequence: this.#nextSequence };
      this.#nextSequence += 1;
      const bucket = buckets.get(record.endEpoch);
      if (bucket === undefined) buckets.set(record.endEpoch, [ordered]);
      else bucket.push(ordered);
    }
    // One bucket at a time: a batch rarely has more than two, and all would wait for the same disk.
    for (const [bucket, records] of buckets) {
      try {
        await this.#commitBucket(bucket, records);
        for (const record of records) record.settle();
      } catch (error) {
        const failure = isDiskFull(error) ? this.#insufficient(0, sizeOf(records), error) : error;
        for (const record of records) record.settle(failure);
      }
    }
    this.#commits.add();
  }

  async #commitBucket(bucket: Epoch, records: readonly OrderedRecord[]): Promise<void> {
    const parts: Uint8Array[] = [];
    const headers: RecordHeader[] = [];
    for (const { kind, key, endEpoch, payload, payloadCrc, sequence } of records) {
      const header = { kind, key, endEpoch, payloadSize: payload.length, payloadCrc, sequence };
      headers.push(header);
      parts.push(encodeRecordHeader(header, this.#options.storeTag), payload);
    }
    const { segment, offset: firstOffset } = await this.#writer.append(bucket, parts);
    let offset = firstOffset;
    const placed: PlacedRecord[] = [];
    for (const header of headers) {
      placed.push({ header, segment, offset });
      offset += RECORD_HEADER_SIZE + header.payloadSize;
    }
    const applied = applyRecords(this.#index, this.#segments, placed);
    const setAside = records.flatMap(({ key, damaged }) => (damaged === undefined ? [] : [put.damaged(key, damaged)]));
    // First, as the same batch may already hold the sliver again.
    await this.#index.write([...setAside, ...applied.operations, put.nextSequence(this.#nextSequence)]);
    applied.confirm();
  }

  /** The records that may be written; stores that would go below the reserve are settled with INSUFFICIENT_STORAGE. */
  async #withinReserve(batch: readonly PendingRecord[]): Promise<PendingRecord[]> {
    if (batch.every(({ kind }) => kind === 'removal')) return [...batch];
    const { directory, limits } = this.#options;
    let freeBytes = 0;
    let unknown: unknown;
    try {
      freeBytes = await this.#modules.fileSystem.freeBytes(directory);
    } catch (error) {
      unknown = error;
    }
    let available = freeBytes - limits.reserveBytes;
    return batch.filter((record) => {
      if (record.kind === 'removal') return true;
      const size = RECORD_HEADER_SIZE + record.payload.length;
      if (size <= available) {
        available -= size;
        return true;
      }
      record.settle(unknown ?? this.#insufficient(freeBytes, size));
      return false;
    });
  }

  #insufficient(freeBytes: number, neededBytes: number, cause?: unknown): Error {
    const { directory, limits } = this.#options;
    const data = { directory, freeBytes, neededBytes, reserveBytes: limits.reserveBytes };
    return errors.INSUFFICIENT_STORAGE(data, cause);
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
    const text = sliverKeyText(key);
    // Another reader, or a removal and a new put, may have been faster.
    if (this.#index.get(key)?.sequence !== entry.sequence || this.#settingAside.has(text)) return;
    this.#settingAside.add(text);
    this.#damage.add();
    const { blobId, shard, axis } = key;
    this.#modules.logger.error('a stored sliver is damaged', { blobId, shard, axis, why, segment: entry.segment });
    try {
      await this.#enqueue({ kind: 'removal', key, endEpoch: entry.endEpoch, payload: NO_BYTES, damaged: entry });
    } finally {
      this.#settingAside.delete(text);
    }
  }
}

function sizeOf(records: readonly PendingRecord[]): number {
  return records.reduce((sum, { payload }) => sum + RECORD_HEADER_SIZE + payload.length, 0);
}

function isDiskFull(error: unknown): boolean {
  return isFloeError(error, 'DISK_FULL') || isFloeError(error, 'STORE_FULL');
}
