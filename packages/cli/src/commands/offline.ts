/** `floe blob-id`, `floe encode`, `floe decode`: the codec on files of any size, without a network. */
import { isFloeError } from '@floe/platform';
import { encodedLength, type Geometry, geometryOf, sliverSize, type VerifiedMetadata } from '@floe/protocol';
import { type BlobSource, type Codec, type ScratchSpace, spool } from '@floe/redstuff';
import { createWorkerCodec, scratchOnDemand } from '@floe/redstuff/node';
import { openBlobFile } from '../blob-file.ts';
import { EncodedDirectoryWriter } from '../encoded-directory-writer.ts';
import { findSufficient, readMetadata } from '../encoded-directory.ts';
import { writeParts } from '../files.ts';
import { BATCH_FILE_BYTES, BATCH_FILES, DECODE_MEMORY_BYTES, READ_PIECE_BYTES } from '../limits.ts';
import { findNetworkIfAny } from '../network.ts';
import { formatBytes, type Output } from '../output.ts';
import { scratchDirectory } from '../scratch-directory.ts';
import type { BlobIdOptions, DecodeOptions, EncodeOptions } from './offline-options.ts';

const DEFAULT_SHARDS = 1000;

/** What the commands compute with. */
interface Tools {
  readonly codec: Codec;
  readonly scratch: ScratchSpace;
}

export async function runBlobId(
  files: readonly string[],
  options: BlobIdOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { nShards, from } = await chooseShards(options);
  const geometry = geometryOf(nShards);
  const results: unknown[] = [];
  await withTools(options, async (tools) => {
    for await (const { path, verified } of metadataOfFiles(files, geometry, tools, signal)) {
      const { unencodedLength } = verified.metadata;
      results.push({
        path,
        blobId: verified.blobId,
        sizeBytes: unencodedLength,
        nShards,
        nShardsFrom: from,
        encodingType: 'RS2',
      });
      output.line(`${verified.blobId}  ${path}`);
    }
  });
  output.line(`(for ${nShards} shards, ${from})`);
  output.result(results);
}

interface FileMetadata {
  readonly path: string;
  readonly verified: VerifiedMetadata;
}

/** In the order of the files; small ones that follow each other are computed together. */
async function* metadataOfFiles(
  paths: readonly string[],
  geometry: Geometry,
  tools: Tools,
  signal: AbortSignal,
): AsyncGenerator<FileMetadata, void> {
  let [batch, blobs]: [string[], Uint8Array[]] = [[], []];
  const finishBatch = async (): Promise<FileMetadata[]> => {
    const all = await tools.codec.computeMetadataBatch(geometry, blobs, { signal });
    const results = all.map((verified, i) => ({ path: batch[i] as string, verified }));
    [batch, blobs] = [[], []];
    return results;
  };
  try {
    for (const path of paths) {
      const source = await openBlobFile(path, geometry.nShards);
      try {
        const isSmall = source.sizeBytes <= BATCH_FILE_BYTES;
        if (isSmall) {
          blobs.push(await readSource(source, signal));
          batch.push(path);
        }
        if (!isSmall || batch.length === BATCH_FILES) yield* await finishBatch();
        if (!isSmall) yield { path, verified: await metadataOf(source, geometry, tools, signal) };
      } finally {
        await source.close();
      }
    }
  } catch (error) {
    yield* await finishBatch(); // what came before the file that failed
    throw error;
  }
  yield* await finishBatch();
}

async function readSource(source: BlobSource, signal: AbortSignal): Promise<Uint8Array> {
  const blob = new Uint8Array(source.sizeBytes);
  if (blob.length > 0) await source.read(0, blob, { signal });
  await source.check?.({ signal });
  return blob;
}

/** With half the file put aside it is read twice; where there is no room for that, more often. */
async function metadataOf(
  source: BlobSource,
  geometry: Geometry,
  { codec, scratch }: Tools,
  signal: AbortSignal,
): Promise<VerifiedMetadata> {
  try {
    return await codec.computeMetadataOf(geometry, source, { scratch, signal });
  } catch (error) {
    if (!isFloeError(error, 'SCRATCH_FULL')) throw error;
    return await codec.computeMetadataOf(geometry, source, { signal });
  }
}

