/** `floe read BLOB_ID [-o FILE]`. */
import { once } from 'node:events';
import { parseBlobId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { writeParts } from '../files.ts';
import { formatBytes, type Output } from '../output.ts';
import { openSession } from '../session.ts';
import type { ReadOptions } from './blob-options.ts';

export async function runRead(id: string, options: ReadOptions, output: Output, signal: AbortSignal): Promise<void> {
  const blobId = parseBlobId(id);
  if (options.out === undefined && options.json === true) {
    throw cliErrors.USAGE({ detail: 'with --json the blob needs a file to go to: add -o FILE' });
  }
  const session = await openSession(options);
  const progress = output.progress(id);
  try {
    const blob = await session.client.open(blobId, { signal });
    const parts = withProgress(
      blob.stream({ signal, consistency: options.strict === true ? 'strict' : 'default' }),
      (done) => progress.update('reading', blob.sizeBytes === 0 ? 1 : done / blob.sizeBytes),
    );
    if (options.out === undefined) {
      await writeToStandardOutput(parts);
      progress.done();
      return;
    }
    await writeParts(options.out, parts);
    progress.done();
    output.line(`${formatBytes(blob.sizeBytes)} written to ${options.out}`);
    output.result({ blobId, sizeBytes: blob.sizeBytes, path: options.out });
  } finally {
    progress.done();
    await session.close();
  }
}

async function* withProgress(
  parts: AsyncIterable<Uint8Array>,
  onBytes: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const part of parts) {
    yield part;
    done += part.length;
    onBytes(done);
  }
}

async function writeToStandardOutput(parts: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const part of parts) {
    if (!process.stdout.write(part)) await once(process.stdout, 'drain');
  }
}
