/**
 * A codec on a runner of jobs: checks and prepares inputs here, computes there, compares with the metadata here. Only
 * this file decides what is refused, so all forms of the codec refuse the same.
 */
import { assert, equalBytes, type FloeError } from '@floe/platform';
import {
  AXES,
  type Axis,
  type DecodingSymbol,
  type Geometry,
  HASH_SIZE_BYTES,
  type RecoverySymbol,
  type Sliver,
  type SliverIndex,
  type VerifiedMetadata,
  sealMetadata,
  sliverHash,
  sliverSize,
  sourceSymbols,
  symbolSizeOf,
  symbolsPerSliver,
} from '@floe/protocol';
import type { BatchParts } from './batch.ts';
import type {
  Codec,
  CodecOptions,
  DecodeOptions,
  DecodeStreamOptions,
  EncodedBlob,
  EncodeOptions,
  EncodeStreamOptions,
  MetadataStreamOptions,
} from './codec.ts';
import { joinRows } from './decode.ts';
import { encodedBlob, systematicPrimaries } from './encoded-blob.ts';
import { errors } from './errors.ts';
import type { ExpandedSliver } from './expand.ts';
import type { JobRunner } from './jobs.ts';
import { checkSliverMemory, deliver } from './sliver-memory.ts';
import { allocate } from './steps.ts';
import type { BlobSource, SliverSink, StoredSliver } from './stream/ports.ts';
import { StreamCodec } from './stream/stream-codec.ts';

/** A codec whose computations `runner` does. Closing the codec closes the runner. */
export function createJobCodec(runner: JobRunner): Codec {
  return new JobCodec(runner);
}

class JobCodec implements Codec {
  readonly #runner: JobRunner;
  readonly #streams: StreamCodec;
  #isClosed = false;

  constructor(runner: JobRunner) {
    this.#runner = runner;
    this.#streams = new StreamCodec(runner, this);
  }

  async encode(geometry: Geometry, blob: Uint8Array, options: EncodeOptions = {}): Promise<EncodedBlob> {
    symbolSizeOf(geometry, blob.length); // refuses a blob that is too large before any job is made of it
    const { into, lend } = options;
    if (into !== undefined) checkSliverMemory(geometry, blob.length, into);
    const parts = await this.#runner.run({ kind: 'encode', nShards: geometry.nShards, blob, into, lend }, options);
    if (into === undefined) return encodedBlob(geometry, blob.length, blob, parts);
    const delivered = deliver(geometry, blob, parts, into);
    return encodedBlob(
      geometry,
      blob.length,
      into.primary.subarray(0, into.primary.length - delivered.repairPrimary.length),
      delivered,
    );
  }

  async computeMetadata(geometry: Geometry, blob: Uint8Array, options: CodecOptions = {}): Promise<VerifiedMetadata> {
    symbolSizeOf(geometry, blob.length);
    const pairHashes = await this.#runner.run({ kind: 'pairHashes', nShards: geometry.nShards, blob }, options);
    return sealMetadata(geometry, { unencodedLength: blob.length, pairHashes });
  }

  async encodeBatch(
    geometry: Geometry,
    blobs: readonly Uint8Array[],
    options: CodecOptions = {},
  ): Promise<EncodedBlob[]> {
    const parts = await this.#batch(geometry, blobs, true, options);
    return blobs.map((blob, i) =>
      encodedBlob(geometry, blob.length, blob, {
        pairHashes: parts.pairHashes[i] as Uint8Array<ArrayBuffer>,
        repairPrimary: parts.repairPrimary[i] as Uint8Array,
        secondary: parts.secondary[i] as Uint8Array,
      }),
    );
  }

  async computeMetadataBatch(
    geometry: Geometry,
    blobs: readonly Uint8Array[],
    options: CodecOptions = {},
  ): Promise<VerifiedMetadata[]> {
    const { pairHashes } = await this.#batch(geometry, blobs, false, options);
    return pairHashes.map((hashes, i) =>
      sealMetadata(geometry, { unencodedLength: (blobs[i] as Uint8Array).length, pairHashes: hashes }),
    );
  }

  async encodeStream(
    geometry: Geometry,
    source: BlobSource,
    sink: SliverSink,
    options: EncodeStreamOptions,
  ): Promise<VerifiedMetadata> {
    return await this.#streams.encode(geometry, source, sink, options);
  }

  async computeMetadataOf(
    geometry: Geometry,
    source: BlobSource,
    options: MetadataStreamOptions = {},
  ): Promise<VerifiedMetadata> {
    return await this.#streams.computeMetadata(geometry, source, options);
  }

