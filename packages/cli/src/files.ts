/** Reading and writing the files that people name, with errors that name them back. */
import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { cliErrors, systemErrorCode } from './errors.ts';
import { MAX_SYMBOLIC_LINKS } from './limits.ts';

/** A regular file's size in bytes. @throws FILE_UNREADABLE */
export async function fileSize(path: string): Promise<number> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw cliErrors.FILE_UNREADABLE({ path, detail: 'it is not a regular file' });
    return info.size;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** A whole file of at most `maxBytes`. @throws FILE_UNREADABLE */
export async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  const sizeBytes = await fileSize(path);
  if (sizeBytes > maxBytes) throw cliErrors.FILE_UNREADABLE({ path, detail: `it has more than ${maxBytes} bytes` });
  return readBytes(path, sizeBytes);
}

/** A whole file if it has that size; else undefined, and nothing was read. @throws FILE_UNREADABLE */
export async function readSized(path: string, sizeBytes: number): Promise<Uint8Array | undefined> {
  return (await fileSize(path)) === sizeBytes ? readBytes(path, sizeBytes) : undefined;
}

async function readBytes(path: string, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  try {
    const file = await open(path);
    try {
      for (let done = 0; done < sizeBytes;) {
        const { bytesRead } = await file.read(bytes, done, sizeBytes - done, done);
        if (bytesRead === 0) throw cliErrors.FILE_UNREADABLE({ path, detail: 'it was cut while it was read' });
        done += bytesRead;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  return bytes;
}

/** Writes a file. @throws FILE_UNWRITABLE */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/**
 * Writes parts as they come to `path`, which appears only when all of them are there: a read that fails half way
 * leaves what was there before. A symbolic link is followed, and a file that is replaced gives its owner and mode on.
 * Returns the number of bytes.
 *
 * @throws FILE_UNWRITABLE, or what `parts` threw
 */
export async function writeParts(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  if (await isSpecial(path)) return writeSpecial(path, parts);
  const target = await followed(path);
  const old = await stat(target).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'ENOENT') throw unwritable(path, error);
    return undefined;
  });
  // Not after its target, whose name may be as long as names can be.
  const temporary = join(dirname(target), `.floe-${randomUUID()}.part`);
  let file: FileHandle;
  try {
    file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      (old?.mode ?? 0o666) & 0o777,
    );
  } catch (error) {
    throw unwritable(path, error);
  }
  try {
    if (old !== undefined) await inherit(file, old);
    let size = 0;
    for await (const part of parts) {
      await file.writeFile(part).catch((error: unknown) => Promise.reject(unwritable(path, error)));
      size += part.length;
    }
    // On disk before its name is: after a power failure there is the old file or all of the new one.
    await file.datasync().catch((error: unknown) => Promise.reject(unwritable(path, error)));
    await file.close();
    await rename(temporary, target).catch((error: unknown) => Promise.reject(unwritable(path, error)));
    return size;
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Where the symbolic links from `path` lead, whether there is a file or not. @throws FILE_UNWRITABLE */
async function followed(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links <= MAX_SYMBOLIC_LINKS; links += 1) {
    const link = await readlink(target).catch(() => undefined);
    if (link === undefined) return target;
    // Not normalised: what `..` is above a link to a directory, only the system knows.
    target = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
  }
  throw cliErrors.FILE_UNWRITABLE({ path, detail: SYSTEM_ERRORS['ELOOP'] as string });
}

/** Makes a new file that of the one that it replaces, as far as this user may. */
async function inherit(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  await file.chown(uid, gid).catch(() => undefined);
  await file.chmod(mode & 0o777).catch(() => undefined);
}

/** Whether `path` is there and no regular file, such as /dev/null: it cannot be replaced, only written to. */
async function isSpecial(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function writeSpecial(path: string, parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
  let size = 0;
  try {
    const file = await open(path, 'w');
    try {
      for await (const part of parts) {
        await file.writeFile(part);
        size += part.length;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw systemErrorCode(error) === undefined ? error : unwritable(path, error);
  }
  return size;
}

/** FILE_UNREADABLE that says why in words. */
export function unreadable(path: string, error: unknown): Error {
  const code = systemErrorCode(error);
  if (error instanceof Error && error.name === 'FloeError') return error;
  const detail = code === 'ENOENT' ? 'there is no such file' : systemErrorText(code, error);
  return cliErrors.FILE_UNREADABLE({ path, detail }, error);
}

/** FILE_UNWRITABLE that says why in words. */
export function unwritable(path: string, error: unknown): Error {
  const code = systemErrorCode(error);
  const detail = code === 'ENOENT' ? 'its directory does not exist' : systemErrorText(code, error);
  return cliErrors.FILE_UNWRITABLE({ path, detail }, error);
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'there is a file of that name',
  EIO: 'the disk failed',
  EISDIR: 'it is a directory',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is not a directory',
  EROFS: 'the file system is read-only',
};

function systemErrorText(code: string | undefined, error: unknown): string {
  return (code === undefined ? undefined : SYSTEM_ERRORS[code]) ?? code ?? String(error);
}
