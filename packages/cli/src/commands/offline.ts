/** `floe blob-id`, `floe encode`, `floe decode`: the codec on files, without a network. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFloeError } from '@floe/platform';
import {
  blobIdOf,
  decodeBlobMetadata,
  decodeMetadataWithId,
  decodeSliverData,
  encodeMetadataWithId,
  encodedLength,
  encodeSliverData,
  geometryOf,
  metadataRoot,
  sliverSize,
  sourceSymbols,
  symbolSizeOf,
  verifyMetadata,
  type Axis,
  type Geometry,
  type Sliver,
  type SliverIndex,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { createWorkerCodec } from '@floe/redstuff/node';
import { cliErrors } from '../errors.ts';
import { openBlobFile, wholeBlobFileSize } from '../blob-file.ts';
import { readWhole, unwritable, writeParts, writeWhole } from '../files.ts';
import { findNetworkIfAny } from '../network.ts';
import { formatBytes, type Output } from '../output.ts';
import type { BlobIdOptions, EncodeOptions } from './offline-options.ts';

const METADATA_FILE = 'metadata.bcs';
const DEFAULT_SHARDS = 1000;

export async function runBlobId(
  files: readonly string[],
  options: BlobIdOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { nShards, from } = await chooseShards(options);
  const geometry = geometryOf(nShards);
  const results: unknown[] = [];
  await withCodec(async (codec) => {
    for (const path of files) {
      const verified = await metadataOfFile(path, geometry, codec, signal);
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

async function metadataOfFile(
  path: string,
  geometry: Geometry,
  codec: Codec,
  signal: AbortSignal,
): Promise<VerifiedMetadata> {
  const source = await openBlobFile(path, geometry.nShards);
  try {
    return await codec.computeMetadataOf(geometry, source, { signal });
  } finally {
    await source.close();
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
  const symbolSize = symbolSizeOf(geometry, await wholeBlobFileSize(path, geometry.nShards));
  const blob = await readWhole(path);
  await mkdir(options.out, { recursive: true }).catch((error: unknown) =>
    Promise.reject(unwritable(options.out, error)),
  );
  const progress = output.progress(path);
  await withCodec(async (codec) => {
    progress.update('encoding');
    const encoded = await codec.encode(geometry, blob, {
      signal,
      onProgress: (part) => progress.update('encoding', part),
    });
    for (const axis of ['primary', 'secondary'] as const) {
      for (let index = 0; index < geometry.nShards; index += 1) {
        signal.throwIfAborted();
        const bytes = encodeSliverData(encoded.sliver(axis, index as SliverIndex));
        await writeWhole(join(options.out, `${axis}-${index}`), bytes);
        progress.update(`writing ${axis} slivers`, (index + 1) / geometry.nShards);
      }
    }
    const { blobId, metadata } = encoded.verified;
    await writeWhole(join(options.out, METADATA_FILE), encodeMetadataWithId(blobId, metadata));
    progress.done();
    output.line(`${blobId}  ${path}`);
    output.line(
      `${geometry.nShards} primary slivers of ${formatBytes(sliverSize(geometry, 'primary', symbolSize))} and ` +
        `${geometry.nShards} secondary ones of ${formatBytes(sliverSize(geometry, 'secondary', symbolSize))} in ${options.out}`,
    );
    output.result({
      path,
      blobId,
      sizeBytes: metadata.unencodedLength,
      encodedSizeBytes: encodedLength(geometry, metadata.unencodedLength),
      nShards: geometry.nShards,
      symbolSize,
      directory: options.out,
    });
  });
}

export async function runDecode(
  directory: string,
  options: { out: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const verified = await readMetadata(directory);
  const progress = output.progress(directory);
  await withCodec(async (codec) => {
    progress.update('reading slivers');
    const { slivers, rejected } = await readSufficient(directory, codec, verified, signal);
    for (const name of rejected) output.warn(`${name} is damaged and was left out`);
    progress.update('decoding');
    const { geometry, metadata } = verified;
    const blob = await codec.decode(geometry, metadata.unencodedLength, slivers, { signal });
    await codec.checkConsistency(verified, blob, 'strict', undefined, { signal });
    progress.done();
    await writeParts(options.out, [blob]);
    output.line(`${verified.blobId}: ${formatBytes(blob.length)} written to ${options.out}`);
    output.result({
      blobId: verified.blobId,
      sizeBytes: blob.length,
      path: options.out,
      axis: slivers[0]?.axis,
      rejected,
    });
  });
}

/** Metadata with its blob id, or without, as the file may have been written by others. */
async function readMetadata(directory: string): Promise<VerifiedMetadata> {
  const bytes = await readWhole(join(directory, METADATA_FILE));
  try {
    const { blobId, metadata } = decodeMetadataWithId(bytes);
    return verifyMetadata(geometryOf(metadata.pairHashes.length / 64), blobId, metadata);
  } catch (withIdError) {
    try {
      const metadata = decodeBlobMetadata(bytes);
      const rootHash = metadataRoot(metadata);
      const blobId = blobIdOf({ rootHash, unencodedLength: metadata.unencodedLength });
      return verifyMetadata(geometryOf(metadata.pairHashes.length / 64), blobId, metadata);
    } catch {
      const detail = `its ${METADATA_FILE} is not valid: ${withIdError instanceof Error ? withIdError.message : ''}`;
      throw cliErrors.ENCODED_DIRECTORY_INVALID({ directory, detail }, withIdError);
    }
  }
}