  async decode(
    geometry: Geometry,
    unencodedLength: number,
    slivers: readonly Sliver[],
    options: DecodeOptions = {},
  ): Promise<Uint8Array> {
    const { into } = options;
    assert(into === undefined || into.length === unencodedLength, 'memory of the size of the blob', {
      unencodedLength,
    });
    const symbolSize = symbolSizeOf(geometry, unencodedLength);
    const rows = systematicRows(geometry, symbolSize, unencodedLength, slivers);
    if (rows !== undefined) return this.#join(rows, into ?? allocate(unencodedLength, 'decoded blob'), options);
    const chosen = chooseSlivers(geometry, symbolSize, slivers);
    const blob = await this.#runner.run(
      {
        kind: 'decode',
        nShards: geometry.nShards,
        axis: chosen.axis,
        unencodedLength,
        indices: chosen.slivers.map(({ index }) => index),
        slivers: chosen.slivers.map(({ data }) => data),
        into,
      },
      options,
    );
    if (into === undefined || blob === into) return blob;
    into.set(blob); // a worker's result
    return into;
  }

  decodeStream(
    verified: VerifiedMetadata,
    slivers: Iterable<StoredSliver> | AsyncIterable<StoredSliver>,
    options: DecodeStreamOptions,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    return this.#streams.decode(verified, slivers, options);
  }

  async verifySlivers(
    verified: VerifiedMetadata,
    slivers: readonly Sliver[],
    options: CodecOptions = {},
  ): Promise<('ok' | FloeError)[]> {
    const { geometry, symbolSize } = verified;
    const results = slivers.map((sliver): 'ok' | FloeError => shapeError(geometry, symbolSize, sliver) ?? 'ok');
    for (const axis of AXES) {
      const places = [...slivers.keys()].filter((i) => results[i] === 'ok' && slivers[i]?.axis === axis);
      if (places.length === 0) continue;
      const batch = places.map((i) => slivers[i] as Sliver);
      const roots = await this.#roots(
        geometry,
        axis,
        symbolSize,
        batch.map(({ data }) => data),
        options,
      );
      batch.forEach((sliver, i) => {
        const came = rootAt(roots, i);
        const expected = sliverHash(verified, axis, sliver.index);
        if (!equalBytes(came, expected)) results[places[i] as number] = wrongHash(sliver, expected, came);
      });
    }
    return results;
  }

  async verifySliver(verified: VerifiedMetadata, sliver: Sliver, options?: CodecOptions): Promise<void> {
    const [result] = await this.verifySlivers(verified, [sliver], options);
    if (result !== undefined && result !== 'ok') throw result;
  }

  async recoverySymbols(
    geometry: Geometry,
    source: Sliver,
    targets: readonly SliverIndex[],
    options: CodecOptions = {},
  ): Promise<RecoverySymbol[]> {
    const { axis, symbolSize, index, data } = source;
    const error = shapeError(geometry, symbolSize, source);
    if (error !== undefined) throw error;
    const wrong = targets.find((target) => !isIndex(geometry, target));
    if (wrong !== undefined) throw indexError(geometry, axis, wrong);
    if (targets.length === 0) return [];
    const expanded = await this.#runner.run(
      { kind: 'expand', nShards: geometry.nShards, axis, symbolSize, sliver: data },
      options,
    );
    const systematicCount = symbolsPerSliver(geometry, axis);
    return targets.map((target) => {
      const isSystematic = target < systematicCount;
      const from = (isSystematic ? target : target - systematicCount) * symbolSize;
      const symbol = (isSystematic ? data : expanded.recovery).subarray(from, from + symbolSize);
      return { index, data: symbol, proof: merklePath(expanded, target) };
    });
  }

  async recoverSliver(
    verified: VerifiedMetadata,
    axis: Axis,
    index: SliverIndex,
    symbols: readonly DecodingSymbol[],
    options: CodecOptions = {},
  ): Promise<Sliver> {
    const { geometry, symbolSize, blobId } = verified;
    if (!isIndex(geometry, index)) throw indexError(geometry, axis, index);
    const needed = symbolsPerSliver(geometry, axis);
    const usable = distinct(symbols.filter((s) => isIndex(geometry, s.index) && s.data.length === symbolSize));
    if (usable.length < needed) {
      throw errors.NOT_ENOUGH_SYMBOLS({ axis, index, needed, came: usable.length });
    }
    const taken = usable.slice(0, needed);
    const { sliver, root } = await this.#runner.run(
      {
        kind: 'recover',
        nShards: geometry.nShards,
        axis,
        symbolSize,
        indices: taken.map((symbol) => symbol.index),
        symbols: taken.map((symbol) => symbol.data),
      },
      options,
    );
    if (!equalBytes(root, sliverHash(verified, axis, index))) throw errors.INCONSISTENT_SLIVER({ blobId, axis, index });
    return { axis, index, symbolSize, data: sliver };
  }

  async checkConsistency(
    verified: VerifiedMetadata,
    blob: Uint8Array,
    level: 'default' | 'strict',
    verifiedPrimaries: ReadonlySet<SliverIndex> = new Set(),
    options: CodecOptions = {},
  ): Promise<void> {
    const { geometry, blobId, metadata } = verified;
    if (blob.length !== metadata.unencodedLength) {
      const expected = `${metadata.unencodedLength} bytes`;
      throw errors.INCONSISTENT_BLOB({ blobId, expected, came: `${blob.length}` });
    }
    if (level === 'strict') {
      const recomputed = await this.computeMetadata(geometry, blob, options);
      if (recomputed.blobId !== blobId) {
        throw errors.INCONSISTENT_BLOB({ blobId, expected: 'this id when encoded again', came: recomputed.blobId });
      }
      return;
    }
    await this.#checkPrimaries(verified, blob, verifiedPrimaries, options);
  }

  async checkEncoding(
    verified: VerifiedMetadata,
    source: BlobSource,
    options: MetadataStreamOptions = {},
  ): Promise<void> {
    await this.#streams.checkEncoding(verified, source, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#streams.close();
    await this.#runner.close();
  }

  async #checkPrimaries(
    verified: VerifiedMetadata,
    blob: Uint8Array,
    verifiedPrimaries: ReadonlySet<SliverIndex>,
    options: CodecOptions,
  ): Promise<void> {
    const { geometry, symbolSize, blobId } = verified;
    const all = systematicPrimaries(geometry, blob, symbolSize);
    const rows = [...all.keys()].filter((row) => !verifiedPrimaries.has(row as SliverIndex));
    // Rows of padding are one shared array: all have the same hash, so one is enough.
    const arrays = [...new Set(rows.map((row) => all[row] as Uint8Array))];
    const roots = await this.#roots(geometry, 'primary', symbolSize, arrays, options);
    const rootOf = new Map(arrays.map((array, i) => [array, rootAt(roots, i)]));
    for (const row of rows) {
      const came = rootOf.get(all[row] as Uint8Array) as Uint8Array;
      if (!equalBytes(came, sliverHash(verified, 'primary', row as SliverIndex))) {
        const expected = `primary sliver ${row} with the hash of the metadata`;
        throw errors.INCONSISTENT_BLOB({ blobId, expected, came: 'another' });
      }
    }
  }

  /** Copying is not worth a job: for a small blob, making one would take longer than the copy. */
  #join(rows: readonly Uint8Array[], blob: Uint8Array, { signal, onProgress }: CodecOptions): Uint8Array {
    signal?.throwIfAborted();
    if (this.#isClosed) throw errors.CODEC_CLOSED({ job: "'decode'" });
    joinRows(rows, blob);
    onProgress?.(1);
    return blob;
  }

  /** An equal share of the blobs for each thread. */
  async #batch(
    geometry: Geometry,
    blobs: readonly Uint8Array[],
    wantSlivers: boolean,
    options: CodecOptions,
  ): Promise<BatchParts> {
    for (const blob of blobs) symbolSizeOf(geometry, blob.length);
    const perJob = Math.max(1, Math.ceil(blobs.length / this.#runner.parallelism.threads));
    const shares = Array.from({ length: Math.ceil(blobs.length / perJob) }, (_, i) =>
      blobs.slice(i * perJob, (i + 1) * perJob),
    );
    const progress = jointProgress(shares.length, options.onProgress);
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const jobs = shares.map((share, i) =>
      this.#runner.run(
        { kind: 'batch', nShards: geometry.nShards, blobs: share, wantSlivers },
        { signal, ...(progress === undefined ? {} : { onProgress: (fraction) => progress(i, fraction) }) },
      ),
    );
    try {
      const parts = await Promise.all(jobs);
      return {
        pairHashes: parts.flatMap(({ pairHashes }) => pairHashes),
        repairPrimary: parts.flatMap(({ repairPrimary }) => repairPrimary),
        secondary: parts.flatMap(({ secondary }) => secondary),
      };
    } catch (error) {
      stop.abort(error); // the other shares are of no use
      await Promise.allSettled(jobs);
      throw error;
    }
  }

  async #roots(
    geometry: Geometry,
    axis: Axis,
    symbolSize: number,
    slivers: readonly Uint8Array[],
    options: CodecOptions,
  ): Promise<Uint8Array> {
    return await this.#runner.run({ kind: 'roots', nShards: geometry.nShards, axis, symbolSize, slivers }, options);
  }
}

