/** `floe store FILE…`. */
import type { FloeClient, StoreProgress, StoreResult } from '@floe/client';
import { blobFileSize } from '../blob-file.ts';
import { readWhole } from '../files.ts';
import { formatBytes, formatCoin, type Output, type Progress } from '../output.ts';
import { openSession, openWallet } from '../session.ts';
import type { StoreOptions } from './blob-options.ts';

const STAGE_TEXT: Readonly<Record<StoreProgress['stage'], string>> = {
  encoding: 'encoding',
  checking: 'asking whether it is stored already',
  registering: 'registering on the ledger',
  uploading: 'uploading to storage nodes',
  certifying: 'certifying on the ledger',
  finishing: 'finishing',
};

export async function runStore(
  files: readonly string[],
  options: StoreOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const session = await openSession(options);
  try {
    const { nShards } = session.network.description;
    // All sizes first: a list of files with one that cannot be stored is refused before anything is paid.
    for (const path of files) await blobFileSize(path, nShards);
    const wallet = await openWallet(session, options, { fund: true, signal });
    const results: unknown[] = [];
    try {
      for (const path of files) {
        const progress = output.progress(path);
        const result = await storeFile(path, session.client, progress, {
          epochs: options.epochs,
          deletable: options.permanent !== true,
          signer: wallet.keypair,
          signal,
        }).finally(() => progress.done());
        describe(path, result, output);
        results.push({ path, ...resultJson(result) });
      }
    } finally {
      // What was stored before a failure is paid for: its ids are not kept back.
      output.result(results);
    }
  } finally {
    await session.close();
  }
}

async function storeFile(
  path: string,
  client: FloeClient,
  progress: Progress,
  options: Parameters<FloeClient['store']>[1],
): Promise<StoreResult> {
  progress.update('reading');
  const blob = await readWhole(path);
  return client.store(blob, {
    ...options,
    onProgress: ({ stage, fraction }) => progress.update(STAGE_TEXT[stage], fraction),
  });
}

function describe(path: string, result: StoreResult, output: Output): void {
  output.line(`${result.blobId}  ${path}`);
  const until = `until the start of epoch ${result.endEpoch}`;
  if (result.kind === 'alreadyCertified') {
    output.line(`  stored already, ${until}: nothing was paid`);
    return;
  }
  const kind = result.blobObject.deletable ? 'deletable' : 'permanent';
  output.line(
    `  ${formatBytes(result.sizeBytes)} stored as ${formatBytes(result.encodedLength)}, ${kind}, ${until}, ` +
      `for ${formatCoin(result.cost, 'WAL')}`,
  );
  output.line(`  object ${result.objectId}`);
}

function resultJson(result: StoreResult): Record<string, unknown> {
  const { kind, blobId, sizeBytes, encodedLength, endEpoch, timings } = result;
  const common = { blobId, result: kind, sizeBytes, encodedSizeBytes: encodedLength, endEpoch, timingsMs: timings };
  if (kind === 'alreadyCertified') return { ...common, cost: '0', ...result.proof };
  const { objectId, blobObject, cost, operation } = result;
  return { ...common, objectId, deletable: blobObject.deletable, cost, operation };
}
