/**
 * Encoding from a source, in memory if it fits, else as a stream of tasks; and decoding as a stream.
 */
import { mapConcurrent } from '@floe/platform';
import { type Geometry, type SliverIndex, sealMetadata, type VerifiedMetadata } from '@floe/protocol';
import { type BlobLayout, blobLayout } from '../blob-layout.ts';
import type {
  Codec,
  DecodeStreamOptions,
  EncodeStreamOptions,
  MetadataStreamOptions,
  StreamCodecOptions,
} from '../codec.ts';
import { errors } from '../errors.ts';
import type { JobRunner } from '../jobs.ts';
import { STREAM_CALLS_AT_ONCE, STREAM_MEMORY_SIZE_BYTES, STREAM_METADATA_MEMORY_SIZE_BYTES } from '../limits.ts';
import { allocate } from '../steps.ts';
import { StreamDecoder } from './decode-stream.ts';
import { planWithin, type SliversWanted } from './encode-plan.ts';
import { type ColumnGroup, StreamEncoder } from './encode-stream.ts';
import { checkSource, guardedScratch, readSource, writeSink } from './guards.ts';
import type { BlobSource, SliverRun, SliverSink, StoredSliver } from './ports.ts';
import { heldColumns, heldColumnsSize, repairColumnsSize, scratchColumns } from './repair-columns.ts';
import { slotAddress } from './slot.ts';
import { StreamMemory } from './stream-memory.ts';

export class StreamCodec {
  readonly #runner: JobRunner;
  readonly #codec: Pick<Codec, 'encode' | 'computeMetadata'>;
  readonly #memory: StreamMemory;

  constructor(runner: JobRunner, codec: Pick<Codec, 'encode' | 'computeMetadata'>) {
    this.#runner = runner;
    this.#codec = codec;
    this.#memory = new StreamMemory(runner.parallelism);
  }

  close(): void {
    this.#memory.close();
  }

  async encode(
    geometry: Geometry,
    source: BlobSource,
    sink: SliverSink,
    options: EncodeStreamOptions,
  ): Promise<VerifiedMetadata> {
    const layout = blobLayout(geometry, source.sizeBytes);
    const memorySize = options.memorySizeBytes ?? STREAM_MEMORY_SIZE_BYTES;
    if (encodedSize(layout) <= memorySize) return await this.#encodeInMemory(geometry, source, sink, options);
    return await this.#runOnScratch(layout, source, sink, { ...options, memorySizeBytes: memorySize });
  }