/** Verified slivers of one axis, as many as decoding needs; systematic ones first, since they need no decoding. */
async function readSufficient(
  directory: string,
  codec: Codec,
  verified: VerifiedMetadata,
  signal: AbortSignal,
): Promise<{ slivers: Sliver[]; rejected: string[] }> {
  const names = await readdir(directory);
  const rejected: string[] = [];
  const found: string[] = [];
  for (const axis of ['primary', 'secondary'] as const) {
    const needed = sourceSymbols(verified.geometry, axis);
    const indices = indicesOf(names, axis, verified.geometry.nShards);
    const slivers: Sliver[] = [];
    for (const index of indices) {
      if (slivers.length === needed) break;
      const name = `${axis}-${index}`;
      const sliver = await readSliver(join(directory, name), axis, index, codec, verified, signal);
      if (sliver === undefined) rejected.push(name);
      else slivers.push(sliver);
    }
    if (slivers.length === needed) return { slivers, rejected };
    found.push(`${slivers.length} good ${axis} slivers of the ${needed} needed`);
  }
  throw cliErrors.ENCODED_DIRECTORY_INVALID({ directory, detail: `it has ${found.join(', and ')}` });
}

function indicesOf(names: readonly string[], axis: Axis, nShards: number): SliverIndex[] {
  return names
    .map((name) => new RegExp(`^${axis}-(\\d{1,4})$`).exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .filter((index) => index < nShards)
    .toSorted((a, b) => a - b) as SliverIndex[];
}

/** The sliver when it is what its name says and matches the metadata. */
async function readSliver(
  path: string,
  axis: Axis,
  index: SliverIndex,
  codec: Codec,
  verified: VerifiedMetadata,
  signal: AbortSignal,
): Promise<Sliver | undefined> {
  const bytes = await readWhole(path);
  try {
    const sliver = decodeSliverData(bytes, axis);
    if (sliver.index !== index) return undefined;
    await codec.verifySliver(verified, sliver, { signal });
    return sliver;
  } catch (error) {
    if (isFloeError(error) && (error.kind === 'invalid' || error.kind === 'integrity')) return undefined;
    throw error;
  }
}

async function withCodec(work: (codec: Codec) => Promise<void>): Promise<void> {
  const codec = createWorkerCodec({});
  try {
    await work(codec);
  } finally {
    await codec.close();
  }
}
