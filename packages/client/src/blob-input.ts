/**
 * What can be stored: bytes, a source that can be read again, a stream, or what was made of one; and its way to slivers.
 *
 * Invariants: what is small enough is encoded in memory, everything else through scratch space, where there is any; a
 * stream is never in memory beyond that size; the copy of a stream lives until the last of those who took it lets go.
 */
import { assert, iterateStream, joinBytes } from '@floe/platform';
import type { Geometry } from '@floe/protocol';
import { type BlobSource, type Codec, type ScratchSpace, spool } from '@floe/redstuff';
import { clientErrors } from './errors.ts';
import type { ClientLimits } from './limits.ts';
import { encodeToScratch } from './scratch-slivers.ts';
import { type SliverSource, sliversInMemory } from './sliver-source.ts';

/** Bytes must not change until they are stored, nor what a source reads. A stream is read once. */
export type BlobInput = Uint8Array | BlobSource | SpooledBlob | BlobStream;

export type BlobStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

export interface BlobInputModules {
  readonly codec: Codec;
  /** Where large blobs are encoded; without it they are in memory, which bounds them. */
  readonly scratch?: ScratchSpace;
  readonly limits: ClientLimits;
}

/** A stream that was taken in, to be stored as often as needed until it is closed. */
export class SpooledBlob {
  readonly sizeBytes: number;
  readonly content: Uint8Array | BlobSource;
  readonly #end: () => Promise<void>;
  #leases = 1;
  #closed = false;

  constructor(content: Uint8Array | BlobSource, end: () => Promise<void>) {
    this.sizeBytes = content instanceof Uint8Array ? content.length : content.sizeBytes;
    this.content = content;
    this.#end = end;
  }

  /** The same for another, who closes it too. */
  lease(): SpooledBlob {
    assert(!this.#closed, 'a blob is leased before it is closed');
    this.#leases += 1;
    return new SpooledBlob(this.content, () => this.#letGo());
  }

  /** Lets go; the space is given back once all leases have ended. Called again it does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    this.#leases -= 1;
    if (this.#leases === 0) await this.#end();
  }
}

export interface SpoolBlobOptions {
  /** More bytes than these are refused. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** Bytes that came so far. */
  readonly onBytes?: (readBytes: number) => void;
}

/** The input as something that can be read again. @throws as {@link spoolBlob} when it is a stream */
export async function openInput(
  input: BlobInput,
  options: SpoolBlobOptions,
  modules: BlobInputModules,
): Promise<SpooledBlob> {
  if (input instanceof SpooledBlob) return input.lease();
  if (input instanceof Uint8Array || 'read' in input) return new SpooledBlob(input, async () => undefined);
  return await spoolBlob(input, options, modules);
}

/**
 * Takes a stream in, to scratch space where there is any.
 *
 * @throws SOURCE_TOO_LARGE, SCRATCH_FULL, BLOB_TOO_LARGE_TO_BUFFER without scratch space, and what the stream throws
 */
export async function spoolBlob(
  input: BlobStream,
  { maxBytes, signal, onBytes }: SpoolBlobOptions,
  { scratch, limits }: BlobInputModules,
): Promise<SpooledBlob> {
  const stream = counted(input instanceof ReadableStream ? iterateStream(input) : input, onBytes);
  if (scratch !== undefined) {
    const source = await spool(stream, scratch, { maxBytes, signal });
    return new SpooledBlob(source, () => source.close());
  }
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of stream) {
    signal?.throwIfAborted();
    sizeBytes += part.length;
    const most = Math.min(maxBytes, limits.maxReadBytes);
    if (sizeBytes > most) throw clientErrors.BLOB_TOO_LARGE_TO_BUFFER({ sizeBytes, maxBytes: most });
    // A copy: the stream may use its memory again.
    parts.push(part.slice());
  }
  return new SpooledBlob(joinBytes(parts), async () => undefined);
}

async function* counted(
  stream: AsyncIterable<Uint8Array>,
  onBytes: SpoolBlobOptions['onBytes'],
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    onBytes?.(bytes);
    yield part;
  }
}

/** Encodes; releasing the slivers closes the input. @throws BLOB_TOO_LARGE, BLOB_TOO_LARGE_TO_BUFFER, SCRATCH_FULL */
export async function encodeInput(
  input: SpooledBlob,
  geometry: Geometry,
  options: { readonly signal: AbortSignal; readonly onProgress: (fraction: number) => void },
  modules: BlobInputModules,
): Promise<SliverSource> {
  const slivers = await encodeContent(input.content, geometry, options, modules);
  return {
    verified: slivers.verified,
    parts: (name, signal) => slivers.parts(name, signal),
    release: async () => {
      await slivers.release();
      await input.close();
    },
  };
}

async function encodeContent(
  content: Uint8Array | BlobSource,
  geometry: Geometry,
  options: { readonly signal: AbortSignal; readonly onProgress: (fraction: number) => void },
  { codec, scratch, limits }: BlobInputModules,
): Promise<SliverSource> {
  if (content instanceof Uint8Array) {
    if (scratch === undefined || content.length <= limits.maxEncodedInMemoryBytes) {
      return sliversInMemory(await codec.encode(geometry, content, options));
    }
    return await encodeToScratch(geometry, sourceOf(content), options, { codec, space: scratch, limits });
  }
  const { sizeBytes } = content;
  if (scratch !== undefined && sizeBytes > limits.maxBufferedBlobBytes) {
    return await encodeToScratch(geometry, content, options, { codec, space: scratch, limits });
  }
  if (sizeBytes > limits.maxReadBytes) {
    throw clientErrors.BLOB_TOO_LARGE_TO_BUFFER({ sizeBytes, maxBytes: limits.maxReadBytes });
  }
  const bytes = new Uint8Array(sizeBytes);
  await content.read(0, bytes, { signal: options.signal });
  return sliversInMemory(await codec.encode(geometry, bytes, options));
}

/** Bytes in memory, as a source. */
export function sourceOf(bytes: Uint8Array): BlobSource {
  return {
    sizeBytes: bytes.length,
    async read(offset, into) {
      assert(offset + into.length <= bytes.length, 'a read lies within the blob', { offset, length: into.length });
      into.set(bytes.subarray(offset, offset + into.length));
    },
  };
}
