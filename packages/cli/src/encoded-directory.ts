/**
 * The directory that `floe encode` writes and `floe decode` reads: a file for each sliver, `primary-<i>` and
 * `secondary-<i>` by sliver index, in the form in which nodes take them (BCS `SliverData`), and `metadata.bcs`. Slivers
 * are written and read in pieces, so neither their size nor their number shows in memory.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFloeError, mapConcurrent } from '@floe/platform';
import {
  AXES,
  type Axis,
  blobIdOf,
  decodeBlobMetadata,
  decodeMetadataWithId,
  decodeSliverData,
  encodeMetadataWithId,
  type Geometry,
  geometryOf,
  metadataRoot,
  type Sliver,
  sliverDataEnds,
  type SliverIndex,
  sliverSize,
  sourceSymbols,
  symbolSizeOf,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import type { BlobSource, Codec, SliverRun, SliverSink, StoredSliver } from '@floe/redstuff';
import { cliErrors } from './errors.ts';
import { readWhole, unreadable, unwritable, writeWhole } from './files.ts';
import { FILES_AT_ONCE, VERIFIED_AT_ONCE_BYTES } from './limits.ts';

const METADATA_FILE = 'metadata.bcs';

/** Writes slivers as they come. Call {@link EncodedDirectoryWriter.finish} when all others have. */
export class EncodedDirectoryWriter implements SliverSink {
  readonly #directory: string;
  readonly #geometry: Geometry;
  readonly #symbolSize: number;

  private constructor(directory: string, geometry: Geometry, symbolSize: number) {
    this.#directory = directory;
    this.#geometry = geometry;
    this.#symbolSize = symbolSize;
  }

  /** Makes the directory when it is absent. @throws FILE_UNWRITABLE, BLOB_TOO_LARGE */
  static async open(directory: string, geometry: Geometry, blobSize: number): Promise<EncodedDirectoryWriter> {
    const symbolSize = symbolSizeOf(geometry, blobSize);
    await mkdir(directory, { recursive: true }).catch((error: unknown) => Promise.reject(unwritable(directory, error)));
    return new EncodedDirectoryWriter(directory, geometry, symbolSize);
  }

