/** `floe quote FILE…`: what `floe store FILE…` would charge now. */
import type { BlobQuote, StoreQuote } from '@floe/client';
import type { SuiAddress, VerifiedMetadata } from '@floe/protocol';
import { openBlobFile } from '../blob-file.ts';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import { openWallet, type Session, withSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';
import { nameOf, type StoreInput } from './store-inputs.ts';

export interface QuoteOptions extends NetworkOptions {
  readonly epochs: number;
  readonly permanent?: boolean;
}

export async function runQuote(
  files: readonly string[],
  options: QuoteOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withSession(options, async (session) => {
    const wallet = await openWallet(session, options, { fund: false });
    const { nShards } = session.network.description;
    const inputs: StoreInput[] = [];
    try {
      for (const path of files) inputs.push({ path, blob: await openBlobFile(path, nShards) });
      const quote = await quoteInputs(inputs, session, { ...options, payer: wallet.address }, output, signal);
      const { wal } = await session.ledger.balances(wallet.address, { signal });
      describe(files, quote, output);
      if (wal < quote.total) output.line(`the wallet has ${formatCoin(wal, 'WAL')}: too little`);
      const blobs = quote.blobs.map((blob, i) => ({ path: files[i], ...blobJson(blob) }));
      output.result({ ...quote, blobs, walBalance: wal });
    } finally {
      for (const { blob } of inputs) await blob.close();
    }
  });
}

/** The quote of storing these one after another. @throws INVALID_EPOCHS */
export async function quoteInputs(
  inputs: readonly StoreInput[],
  session: Session,
  options: { readonly epochs: number; readonly permanent?: boolean; readonly payer: SuiAddress },
  output: Output,
  signal: AbortSignal,
): Promise<StoreQuote> {
  const blobs: VerifiedMetadata[] = [];
  for (const { path, blob } of inputs) {
    const progress = output.progress(nameOf(path));
    progress.update('computing its blob id');
    try {
      blobs.push(await session.client.metadataOf(blob, { signal }));
    } finally {
      progress.done();
    }
  }
  const { epochs, permanent, payer } = options;
  return session.client.quoteStores(blobs, { epochs, deletable: permanent !== true, payer, signal });
}

const OPERATIONS: Readonly<Record<BlobQuote['operation']['kind'], string>> = {
  alreadyCertified: 'stored already: nothing is due',
  registerFromScratch: 'in space that is bought',
  reuseStorage: 'in space that the wallet has',
  reuseRegistration: 'registered already, by a store that was interrupted',
  reuseAndExtend: 'stored already, to be extended',
  reuseAndExtendNonCertified: 'registered already, to be extended',
};

function describe(files: readonly string[], quote: StoreQuote, output: Output): void {
  for (const [i, blob] of quote.blobs.entries()) {
    const { sizeBytes, encodedLength, operation, endEpoch, storage, write, gas } = blob;
    output.line(`${files[i]}`);
    output.line(
      `  ${formatBytes(sizeBytes)}, ${formatBytes(encodedLength)} encoded, until the start of epoch ${endEpoch}`,
    );
    output.line(`  ${OPERATIONS[operation.kind]}`);
    output.line(`  storage    ${storage} FROST`);
    output.line(`  write fee  ${write} FROST`);
    if (gas !== undefined) output.line(`  gas        ${gas} MIST`);
  }
  output.line(`charge       ${quote.total} FROST = ${formatCoin(quote.total, 'WAL')}`);
  if (quote.gas !== undefined) output.line(`and for gas  ${quote.gas} MIST = ${formatCoin(quote.gas, 'SUI')}`);
  if (quote.gasNote !== undefined) {
    output.line(quote.gas === undefined ? `gas cannot be told: ${quote.gasNote}` : `(gas is ${quote.gasNote})`);
  }
}

function blobJson({ blobId, sizeBytes, encodedLength, operation, endEpoch, ...costs }: BlobQuote): object {
  return { blobId, sizeBytes, encodedSizeBytes: encodedLength, operation, endEpoch, ...costs };
}