/** The progress of several jobs of the same size as that of one; each of theirs never falls. */
function jointProgress(
  jobs: number,
  onProgress: CodecOptions['onProgress'],
): ((job: number, fraction: number) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const fractions = new Array<number>(jobs).fill(0);
  return (job, fraction) => {
    fractions[job] = fraction;
    onProgress(fractions.reduce((sum, each) => sum + each, 0) / jobs);
  };
}

/**
 * The systematic primary slivers that the blob reaches into, in order, if all of them are there: they are the blob. Looks
 * at no more slivers than it takes to find them, since for a small blob that is most of the work; fewer slivers than
 * decode any blob are too few for a small one as well.
 */
function systematicRows(
  geometry: Geometry,
  symbolSize: number,
  unencodedLength: number,
  slivers: readonly Sliver[],
): Uint8Array[] | undefined {
  if (slivers.length < geometry.rows) return undefined;
  const size = sliverSize(geometry, 'primary', symbolSize);
  const count = Math.ceil(unencodedLength / size);
  const found = new Array<Uint8Array | undefined>(count).fill(undefined);
  let missing = count;
  for (let i = 0; missing > 0 && i < slivers.length; i += 1) {
    const { axis, index, symbolSize: its, data } = slivers[i] as Sliver;
    if (axis !== 'primary' || its !== symbolSize || data.length !== size) continue;
    if (!(index >= 0 && index < count) || !Number.isInteger(index) || found[index] !== undefined) continue;
    found[index] = data;
    missing -= 1;
  }
  return missing === 0 ? (found as Uint8Array[]) : undefined;
}

