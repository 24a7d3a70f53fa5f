/** The files of the segment log: their names, and which of them are open. */
import type { FileHandle, FileSystem } from '@floe/platform';
import type { Epoch } from '@floe/protocol';

/** `e<end epoch>-<id>.slivers`, both with leading zeros: names order by expiry, then age. */
export function segmentName(bucket: Epoch, id: number): string {
  return `e${String(bucket).padStart(10, '0')}-${String(id).padStart(10, '0')}.slivers`;
}

/** Undefined when the name is not one that {@link segmentName} gives. */
export function parseSegmentName(name: string): { bucket: Epoch; id: number } | undefined {
  const match = /^e(\d{10})-(\d{10})\.slivers$/.exec(name);
  if (match === null) return undefined;
  const bucket = Number(match[1]);
  const id = Number(match[2]);
  return bucket <= 0xffff_ffff && id <= 0xffff_ffff ? { bucket: bucket as Epoch, id } : undefined;
}

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  users: number;
  /** Closed when its last user is done. */
  dropped: boolean;
}

/**
 * Files opened for reading, the least recently used closed past `capacity`. A file in use is never closed:
 * at worst as many are open as there are readers.
 */
export class OpenFiles {
  readonly #fileSystem: FileSystem;
  readonly #capacity: number;
  /** In order of use. */
  readonly #files = new Map<string, OpenFile>();

  constructor(options: { capacity: number }, modules: { fileSystem: FileSystem }) {
    this.#capacity = options.capacity;
    this.#fileSystem = modules.fileSystem;
  }

  /** Runs `work` with the file of this path open. */
  async use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const file = this.#touch(path);
    file.users += 1;
    try {
      return await work(await file.handle);
    } catch (error) {
      // Whatever went wrong, the next reader starts with a fresh handle.
      this.#drop(path, file);
      throw error;
    } finally {
      file.users -= 1;
      if (file.dropped && file.users === 0) await closeQuietly(file);
      await this.#shrink();
    }
  }

  /** The next use opens the path anew. */
  forget(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#drop(path, file);
    if (file.users === 0) void closeQuietly(file);
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map(closeQuietly));
  }

  /** Forgets a file, so that it is opened anew; its last user closes it. */
  #drop(path: string, file: OpenFile): void {
    if (this.#files.get(path) === file) this.#files.delete(path);
    file.dropped = true;
  }

  #touch(path: string): OpenFile {
    const known = this.#files.get(path);
    const file = known ?? { handle: this.#fileSystem.open(path, 'read'), users: 0, dropped: false };
    this.#files.delete(path);
    this.#files.set(path, file);
    return file;
  }

  async #shrink(): Promise<void> {
    for (const [path, file] of this.#files) {
      if (this.#files.size <= this.#capacity) return;
      if (file.users > 0) continue;
      this.#files.delete(path);
      await closeQuietly(file);
    }
  }
}

async function closeQuietly(file: OpenFile): Promise<void> {
  // Reading changed nothing: a failure to open or close loses nothing.
  await file.handle.then((handle) => handle.close()).catch(() => undefined);
}
