/** A file as a source: what was there when it was opened, or an error. */
import type { FileSystem } from '@floe/platform';
import { errors } from '../errors.ts';
import type { BlobSource } from './ports.ts';

export interface OpenSource extends BlobSource {
  /** May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens a file to read. Reads and checks fail with SOURCE_CHANGED once it is cut, grows or is written to.
 * @throws FILE_NOT_FOUND, IO_FAILED
 */
export async function openFileSourceOn(
  path: string,
  { fileSystem }: { readonly fileSystem: FileSystem },
): Promise<OpenSource> {
  const file = await fileSystem.open(path, 'read');
  const first = await file.lastChange();
  const sizeBytes = await file.size();
  const changed = (came: string) =>
    errors.SOURCE_CHANGED({ expected: `${path} of ${sizeBytes} bytes as it was`, came });
  return {
    sizeBytes,
    async read(offset, into) {
      const count = await file.read(into, offset);
      if (count < into.length) throw changed(`an end after ${offset + count} bytes`);
    },
    async check() {
      const size = await file.size();
      if (size !== sizeBytes) throw changed(`${size} bytes`);
      if ((await file.lastChange()) !== first) throw changed('other contents of the same size');
    },
    close: () => file.close(),
  };
}
