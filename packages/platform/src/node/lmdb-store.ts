/**
 * Key-value store on LMDB: one environment per store, one named database per table.
 *
 * Invariants:
 * - A value is stored as its CRC-32 (4 bytes, little-endian) and its bytes; the checksum covers table, key and value,
 *   so that a value under a foreign key is found out too.
 * - `overlappingSync` is off: a commit returns after its fdatasync, and readers see it only then. Writes of one turn of
 *   the event loop, and those that come while a commit is under way, share a commit.
 * - Reads are synchronous on the memory map; keep large values elsewhere, a cold page blocks the event loop.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Database, open, type RootDatabase } from 'lmdb';
import { toHex, utf8 } from '../bytes.ts';
import {
  checkKey,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  rangeBounds,
  storeErrors,
} from '../key-value-store.ts';
import { LIMITS } from '../limits.ts';
import { nodeFileSystem } from './file-system.ts';

export interface LmdbStoreOptions {
  /** Made when absent. Only one process, and one store in it, may have it open. */
  readonly directory: string;
  readonly maxTables?: number;
  /** Address space for the memory map to begin with; it grows as needed, which waits for readers. */
  readonly mapSizeBytes?: number;
}

type Table = Database<Uint8Array, Uint8Array>;

const CHECKSUM_BYTES = 4;

/** A write that failed with less than this free failed because the disk is full. */
const FULL_BELOW_BYTES = 16 * 2 ** 20;

/**
 * Address space only: an environment with 8 small tables takes 0.4 MiB of memory whatever this is. At 100 stores in a
 * process it comes to 1.6 of the 128 TiB that a process has.
 */
const MAP_BYTES = 16 * 2 ** 30;

/** A store that can be copied while it is used. */
export interface CopyableStore extends KeyValueStore {
  /**
   * Writes the store as it is at this moment into `directory`, which must be empty; writes go on meanwhile.
   *
   * @throws STORE_FAILED
   */
  copyTo(directory: string): Promise<void>;
}

