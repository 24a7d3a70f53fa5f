/**
 * Reads a blob that is too large to be held whole.
 *
 * Rows come from their nodes as long as they, or symbols for a few of them, can be had. What then is left is decoded
 * through scratch space. A strict check puts the blob aside and encodes it again from there.
 *
 * Invariants: as those of a {@link BlobReader}, and nothing of the blob's size is in memory, but for the array that a
 * whole read returns.
 */
import { isFloeError } from '@floe/platform';
import type { Sliver, SliverIndex } from '@floe/protocol';
import type { ScratchSpace } from '@floe/redstuff';
import { areTooFewSlivers } from './answers.ts';
import { sourceOf } from './blob-input.ts';
import type { BlobReaderModules, ReadProgress, ScopedOptions } from './blob-reader.ts';
import type { BlobView } from './blob-view.ts';
import { whenNotBusy } from './busy-codec.ts';
import { collected, cut, type ResolvedRange, rowPart, rowsOf } from './byte-range.ts';
import { decodeThroughScratch, type ScratchDecodeOptions } from './scratch-decode.ts';
import { inconsistentBlob } from './sliver-gather.ts';

/** What it takes from the reader that it is a part of. */
export interface LargeBlobParts {
  readonly view: BlobView;
  /** The parts of window after window, each fetched while the one before is given out. */
  readonly windows: (
    range: ResolvedRange,
    options: ScopedOptions,
    fetchWindow: (window: ResolvedRange) => Promise<Uint8Array[]>,
  ) => AsyncIterable<Uint8Array>;
  readonly rows: (
    rows: readonly SliverIndex[],
    options: ScopedOptions,
    rebuilds: { left: number },
  ) => Promise<ReadonlyMap<SliverIndex, Sliver>>;
  readonly inTime: ScratchDecodeOptions['inTime'];
  readonly onProgress: (
    options: ScopedOptions,
    stage: ReadProgress['stage'],
    count?: { readonly found: number; readonly needed: number },
  ) => void;
}

export class LargeBlob {
  readonly #reader: LargeBlobParts;
  readonly #modules: BlobReaderModules & { readonly scratch: ScratchSpace };

  constructor(reader: LargeBlobParts, modules: BlobReaderModules & { readonly scratch: ScratchSpace }) {
    this.#reader = reader;
    this.#modules = modules;
  }

  /** The bytes of the range in order, each row compared with the metadata. */
  async *parts(range: ResolvedRange, options: ScopedOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const { view, windows } = this.#reader;
    let at = range.start;
    if (options.prefer !== 'repair') {
      const rebuilds = { left: this.#modules.limits.maxRebuiltRows };
      try {
        for await (const part of windows(range, options, (window) => this.#rows(window, options, rebuilds))) {
          at += part.length;
          yield part;
        }
        return;
      } catch (error) {
        if (isFloeError(error, 'INCONSISTENT_SLIVER')) throw inconsistentBlob(view, error);
        if (!areTooFewSlivers(error)) throw error;
      }
    }
    yield* cut(this.#decoded(options), { start: at, end: range.end });
  }

  /** The same, after the whole blob was encoded again and its id compared. */
  async *strictParts(range: ResolvedRange, options: ScopedOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const { codec, scratch, limits } = this.#modules;
    const { signal } = options;
    const copy = await scratch.open(this.#sizeBytes, { signal });
    try {
      let at = 0;
      for await (const part of this.parts({ start: 0, end: this.#sizeBytes }, options)) {
        await copy.write(at, part);
        at += part.length;
      }
      this.#reader.onProgress(options, 'checking');
      const source = { sizeBytes: this.#sizeBytes, read: copy.read.bind(copy) };
      const { verified } = this.#reader.view;
      await whenNotBusy(signal, this.#modules, () => codec.checkEncoding(verified, source, { signal, scratch }));
      for (let from = range.start; from < range.end;) {
        const part = new Uint8Array(Math.min(limits.uploadPartBytes, range.end - from));
        await copy.read(from, part);
        yield part;
        from += part.length;
      }
    } finally {
      await copy.close();
    }
  }

  /** In the one array that is returned. */
  async whole(options: ScopedOptions): Promise<Uint8Array> {
    const { codec } = this.#modules;
    const { verified } = this.#reader.view;
    const { signal, consistency = 'default' } = options;
    const range = { start: 0, end: this.#sizeBytes };
    const blob = await collected(this.parts(range, options), range);
    if (consistency === 'skip') return blob;
    this.#reader.onProgress(options, 'checking');
    // All rows are checked but for what the last one, and those after it, have after the blob's end.
    const checked = new Set(rowsOf(verified, range).slice(0, -1));
    await whenNotBusy(signal, this.#modules, () =>
      consistency === 'strict'
        ? codec.checkEncoding(verified, sourceOf(blob), { signal })
        : codec.checkConsistency(verified, blob, 'default', checked, { signal }),
    );
    return blob;
  }

  get #sizeBytes(): number {
    return this.#reader.view.verified.metadata.unencodedLength;
  }

  async #rows(range: ResolvedRange, options: ScopedOptions, rebuilds: { left: number }): Promise<Uint8Array[]> {
    const { view, inTime, rows: gatherRows } = this.#reader;
    const rows = rowsOf(view.verified, range);
    const slivers = await inTime(options.signal, (signal) => gatherRows(rows, { ...options, signal }, rebuilds));
    return rows.map((row) => rowPart(view.verified, row, (slivers.get(row) as Sliver).data, range));
  }

  /** The whole blob in order, from whatever slivers there are. */
  #decoded(options: ScopedOptions): AsyncIterable<Uint8Array> {
    const { view, inTime, onProgress } = this.#reader;
    const { signal, prefer = 'systematic' } = options;
    const checks = options.consistency !== 'skip';
    const report = (found: number, needed: number) => onProgress(options, 'spooling', { found, needed });
    return decodeThroughScratch({ view, prefer, checks, signal, inTime, onProgress: report }, this.#modules);
  }
}