  async computeMetadata(
    geometry: Geometry,
    source: BlobSource,
    options: MetadataStreamOptions,
  ): Promise<VerifiedMetadata> {
    const layout = blobLayout(geometry, source.sizeBytes);
    const { scratch } = options;
    const byDefault = scratch === undefined ? STREAM_METADATA_MEMORY_SIZE_BYTES : STREAM_MEMORY_SIZE_BYTES;
    const memorySizeBytes = options.memorySizeBytes ?? byDefault;
    if (2 * source.sizeBytes + repairColumnsSize(layout) + nodesSize(layout) <= memorySizeBytes) {
      const blob = await readAll(source, options.signal);
      return await this.#codec.computeMetadata(geometry, blob, options);
    }
    if (scratch !== undefined) {
      return await this.#runOnScratch(layout, source, undefined, { ...options, scratch, memorySizeBytes });
    }
    // Small tasks, so that most of the memory holds repair columns: each pass over the source makes those.
    const free = memorySizeBytes - nodesSize(layout);
    const { slotSize } = planWithin(shapeOf(layout), NO_SLIVERS, this.#slots, 0);
    const slots = Math.max(1, Math.min(this.#slots, Math.floor(free / 2 / slotSize)));
    const streamSize = Math.max(slots * slotSize, Math.floor(free / 4));
    const groups = columnGroups(layout, free - streamSize);
    return await this.#run(layout, source, { sink: undefined, groups, streamSize }, options);
  }

  async #runOnScratch(
    layout: BlobLayout,
    source: BlobSource,
    sink: SliverSink | undefined,
    options: EncodeStreamOptions & { readonly memorySizeBytes: number },
  ): Promise<VerifiedMetadata> {
    const { scratch: space, signal, memorySizeBytes } = options;
    const room = await space.open(repairColumnsSize(layout), signal === undefined ? {} : { signal });
    const repair = scratchColumns(layout, guardedScratch(room, signal));
    try {
      const groups = [{ firstBlock: 0, endBlock: layout.blocks, repair }];
      return await this.#run(
        layout,
        source,
        { sink, groups, streamSize: memorySizeBytes - nodesSize(layout) },
        options,
      );
    } finally {
      await room.close();
    }
  }

  async *decode(
    verified: VerifiedMetadata,
    slivers: Iterable<StoredSliver> | AsyncIterable<StoredSliver>,
    { signal, onProgress, scratch, memorySizeBytes = STREAM_MEMORY_SIZE_BYTES, checks = true }: DecodeStreamOptions,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    signal?.throwIfAborted();
    const modules = { runner: this.#runner, memory: this.#memory, scratch, memorySizeBytes, signal, checks };
    const { unencodedLength } = verified.metadata;
    let done = 0;
    for await (const piece of new StreamDecoder(verified, modules).run(slivers)) {
      signal?.throwIfAborted();
      done += piece.length;
      onProgress?.(done / unencodedLength);
      yield piece;
    }
  }

  async checkEncoding(verified: VerifiedMetadata, source: BlobSource, options: MetadataStreamOptions): Promise<void> {
    const { blobId, metadata, geometry } = verified;
    const inconsistent = (expected: string, came: string) => errors.INCONSISTENT_BLOB({ blobId, expected, came });
    if (source.sizeBytes !== metadata.unencodedLength) {
      throw inconsistent(`${metadata.unencodedLength} bytes`, `${source.sizeBytes}`);
    }
    const recomputed = await this.computeMetadata(geometry, source, options);
    if (recomputed.blobId !== blobId) throw inconsistent('this id when encoded again', recomputed.blobId);
  }

  /** One more than threads, so that one is filled or emptied while the others are computed on. */
  get #slots(): number {
    return this.#runner.parallelism.threads + 1;
  }

  async #run(
    layout: BlobLayout,
    source: BlobSource,
    work: { sink: SliverSink | undefined; groups: readonly ColumnGroup[]; streamSize: number },
    { signal, onProgress }: StreamCodecOptions,
  ): Promise<VerifiedMetadata> {
    signal?.throwIfAborted();
    const { sink, groups, streamSize } = work;
    const wanted = sink === undefined ? NO_SLIVERS : sliversWanted(layout, sink);
    const plan = planWithin(shapeOf(layout), wanted, this.#slots, streamSize);
    const slots = Math.max(1, Math.min(this.#slots, Math.floor(streamSize / plan.slotSize)));
    const memory = this.#memory.take(slotAddress(plan.slotSize, slots));
    let done = 0;
    const onDone = (share: number) => {
      done = Math.min(1, done + share);
      onProgress?.(done);
    };
    const modules = { runner: this.#runner, plan, memory, slots, source, sink, signal, onDone };
    const pairHashes = await new StreamEncoder(modules).run(groups);
    this.#memory.giveBack(memory);
    return sealMetadata(layout.geometry, { unencodedLength: source.sizeBytes, pairHashes });
  }

  async #encodeInMemory(
    geometry: Geometry,
    source: BlobSource,
    sink: SliverSink,
    { signal, onProgress }: EncodeStreamOptions,
  ): Promise<VerifiedMetadata> {
    const options = signal === undefined ? {} : { signal };
    const blob = await readAll(source, signal);
    const encoded = await this.#codec.encode(geometry, blob, {
      ...options,
      lend: true,
      ...(onProgress === undefined ? {} : { onProgress: (fraction) => onProgress(ENCODE_SHARE * fraction) }),
    });
    const runs: SliverRun[] = [];
    const add = (axis: 'primary' | 'secondary', index: number) => {
      if (sink.wants?.(axis, index as SliverIndex) === false) return;
      runs.push({ ...encoded.sliver(axis, index as SliverIndex), offset: 0 });
    };
    for (let i = 0; i < geometry.nShards; i += 1) add('secondary', i);
    for (let i = geometry.rows; i < geometry.nShards; i += 1) add('primary', i);
    try {
      await mapConcurrent(runs, STREAM_CALLS_AT_ONCE, (run) => writeSink(sink, run, signal));
    } finally {
      encoded.release();
    }
    onProgress?.(1);
    return encoded.verified;
  }
}

/** Of the work when all slivers are in memory before the first goes out. */
const ENCODE_SHARE = 0.9;

const NO_SLIVERS: SliversWanted = { gathersSystematic: false, gathersRepair: false, keepsRepairRows: false };

function shapeOf({ geometry, blobSize }: BlobLayout): { nShards: number; blobSize: number } {
  return { nShards: geometry.nShards, blobSize };
}

function sliversWanted({ geometry }: BlobLayout, sink: SliverSink): SliversWanted {
  const { nShards, rows, columns } = geometry;
  const some = (axis: 'primary' | 'secondary', from: number, to: number) => {
    for (let i = from; i < to; i += 1) if (sink.wants?.(axis, i as SliverIndex) !== false) return true;
    return false;
  };
  return {
    gathersSystematic: some('secondary', 0, columns),
    gathersRepair: some('secondary', columns, nShards),
    keepsRepairRows: some('primary', rows, nShards),
  };
}

/** The blob, its matrix and all slivers, and nodes of rows. */
function encodedSize(layout: BlobLayout): number {
  const { geometry, rowSize, columnSize } = layout;
  return (geometry.rows + geometry.nShards) * rowSize + geometry.nShards * columnSize + nodesSize(layout);
}

/** Bytes of the nodes of all rows. */
function nodesSize({ blocks, geometry }: BlobLayout): number {
  return blocks * geometry.nShards * 32;
}

/**
 * Columns of the blob itself, which need no repair part; then as many of the others at a time as fit.
 * @throws OUT_OF_MEMORY
 */
function columnGroups(layout: BlobLayout, heldSize: number): ColumnGroup[] {
  const { geometry, blockColumns, blocks } = layout;
  const { columns, nShards } = geometry;
  const firstMixed = Math.floor(columns / blockColumns);
  const blockSize = heldColumnsSize(layout, blockColumns);
  const atOnce = Math.max(1, Math.min(blocks - firstMixed, Math.floor(heldSize / blockSize)));
  const memory = allocate(atOnce * blockSize, 'repair columns');
  const groups: ColumnGroup[] = [];
  if (firstMixed > 0) groups.push({ firstBlock: 0, endBlock: firstMixed, repair: undefined });
  for (let firstBlock = firstMixed; firstBlock < blocks; firstBlock += atOnce) {
    const endBlock = Math.min(blocks, firstBlock + atOnce);
    const first = Math.max(columns, firstBlock * blockColumns) - columns;
    const end = Math.min(nShards, endBlock * blockColumns) - columns;
    groups.push({ firstBlock, endBlock, repair: heldColumns(layout, first, end, memory) });
  }
  return groups;
}

async function readAll(source: BlobSource, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const blob = allocate(source.sizeBytes, 'blob');
  if (blob.length > 0) await readSource(source, 0, blob, signal);
  await checkSource(source, signal);
  return blob;
}
