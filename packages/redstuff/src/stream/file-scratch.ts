/**
 * Scratches in files of one directory, each named after its owner, so that what a process left behind when it ended
 * without warning is found and removed by the next one. Only their owner may read them: they hold what others stored.
 */
import { type FileHandle, type FileSystem, isFloeError } from '@floe/platform';
import { errors } from '../errors.ts';
import type { Scratch, ScratchSpace } from './ports.ts';

export interface FileScratchOptions {
  readonly directory: string;
}

export interface FileScratchModules {
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
}

/** Who makes files, and whether others who did still run. */
export interface ProcessTable {
  /** This process: letters, digits, dots and hyphens; no other process has or had the same. */
  readonly own: string;
  /** False only when it is certain. */
  isAlive(owner: string): boolean;
}

const NAME = /^floe-scratch_([A-Za-z0-9.-]+)_\d+$/;

/** Names of one process must differ between its spaces too. */
let made = 0;

/**
 * Scratches in `directory`, which is made if needed. Removes files there whose owners no longer run.
 * @throws IO_FAILED
 */
export async function openFileScratchSpace(
  { directory }: FileScratchOptions,
  modules: FileScratchModules,
): Promise<ScratchSpace> {
  await modules.fileSystem.makeDirectory(directory, 'private');
  await removeStale(directory, modules);
  return new FileScratchSpace(directory, modules);
}

async function removeStale(directory: string, { fileSystem, processes }: FileScratchModules): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    const owner = NAME.exec(name)?.[1];
    if (owner === undefined || processes.isAlive(owner)) continue;
    try {
      await fileSystem.remove(`${directory}/${name}`);
    } catch (error) {
      // Another process was faster, or may do what this one may not: no reason not to start.
      if (!isFloeError(error)) throw error;
    }
  }
}

class FileScratchSpace implements ScratchSpace {
  readonly #directory: string;
  readonly #modules: FileScratchModules;
  readonly #open = new Set<FileScratch>();

  constructor(directory: string, modules: FileScratchModules) {
    this.#directory = directory;
    this.#modules = modules;
  }

  async open(sizeBytes: number): Promise<Scratch> {
    const { fileSystem, processes } = this.#modules;
    const promised = [...this.#open].reduce((sum, { unwritten }) => sum + unwritten, 0);
    if (promised + sizeBytes > (await fileSystem.freeBytes(this.#directory))) {
      throw errors.SCRATCH_FULL({ sizeBytes, place: this.#directory });
    }
    made += 1;
    const path = `${this.#directory}/floe-scratch_${processes.own}_${made}`;
    const scratch = new FileScratch(path, sizeBytes, await fileSystem.open(path, 'create', 'private'), async () => {
      this.#open.delete(scratch);
      await fileSystem.remove(path).catch((error: unknown) => {
        // Somebody cleared the directory.
        if (!isFloeError(error, 'FILE_NOT_FOUND')) throw error;
      });
    });
    this.#open.add(scratch);
    return scratch;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((scratch) => scratch.close()));
  }
}

class FileScratch implements Scratch {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #remove: () => Promise<void>;
  #unwritten: number;
  #closing: Promise<void> | undefined;

  constructor(path: string, sizeBytes: number, file: FileHandle, remove: () => Promise<void>) {
    this.#path = path;
    this.#unwritten = sizeBytes;
    this.#file = file;
    this.#remove = remove;
  }

  /** Bytes that are still to come, as far as was said. */
  get unwritten(): number {
    return Math.max(0, this.#unwritten);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    try {
      await this.#file.write([data], offset);
    } catch (error) {
      if (!isFloeError(error, 'DISK_FULL')) throw error;
      throw errors.SCRATCH_FULL({ sizeBytes: data.length, place: this.#path }, error);
    }
    this.#unwritten -= data.length;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const count = await this.#file.read(into, offset);
    into.fill(0, count);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    try {
      await this.#file.close();
    } finally {
      await this.#remove();
    }
  }
}
