/** Writes the directory of an encoding (encoded-directory.ts): whole, or not at all where that can be helped. */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '@floe/platform';
import {
  encodeMetadataWithId,
  type Geometry,
  sliverDataEnds,
  type SliverIndex,
  sliverSize,
  symbolSizeOf,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { BlobSource, SliverRun, SliverSink } from '@floe/redstuff';
import { METADATA_FILE } from './encoded-directory.ts';
import { cliErrors } from './errors.ts';
import { unreadable, unwritable, writeWhole } from './files.ts';
import { FILES_AT_ONCE } from './limits.ts';

const SLIVER_FILE = /^(primary|secondary)-(0|[1-9]\d{0,3})$/;

export interface EncodedDirectoryOptions {
  readonly directory: string;
  /** Whether an encoding that is there is to give way. */
  readonly replace: boolean;
}

/**
 * Writes slivers as they come. Call {@link EncodedDirectoryWriter.finish} when all others have, or
 * {@link EncodedDirectoryWriter.discard} when they will not. Metadata are removed first and written last: slivers of two
 * blobs never pass for one encoding.
 */
export class EncodedDirectoryWriter implements SliverSink {
  readonly #directory: string;
  readonly #geometry: Geometry;
  readonly #symbolSize: number;
  /** Whether the directory was made for this. */
  readonly #isNew: boolean;
  readonly #written = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #isDiscarded = false;

  private constructor(directory: string, geometry: Geometry, symbolSize: number, isNew: boolean) {
    this.#directory = directory;
    this.#geometry = geometry;
    this.#symbolSize = symbolSize;
    this.#isNew = isNew;
  }

  /** Makes the directory when it is absent. @throws DIRECTORY_NOT_EMPTY, FILE_UNWRITABLE, BLOB_TOO_LARGE */
  static async open(
    { directory, replace }: EncodedDirectoryOptions,
    geometry: Geometry,
    blobSize: number,
  ): Promise<EncodedDirectoryWriter> {
    const symbolSize = symbolSizeOf(geometry, blobSize);
    const made = await mkdir(directory, { recursive: true }).catch((error: unknown) =>
      Promise.reject(unwritable(directory, error)),
    );
    const [first, ...others] = await encodingIn(directory);
    if (first !== undefined) {
      const remedy = 'name another directory, or replace the encoding that is there with --force';
      if (!replace) throw cliErrors.DIRECTORY_NOT_EMPTY({ directory, holds: first, remedy });
      for (const name of [first, ...others]) await removeFile(join(directory, name));
    }
    return new EncodedDirectoryWriter(directory, geometry, symbolSize, made !== undefined);
  }

  /** Runs of one sliver come in order; the first begins its file anew. @throws FILE_UNWRITABLE */
  async write(run: SliverRun): Promise<void> {
    // An encoder that was stopped may not have noticed yet.
    if (this.#isDiscarded) return;
    const writing = this.#write(run);
    this.#underWay.add(writing);
    try {
      await writing;
    } finally {
      this.#underWay.delete(writing);
    }
  }

  async #write({ axis, index, offset, data }: SliverRun): Promise<void> {
    const path = join(this.#directory, `${axis}-${index}`);
    this.#written.add(path);
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
    const path = join(this.#directory, METADATA_FILE);
    this.#written.add(path);
    await writeWhole(path, encodeMetadataWithId(blobId, metadata));
  }

  /** Removes what was written, as far as that is possible: a part of an encoding is in the way of the next one. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    await Promise.allSettled(this.#underWay);
    for (const path of this.#written) await unlink(path).catch(() => undefined);
    if (this.#isNew) await rmdir(this.#directory).catch(() => undefined);
  }
}

/** The files of an encoding that a directory holds, whole or not; its metadata first. @throws FILE_UNREADABLE */
async function encodingIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: unknown) => Promise.reject(unreadable(directory, error)));
  const slivers = names.filter((name) => SLIVER_FILE.test(name));
  return names.includes(METADATA_FILE) ? [METADATA_FILE, ...slivers] : slivers;
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => Promise.reject(unwritable(path, error)));
}
