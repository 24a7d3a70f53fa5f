/** Files that are to become blobs. */
import { geometryOf, maxBlobSize } from '@floe/protocol';
import { cliErrors } from './errors.ts';
import { fileSize } from './files.ts';
import { MAX_FILE_BYTES } from './limits.ts';

/**
 * The size of a file that can be a blob of `nShards` shards; nothing is read.
 *
 * @throws FILE_UNREADABLE, BLOB_TOO_LARGE, FILE_TOO_LARGE
 */
export async function blobFileSize(path: string, nShards: number): Promise<number> {
  const sizeBytes = await fileSize(path);
  const maxBytes = maxBlobSize(geometryOf(nShards));
  if (sizeBytes > maxBytes) throw cliErrors.BLOB_TOO_LARGE({ path, sizeBytes, maxBytes, nShards });
  if (sizeBytes > MAX_FILE_BYTES) throw cliErrors.FILE_TOO_LARGE({ path, sizeBytes, maxBytes: MAX_FILE_BYTES });
  return sizeBytes;
}
