/**
 * Key-value store on LMDB: one environment per store, one named database per table.
 *
 * Invariants:
 * - A value is stored with a checksum over table, key and value, and never given out when it does not match (`lmdb-rows.ts`).
 * - With `repair`, LMDB never sees a file of which it is known or must be feared that it is damaged (`lmdb-repair.ts`).
 * - `overlappingSync` is off: a commit returns after its fdatasync, and readers see it only then. Writes of one turn of
 *   the event loop, and those that come while a commit is under way, share a commit.
 * - Reads are synchronous on the memory map; keep large values elsewhere, a cold page blocks the event loop.
 * - Past its largest size a store refuses puts with `STORE_FULL`; reads and removals go on, and make room (`lmdb-room.ts`).
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { toHex } from '../bytes.ts';
import { isFloeError } from '../errors.ts';
import {
  checkKey,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  rangeBounds,
  storeErrors,
  type VerifyOptions,
} from '../key-value-store.ts';
import { LIMITS } from '../limits.ts';
import { nodeFileSystem } from './file-system.ts';
import { checkLmdbFile } from './lmdb-check.ts';
import { type LmdbRepairOptions, markClosed, prepareLmdbStore, salvageLmdbStore } from './lmdb-repair.ts';
import { LmdbRoom, rowBytes } from './lmdb-room.ts';
import { openedValue, sealedValue, tableSeed } from './lmdb-rows.ts';

export interface LmdbStoreOptions {
  /** Made when absent. Only one process, and one store in it, may have it open. */
  readonly directory: string;
  readonly maxTables?: number;
  /** Address space for the memory map to begin with; it grows as needed, which waits for readers. */
  readonly mapSizeBytes?: number;
  /** How large the store may become; default `LIMITS.databaseBytes`. */
  readonly bound?: LmdbBound;
  /** For a store whose owner can make it anew: what is damaged is set aside instead of being opened. */
  readonly repair?: LmdbRepairOptions;
}

export interface LmdbBound {
  /** Bytes of pages in use past which puts are refused. */
  readonly maxBytes: number;
  /** Tables whose rows are refused first, so that a part of the bound is left for all others; default none. */
  readonly refusedFirst?: readonly string[];
}

/** The part of the bound that tables which are refused first leave to the others. */
const RESERVED_SHARE = 1 / 16;

type Table = Database<Uint8Array, Uint8Array>;

