/** Copies files of a backup durably, and says what was copied. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../errors.ts';

export interface Copied {
  readonly sizeBytes: number;
  readonly sha256: string;
}

const CHUNK_BYTES = 1 << 20;

/** Copies `from` to a new file, or its first `sizeBytes` only; durable when it resolves, but for the file's name. */
export async function copyFile(
  from: string,
  to: string,
  options: { readonly sizeBytes?: number; readonly mode?: number; readonly signal: AbortSignal },
): Promise<Copied> {
  const { sizeBytes, mode = 0o644, signal } = options;
  await mkdir(dirname(to), { recursive: true });
  const file = await open(to, 'wx', mode);
  try {
    const hash = createHash('sha256');
    let copiedBytes = 0;
    if (sizeBytes !== 0) {
      const range = sizeBytes === undefined ? {} : { end: sizeBytes - 1 };
      for await (const chunk of createReadStream(from, { highWaterMark: CHUNK_BYTES, signal, ...range })) {
        hash.update(chunk as Uint8Array);
        await file.writeFile(chunk as Uint8Array);
        copiedBytes += (chunk as Uint8Array).length;
      }
    }
    await file.sync();
    return { sizeBytes: copiedBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** Gives the file a second name; false where that is not possible, as between volumes. */
export async function tryLink(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true });
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK', 'ENOSYS', 'ENOENT'].includes(systemErrorCode(error) ?? ''))
      return false;
    throw error;
  }
}

/** Makes names in directories durable. */
export async function syncDirectories(paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