/** Slivers of one axis in ascending order. */
interface ChosenSlivers {
  readonly axis: Axis;
  readonly slivers: readonly Sliver[];
}

/**
 * As many slivers as decode the blob, of one axis and in ascending order: systematic ones come first and need no
 * arithmetic. Takes the axis of which there are enough.
 */
function chooseSlivers(geometry: Geometry, symbolSize: number, slivers: readonly Sliver[]): ChosenSlivers {
  const usable = (axis: Axis) =>
    distinct(slivers.filter((s) => s.axis === axis && shapeError(geometry, symbolSize, s) === undefined));
  const counts = { primary: 0, secondary: 0 };
  for (const axis of AXES) {
    const candidates = usable(axis);
    counts[axis] = candidates.length;
    const needed = sourceSymbols(geometry, axis);
    if (candidates.length >= needed) {
      return { axis, slivers: candidates.toSorted((a, b) => a.index - b.index).slice(0, needed) };
    }
  }
  throw errors.NOT_ENOUGH_SLIVERS({
    nShards: geometry.nShards,
    ...counts,
    primaryNeeded: geometry.rows,
    secondaryNeeded: geometry.columns,
  });
}

/** The first of each index. */
function distinct<T extends { readonly index: SliverIndex }>(items: readonly T[]): T[] {
  const seen = new Set<SliverIndex>();
  return items.filter(({ index }) => !seen.has(index) && seen.add(index));
}

function isIndex(geometry: Geometry, index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < geometry.nShards;
}

/** What is wrong with a sliver's size or index, if anything. */
function shapeError(geometry: Geometry, symbolSize: number, sliver: Sliver): FloeError | undefined {
  const { axis, index, data } = sliver;
  if (!isIndex(geometry, index)) return indexError(geometry, axis, index);
  if (sliver.symbolSize !== symbolSize || symbolSize < 2 || symbolSize % 2 !== 0) {
    return errors.INVALID_SLIVER({
      axis,
      index,
      expected: `symbols of ${symbolSize} bytes, an even number`,
      came: `${sliver.symbolSize}`,
    });
  }
  const size = sliverSize(geometry, axis, symbolSize);
  if (data.length === size) return undefined;
  return errors.INVALID_SLIVER({ axis, index, expected: `${size} bytes`, came: `${data.length}` });
}

function indexError(geometry: Geometry, axis: Axis, index: number): FloeError {
  return errors.INVALID_SLIVER({ axis, index, expected: `an index below ${geometry.nShards}`, came: `${index}` });
}

function wrongHash({ axis, index }: Sliver, expected: Uint8Array, came: Uint8Array): FloeError {
  return errors.INVALID_SLIVER({ axis, index, expected: `the hash ${start(expected)}`, came: start(came) });
}

/** The first bytes of a hash, enough to tell it from another. */
function start(hash: Uint8Array): string {
  return `${Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')}…`;
}

function rootAt(roots: Uint8Array, i: number): Uint8Array {
  return roots.subarray(i * HASH_SIZE_BYTES, (i + 1) * HASH_SIZE_BYTES);
}

/** Siblings of a leaf from its level upwards; `undefined` where the level was padded. */
function merklePath({ levels }: ExpandedSliver, leaf: number): (Uint8Array | undefined)[] {
  return levels.slice(0, -1).map((level, height) => {
    const at = ((leaf >> height) ^ 1) * HASH_SIZE_BYTES;
    return at < level.length ? level.slice(at, at + HASH_SIZE_BYTES) : undefined;
  });
}
