/**
 * The codec: what nodes, clients and gateways do with blobs and slivers. Every call is asynchronous, so that the inline
 * and the worker forms are interchangeable, and stops with the signal's reason.
 *
 * Input arrays must not change until the call has settled. Invariants: slivers handed out have the full size; metadata is
 * computed, never taken from the caller; a sliver or blob that passes a check hashes to the metadata.
 */
import type {
  Axis,
  DecodingSymbol,
  Geometry,
  RecoverySymbol,
  Sliver,
  SliverIndex,
  VerifiedMetadata,
} from '@floe/protocol';
import type { FloeError } from '@floe/platform';
import type { JobOptions } from './jobs.ts';
import type { SliverMemory } from './sliver-memory.ts';
import type { BlobSource, ScratchSpace, SliverSink, StoredSliver } from './stream/ports.ts';

export interface CodecOptions extends JobOptions {
  readonly signal?: AbortSignal;
  /** Called with fractions from 0 to 1, never falling. */
  readonly onProgress?: (fraction: number) => void;
}

export interface EncodeOptions extends CodecOptions {
  /**
   * Where the slivers go, all of them: made by `createSliverMemory`, of the blob's size. Encoding again into the same
   * memory is faster than into new memory, and overwrites the slivers of the encode before.
   */
  readonly into?: SliverMemory;
  /**
   * Lets a codec on workers hand out views of the memory that they share instead of copies, until `release` is called:
   * the fastest form. Such views do not go where shared memory is refused, as in bodies of `fetch`.
   */
  readonly lend?: boolean;
}

export interface DecodeOptions extends CodecOptions {
  /** Where the blob goes, of its length; new memory by default. */
  readonly into?: Uint8Array;
}

export interface StreamCodecOptions extends CodecOptions {
  /**
   * Most bytes of memory to work in, besides the process's own; `STREAM_MEMORY_SIZE_BYTES` by default, or for metadata
   * without a scratch `STREAM_METADATA_MEMORY_SIZE_BYTES`. The smallest tasks
   * of a blob of b bytes at n shards take about (threads + 1) * b * n / (n - 2f) / (n - f), whatever is said here.
   */
  readonly memorySizeBytes?: number;
}

export interface MetadataStreamOptions extends StreamCodecOptions {
  /** Where half a blob may be put aside; without it the source is read more often. */
  readonly scratch?: ScratchSpace;
}

export interface EncodeStreamOptions extends StreamCodecOptions {
  /** Where half a blob is put aside when it does not fit memory. */
  readonly scratch: ScratchSpace;
}

export interface DecodeStreamOptions extends StreamCodecOptions {
  /** Where decoded rows wait for their turn when they do not fit memory. */
  readonly scratch: ScratchSpace;
  /** Whether decoded rows and padding are compared with the metadata, which makes the result a consistent blob. True. */
  readonly checks?: boolean;
}

/** A blob's slivers and metadata. Systematic primary slivers are views of the blob, unless memory was given. */
export interface EncodedBlob {
  readonly verified: VerifiedMetadata;
  /** A sliver as a view; nothing is copied. */
  sliver(axis: Axis, index: SliverIndex): Sliver;
  /** Gives memory that was lent back to the codec: the slivers must not be used any more. Otherwise does nothing. */
  release(): void;
}

export interface Codec {
  /**
   * All slivers and the metadata of a blob.
   * @throws BLOB_TOO_LARGE, OUT_OF_MEMORY, and what {@link JobOptions} and queues bring
   */
  encode(geometry: Geometry, blob: Uint8Array, options?: EncodeOptions): Promise<EncodedBlob>;

  /** Only the metadata, hence the blob id. @throws BLOB_TOO_LARGE, OUT_OF_MEMORY */
  computeMetadata(geometry: Geometry, blob: Uint8Array, options?: CodecOptions): Promise<VerifiedMetadata>;

  /**
   * {@link Codec.encode} for many small blobs, which share what one alone spends on set-up and on vectors that it does not
   * fill: several times as fast where there are few shards. Results are in the order of the blobs.
   * @throws BLOB_TOO_LARGE, OUT_OF_MEMORY
   */
  encodeBatch(geometry: Geometry, blobs: readonly Uint8Array[], options?: CodecOptions): Promise<EncodedBlob[]>;

  /** {@link Codec.computeMetadata} for many small blobs, as {@link Codec.encodeBatch}. */
  computeMetadataBatch(
    geometry: Geometry,
    blobs: readonly Uint8Array[],
    options?: CodecOptions,
  ): Promise<VerifiedMetadata[]>;