/** Opens a store, making its directory when there is none. Close it before the process ends. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<CopyableStore> {
  const { directory } = options;
  try {
    const isNew = !existsSync(join(directory, 'data.mdb'));
    const store = new LmdbStore(options);
    // LMDB syncs what is in its file, not that the file is there.
    if (isNew) for (const path of [directory, dirname(resolve(directory))]) await nodeFileSystem.syncDirectory(path);
    return store;
  } catch (error) {
    throw storeErrors.STORE_FAILED({ store: directory, operation: 'open', reason: messageOf(error) }, error);
  }
}

class LmdbStore implements CopyableStore {
  readonly #directory: string;
  readonly #maxTables: number;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #tables = new Map<string, { readonly table: Table; readonly seed: number }>();
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: LmdbStoreOptions) {
    this.#directory = options.directory;
    this.#maxTables = options.maxTables ?? LIMITS.tables;
    this.#root = open({
      path: options.directory,
      noSubdir: false,
      maxDbs: this.#maxTables,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      // Its promise of a turn's batch is nobody's: were it to reject, on a full disk, the process would end.
      eventTurnBatching: false,
      // The default page size of the machine differs (16 KiB on Apple's), and so would the file's format.
      pageSize: 4096,
      mapSize: options.mapSizeBytes ?? MAP_BYTES,
    });
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    checkKey(table, key);
    const opened = this.#table(table);
    const stored = opened.table.getBinaryFast(key);
    return stored === undefined ? undefined : this.#verified(table, opened.seed, key, stored);
  }

  *entries(table: string, range: KeyRange = {}): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    this.#checkOpen();
    const opened = this.#table(table);
    const { from, to } = rangeBounds(range);
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    if (limit <= 0 || (to !== undefined && to.length === 0)) return;
    const first = from.length === 0 ? undefined : from;
    const bounds =
      range.reverse === true
        ? { reverse: true, start: to, exclusiveStart: true, end: first, inclusiveEnd: true }
        : { start: first, end: to };
    let count = 0;
    for (const { key, value } of opened.table.getRange(bounds)) {
      // The binding gives a Buffer; the port promises a plain array.
      yield [new Uint8Array(key.buffer, key.byteOffset, key.length), this.#verified(table, opened.seed, key, value)];
      count += 1;
      if (count >= limit) return;
    }
  }

  count(table: string): number {
    this.#checkOpen();
    return (this.#table(table).table.getStats() as { entryCount: number }).entryCount;
  }

  async write(operations: readonly KeyValueOperation[]): Promise<void> {
    this.#checkOpen();
    if (operations.length === 0) return;
    // Everything that can be refused is checked before the first operation reaches the batch, which cannot be undone.
    const prepared = operations.map((operation) => {
      checkKey(operation.table, operation.key);
      const { table, seed } = this.#table(operation.table);
      const stored = operation.kind === 'put' ? sealed(seed, operation.key, operation.value) : undefined;
      return { table, key: operation.key, stored };
    });
    const committed = this.#root.batch(() => {
      for (const { table, key, stored } of prepared) {
        if (stored === undefined) void table.remove(key);
        else void table.put(key, stored);
      }
    });
    this.#underWay.add(committed);
    try {
      await committed;
    } catch (error) {
      throw await this.#writeFailure(error);
    } finally {
      this.#underWay.delete(committed);
    }
  }

  async copyTo(directory: string): Promise<void> {
    this.#checkOpen();
    const copied = this.#root.backup(directory, false);
    this.#underWay.add(copied);
    try {
      await copied;
    } catch (error) {
      const reason = messageOf(error);
      throw storeErrors.STORE_FAILED({ store: this.#directory, operation: `copy to ${directory}`, reason }, error);
    } finally {
      this.#underWay.delete(copied);
    }
  }

  async close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled(this.#underWay);
      await this.#root.close();
    })();
    await this.#closing;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw storeErrors.STORE_CLOSED({ store: this.#directory });
  }

  #table(name: string): { readonly table: Table; readonly seed: number } {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    if (this.#tables.size >= this.#maxTables) {
      throw storeErrors.TOO_MANY_TABLES({ store: this.#directory, table: name, maxTables: this.#maxTables });
    }
    const table = this.#root.openDB<Uint8Array, Uint8Array>({
      name,
      encoding: 'binary',
      keyEncoding: 'binary',
    }) as Table;
    const opened = { table, seed: crc32(utf8(name)) };
    this.#tables.set(name, opened);
    return opened;
  }

  /** A copy of the value inside `stored`, which may be a view that the next read overwrites. */
  #verified(table: string, seed: number, key: Uint8Array, stored: Uint8Array): Uint8Array {
    if (stored.length >= CHECKSUM_BYTES) {
      const value = new Uint8Array(stored.length - CHECKSUM_BYTES);
      value.set(stored.subarray(CHECKSUM_BYTES));
      if (checksumOf(seed, key, value) === readChecksum(stored)) return value;
    }
    throw storeErrors.STORE_CORRUPT({ store: this.#directory, table, key: toHex(key) });
  }

  async #writeFailure(error: unknown): Promise<Error> {
    // The binding rejects with a general error whose cause arrives as a promise of its own.
    const commitError = (error as { commitError?: Promise<never> }).commitError;
    const cause = await (commitError ?? Promise.resolve(error)).then(
      (value: unknown) => value,
      (reason: unknown) => reason,
    );
    const reason = messageOf(cause);
    const freeBytes = await nodeFileSystem.freeBytes(this.#directory).catch(() => Number.POSITIVE_INFINITY);
    // A write that a full disk cuts short looks like any other failure of the disk to LMDB.
    if (freeBytes < FULL_BELOW_BYTES || /No space left|MDB_MAP_FULL|quota/i.test(reason)) {
      return storeErrors.STORE_FULL(
        { store: this.#directory, reason: `${freeBytes} bytes are free (${reason})` },
        cause,
      );
    }
    return storeErrors.STORE_FAILED({ store: this.#directory, operation: 'write', reason }, cause);
  }
}

function sealed(seed: number, key: Uint8Array, value: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  stored.writeUInt32LE(checksumOf(seed, key, value), 0);
  stored.set(value, CHECKSUM_BYTES);
  return stored;
}

/** `seed` is the checksum of the table's name. */
function checksumOf(seed: number, key: Uint8Array, value: Uint8Array): number {
  const keyed = crc32(key, seed);
  // zlib takes an empty array for "begin anew" and forgets the checksum so far.
  return value.length === 0 ? keyed : crc32(value, keyed);
}

function readChecksum(stored: Uint8Array): number {
  return new DataView(stored.buffer, stored.byteOffset, CHECKSUM_BYTES).getUint32(0, true);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
