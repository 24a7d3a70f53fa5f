/**
 * Port of a file system: what a storage engine needs and no more.
 *
 * Durability: bytes written are durable after `sync` of their file; a file's name (created, renamed, removed) is
 * durable after `syncDirectory` of its directory. Everything else may be lost or torn by a crash.
 * Errors: {@link fileSystemErrors}.
 */
import { errorCatalogue, spec } from './errors.ts';

export const fileSystemErrors = errorCatalogue({
  FILE_NOT_FOUND: spec<{ path: string }>('not-found', ({ path }) => `no file or directory ${path}`),
  FILE_EXISTS: spec<{ path: string }>('conflict', ({ path }) => `${path} already exists`),
  DISK_FULL: spec<{ path: string }>('exhausted', ({ path }) => `no space left on the volume of ${path}`),
  IO_FAILED: spec<{ path: string; operation: string; reason: string }>(
    'internal',
    ({ path, operation, reason }) => `${operation} of ${path} failed: ${reason}`,
  ),
});

export interface FileHandle {
  /** Reads up to `target.length` bytes at `offset`; returns how many there were (less only at the end of the file). */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Writes all parts one after another from `offset`. */
  write(parts: readonly Uint8Array[], offset: number): Promise<void>;
  /** Resolves when everything written so far is on disk. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  /** A text that is another one after anyone has written to the file or cut it. */
  lastChange(): Promise<string>;
  close(): Promise<void>;
}

/** Who may look into what is made: everybody whom the system lets, which is the default, or only its owner. */
export type Privacy = 'shared' | 'private';

export interface FileSystem {
  /**
   * `read`: must exist. `write`: opened for reading and writing, made when absent. `create`: must not exist. `privacy` is
   * that of a file that is made.
   */
  open(path: string, mode: 'read' | 'write' | 'create', privacy?: Privacy): Promise<FileHandle>;
  /** Makes a directory and its parents; those that are there stay as they are. */
  makeDirectory(path: string, privacy?: Privacy): Promise<void>;
  /** Names in a directory, sorted; `FILE_NOT_FOUND` when there is none. */
  list(path: string): Promise<string[]>;
  remove(path: string): Promise<void>;
  /** Replaces `to` when it exists. */
  rename(from: string, to: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes that can still be written to the volume of `path`. */
  freeBytes(path: string): Promise<number>;
}
