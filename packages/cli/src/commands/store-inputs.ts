/** What store commands take: files, or standard input, open to be read. */
import type { SpooledBlob, StoreProgress } from '@floe/client';
import type { BlobSource } from '@floe/redstuff';
import { openBlobFile, spoolStandardInput, STANDARD_INPUT } from '../blob-file.ts';
import { formatBytes, type Output } from '../output.ts';
import type { Session } from '../session.ts';

/** What each stage is called for people. */
export const STAGE_TEXT: Readonly<Record<StoreProgress['stage'], string>> = {
  reading: 'reading',
  encoding: 'encoding',
  checking: 'asking whether it is stored already',
  registering: 'registering on the ledger',
  uploading: 'uploading to storage nodes',
  certifying: 'certifying on the ledger',
  finishing: 'finishing',
};

/** What is to be stored, open to be read. */
export interface StoreInput {
  readonly path: string;
  readonly blob: SpooledBlob | (BlobSource & { close(): Promise<void> });
}

/** Opens a file, or takes in standard input. @throws FILE_UNREADABLE, BLOB_TOO_LARGE, SCRATCH_FULL */
export async function openInput(
  path: string,
  { client, network }: Session,
  output: Output,
  signal: AbortSignal,
): Promise<Pick<StoreInput, 'blob'>> {
  const { nShards } = network.description;
  if (path !== STANDARD_INPUT) return { blob: await openBlobFile(path, nShards) };
  const progress = output.progress(nameOf(path));
  const onBytes = (readBytes: number): void =>
    progress.update('reading', undefined, `, ${formatBytes(readBytes)} so far`);
  try {
    return { blob: await spoolStandardInput(client, { nShards, signal, onBytes }) };
  } finally {
    progress.done();
  }
}

/** What an input is called for people. */
export function nameOf(path: string): string {
  return path === STANDARD_INPUT ? 'standard input' : path;
}
