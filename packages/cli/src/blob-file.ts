/** Files, and standard input, that are to become blobs. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { FloeClient, SpooledBlob } from '@floe/client';
import { isFloeError } from '@floe/platform';
import { geometryOf, maxBlobSize } from '@floe/protocol';
import type { BlobSource } from '@floe/redstuff';
import { openFileSource } from '@floe/redstuff/node';
import { cliErrors } from './errors.ts';
import { fileSize, unreadable } from './files.ts';
import { withStandardInput } from './standard-input.ts';

/** What names standard input. */
export const STANDARD_INPUT = '-';

/**
 * The size of a file that can be a blob of `nShards` shards; nothing is read.
 *
 * @throws FILE_UNREADABLE, BLOB_TOO_LARGE
 */
async function blobFileSize(path: string, nShards: number): Promise<number> {
  const sizeBytes = await fileSize(path);
  const maxBytes = maxBlobSize(geometryOf(nShards));
  if (sizeBytes > maxBytes) throw cliErrors.BLOB_TOO_LARGE({ path, sizeBytes, maxBytes, nShards });
  return sizeBytes;
}

/** A file to be read as often as needed, part by part. @throws FILE_UNREADABLE, BLOB_TOO_LARGE */
export async function openBlobFile(path: string, nShards: number): Promise<BlobSource & { close(): Promise<void> }> {
  await blobFileSize(path, nShards);
  try {
    await access(path, constants.R_OK);
    return await openFileSource(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Standard input, taken in to its end. @throws BLOB_TOO_LARGE, SCRATCH_FULL */
export async function spoolStandardInput(
  client: FloeClient,
  options: { readonly nShards: number; readonly signal: AbortSignal; readonly onBytes: (readBytes: number) => void },
): Promise<SpooledBlob> {
  const { nShards, ...rest } = options;
  const maxBytes = maxBlobSize(geometryOf(nShards));
  try {
    return await withStandardInput(rest.signal, (input) => client.spool(input, { ...rest, maxBytes }));
  } catch (error) {
    if (!isFloeError(error, 'SOURCE_TOO_LARGE')) throw error;
    throw cliErrors.BLOB_TOO_LARGE({ path: 'standard input', sizeBytes: maxBytes + 1, maxBytes, nShards }, error);
  }
}