  /** Runs of one sliver come in order; the first begins its file anew. @throws FILE_UNWRITABLE */
  async write({ axis, index, offset, data }: SliverRun): Promise<void> {
    const path = join(this.#directory, `${axis}-${index}`);
    const size = sliverSize(this.#geometry, axis, this.#symbolSize);
    const { head, tail } = sliverDataEnds({ symbolSize: this.#symbolSize, index }, size);
    const start = offset === 0 ? constants.O_TRUNC : 0;
    try {
      const file = await open(path, constants.O_WRONLY | constants.O_CREAT | start, 0o666);
      try {
        if (offset === 0) await file.write(head, 0, head.length, 0);
        let done = 0;
        while (done < data.length) {
          const { bytesWritten } = await file.write(data, done, data.length - done, head.length + offset + done);
          done += bytesWritten;
        }
        if (offset + data.length === size) await file.write(tail, 0, tail.length, head.length + size);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Writes what an encoder does not hand out, the slivers that are slices of the blob, and the metadata. */
  async finish(source: BlobSource, { blobId, metadata }: VerifiedMetadata, signal: AbortSignal): Promise<void> {
    const { rows } = this.#geometry;
    const size = sliverSize(this.#geometry, 'primary', this.#symbolSize);
    await mapConcurrent(
      Array.from({ length: rows }, (_, row) => row),
      FILES_AT_ONCE,
      async (row) => {
        signal.throwIfAborted();
        const data = new Uint8Array(size);
        const present = Math.min(size, source.sizeBytes - row * size);
        if (present > 0) await source.read(row * size, data.subarray(0, present), { signal });
        await this.write({ axis: 'primary', index: row as SliverIndex, offset: 0, data });
      },
    );
    await source.check?.({ signal });
    await writeWhole(join(this.#directory, METADATA_FILE), encodeMetadataWithId(blobId, metadata));
  }
}

/** Metadata with its blob id, or without, as the file may have been written by others. @throws ENCODED_DIRECTORY_INVALID */
export async function readMetadata(directory: string): Promise<VerifiedMetadata> {
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

/** What a directory has to decode from, and the names of files that are not what they should be. */
export interface Sufficient {
  readonly axis: Axis;
  readonly slivers: readonly StoredSliver[];
  readonly rejected: readonly string[];
}

/**
 * Verified slivers of one axis, as many as decoding needs; systematic ones first, since they need no decoding.
 * @throws ENCODED_DIRECTORY_INVALID
 */
export async function findSufficient(
  directory: string,
  codec: Codec,
  verified: VerifiedMetadata,
  signal: AbortSignal,
): Promise<Sufficient> {
  const { geometry, symbolSize } = verified;
  const names = await readdir(directory).catch((error: unknown) => Promise.reject(unreadable(directory, error)));
  const rejected: string[] = [];
  const counts: string[] = [];
  for (const axis of AXES) {
    const needed = sourceSymbols(geometry, axis);
    const atOnce = Math.max(1, Math.floor(VERIFIED_AT_ONCE_BYTES / sliverSize(geometry, axis, symbolSize)));
    const indices = indicesOf(names, axis, geometry.nShards);
    const slivers: StoredSliver[] = [];
    while (slivers.length < needed && indices.length > 0) {
      const some = indices.splice(0, Math.min(atOnce, needed - slivers.length));
      const good = await verifyFiles(directory, { axis, indices: some }, codec, verified, signal);
      rejected.push(...some.filter((index) => !good.has(index)).map((index) => `${axis}-${index}`));
      slivers.push(
        ...some.filter((index) => good.has(index)).map((index) => storedIn(directory, axis, index, verified)),
      );
    }
    if (slivers.length === needed) return { axis, slivers, rejected };
    counts.push(`${slivers.length} good ${axis} slivers of the ${needed} needed`);
  }
  throw cliErrors.ENCODED_DIRECTORY_INVALID({ directory, detail: `it has ${counts.join(', and ')}` });
}

function indicesOf(names: readonly string[], axis: Axis, nShards: number): SliverIndex[] {
  const pattern = new RegExp(`^${axis}-(\\d{1,4})$`);
  return names
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .filter((index) => index < nShards)
    .toSorted((a, b) => a - b) as SliverIndex[];
}

/** Those of the slivers that are what their names say and match the metadata. */
async function verifyFiles(
  directory: string,
  { axis, indices }: { readonly axis: Axis; readonly indices: readonly SliverIndex[] },
  codec: Codec,
  verified: VerifiedMetadata,
  signal: AbortSignal,
): Promise<Set<SliverIndex>> {
  const slivers: Sliver[] = [];
  for (const index of indices) {
    const sliver = parseSliver(await readWhole(join(directory, `${axis}-${index}`)), axis);
    if (sliver?.index === index) slivers.push(sliver);
  }
  const results = await codec.verifySlivers(verified, slivers, { signal });
  return new Set(slivers.filter((_, i) => results[i] === 'ok').map(({ index }) => index));
}

function parseSliver(bytes: Uint8Array, axis: Axis): Sliver | undefined {
  try {
    return decodeSliverData(bytes, axis);
  } catch (error) {
    if (isFloeError(error) && error.kind === 'invalid') return undefined;
    throw error;
  }
}

function storedIn(directory: string, axis: Axis, index: SliverIndex, verified: VerifiedMetadata): StoredSliver {
  const path = join(directory, `${axis}-${index}`);
  const { geometry, symbolSize } = verified;
  const { head } = sliverDataEnds({ symbolSize, index }, sliverSize(geometry, axis, symbolSize));
  return {
    axis,
    index,
    async read(offset, into) {
      try {
        const file = await open(path);
        try {
          for (let done = 0; done < into.length;) {
            const { bytesRead } = await file.read(into, done, into.length - done, head.length + offset + done);
            if (bytesRead === 0) throw cliErrors.FILE_UNREADABLE({ path, detail: 'it was cut while it was read' });
            done += bytesRead;
          }
        } finally {
          await file.close();
        }
      } catch (error) {
        throw unreadable(path, error);
      }
    },
  };
}