/** What the binding says of a tree, as far as it is used here. */
interface TreeStats {
  readonly pageSize: number;
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

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
  const { directory, repair } = options;
  try {
    if (repair !== undefined) await prepareLmdbStore(directory, repair);
    const isNew = !existsSync(join(directory, 'data.mdb'));
    const store = new LmdbStore(options);
    // LMDB syncs what is in its file, not that the file is there.
    if (isNew) for (const path of [directory, dirname(resolve(directory))]) await nodeFileSystem.syncDirectory(path);
    if (repair !== undefined) await salvageLmdbStore(directory, store, repair);
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
  readonly #isMarked: boolean;
  readonly #bound: LmdbBound;
  readonly #room: LmdbRoom;
  /** Something on the disk was not what was written: the next opening has to look at all of it. */
  #isSuspect = false;
  #closing: Promise<void> | undefined;

  constructor(options: LmdbStoreOptions) {
    this.#directory = options.directory;
    this.#isMarked = options.repair !== undefined;
    this.#maxTables = options.maxTables ?? LIMITS.tables;
    this.#bound = options.bound ?? { maxBytes: LIMITS.databaseBytes };
    this.#room = new LmdbRoom(this.#bound.maxBytes, () => this.#usedBytes());
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
    return this.#reading(() => {
      const opened = this.#table(table);
      const stored = opened.table.getBinaryFast(key);
      return stored === undefined ? undefined : this.#verified(table, opened.seed, key, stored);
    });
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
    try {
      for (const { key, value } of opened.table.getRange(bounds)) {
        // The binding gives a Buffer; the port promises a plain array.
        yield [new Uint8Array(key.buffer, key.byteOffset, key.length), this.#verified(table, opened.seed, key, value)];
        count += 1;
        if (count >= limit) return;
      }
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  count(table: string): number {
    this.#checkOpen();
    return this.#reading(() => (this.#table(table).table.getStats() as TreeStats).entryCount);
  }

  async write(operations: readonly KeyValueOperation[]): Promise<void> {
    this.#checkOpen();
    if (operations.length === 0) return;
    // Everything that can be refused is checked before the first operation reaches the batch, which cannot be undone.
    const prepared = operations.map((operation) => {
      checkKey(operation.table, operation.key);
      const { table, seed } = this.#table(operation.table);
      const stored = operation.kind === 'put' ? sealedValue(seed, operation.key, operation.value) : undefined;
      return { table, key: operation.key, stored };
    });
    const takenBytes = this.#takeRoom(operations);
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
      this.#room.settled(takenBytes);
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
      if (this.#isMarked && !this.#isSuspect) await markClosed(this.#directory);
    })();
    await this.#closing;
  }

  async verify(options: VerifyOptions = {}): Promise<string | undefined> {
    this.#checkOpen();
    // While it is held, no page of its commit, or of a later one, is used for anything else.
    const reader = this.#root.useReadTransaction();
    try {
      const { damage } = await checkLmdbFile(join(this.#directory, 'data.mdb'), options);
      if (damage !== undefined) this.#isSuspect = true;
      return damage;
    } finally {
      reader.done();
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw storeErrors.STORE_CLOSED({ store: this.#directory });
  }

  /** @throws STORE_FULL */
  #takeRoom(operations: readonly KeyValueOperation[]): number {
    const { maxBytes, refusedFirst = [] } = this.#bound;
    let [bytes, reserveBytes] = [0, 0];
    for (const operation of operations) {
      if (operation.kind !== 'put') continue;
      bytes += rowBytes(operation.key.length, operation.value.length);
      if (refusedFirst.includes(operation.table)) reserveBytes = maxBytes * RESERVED_SHARE;
    }
    if (this.#room.take(bytes, reserveBytes)) return bytes;
    const reason = `${this.#usedBytes()} of the ${maxBytes} bytes that it may have are in use`;
    throw storeErrors.STORE_FULL({ store: this.#directory, reason });
  }

  /** Of pages that hold something; those that are free are taken before the file grows. */
  #usedBytes(): number {
    // What was committed since the last read of this turn of the event loop counts, too,
    this.#root.resetReadTxn();
    // and so do tables that were not used yet since the opening: the root's keys are their names, ended by a zero.
    for (const name of this.#root.getKeys()) this.#table(new TextDecoder().decode(name).replace(/\0$/, ''));
    const trees = Array.from(this.#tables.values(), ({ table }) => table.getStats() as TreeStats);
    const root = this.#root.getStats() as TreeStats & { readonly free: TreeStats };
    const pages = [...trees, root, root.free].reduce(
      (sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
      0,
    );
    return pages * root.pageSize;
  }

  #table(name: string): { readonly table: Table; readonly seed: number } {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    if (this.#tables.size >= this.#maxTables) {
      throw storeErrors.TOO_MANY_TABLES({ store: this.#directory, table: name, maxTables: this.#maxTables });
    }
    const table = this.#reading(
      () => this.#root.openDB<Uint8Array, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' }) as Table,
    );
    const opened = { table, seed: tableSeed(name) };
    this.#tables.set(name, opened);
    return opened;
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  /** What LMDB itself says about a read is about pages that are not what they should be. */
  #readFailure(error: unknown): unknown {
    if (isFloeError(error)) return error;
    this.#isSuspect = true;
    return storeErrors.STORE_FAILED({ store: this.#directory, operation: 'read', reason: messageOf(error) }, error);
  }

  /** A copy of the value inside `stored`, which may be a view that the next read overwrites. */
  #verified(table: string, seed: number, key: Uint8Array, stored: Uint8Array): Uint8Array {
    const value = openedValue(seed, key, stored);
    if (value !== undefined) return new Uint8Array(value);
    this.#isSuspect = true;
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
    this.#isSuspect = true;
    return storeErrors.STORE_FAILED({ store: this.#directory, operation: 'write', reason }, cause);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
