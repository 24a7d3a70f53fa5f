/**
 * File system in memory that fails as disks do: power loss, no space, errors, rot. All chance comes from a seed.
 *
 * Crash model: the contents of files as in `memory-file.ts`. Names: creations, renames and removals since the last
 * `syncDirectory` of their directory survive a crash as a prefix of the order in which they were made, per directory;
 * a rename is one step. Directories themselves are durable when made.
 */
import { type FileHandle, type FileSystem, fileSystemErrors, type Privacy } from '../file-system.ts';
import type { Rng } from '../time.ts';
import { MemoryFile } from './memory-file.ts';
import { seededRng } from './rng.ts';

export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'list'
  | 'remove'
  | 'rename'
  | 'syncDirectory';

export interface MemoryFileSystemOptions {
  /** Decides what a crash keeps. */
  readonly rng?: Rng;
  /** Size of the volume; default without bound. */
  readonly capacityBytes?: number;
}

export interface MemoryFileSystem extends FileSystem {
  /**
   * The power fails and comes back: what was not synced is kept, torn or lost by chance; handles opened before fail
   * with `IO_FAILED` from now on.
   */
  crash(): void;
  /**
   * The power fails right after `count` more changes (writes, syncs, creations, renames, removals, truncations). Until
   * `crash` brings it back everything fails with `IO_FAILED`. `undefined` takes it back.
   */
  powerOffAfter(count: number | undefined): void;
  /** Changes so far: the places at which `powerOffAfter` can cut. */
  readonly changes: number;
  /** The next `count` operations of this kind (on paths that contain `path`) fail with `IO_FAILED`. */
  failNext(operation: FileOperation, count?: number, path?: string): void;
  setCapacity(capacityBytes: number): void;
  /** Turns over one bit of a file. */
  flipBit(path: string, offset: number, bit?: number): void;
  /** From now on every read that touches the page of 4 KiB around `offset` of a file fails with `IO_FAILED`. */
  breakPage(path: string, offset: number): void;
  /** Whether only their owner may look into the file or directory of that name. */
  isPrivate(path: string): boolean;
  /** Bytes of all files. */
  readonly usedBytes: number;
}

interface NameChange {
  readonly directories: readonly string[];
  /** The change on a table of names. */
  readonly apply: (names: Map<string, MemoryFile>) => void;
}

/** An empty volume that has the directory `/`. */
export function createMemoryFileSystem(options: MemoryFileSystemOptions = {}): MemoryFileSystem {
  return new SimulatedDisk(options);
}

class SimulatedDisk implements MemoryFileSystem {
  readonly #rng: Rng;
  readonly #directories = new Map<string, Privacy>([['/', 'shared']]);
  readonly #privateFiles = new WeakSet<MemoryFile>();
  #names = new Map<string, MemoryFile>();
  #durableNames = new Map<string, MemoryFile>();
  #nameChanges: NameChange[] = [];
  #failures: { readonly operation: FileOperation; readonly path: string; left: number }[] = [];
  #capacityBytes: number;
  #changes = 0;
  #powerOffAt: number | undefined;
  /** Counts crashes; a handle of an earlier life is dead. */
  #life = 0;

