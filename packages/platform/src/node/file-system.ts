/** The file system port on Node.js. Every failure is a `fileSystemErrors` error that names the path. */
import { constants } from 'node:fs';
import { type FileHandle as NodeFileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { type FileHandle, type FileSystem, fileSystemErrors } from '../file-system.ts';

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

const FILE_MODES = { shared: 0o644, private: 0o600 } as const;
const DIRECTORY_MODES = { shared: 0o777, private: 0o700 } as const;

export const nodeFileSystem: FileSystem = {
  open: (path, mode, privacy = 'shared') =>
    named(path, 'open', async () => new NodeFile(path, await open(path, FLAGS[mode], FILE_MODES[privacy]))),
  makeDirectory: (path, privacy = 'shared') =>
    named(path, 'make directory', async () => {
      await mkdir(path, { recursive: true, mode: DIRECTORY_MODES[privacy] });
    }),
  list: (path) => named(path, 'list', async () => (await readdir(path)).sort()),
  remove: (path) => named(path, 'remove', () => rm(path)),
  rename: (from, to) => named(from, 'rename', () => rename(from, to)),
  syncDirectory: (path) =>
    named(path, 'sync', async () => {
      const directory = await open(path, constants.O_RDONLY);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    }),
  freeBytes: (path) =>
    named(path, 'measure', async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    }),
};

class NodeFile implements FileHandle {
  readonly #path: string;
  readonly #file: NodeFileHandle;
  #closing: Promise<void> | undefined;

  constructor(path: string, file: NodeFileHandle) {
    this.#path = path;
    this.#file = file;
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return named(this.#path, 'read', async () => {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await this.#file.read(target, done, target.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    return named(this.#path, 'write', async () => {
      let rest = parts.filter((part) => part.length > 0);
      let position = offset;
      while (rest.length > 0) {
        // The kernel takes at most IOV_MAX (1024) parts, and may write less than it was given.
        const { bytesWritten } = await this.#file.writev(rest.slice(0, 1024), position);
        position += bytesWritten;
        rest = withoutFirst(rest, bytesWritten);
      }
    });
  }

  sync(): Promise<void> {
    return named(this.#path, 'sync', () => this.#file.datasync());
  }

  truncate(size: number): Promise<void> {
    return named(this.#path, 'truncate', () => this.#file.truncate(size));
  }

  size(): Promise<number> {
    return named(this.#path, 'measure', async () => (await this.#file.stat()).size);
  }

  lastChange(): Promise<string> {
    return named(this.#path, 'measure', async () => {
      const { mtimeNs, size } = await this.#file.stat({ bigint: true });
      return `${mtimeNs} ${size}`;
    });
  }

  close(): Promise<void> {
    this.#closing ??= named(this.#path, 'close', () => this.#file.close());
    return this.#closing;
  }
}

function withoutFirst(parts: readonly Uint8Array[], size: number): Uint8Array[] {
  let index = 0;
  let left = size;
  while (index < parts.length && left >= (parts[index] as Uint8Array).length) {
    left -= (parts[index] as Uint8Array).length;
    index += 1;
  }
  const rest = parts.slice(index);
  if (left > 0) rest[0] = (rest[0] as Uint8Array).subarray(left);
  return rest;
}

async function named<T>(path: string, operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw fileSystemErrors.FILE_NOT_FOUND({ path }, error);
    if (code === 'EEXIST') throw fileSystemErrors.FILE_EXISTS({ path }, error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw fileSystemErrors.DISK_FULL({ path }, error);
    throw fileSystemErrors.IO_FAILED({ path, operation, reason: message }, error);
  }
}
