/** Disks in memory on which every change passes somebody who may let it happen, let it fail, or let the process die of it. */
import {
  deferred,
  type FileHandle,
  type FileSystem,
  fileSystemErrors,
  type KeyValueStore,
  type Rng,
  storeErrors,
} from '@floe/platform';
import type { Disks } from './network-harness.ts';

export interface Change {
  readonly operation: 'open' | 'write' | 'sync' | 'truncate' | 'remove' | 'rename' | 'syncDirectory' | 'commit';
  readonly path: string;
}

export interface Interference {
  change<T>(change: Change, perform: () => Promise<T>): Promise<T>;
  /** What changes nothing. */
  look<T>(perform: () => Promise<T>): Promise<T>;
  readonly died?: Promise<never>;
}

export function interfered(
  { fileSystem, store }: { fileSystem: FileSystem; store: KeyValueStore },
  by: Interference,
): Disks {
  const wrap = (path: string, handle: FileHandle): FileHandle => ({
    read: (target, offset) => by.look(() => handle.read(target, offset)),
    write: (parts, offset) => by.change({ operation: 'write', path }, () => handle.write(parts, offset)),
    sync: () => by.change({ operation: 'sync', path }, () => handle.sync()),
    truncate: (size) => by.change({ operation: 'truncate', path }, () => handle.truncate(size)),
    size: () => by.look(() => handle.size()),
    lastChange: () => by.look(() => handle.lastChange()),
    close: () => by.look(() => handle.close()),
  });
  const files: FileSystem = {
    open: async (path, mode) => {
      const open = (): Promise<FileHandle> => fileSystem.open(path, mode);
      return wrap(path, mode === 'read' ? await by.look(open) : await by.change({ operation: 'open', path }, open));
    },
    makeDirectory: (path) => by.look(() => fileSystem.makeDirectory(path)),
    list: (path) => by.look(() => fileSystem.list(path)),
    remove: (path) => by.change({ operation: 'remove', path }, () => fileSystem.remove(path)),
    rename: (from, to) => by.change({ operation: 'rename', path: from }, () => fileSystem.rename(from, to)),
    syncDirectory: (path) => by.change({ operation: 'syncDirectory', path }, () => fileSystem.syncDirectory(path)),
    freeBytes: (path) => by.look(() => fileSystem.freeBytes(path)),
  };
  const database: KeyValueStore = {
    get: (table, key) => store.get(table, key),
    entries: (table, range) => store.entries(table, range),
    count: (table) => store.count(table),
    write: (operations) => by.change({ operation: 'commit', path: 'database' }, () => store.write(operations)),
    verify: (options) => by.look(() => store.verify(options)),
    close: () => by.look(() => store.close()),
  };
  return { fileSystem: files, store: database, ...(by.died && { died: by.died }) };
}

/** A process died: what the test waited for will not come. */
export class Died extends Error {}

/** Lets the process die in the middle of its `diesAt`-th change; from then on nothing that it tries happens. */
export class Mortal implements Interference {
  readonly #options: { readonly diesAt: number; readonly rng: Rng; readonly onDeath: () => void };
  readonly #died = deferred<never>();
  #isDead = false;
  /** Changes so far. */
  changes = 0;
  /** In what it died. */
  diedIn: Change | undefined;

  constructor(options: { readonly diesAt: number; readonly rng: Rng; readonly onDeath: () => void }) {
    this.#options = options;
    this.#died.promise.catch(() => undefined);
  }

  get died(): Promise<never> {
    return this.#died.promise;
  }

  async look<T>(perform: () => Promise<T>): Promise<T> {
    if (this.#isDead) return await never();
    const seen = await perform();
    return this.#isDead ? await never() : seen;
  }

  async change<T>(change: Change, perform: () => Promise<T>): Promise<T> {
    if (this.#isDead) return await never();
    this.changes += 1;
    const { diesAt, rng, onDeath } = this.#options;
    if (this.changes !== diesAt) {
      const done = await perform();
      return this.#isDead ? await never() : done;
    }
    this.#isDead = true;
    this.diedIn = change;
    // A commit is under way: the store keeps it or loses it. Of what was written the file system keeps what it likes.
    if (change.operation === 'commit') void perform().catch(() => undefined);
    else if (change.operation === 'write' || rng.below(2) === 0) await perform().catch(() => undefined);
    onDeath();
    this.#died.reject(new Died(`died in ${change.operation} of ${change.path}`));
    return await never();
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

export interface Fault {
  readonly kind: 'full' | 'failing';
  /** The first change that fails. */
  readonly at: number;
  /** How many fail from there on, until it is mended. */
  readonly count: number;
}

/** Lets changes fail, as a disk does that is full or breaks. */
export class Faulty implements Interference {
  readonly #fault: Fault;
  readonly #onFirst: () => void;
  #isMended = false;
  changes = 0;
  failed = 0;

  constructor(fault: Fault, onFirst: () => void) {
    this.#fault = fault;
    this.#onFirst = onFirst;
  }

  mend(): void {
    this.#isMended = true;
  }

  look<T>(perform: () => Promise<T>): Promise<T> {
    return perform();
  }

  async change<T>({ operation, path }: Change, perform: () => Promise<T>): Promise<T> {
    this.changes += 1;
    const { kind, at, count } = this.#fault;
    if (this.#isMended || this.changes < at || this.changes >= at + count) return await perform();
    this.failed += 1;
    if (this.failed === 1) this.#onFirst();
    const reason = kind === 'full' ? 'no space left' : 'input/output error';
    if (operation === 'commit') {
      throw kind === 'full'
        ? storeErrors.STORE_FULL({ store: path, reason })
        : storeErrors.STORE_FAILED({ store: path, operation: 'write', reason });
    }
    // Of a write that fails anything may have reached the disk.
    if (operation === 'write' && this.failed % 2 === 0) await perform();
    throw kind === 'full'
      ? fileSystemErrors.DISK_FULL({ path })
      : fileSystemErrors.IO_FAILED({ path, operation, reason });
  }
}
