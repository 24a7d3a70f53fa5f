/** A segment log on disks in memory, and a store that can die at any of its writes. */
import {
  type FileHandle,
  type FileSystem,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  noMetrics,
  silentLogger,
} from '@floe/platform';
import type { MemoryStore } from '@floe/platform/memory';
import { blobIdFromBytes, type Epoch, type ShardIndex } from '@floe/protocol';
import { SegmentLog, type SegmentLogOptions } from '../src/segment-log/segment-log.ts';
import type { SliverKey } from '../src/sliver-store.ts';

export const directory = '/node/slivers';

export const logOptions: SegmentLogOptions = {
  directory,
  nodeId: new Uint8Array(32).fill(7),
  storeTag: Uint8Array.of(0xf1, 0x0e, 0xaa, 0x5c, 0x13, 0x37, 0xc0, 0xde),
  limits: {
    reserveBytes: 0,
    segmentBytes: 4096,
    commitBatchBytes: 2048,
    commitQueueBytes: 1024 * 1024,
    openReadSegments: 2,
    openWriteSegments: 2,
  },
};

export function openLog(
  fileSystem: FileSystem,
  store: KeyValueStore,
  options: Partial<SegmentLogOptions> = {},
): Promise<SegmentLog> {
  return SegmentLog.open(
    { ...logOptions, ...options },
    { fileSystem, store, logger: silentLogger, metrics: noMetrics },
  );
}

export function keyOf(number: number): SliverKey {
  const blobId = blobIdFromBytes(new Uint8Array(32).fill(number % 256, 0, 31));
  return { blobId, shard: ((number * 7) % 1000) as ShardIndex, axis: number % 2 === 0 ? 'primary' : 'secondary' };
}

/** Bytes that differ by key and version. */
export function payloadOf(number: number, version = 0): Uint8Array {
  const size = 1 + ((number * 131 + version * 17) % 300);
  return Uint8Array.from({ length: size }, (_, at) => (number * 31 + version * 101 + at * 7) & 0xff);
}

export function epochOf(number: number): Epoch {
  return (10 + (number % 3)) as Epoch;
}

/** Passes everything on until its `crashAtWrite`-th write, which it performs or not, and never settles. */
export class CrashingStore implements KeyValueStore {
  readonly #inner: MemoryStore;
  readonly #crashAt: number;
  readonly #onCrash: () => void;
  writes = 0;

  constructor(inner: MemoryStore, crashAtWrite: number, onCrash: () => void) {
    this.#inner = inner;
    this.#crashAt = crashAtWrite;
    this.#onCrash = onCrash;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.#inner.get(table, key);
  }

  entries(table: string, range?: KeyRange): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    return this.#inner.entries(table, range);
  }

  count(table: string): number {
    return this.#inner.count(table);
  }

  async write(operations: readonly KeyValueOperation[]): Promise<void> {
    this.writes += 1;
    if (this.writes === this.#crashAt) {
      // Under way when the process dies: the store keeps it or loses it, and nobody hears of it.
      void this.#inner.write(operations);
      this.#onCrash();
    }
    if (this.writes >= this.#crashAt) return new Promise(() => undefined);
    await this.#inner.write(operations);
  }

  verify(): Promise<string | undefined> {
    return this.#inner.verify();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A process' view of a disk: after `kill` whatever the process still tries to do never happens. */
export function mortal(disk: FileSystem): { fileSystem: FileSystem; kill: () => void } {
  let isDead = false;
  const alive = <T>(work: () => Promise<T>): Promise<T> => (isDead ? new Promise(() => undefined) : work());
  const wrap = (handle: FileHandle): FileHandle => ({
    read: (target, offset) => alive(() => handle.read(target, offset)),
    write: (parts, offset) => alive(() => handle.write(parts, offset)),
    sync: () => alive(() => handle.sync()),
    truncate: (size) => alive(() => handle.truncate(size)),
    size: () => alive(() => handle.size()),
    lastChange: () => alive(() => handle.lastChange()),
    close: () => alive(() => handle.close()),
  });
  const fileSystem: FileSystem = {
    open: (path, mode) => alive(async () => wrap(await disk.open(path, mode))),
    makeDirectory: (path) => alive(() => disk.makeDirectory(path)),
    list: (path) => alive(() => disk.list(path)),
    remove: (path) => alive(() => disk.remove(path)),
    rename: (from, to) => alive(() => disk.rename(from, to)),
    syncDirectory: (path) => alive(() => disk.syncDirectory(path)),
    freeBytes: (path) => alive(() => disk.freeBytes(path)),
  };
  return { fileSystem, kill: () => (isDead = true) };
}