  /**
   * All slivers and the metadata of a blob of any size, in bounded memory: slivers go to the sink as they are finished,
   * but for the systematic primary ones, which are slices of the source. The source is read twice, small blobs once.
   * @throws BLOB_TOO_LARGE, SOURCE_CHANGED, SOURCE_FAILED, SINK_FAILED, SCRATCH_FULL, SCRATCH_FAILED, and what the source,
   *   the sink and the scratch throw as `FloeError`
   */
  encodeStream(
    geometry: Geometry,
    source: BlobSource,
    sink: SliverSink,
    options: EncodeStreamOptions,
  ): Promise<VerifiedMetadata>;

  /**
   * Only the metadata of a blob of any size, in bounded memory. With a scratch the source is read twice; without one, once
   * and once more for each time that memory is full of repair columns, which are half a blob: at 1,000 shards four times
   * for 1 GiB, eleven for 4 GiB, nearly fifty for the largest blob.
   * @throws BLOB_TOO_LARGE, SOURCE_CHANGED, SOURCE_FAILED, SCRATCH_FULL, SCRATCH_FAILED
   */
  computeMetadataOf(geometry: Geometry, source: BlobSource, options?: MetadataStreamOptions): Promise<VerifiedMetadata>;

  /**
   * The blob from any sufficient set of slivers of one axis, which the caller has verified. Repeated ones and those of a
   * wrong size or index are ignored, as are more than needed.
   * @throws NOT_ENOUGH_SLIVERS, BLOB_TOO_LARGE, OUT_OF_MEMORY
   */
  decode(
    geometry: Geometry,
    unencodedLength: number,
    slivers: readonly Sliver[],
    options?: DecodeOptions,
  ): Promise<Uint8Array>;

  /**
   * The blob, in order and in bounded memory, from slivers in any order and of both axes, which the caller has verified.
   * Rows are handed out as soon as those before them were; what is missing is decoded when there are enough slivers of one
   * axis, and no more are asked for then. A sliver is read when it is needed, as long as the result is asked for.
   * @throws NOT_ENOUGH_SLIVERS when there are no more; INCONSISTENT_BLOB, as `checkConsistency` with 'default', before any
   *   byte that is not right; SCRATCH_FULL, SCRATCH_FAILED, and what slivers and scratch throw as `FloeError`
   */
  decodeStream(
    verified: VerifiedMetadata,
    slivers: Iterable<StoredSliver> | AsyncIterable<StoredSliver>,
    options: DecodeStreamOptions,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void>;

  /** For each sliver 'ok', or INVALID_SLIVER. Many at once cost less than one by one. */
  verifySlivers(
    verified: VerifiedMetadata,
    slivers: readonly Sliver[],
    options?: CodecOptions,
  ): Promise<('ok' | FloeError)[]>;

  /** @throws INVALID_SLIVER unless size, index and hash are those of the metadata */
  verifySliver(verified: VerifiedMetadata, sliver: Sliver, options?: CodecOptions): Promise<void>;

  /**
   * The symbols, with Merkle proofs against the source sliver's hash, that help to rebuild `targets`, slivers of the axis
   * orthogonal to the source's.
   * @throws INVALID_SLIVER when the source does not have the size of its geometry
   */
  recoverySymbols(
    geometry: Geometry,
    source: Sliver,
    targets: readonly SliverIndex[],
    options?: CodecOptions,
  ): Promise<RecoverySymbol[]>;

  /**
   * Rebuilds one sliver from decoding symbols and verifies it. Repeated symbols and those of a wrong size or index are
   * ignored, as are more than needed: the first ones are taken.
   * @throws NOT_ENOUGH_SYMBOLS; INCONSISTENT_SLIVER when the symbols rebuild something that the metadata does not name:
   *   a symbol was wrong or, if all were proven, the blob is inconsistent
   */
  recoverSliver(
    verified: VerifiedMetadata,
    axis: Axis,
    index: SliverIndex,
    symbols: readonly DecodingSymbol[],
    options?: CodecOptions,
  ): Promise<Sliver>;

  /**
   * Whether a decoded blob is what its metadata says. 'default' checks the hashes of the systematic primary slivers (but
   * for those in `verifiedPrimaries`, which must have been inputs of the decode): all readers who do so see the same
   * bytes. 'strict' encodes again and compares the id: the blob was encoded as the rules say.
   * @throws INCONSISTENT_BLOB
   */
  checkConsistency(
    verified: VerifiedMetadata,
    blob: Uint8Array,
    level: 'default' | 'strict',
    verifiedPrimaries?: ReadonlySet<SliverIndex>,
    options?: CodecOptions,
  ): Promise<void>;

  /**
   * What 'strict' is to `checkConsistency`, for a blob of any size and in bounded memory: encodes again, once.
   * @throws INCONSISTENT_BLOB, and what `computeMetadataOf` throws
   */
  checkEncoding(verified: VerifiedMetadata, source: BlobSource, options?: MetadataStreamOptions): Promise<void>;

  /** Stops jobs under way (CODEC_CLOSED) and lets go of memory and threads. May be called twice. */
  close(): Promise<void>;
}
