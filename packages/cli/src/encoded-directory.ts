/**
 * The directory that `floe decode` reads and `floe encode` writes (encoded-directory-writer.ts): a file for each sliver,
 * `primary-<i>` and `secondary-<i>` by sliver index, in the form in which nodes take them (BCS `SliverData`), and
 * `metadata.bcs`. Slivers are written and read in pieces, so neither their size nor their number shows in memory.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFloeError } from '@floe/platform';
import {
  AXES,
  type Axis,
  blobIdOf,
  decodeBlobMetadata,
  decodeMetadataWithId,
  decodeSliverData,
  encodedMetadataSize,
  geometryOf,
  ID_SIZE_BYTES,
  MAX_SHARDS,
  metadataRoot,
  type Sliver,
  sliverDataEnds,
  sliverDataSize,
  type SliverIndex,
  sliverSize,
  sourceSymbols,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import type { Codec, StoredSliver } from '@floe/redstuff';
import { cliErrors } from './errors.ts';
import { readSized, readWhole, unreadable } from './files.ts';
import { NAMED_REJECTIONS, VERIFIED_AT_ONCE_BYTES } from './limits.ts';

/** Its metadata. */
export const METADATA_FILE = 'metadata.bcs';
/** With a blob id. */
const MAX_METADATA_BYTES = ID_SIZE_BYTES + encodedMetadataSize(MAX_SHARDS);

/** Metadata with its blob id, or without, as the file may have been written by others. @throws ENCODED_DIRECTORY_INVALID */
export async function readMetadata(directory: string): Promise<VerifiedMetadata> {
  const bytes = await readWhole(join(directory, METADATA_FILE), MAX_METADATA_BYTES);
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

/** A sliver's file that cannot be used. */
export interface RejectedFile {
  readonly name: string;
  /** Why, in words that follow "it": `is damaged`. */
  readonly detail: string;
}

/** What a directory has to decode from, and the files that are not what they should be. */
export interface Sufficient {
  readonly axis: Axis;
  readonly slivers: readonly StoredSliver[];
  readonly rejected: readonly RejectedFile[];
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
  const rejected: RejectedFile[] = [];
  const counts: string[] = [];
  for (const axis of AXES) {
    const needed = sourceSymbols(geometry, axis);
    const atOnce = Math.max(1, Math.floor(VERIFIED_AT_ONCE_BYTES / sliverSize(geometry, axis, symbolSize)));
    const indices = indicesOf(names, axis, geometry.nShards);
    const slivers: StoredSliver[] = [];
    while (slivers.length < needed && indices.length > 0) {
      const some = indices.splice(0, Math.min(atOnce, needed - slivers.length));
      const bad = await verifyFiles(directory, { axis, indices: some }, codec, verified, signal);
      rejected.push(...[...bad].map(([index, detail]) => ({ name: `${axis}-${index}`, detail })));
      const good = some.filter((index) => !bad.has(index));
      slivers.push(...good.map((index) => storedIn(directory, axis, index, verified)));
    }
    if (slivers.length === needed) return { axis, slivers, rejected };
    counts.push(`${slivers.length} good ${axis} slivers of the ${needed} needed`);
  }
  const detail = `it has ${counts.join(', and ')}${rejected.length === 0 ? '' : `: ${namesOf(rejected)}`}`;
  throw cliErrors.ENCODED_DIRECTORY_INVALID({ directory, detail });
}

function namesOf(rejected: readonly RejectedFile[]): string {
  const named = rejected.slice(0, NAMED_REJECTIONS).map(({ name, detail }) => `${name} ${detail}`);
  const others = rejected.length - named.length;
  return [...named, ...(others === 0 ? [] : [`and so for ${others} more`])].join(', ');
}

function indicesOf(names: readonly string[], axis: Axis, nShards: number): SliverIndex[] {
  const pattern = new RegExp(`^${axis}-(0|[1-9]\\d{0,3})$`);
  return names
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .filter((index) => index < nShards)
    .toSorted((a, b) => a - b) as SliverIndex[];
}

/** Those of the slivers that are not what their names say, do not match the metadata or cannot be read, each with why. */
async function verifyFiles(
  directory: string,
  { axis, indices }: { readonly axis: Axis; readonly indices: readonly SliverIndex[] },
  codec: Codec,
  verified: VerifiedMetadata,
  signal: AbortSignal,
): Promise<Map<SliverIndex, string>> {
  const sizeBytes = sliverDataSize(sliverSize(verified.geometry, axis, verified.symbolSize));
  const slivers: Sliver[] = [];
  const bad = new Map<SliverIndex, string>();
  for (const index of indices) {
    signal.throwIfAborted();
    try {
      const sliver = parseSliver(await readSized(join(directory, `${axis}-${index}`), sizeBytes), axis);
      if (sliver?.index === index) slivers.push(sliver);
      else bad.set(index, 'is damaged');
    } catch (error) {
      // The others may be enough.
      if (!isFloeError(error, 'FILE_UNREADABLE')) throw error;
      bad.set(index, `cannot be read (${(error.data as { detail: string }).detail})`);
    }
  }
  const results = await codec.verifySlivers(verified, slivers, { signal });
  for (const [i, { index }] of slivers.entries()) if (results[i] !== 'ok') bad.set(index, 'is damaged');
  return bad;
}

function parseSliver(bytes: Uint8Array | undefined, axis: Axis): Sliver | undefined {
  if (bytes === undefined) return undefined;
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
