/** `floe store FILE…`. */
import { clientErrors, type StoreProgress, type StoreResult } from '@floe/client';
import type { SuiAddress } from '@floe/protocol';
import { STANDARD_INPUT } from '../blob-file.ts';
import { cliErrors } from '../errors.ts';
import { formatBytes, formatCoin, type Output, type Progress } from '../output.ts';
import { openSession, openWallet, type Session } from '../session.ts';
import type { StoreOptions } from './blob-options.ts';
import { quoteInputs } from './quote.ts';
import { nameOf, openInput, STAGE_TEXT, type StoreInput } from './store-inputs.ts';

export async function runStore(
  files: readonly string[],
  options: StoreOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (files.filter((path) => path === STANDARD_INPUT).length > 1) {
    throw cliErrors.USAGE({ detail: 'standard input can be stored once: - was given more than once' });
  }
  const session = await openSession(options);
  const inputs: StoreInput[] = [];
  try {
    // All first: a list with one that cannot be read or is too large is refused before anything is paid.
    for (const path of files) inputs.push({ path, ...(await openInput(path, session, output, signal)) });
    const wallet = await openWallet(session, options, { fund: true, signal });
    const spending = await plannedSpending(inputs, session, wallet.address, options, output, signal);
    const results: unknown[] = [];
    try {
      for (const { path, blob } of inputs) {
        const progress = output.progress(nameOf(path));
        const result = await session.client
          .store(blob, {
            epochs: options.epochs,
            deletable: options.permanent !== true,
            signer: wallet.keypair,
            maxCost: spending.left,
            signal,
            onProgress: (state) => showProgress(progress, state),
          })
          .finally(() => progress.done());
        spending.spend(result);
        describe(nameOf(path), result, output);
        results.push({ path, ...resultJson(result) });
      }
    } finally {
      // What was stored before a failure is paid for: its ids are not kept back.
      output.result(results);
    }
  } finally {
    // Uploads that go on after their store read from the inputs.
    await session.close();
    for (const { blob } of inputs) await blob.close();
  }
}

/** What may still be paid; without `--max-cost`, anything. */
interface Spending {
  readonly left: bigint | undefined;
  spend(result: StoreResult): void;
}

/** With `--max-cost` all files are quoted first: the first is not paid for if the last cannot be. @throws COST_ABOVE_MAXIMUM */
async function plannedSpending(
  inputs: readonly StoreInput[],
  session: Session,
  payer: SuiAddress,
  options: StoreOptions,
  output: Output,
  signal: AbortSignal,
): Promise<Spending> {
  const { maxCost } = options;
  if (maxCost === undefined) return { left: undefined, spend: () => undefined };
  const { total } = await quoteInputs(inputs, session, { ...options, payer }, output, signal);
  const what =
    inputs.length === 1 ? `storing ${nameOf(inputs[0]?.path ?? '')}` : `storing these ${inputs.length} files`;
  if (total > maxCost) throw clientErrors.COST_ABOVE_MAXIMUM({ what, cost: total, maxCost });
  let left = maxCost;
  return {
    get left() {
      return left;
    },
    spend: (result) => {
      if (result.kind === 'newlyCreated') left -= result.cost;
    },
  };
}

/** An upload is shown by its bytes: confirmations come all at its end. */
function showProgress(progress: Progress, { stage, fraction, upload }: StoreProgress): void {
  if (upload === undefined) return progress.update(STAGE_TEXT[stage], fraction);
  const { sentBytes, totalBytes } = upload;
  progress.update(
    STAGE_TEXT[stage],
    sentBytes / totalBytes,
    `, ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`,
  );
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
