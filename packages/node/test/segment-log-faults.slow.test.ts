/** Every write of the store fails once, or from there on until the disk is mended: full, or with an input/output error. */
import {
  equalBytes,
  type FileHandle,
  type FileSystem,
  fileSystemErrors,
  isFloeError,
  type KeyValueStore,
  storeErrors,
} from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore } from '@floe/platform/memory';
import type { Epoch } from '@floe/protocol';
import { slowSuite } from '@floe/testkit';
import { describe, expect, it } from 'vitest';
import { RECORD_HEADER_SIZE, SEGMENT_HEADER_SIZE } from '../src/segment-log/record.ts';
import type { SegmentLog } from '../src/segment-log/segment-log.ts';
import { directory, epochOf, keyOf, openLog, payloadOf } from './segment-log-harness.ts';

const KEYS = 20;
const KINDS = ['full', 'failing'] as const;
/** What callers are told: each says what is wrong with the disk. */
const CLEAR = ['INSUFFICIENT_STORAGE', 'DISK_FULL', 'IO_FAILED', 'STORE_FULL', 'STORE_FAILED', 'SLIVER_DAMAGED'];

interface Fault {
  readonly kind: (typeof KINDS)[number];
  /** The first change that fails. */
  readonly at: number;
  /** How many fail from there on. */
  readonly count: number;
}

/** Disk and index that count changes together and fail some of them. */
function faultyDisk(fault: Fault | undefined) {
  const fileSystem = createMemoryFileSystem();
  const store = createMemoryStore();
  const state = { changes: 0, mended: false };
  const fails = (): boolean => {
    state.changes += 1;
    const { at, count } = fault ?? { at: Number.POSITIVE_INFINITY, count: 0 };
    return !state.mended && state.changes >= at && state.changes < at + count;
  };
  const change = async <T>(path: string, operation: string, work: () => Promise<T>): Promise<T> => {
    if (!fails()) return work();
    throw fault?.kind === 'full'
      ? fileSystemErrors.DISK_FULL({ path })
      : fileSystemErrors.IO_FAILED({ path, operation, reason: 'input/output error' });
  };
  const wrap = (path: string, handle: FileHandle): FileHandle => ({
    read: (target, offset) => handle.read(target, offset),
    write: async (parts, offset) => {
      // A disk that fails in a write may have taken a part of it.
      const [first] = parts;
      await change(path, 'write', () => handle.write(parts, offset)).catch(async (error: unknown) => {
        if (first !== undefined) await handle.write([first.subarray(0, first.length >>> 1)], offset);
        throw error;
      });
    },
    sync: () => change(path, 'sync', () => handle.sync()),
    truncate: (size) => change(path, 'truncate', () => handle.truncate(size)),
    size: () => handle.size(),
    lastChange: () => handle.lastChange(),
    close: () => handle.close(),
  });
  const disk: FileSystem = {
    open: async (path, mode) =>
      wrap(
        path,
        mode === 'create'
          ? await change(path, 'open', () => fileSystem.open(path, mode))
          : await fileSystem.open(path, mode),
      ),
    makeDirectory: (path) => fileSystem.makeDirectory(path),
    list: (path) => fileSystem.list(path),
    remove: (path) => change(path, 'remove', () => fileSystem.remove(path)),
    rename: (from, to) => change(from, 'rename', () => fileSystem.rename(from, to)),
    syncDirectory: (path) => change(path, 'syncDirectory', () => fileSystem.syncDirectory(path)),
    freeBytes: (path) => fileSystem.freeBytes(path),
  };
  const index: KeyValueStore = {
    get: (table, key) => store.get(table, key),
    entries: (table, range) => store.entries(table, range),
    count: (table) => store.count(table),
    write: async (operations) => {
      if (!fails()) return store.write(operations);
      throw fault?.kind === 'full'
        ? storeErrors.STORE_FULL({ store: 'index', reason: 'no space left' })
        : storeErrors.STORE_FAILED({ store: 'index', operation: 'write', reason: 'input/output error' });
    },
    verify: () => store.verify(),
    close: () => store.close(),
  };
  return { fileSystem, store, disk, index, state };
}

/** What may be held of each key: present, absent, or either after something failed. */
type Known = Map<number, 'held' | 'gone' | 'either'>;

class Workload {
  readonly known: Known = new Map();
  failures = 0;
  readonly #log: SegmentLog;

  constructor(log: SegmentLog) {
    this.#log = log;
  }

