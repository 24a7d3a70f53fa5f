/**
 * Key-value store in memory, for tests and simulations.
 *
 * Crash model: a write that resolved is durable; of those under way each is kept whole or lost whole, a later one only
 * after an earlier one, as in a store with one journal.
 */
import { compareBytes, toHex } from '../bytes.ts';
import {
  checkKey,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  rangeBounds,
  storeErrors,
} from '../key-value-store.ts';
import type { Rng } from '../time.ts';
import { seededRng } from './rng.ts';

export interface MemoryStoreOptions {
  /** Decides what a crash keeps. */
  readonly rng?: Rng;
}

export interface MemoryStore extends KeyValueStore {
  /**
   * The process dies: writes under way never settle, every later call of this store fails. Returns the store as it is
   * found after the restart.
   */
  crash(): MemoryStore;
  /** Opens what a closed store left. */
  reopen(): MemoryStore;
  /** Rots a stored value: reading it throws `STORE_CORRUPT` until it is written again. */
  corrupt(table: string, key: Uint8Array): void;
  /** From now on (or no longer) writes fail with `STORE_FULL`. */
  setFull(isFull: boolean): void;
  /** Writes from now on stay under way until `release`. */
  holdWrites(): { release(): void };
}

interface Entry {
  readonly key: Uint8Array;
  value: Uint8Array;
  corrupt: boolean;
}
type Tables = Map<string, Entry[]>;
interface PendingWrite {
  readonly operations: readonly KeyValueOperation[];
  readonly resolve: () => void;
}

/** An empty store. */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new InMemoryStore(new Map(), options.rng ?? seededRng('memory store'));
}

class InMemoryStore implements MemoryStore {
  readonly #tables: Tables;
  readonly #rng: Rng;
  #pending: PendingWrite[] = [];
  #commitQueued = false;
  #holds = 0;
  #isFull = false;
  #state: 'open' | 'closed' | 'crashed' = 'open';

  constructor(tables: Tables, rng: Rng) {
    this.#tables = tables;
    this.#rng = rng;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    checkKey(table, key);
    const entries = this.#table(table);
    const { index, found } = locate(entries, key);
    return found ? this.#value(table, entries[index] as Entry) : undefined;
  }

  *entries(table: string, range: KeyRange = {}): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    this.#checkOpen();
    const entries = this.#table(table);
    const { from, to } = rangeBounds(range);
    const first = locate(entries, from).index;
    const end = to === undefined ? entries.length : locate(entries, to).index;
    const picked = entries.slice(first, Math.max(first, end));
    if (range.reverse === true) picked.reverse();
    for (const entry of picked.slice(0, range.limit ?? picked.length)) {
      yield [entry.key.slice(), this.#value(table, entry)];
    }
  }

  count(table: string): number {
    this.#checkOpen();
    return this.#table(table).length;
  }

  async write(operations: readonly KeyValueOperation[]): Promise<void> {
    this.#checkOpen();
    for (const { table, key } of operations) checkKey(table, key);
    if (operations.length === 0) return;
    if (this.#isFull) throw storeErrors.STORE_FULL({ store: 'memory', reason: 'no space left' });
    // The caller may change its arrays as soon as this returns.
    const copies = operations.map((operation) =>
      operation.kind === 'put'
        ? { ...operation, key: operation.key.slice(), value: operation.value.slice() }
        : { ...operation, key: operation.key.slice() },
    );
    await new Promise<void>((resolve) => {
      this.#pending.push({ operations: copies, resolve });
      this.#queueCommit();
    });
  }

  async verify(): Promise<string | undefined> {
    this.#checkOpen();
    for (const [table, entries] of this.#tables) {
      if (entries.some(({ corrupt }) => corrupt)) return `a row of table ${table} does not match its checksum`;
    }
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#holds = 0;
    this.#commit(this.#pending.length);
    this.#state = 'closed';
  }

  crash(): MemoryStore {
    if (this.#state === 'open') {
      const kept = this.#rng.below(this.#pending.length + 1);
      for (const { operations } of this.#pending.slice(0, kept)) this.#apply(operations);
      this.#pending = [];
      this.#state = 'crashed';
    }
    return new InMemoryStore(this.#tables, this.#rng);
  }

  reopen(): MemoryStore {
    if (this.#state === 'open')
      throw storeErrors.STORE_FAILED({ store: 'memory', operation: 'reopen', reason: 'it is open' });
    return new InMemoryStore(this.#tables, this.#rng);
  }

  corrupt(table: string, key: Uint8Array): void {
    const entries = this.#table(table);
    const { index, found } = locate(entries, key);
    if (found) (entries[index] as Entry).corrupt = true;
  }

  setFull(isFull: boolean): void {
    this.#isFull = isFull;
  }

  holdWrites(): { release(): void } {
    this.#holds += 1;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#holds -= 1;
        this.#queueCommit();
      },
    };
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw storeErrors.STORE_CLOSED({ store: 'memory' });
  }

  #table(name: string): Entry[] {
    let entries = this.#tables.get(name);
    if (entries === undefined) {
      entries = [];
      this.#tables.set(name, entries);
    }
    return entries;
  }

  #value(table: string, entry: Entry): Uint8Array {
    if (entry.corrupt) throw storeErrors.STORE_CORRUPT({ store: 'memory', table, key: toHex(entry.key) });
    return entry.value.slice();
  }

  /** A commit takes a turn, as a disk would, so that code that forgets to wait for a write is found out. */
  #queueCommit(): void {
    if (this.#commitQueued || this.#holds > 0) return;
    this.#commitQueued = true;
    queueMicrotask(() => {
      this.#commitQueued = false;
      if (this.#state === 'open' && this.#holds === 0) this.#commit(this.#pending.length);
    });
  }

  #commit(count: number): void {
    for (const { operations, resolve } of this.#pending.splice(0, count)) {
      this.#apply(operations);
      resolve();
    }
  }

  #apply(operations: readonly KeyValueOperation[]): void {
    for (const operation of operations) {
      const entries = this.#table(operation.table);
      const { index, found } = locate(entries, operation.key);
      if (operation.kind === 'put') {
        const entry = { key: operation.key, value: operation.value, corrupt: false };
        entries.splice(index, found ? 1 : 0, entry);
      } else if (found) entries.splice(index, 1);
    }
  }
}

/** Where `key` is, or would be inserted. */
function locate(entries: readonly Entry[], key: Uint8Array): { readonly index: number; readonly found: boolean } {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareBytes((entries[middle] as Entry).key, key);
    if (order === 0) return { index: middle, found: true };
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return { index: low, found: false };
}
