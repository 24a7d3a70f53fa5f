/**
 * What waits to be written to the log. One loop takes what is queued, writes each bucket's records with one gathered write and
 * one sync, then the index rows of the batch in one atomic write, then settles the promises. What arrives
 * meanwhile forms the next batch, so the cost of a sync is shared by all who wait for it.
 *
 * Invariants:
 * - Only one batch is under way at a time, so behind a segment's durable size stands at most one batch.
 * - The records of a key are written in the order in which they were queued.
 */
import { crc32c } from '@floe/kernels';
import { type Counter, deferred, type FileSystem, isFloeError } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { NodeLimits } from '../limits.ts';
import type { SliverKey } from '../sliver-store.ts';
import { applyRecords, type PlacedRecord } from './apply-records.ts';
import { encodeRecordHeader, RECORD_HEADER_SIZE, type RecordHeader, type RecordKind, sliverKeyText } from './record.ts';
import { type IndexEntry, put, type Segment, type SegmentIndex } from './segment-index.ts';
import type { SegmentWriter } from './segment-writer.ts';

export interface PendingRecord {
  readonly kind: RecordKind;
  readonly key: SliverKey;
  readonly endEpoch: Epoch;
  readonly payload: Uint8Array;
  readonly payloadCrc: number;
  /** Written only while this is the sequence of the key's live record (0: there is none), else left out. */
  readonly expects?: number;
  /** For a removal because of damage: where the damaged record is. */
  readonly damaged?: IndexEntry;
  readonly settle: (error?: unknown) => void;
}

interface OrderedRecord extends PendingRecord {
  readonly sequence: number;
}

export type QueuedRecord = Omit<PendingRecord, 'settle' | 'payloadCrc'>;

export interface CommitQueueOptions {
  readonly directory: string;
  readonly storeTag: Uint8Array;
  readonly nextSequence: number;
  readonly limits: Pick<NodeLimits, 'reserveBytes' | 'commitBatchBytes' | 'commitQueueBytes'>;
}

interface CommitQueueModules {
  readonly fileSystem: FileSystem;
  readonly index: SegmentIndex;
  readonly segments: ReadonlyMap<number, Segment>;
  readonly writer: SegmentWriter;
  readonly commits: Counter;
}

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #modules: CommitQueueModules;
  readonly #queue: PendingRecord[] = [];
  /** What must not run while a batch is under way. */
  readonly #betweenBatches: (() => Promise<void>)[] = [];
  #queuedBytes = 0;
  /** Resolves when a batch has left the queue. */
  #room: ReturnType<typeof deferred<void>> | undefined;
  #nextSequence: number;
  #loop: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitQueueOptions, modules: CommitQueueModules) {
    this.#options = options;
    this.#modules = modules;
    this.#nextSequence = options.nextSequence;
  }

  /** Queues the record as soon as what waits before it leaves room. One that finds the queue empty is taken whatever its size. */
  async whenRoom(record: QueuedRecord): Promise<void> {
    const { commitQueueBytes } = this.#options.limits;
    while (this.#queuedBytes > 0 && this.#queuedBytes + record.payload.length > commitQueueBytes) {
      this.#room ??= deferred();
      await this.#room.promise;
      this.checkOpen();
    }
    await this.enqueue(record);
  }

  /** The array of the payload belongs to the queue until the promise settles. */
  enqueue(record: QueuedRecord): Promise<void> {
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

  checkOpen(): void {
    if (this.#closed) throw errors.STORE_CLOSED({ store: 'the sliver store' });
  }

  /** Writes what was accepted; later calls reject. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#loop !== undefined) await this.#loop;
  }

  async #run(): Promise<void> {
    // Let the callers of this tick queue theirs too: they share the first sync.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#betweenBatches.length > 0) {
      await this.#betweenBatches.shift()?.();
      if (this.#queue.length > 0) await this.#commit(this.#takeBatch());
      this.#room?.resolve();
      this.#room = undefined;
    }
    this.#loop = undefined;
  }

  /** Runs `work` while no batch is under way. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#betweenBatches.push(() => work().then(resolve, reject));
      this.#loop ??= this.#run();
    });
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
    const first = this.#nextSequence;
    for (const record of await this.#withinReserve(this.#asExpected(batch))) {
      const ordered = { ...record, sequence: this.#nextSequence };
      this.#nextSequence += 1;
      const bucket = buckets.get(record.endEpoch);
      if (bucket === undefined) buckets.set(record.endEpoch, [ordered]);
      else bucket.push(ordered);
    }
    // One bucket at a time: a batch rarely has more than two, and all would wait for the same disk.
    for (const [bucket, records] of buckets) {
      try {
        await this.#commitBucket(bucket, records, first);
        for (const record of records) record.settle();
      } catch (error) {
        const failure = isDiskFull(error) ? this.#insufficient(0, sizeOf(records), error) : error;
        for (const record of records) record.settle(failure);
      }
    }
    this.#modules.commits.add();
  }

  /** Without the records whose key changed since they were queued; removals go to the bucket where the sliver is. */
  #asExpected(batch: readonly PendingRecord[]): PendingRecord[] {
    const ends = new Map<string, Epoch>();
    const expected: PendingRecord[] = [];
    for (const record of batch) {
      try {
        const text = sliverKeyText(record.key);
        const entry = this.#modules.index.get(record.key);
        if (record.expects !== undefined && (ends.has(text) || (entry?.sequence ?? 0) !== record.expects)) {
          record.settle();
          continue;
        }
        const known = ends.get(text) ?? entry?.endEpoch ?? record.endEpoch;
        const endEpoch = record.kind === 'removal' ? known : record.endEpoch;
        ends.set(text, endEpoch);
        expected.push({ ...record, endEpoch });
      } catch (error) {
        record.settle(error);
      }
    }
    return expected;
  }

  async #commitBucket(bucket: Epoch, records: readonly OrderedRecord[], batch: number): Promise<void> {
    const parts: Uint8Array[] = [];
    const headers: RecordHeader[] = [];
    for (const { kind, key, endEpoch, payload, payloadCrc, sequence } of records) {
      const header = { kind, key, endEpoch, payloadSize: payload.length, payloadCrc, sequence };
      headers.push(header);
      parts.push(encodeRecordHeader(header, this.#options.storeTag), payload);
    }
    const { segment, offset: firstOffset } = await this.#modules.writer.append(bucket, parts);
    let offset = firstOffset;
    const { index, segments } = this.#modules;
    const placed: PlacedRecord[] = [];
    for (const header of headers) {
      placed.push({ header, segment, offset });
      offset += RECORD_HEADER_SIZE + header.payloadSize;
    }
    const applied = applyRecords(index, segments, placed);
    const setAside = records.flatMap(({ key, damaged }) => (damaged === undefined ? [] : [put.damaged(key, damaged)]));
    // First, as the same batch may already hold the sliver again.
    const sequences = put.sequences({ next: this.#nextSequence, batch });
    try {
      await index.write([...setAside, ...applied.operations, sequences]);
    } catch (error) {
      await this.#modules.writer.takeBack(segment, firstOffset);
      throw error;
    }
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
}

function sizeOf(records: readonly PendingRecord[]): number {
  return records.reduce((sum, { payload }) => sum + RECORD_HEADER_SIZE + payload.length, 0);
}

function isDiskFull(error: unknown): boolean {
  return isFloeError(error, 'DISK_FULL') || isFloeError(error, 'STORE_FULL');
}