  /** Puts, removes, sets aside, empties: each may fail, with an error that says so. */
  async run(damage: () => Promise<void>): Promise<void> {
    const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
    await Promise.all(range(0, 8).map((i) => this.put(i)));
    await this.remove([1, 2]);
    for (const i of range(8, 11)) await this.put(i);
    await Promise.all([...range(11, KEYS).map((i) => this.put(i)), this.remove([5])]);
    await damage();
    await this.readAll();
    for (const { id } of this.#log.segments()) {
      await this.attempt(() => this.#log.empty(id, { endEpochOf: () => 13 as Epoch }));
      await this.readAll();
    }
    await this.remove([12]);
    await this.put(2);
  }

  async put(i: number): Promise<void> {
    const done = await this.attempt(() => this.#log.put(keyOf(i), payloadOf(i), epochOf(i)));
    if (done) this.known.set(i, 'held');
    else if (this.known.get(i) !== 'held') this.known.set(i, 'either');
  }

  async remove(numbers: readonly number[]): Promise<void> {
    const done = await this.attempt(() => this.#log.remove(numbers.map(keyOf)));
    for (const i of numbers) this.known.set(i, done ? 'gone' : 'either');
  }

  /** Reads go on, whatever is wrong with writing. */
  async readAll(): Promise<void> {
    for (let i = 0; i < KEYS; i += 1) {
      let bytes: Uint8Array | undefined;
      try {
        bytes = await this.#log.get(keyOf(i));
      } catch (error) {
        this.expectClear(error);
        // Found damaged, and noted or not.
        this.known.set(i, 'either');
        continue;
      }
      this.check(i, bytes);
    }
  }

  check(i: number, bytes: Uint8Array | undefined): void {
    const expected = this.known.get(i) ?? 'gone';
    if (bytes !== undefined) expect(equalBytes(bytes, payloadOf(i)), `the bytes of key ${i}`).toBe(true);
    if (expected !== 'either') expect(bytes !== undefined, `key ${i} is ${expected}`).toBe(expected === 'held');
  }

  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.expectClear(error);
      this.failures += 1;
      return false;
    }
  }

  expectClear(error: unknown): void {
    expect(isFloeError(error) ? error.code : String(error)).toSatisfy((code: string) => CLEAR.includes(code));
  }
}

/** A bit of the first sliver of the first segment, so that a read sets it aside. */
async function damageFirst(fileSystem: ReturnType<typeof createMemoryFileSystem>): Promise<void> {
  const [name] = await fileSystem.list(directory);
  if (name === undefined) return;
  const path = `${directory}/${name}`;
  const handle = await fileSystem.open(path, 'read');
  const at = SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE;
  if ((await handle.size()) > at) fileSystem.flipBit(path, at);
  await handle.close();
}

async function survive(fault: Fault): Promise<number> {
  const { fileSystem, store, disk, index, state } = faultyDisk(fault);
  const opening = await openLog(disk, index).catch((error: unknown) => {
    expect(isFloeError(error)).toBe(true);
  });
  if (opening === undefined) {
    state.mended = true;
    await (await openLog(disk, index)).close();
    return 1;
  }
  const work = new Workload(opening);
  await work.run(() => damageFirst(fileSystem));
  await work.readAll();
  state.mended = true;
  // What is damaged can be set aside now, if it could not before.
  await work.readAll();
  // As soon as the disk is well again everything can be stored.
  for (let i = 0; i < KEYS; i += 1) {
    expect(['stored', 'existing']).toContain(await opening.put(keyOf(i), payloadOf(i), epochOf(i)));
    work.known.set(i, 'held');
  }
  await work.remove([3]);
  expect(work.known.get(3)).toBe('gone');
  await work.readAll();
  await opening.close();
  fileSystem.crash();
  for (const reopened of [store, createMemoryStore()]) {
    const again = await openLog(fileSystem, reopened);
    for (let i = 0; i < KEYS; i += 1) {
      work.check(i, await again.get(keyOf(i)));
      expect(again.has(keyOf(i)), `key ${i} after opening again`).toBe(i !== 3);
    }
    await again.close();
  }
  return work.failures;
}

describe('a segment log on a disk that fails', () => {
  it.each(KINDS)('says so, reads on, loses nothing and recovers: %s at every change', async (kind) => {
    const { fileSystem, disk, index, state } = faultyDisk(undefined);
    await new Workload(await openLog(disk, index)).run(() => damageFirst(fileSystem));
    const { changes } = state;
    expect(changes).toBeGreaterThan(60);
    let failures = 0;
    const suite = slowSuite(`segment log, ${kind}`, 1 / 8);
    for (let at = 1; at <= changes && !suite.spent(); at += 1) {
      for (const count of [1, Number.POSITIVE_INFINITY]) failures += await survive({ kind, at, count });
    }
    expect(failures).toBeGreaterThan(0);
  });
});