async function chooseShards(options: BlobIdOptions): Promise<{ nShards: number; from: string }> {
  if (options.shards !== undefined) return { nShards: options.shards, from: 'as asked' };
  const found = await findNetworkIfAny(options);
  if (found === undefined) return { nShards: DEFAULT_SHARDS, from: 'the default, as no network was found' };
  return { nShards: found.description.nShards, from: `the network of ${found.source}` };
}

export async function runEncode(
  path: string,
  options: EncodeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const geometry = geometryOf(options.shards);
  const source = await openBlobFile(path, geometry.nShards);
  try {
    const { sizeBytes } = source;
    const target = { directory: options.out, replace: options.force === true };
    const directory = await EncodedDirectoryWriter.open(target, geometry, sizeBytes);
    const progress = output.progress(path);
    await withTools(options, async ({ codec, scratch }) => {
      const onProgress = (part: number) => progress.update('encoding', part);
      let verified: VerifiedMetadata;
      try {
        verified = await codec.encodeStream(geometry, source, directory, { scratch, signal, onProgress });
        progress.update('writing the slivers that are slices of the file');
        await directory.finish(source, verified, signal);
      } catch (error) {
        await directory.discard();
        throw error;
      } finally {
        progress.done();
      }
      const { blobId, symbolSize } = verified;
      output.line(`${blobId}  ${path}`);
      output.line(
        `${geometry.nShards} primary slivers of ${formatBytes(sliverSize(geometry, 'primary', symbolSize))} and ` +
          `${geometry.nShards} secondary ones of ${formatBytes(sliverSize(geometry, 'secondary', symbolSize))} in ${options.out}`,
      );
      output.result({
        path,
        blobId,
        sizeBytes,
        encodedSizeBytes: encodedLength(geometry, sizeBytes),
        nShards: geometry.nShards,
        symbolSize,
        directory: options.out,
      });
    });
  } finally {
    await source.close();
  }
}

/** What is decoded is put aside and encoded again before it becomes the file: no other reader can then see other bytes. */
export async function runDecode(
  directory: string,
  options: DecodeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const verified = await readMetadata(directory);
  const progress = output.progress(directory);
  await withTools(options, async ({ codec, scratch }) => {
    progress.update('reading slivers');
    const { axis, slivers, rejected } = await findSufficient(directory, codec, verified, signal);
    for (const { name, detail } of rejected) output.warn(`${name} ${detail} and was left out`);
    const onProgress = (part: number) => progress.update('decoding', part);
    const within = { scratch, signal, memorySizeBytes: DECODE_MEMORY_BYTES };
    const decoded = codec.decodeStream(verified, slivers, { ...within, onProgress });
    const source = await spool(decoded, scratch, { maxBytes: verified.metadata.unencodedLength, signal });
    try {
      progress.update('checking');
      await codec.checkEncoding(verified, source, within);
      progress.done();
      await writeParts(options.out, piecesOf(source, signal));
    } finally {
      await source.close();
    }
    const { sizeBytes } = source;
    output.line(`${verified.blobId}: ${formatBytes(sizeBytes)} written to ${options.out}`);
    output.result({
      blobId: verified.blobId,
      sizeBytes,
      path: options.out,
      axis,
      rejected: rejected.map(({ name }) => name),
    });
  });
}

async function* piecesOf(source: BlobSource, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < source.sizeBytes; at += READ_PIECE_BYTES) {
    const piece = new Uint8Array(Math.min(READ_PIECE_BYTES, source.sizeBytes - at));
    await source.read(at, piece, { signal });
    yield piece;
  }
}

async function withTools(options: { scratch?: string }, work: (tools: Tools) => Promise<void>): Promise<void> {
  const codec = createWorkerCodec({});
  const scratch = scratchOnDemand({ directory: scratchDirectory(options.scratch) });
  try {
    await work({ codec, scratch });
  } finally {
    await codec.close();
    await scratch.close();
  }
}