  constructor(options: MemoryFileSystemOptions) {
    this.#rng = options.rng ?? seededRng('memory file system');
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  get changes(): number {
    return this.#changes;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const file of new Set(this.#names.values())) sum += file.size;
    return sum;
  }

  async open(path: string, mode: 'read' | 'write' | 'create', privacy: Privacy = 'shared'): Promise<FileHandle> {
    const name = normal(path);
    await this.#enter('open', name);
    let file = this.#names.get(name);
    if (file === undefined && mode === 'read') throw fileSystemErrors.FILE_NOT_FOUND({ path });
    if (file !== undefined && mode === 'create') throw fileSystemErrors.FILE_EXISTS({ path });
    if (file === undefined) {
      this.#requireDirectory(parentOf(name));
      const made = new MemoryFile();
      file = made;
      if (privacy === 'private') this.#privateFiles.add(made);
      this.#changeNames('open', name, { directories: [parentOf(name)], apply: (names) => names.set(name, made) });
    }
    return this.#handle(name, file, mode);
  }

  async makeDirectory(path: string, privacy: Privacy = 'shared'): Promise<void> {
    await this.#enter('open', normal(path));
    for (let name = normal(path); !this.#directories.has(name); name = parentOf(name)) {
      this.#directories.set(name, privacy);
    }
  }

  async list(path: string): Promise<string[]> {
    const directory = normal(path);
    await this.#enter('list', directory);
    this.#requireDirectory(directory);
    const inside = [...this.#names.keys(), ...this.#directories.keys()].filter(
      (name) => name !== '/' && parentOf(name) === directory,
    );
    return inside.map((name) => name.slice(name.lastIndexOf('/') + 1)).sort();
  }

  async remove(path: string): Promise<void> {
    const name = normal(path);
    await this.#enter('remove', name);
    if (!this.#names.has(name)) throw fileSystemErrors.FILE_NOT_FOUND({ path });
    this.#changeNames('remove', name, { directories: [parentOf(name)], apply: (names) => names.delete(name) });
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [normal(from), normal(to)];
    await this.#enter('rename', source);
    const file = this.#names.get(source);
    if (file === undefined) throw fileSystemErrors.FILE_NOT_FOUND({ path: from });
    this.#requireDirectory(parentOf(target));
    this.#changeNames('rename', source, {
      directories: [parentOf(source), parentOf(target)],
      apply(names) {
        names.delete(source);
        names.set(target, file);
      },
    });
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = normal(path);
    await this.#enter('syncDirectory', directory);
    this.#requireDirectory(directory);
    this.#countChange('syncDirectory', directory);
    const settled = this.#nameChanges.filter(({ directories }) => directories.includes(directory));
    for (const change of settled) change.apply(this.#durableNames);
    this.#nameChanges = this.#nameChanges.filter((change) => !settled.includes(change));
  }

  async freeBytes(): Promise<number> {
    return Math.max(0, Math.min(this.#capacityBytes, Number.MAX_SAFE_INTEGER) - this.usedBytes);
  }

  crash(): void {
    this.#life += 1;
    this.#powerOffAt = undefined;
    // A file that lost its name may be open still, or come back with an undone removal.
    const files = new Set([...this.#names.values(), ...this.#durableNames.values()]);
    const left = new Map<string, number>();
    for (const { directories } of this.#nameChanges) {
      for (const directory of directories) left.set(directory, (left.get(directory) ?? 0) + 1);
    }
    for (const [directory, count] of left) left.set(directory, this.#rng.below(count + 1));
    for (const { directories, apply } of this.#nameChanges) {
      const isKept = directories.every((directory) => (left.get(directory) as number) > 0);
      for (const directory of directories) left.set(directory, isKept ? (left.get(directory) as number) - 1 : 0);
      if (isKept) apply(this.#durableNames);
    }
    for (const file of files) file.crash(this.#rng);
    this.#nameChanges = [];
    this.#names = new Map(this.#durableNames);
  }

  powerOffAfter(count: number | undefined): void {
    this.#powerOffAt = count === undefined ? undefined : this.#changes + count;
  }

  failNext(operation: FileOperation, count = 1, path = ''): void {
    this.#failures.push({ operation, path, left: count });
  }

  setCapacity(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  flipBit(path: string, offset: number, bit = 0): void {
    this.#fileAt(path).flipBit(offset, bit);
  }

  breakPage(path: string, offset: number): void {
    this.#fileAt(path).breakPage(offset);
  }

  isPrivate(path: string): boolean {
    const directory = this.#directories.get(normal(path));
    return directory === undefined ? this.#privateFiles.has(this.#fileAt(path)) : directory === 'private';
  }

  #fileAt(path: string): MemoryFile {
    const file = this.#names.get(normal(path));
    if (file === undefined) throw fileSystemErrors.FILE_NOT_FOUND({ path });
    return file;
  }

  #handle(path: string, file: MemoryFile, mode: 'read' | 'write' | 'create'): FileHandle {
    const life = this.#life;
    let isOpen = true;
    const enter = async (operation: FileOperation): Promise<void> => {
      if (life !== this.#life) throw fileSystemErrors.IO_FAILED({ path, operation, reason: 'opened before the crash' });
      if (!isOpen) throw fileSystemErrors.IO_FAILED({ path, operation, reason: 'the file is closed' });
      const writes = operation === 'write' || operation === 'truncate';
      if (writes && mode === 'read')
        throw fileSystemErrors.IO_FAILED({ path, operation, reason: 'opened for reading' });
      await this.#enter(operation, path);
    };
    return {
      read: async (target, offset) => {
        await enter('read');
        const length = file.read(target, offset);
        if (length !== undefined) return length;
        throw fileSystemErrors.IO_FAILED({ path, operation: 'read', reason: 'input/output error' });
      },
      write: async (parts, offset) => {
        await enter('write');
        let position = offset;
        for (const part of parts) {
          this.#writePart(path, file, part, position);
          position += part.length;
        }
      },
      sync: async () => {
        await enter('sync');
        this.#countChange('sync', path);
        file.sync();
      },
      truncate: async (size) => {
        await enter('truncate');
        this.#countChange('truncate', path);
        file.truncate(size);
      },
      size: async () => {
        await enter('read');
        return file.size;
      },
      lastChange: async () => {
        await enter('read');
        return `${file.changes}`;
      },
      close: async () => {
        isOpen = false;
      },
    };
  }

  /** Writes what fits, as a real disk does, and then says that it is full. */
  #writePart(path: string, file: MemoryFile, part: Uint8Array, offset: number): void {
    this.#countChange('write', path);
    const growth = Math.max(0, offset + part.length - file.size);
    const missing = growth - Math.max(0, this.#capacityBytes - this.usedBytes);
    if (missing <= 0) {
      file.write(part, offset);
      return;
    }
    const fitting = part.subarray(0, Math.max(0, part.length - missing));
    if (fitting.length > 0) file.write(fitting, offset);
    throw fileSystemErrors.DISK_FULL({ path });
  }

  #changeNames(operation: FileOperation, path: string, change: NameChange): void {
    this.#countChange(operation, path);
    change.apply(this.#names);
    this.#nameChanges.push(change);
  }

  #requireDirectory(directory: string): void {
    if (!this.#directories.has(directory)) throw fileSystemErrors.FILE_NOT_FOUND({ path: directory });
  }

  #countChange(operation: FileOperation, path: string): void {
    this.#checkPower(operation, path);
    this.#changes += 1;
  }

  #checkPower(operation: FileOperation, path: string): void {
    if (this.#powerOffAt === undefined || this.#changes < this.#powerOffAt) return;
    throw fileSystemErrors.IO_FAILED({ path, operation, reason: 'the power is off' });
  }

  async #enter(operation: FileOperation, path: string): Promise<void> {
    // A turn passes, as on a real disk, so that code that forgets to wait is found out.
    await Promise.resolve();
    this.#checkPower(operation, path);
    const failure = this.#failures.find((each) => each.operation === operation && path.includes(each.path));
    if (failure === undefined) return;
    failure.left -= 1;
    if (failure.left === 0) this.#failures = this.#failures.filter((each) => each !== failure);
    throw fileSystemErrors.IO_FAILED({ path, operation, reason: 'input/output error' });
  }
}

function normal(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return `/${parts.join('/')}`;
}

function parentOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/')) || '/';
}
