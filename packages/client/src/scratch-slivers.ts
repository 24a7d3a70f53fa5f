/**
 * The slivers of a blob that is too large to be held encoded: systematic ones are read from the blob's own source, the
 * others from scratch space, where encoding put them.
 *
 * Row i of the blob's matrix is systematic primary sliver i, one run of the source. Column j is systematic secondary
 * sliver j, a symbol out of each row: gathered from the source when a symbol is worth a read, otherwise in scratch too.
 *
 * Invariants: scratch is given back by `release`, and when encoding fails; of the source and of scratch only parts are
 * in memory.
 */
import { type Axis, type Geometry, symbolSizeOf, type VerifiedMetadata } from '@floe/protocol';
import type { BlobSource, Codec, Scratch, ScratchSpace, SliverRun } from '@floe/redstuff';
import type { ClientLimits } from './limits.ts';
import type { SliverName, SliverSource } from './sliver-source.ts';

export interface ScratchEncodeOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

export interface ScratchEncodeModules {
  readonly codec: Codec;
  readonly space: ScratchSpace;
  readonly limits: Pick<ClientLimits, 'uploadPartBytes' | 'minGatheredSymbolBytes'>;
}

/**
 * Encodes a blob from its source in one pass. The source stays the caller's, and must not change before `release`.
 *
 * @throws BLOB_TOO_LARGE, what the source and scratch space throw
 */
export async function encodeToScratch(
  geometry: Geometry,
  source: BlobSource,
  options: ScratchEncodeOptions,
  { codec, space, limits }: ScratchEncodeModules,
): Promise<SliverSource> {
  const { signal, onProgress } = options;
  const layout = scratchLayout(geometry, symbolSizeOf(geometry, source.sizeBytes), limits.minGatheredSymbolBytes);
  const scratch = await space.open(layout.sizeBytes);
  try {
    const sink = {
      wants: (axis: Axis, index: number) => layout.offsetOf(axis, index) !== undefined,
      write: async ({ axis, index, offset, data }: SliverRun) => {
        const start = layout.offsetOf(axis, index);
        if (start !== undefined) await scratch.write(start + offset, data);
      },
    };
    const verified = await codec.encodeStream(geometry, source, sink, { scratch: space, signal, onProgress });
    return new ScratchSlivers(verified, { source, scratch, layout, partBytes: limits.uploadPartBytes });
  } catch (error) {
    await scratch.close();
    throw error;
  }
}

interface ScratchLayout {
  readonly sizeBytes: number;
  /** Where a sliver begins in scratch; undefined: it is read from the source. */
  offsetOf(axis: Axis, index: number): number | undefined;
}

/** Repair primary slivers, then secondary ones from the first that is not gathered on. */
function scratchLayout(geometry: Geometry, symbolSize: number, minGatheredSymbolBytes: number): ScratchLayout {
  const { nShards, rows, columns } = geometry;
  const rowBytes = columns * symbolSize;
  const columnBytes = rows * symbolSize;
  const firstColumn = symbolSize >= minGatheredSymbolBytes ? columns : 0;
  const columnsStart = (nShards - rows) * rowBytes;
  return {
    sizeBytes: columnsStart + (nShards - firstColumn) * columnBytes,
    offsetOf(axis, index) {
      if (axis === 'primary') return index < rows ? undefined : (index - rows) * rowBytes;
      return index < firstColumn ? undefined : columnsStart + (index - firstColumn) * columnBytes;
    },
  };
}

class ScratchSlivers implements SliverSource {
  readonly verified: VerifiedMetadata;
  readonly #source: BlobSource;
  readonly #scratch: Scratch;
  readonly #layout: ScratchLayout;
  readonly #partBytes: number;

  constructor(
    verified: VerifiedMetadata,
    from: { source: BlobSource; scratch: Scratch; layout: ScratchLayout; partBytes: number },
  ) {
    this.verified = verified;
    this.#source = from.source;
    this.#scratch = from.scratch;
    this.#layout = from.layout;
    this.#partBytes = from.partBytes;
  }

  async *parts({ axis, index }: SliverName, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { geometry, symbolSize } = this.verified;
    const start = this.#layout.offsetOf(axis, index);
    const rowBytes = geometry.columns * symbolSize;
    if (start !== undefined) {
      const sizeBytes = axis === 'primary' ? rowBytes : geometry.rows * symbolSize;
      yield* this.#run(sizeBytes, (offset, into) => this.#scratch.read(start + offset, into));
    } else if (axis === 'primary') {
      yield* this.#run(rowBytes, (offset, into) => this.#readSource(index * rowBytes + offset, into, signal));
    } else yield* this.#column(index, signal);
  }

  async release(): Promise<void> {
    await this.#scratch.close();
  }

  /** New memory for each part: sockets may still hold those before. */
  async *#run(
    sizeBytes: number,
    read: (offset: number, into: Uint8Array) => Promise<void>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let offset = 0; offset < sizeBytes; offset += this.#partBytes) {
      const part = new Uint8Array(Math.min(this.#partBytes, sizeBytes - offset));
      await read(offset, part);
      yield part;
    }
  }

  async *#column(index: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { geometry, symbolSize } = this.verified;
    const symbolsPerPart = Math.max(1, Math.floor(this.#partBytes / symbolSize));
    for (let row = 0; row < geometry.rows; row += symbolsPerPart) {
      const count = Math.min(symbolsPerPart, geometry.rows - row);
      const part = new Uint8Array(count * symbolSize);
      await Promise.all(
        Array.from({ length: count }, (_, i) => {
          const offset = ((row + i) * geometry.columns + index) * symbolSize;
          return this.#readSource(offset, part.subarray(i * symbolSize, (i + 1) * symbolSize), signal);
        }),
      );
      yield part;
    }
  }

  /** What lies past the blob's end is padding. */
  async #readSource(offset: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    const there = Math.min(into.length, this.#source.sizeBytes - offset);
    if (there > 0) await this.#source.read(offset, into.subarray(0, there), { signal });
  }
}
