/**
 * Reads the bytes of one blob whose metadata is verified.
 *
 * The first `rows` primary slivers are the blob itself, row by row, so a healthy read only fetches and compares hashes.
 *
 * Invariants: a byte leaves only after the sliver it lies in, or the whole decoded blob, was checked against the
 * metadata; only the rows that a range touches are fetched, unless they can be had only by decoding; a stream holds at
 * most two windows of rows. A blob that is large is never held whole, but for the array that a read returns: what must
 * be decoded or checked strictly goes through scratch space.
 */
import { abortScope, assert, isFloeError, withDeadline } from '@floe/platform';
import {
  type Epoch,
  type Sliver,
  type SliverIndex,
  sliverSize,
  sourceSymbols,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { ScratchSpace } from '@floe/redstuff';
import { areTooFewSlivers } from './answers.ts';
import type { BlobView } from './blob-view.ts';
import { whenNotBusy } from './busy-codec.ts';
import { type ByteRange, collected, type ResolvedRange, resolveRange, rowPart, rowSize, rowsOf } from './byte-range.ts';
import { clientErrors } from './errors.ts';
import { LargeBlob } from './large-blob.ts';
import { type GatherModules, type GatherOptions, gatherSlivers, inconsistentBlob } from './sliver-gather.ts';

/**
 * - default: every reader at this level gets the same bytes, or an error: each row is compared with the metadata, whichever
 *   way it was had. A range or a stream compares the rows it gives out, the whole blob its padding too.
 * - strict: the writer encoded every sliver correctly.
 * - skip: each sliver is authentic; two readers of a maliciously encoded blob may still get different bytes.
 */
export type Consistency = 'default' | 'strict' | 'skip';

export interface ReadProgress {
  /** `spooling`: slivers of a large blob that must be decoded are put aside. */
  readonly stage: 'fetching' | 'spooling' | 'decoding' | 'checking';
  /** Slivers found of those needed as things stand. */
  readonly slivers: number;
  readonly sliversNeeded: number;
}

export interface BlobReadOptions {
  /** Default: the whole blob. */
  readonly range?: ByteRange;
  readonly consistency?: Consistency;
  /** `repair` asks for parity slivers before systematic ones, to show that the blob can be rebuilt. */
  readonly prefer?: 'systematic' | 'repair';
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}

export type ScopedOptions = BlobReadOptions & { readonly signal: AbortSignal };

export interface BlobReaderModules extends GatherModules {
  /** Where large blobs are put aside; without it they are held in memory, which bounds them. */
  readonly scratch?: ScratchSpace;
}

export class BlobReader {
  readonly #view: BlobView;
  readonly #modules: BlobReaderModules;
  #found = 0;
  #needed = 0;
  /** Kept once a stream had to decode: what cost the whole blob once must not cost it again for each window. */
  #decoded: Uint8Array | undefined;

  constructor(view: BlobView, modules: BlobReaderModules) {
    this.#view = view;
    this.#modules = modules;
  }

  get view(): BlobView {
    return this.#view;
  }

  get verified(): VerifiedMetadata {
    return this.#view.verified;
  }

  /** Of the committee that it is read from. */
  get epoch(): Epoch {
    return this.#view.committee.epoch;
  }

  get sizeBytes(): number {
    return this.#view.verified.metadata.unencodedLength;
  }

  /** Whether it is never held whole, but for the array that a read returns. */
  get isLarge(): boolean {
    const { scratch, limits } = this.#modules;
    return scratch !== undefined && this.sizeBytes > limits.maxBufferedBlobBytes;
  }

  /** How far the last fetch came, for the error of a deadline that a caller keeps. */
  get progress(): { readonly found: number; readonly needed: number } {
    return { found: this.#found, needed: this.#needed };
  }

  /** The bytes of the range in one array. No deadline of its own. */
  async read(options: ScopedOptions): Promise<Uint8Array> {
    const range = resolveRange(options.range, this.sizeBytes);
    this.#checkBufferable(range.end - range.start);
    const whole = range.start === 0 && range.end === this.sizeBytes;
    const strict = options.consistency === 'strict';
    const large = this.#large();
    if (large !== undefined && !whole) {
      return await collected(strict ? large.strictParts(range, options) : large.parts(range, options), range);
    }
    if (strict || whole) return (await this.#whole(options)).subarray(range.start, range.end);
    const rows = rowsOf(this.#view.verified, range);
    const slivers = await this.#slivers(rows, options);
    if (!holdsRows(rows, slivers)) return (await this.#decode(slivers, options)).slice(range.start, range.end);
    const parts = new Uint8Array(range.end - range.start);
    this.#copyRows(rows, slivers, range, parts);
    return parts;
  }

  /**
   * The bytes of the range in order, in parts of at most a row. Each part is waited for at most `readTimeoutMs`. With
   * `strict` the whole blob is checked, hence held or put aside, before the first part.
   */
  async *stream(options: BlobReadOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const range = resolveRange(options.range, this.sizeBytes);
    const scope = abortScope(options.signal);
    const scoped = { ...options, signal: scope.signal };
    const large = this.#large();
    try {
      if (options.consistency === 'strict') {
        if (large !== undefined) return yield* large.strictParts(range, scoped);
        const blob = await this.#withDeadline(scope.signal, (signal) => this.#whole({ ...options, signal }));
        return yield* this.#partsOf(blob, range);
      }
      if (large === undefined) return yield* this.#windowParts(range, scoped, (window) => this.#window(window, scoped));
      yield* large.parts(range, scoped);
    } finally {
      scope.end();
    }
  }

  /** The way to a blob that is not to be held whole; undefined: it may be. */
  #large(): LargeBlob | undefined {
    const { scratch } = this.#modules;
    if (scratch === undefined || !this.isLarge) return undefined;
    return new LargeBlob(
      {
        view: this.#view,
        windows: (range, options, fetchWindow) => this.#windowParts(range, options, fetchWindow),
        rows: (rows, options, rebuilds) => this.#gather('primary', rows, options, { allowDecode: false, rebuilds }),
        inTime: (signal, work) => this.#withDeadline(signal, work),
        onProgress: (options, stage, count) => this.#report(options, stage, count),
      },
      { ...this.#modules, scratch },
    );
  }

  /** One window is fetched while the one before is given out. */
  async *#windowParts(
    range: ResolvedRange,
    options: ScopedOptions,
    fetchWindow: (window: ResolvedRange) => Promise<Uint8Array[]>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const windows = this.#windows(range);
    const fetchNext = () => {
      const window = windows.shift();
      return window === undefined ? undefined : fetchWindow(window);
    };
    let next = fetchNext();
    while (next !== undefined) {
      options.signal.throwIfAborted();
      const parts = await next;
      next = fetchNext();
      // A failure ahead of the reader is reported when the reader gets there.
      next?.catch(() => undefined);
      yield* parts;
    }
  }

  /**
   * Fills an array with columns, which are secondary slivers, from the first one named on, each verified; false when they
   * can be neither fetched nor rebuilt. They come some at a time, so that little is held beside the array.
   */
  async columnsInto(target: Uint8Array, first: number, options: ScopedOptions): Promise<boolean> {
    const { geometry, symbolSize } = this.#view.verified;
    const sizeBytes = sliverSize(geometry, 'secondary', symbolSize);
    const count = target.length / sizeBytes;
    assert(Number.isInteger(count), 'columns are whole', { length: target.length, sizeBytes });
    const perGroup = Math.max(1, Math.floor(this.#modules.limits.readBatchBytes / sizeBytes));
    try {
      for (let at = 0; at < count; at += perGroup) {
        const length = Math.min(perGroup, count - at);
        const indices = Array.from({ length }, (_, i) => (first + at + i) as SliverIndex);
        const slivers = await this.#gather('secondary', indices, options);
        indices.forEach((index, i) => target.set((slivers.get(index) as Sliver).data, (at + i) * sizeBytes));
      }
      return true;
    } catch (error) {
      if (isFloeError(error, 'INCONSISTENT_SLIVER')) throw inconsistentBlob(this.#view, error);
      if (!isFloeError(error, 'SLIVERS_UNAVAILABLE')) throw error;
      return false;
    }
  }

  /** One row first, so that the first byte is early; then twice as much each time, up to the window. */
  #windows({ start, end }: ResolvedRange): ResolvedRange[] {
    const size = rowSize(this.#view.verified);
    const maxRows = Math.max(1, Math.floor(this.#modules.limits.streamWindowBytes / size));
    const windows: ResolvedRange[] = [];
    let rows = 1;
    for (let at = start; at < end; rows = Math.min(maxRows, rows * 2)) {
      const to = Math.min(end, (Math.floor(at / size) + rows) * size);
      windows.push({ start: at, end: to });
      at = to;
    }
    return windows;
  }

  async #window(range: ResolvedRange, options: ScopedOptions): Promise<Uint8Array[]> {
    if (this.#decoded !== undefined) return [...this.#partsOf(this.#decoded, range)];
    return await this.#withDeadline(options.signal, async (signal) => {
      const rows = rowsOf(this.#view.verified, range);
      const slivers = await this.#slivers(rows, { ...options, signal });
      if (holdsRows(rows, slivers)) {
        return rows.map((row) => rowPart(this.#view.verified, row, (slivers.get(row) as Sliver).data, range));
      }
      this.#decoded = await this.#decode(slivers, { ...options, signal });
      return [...this.#partsOf(this.#decoded, range)];
    });
  }

  *#partsOf(blob: Uint8Array, { start, end }: ResolvedRange): Generator<Uint8Array, void, undefined> {
    const size = rowSize(this.#view.verified);
    for (let at = start; at < end;) {
      const to = Math.min(end, (Math.floor(at / size) + 1) * size);
      yield blob.subarray(at, to);
      at = to;
    }
  }

  /** The whole blob, checked to the level asked for. */
  async #whole(options: ScopedOptions): Promise<Uint8Array> {
    this.#checkBufferable(this.sizeBytes);
    const { verified } = this.#view;
    const large = this.#large();
    if (large !== undefined) return await large.whole(options);
    const range = { start: 0, end: this.sizeBytes };
    const rows = rowsOf(verified, range);
    const slivers = await this.#slivers(rows, options);
    if (!holdsRows(rows, slivers)) return this.#decode(slivers, options);
    const blob = new Uint8Array(this.sizeBytes);
    this.#copyRows(rows, slivers, range, blob);
    await this.#check(blob, this.#checkedRows(rows, slivers), options);
    return blob;
  }

  /**
   * The verified rows, or enough slivers of one axis to decode the blob. Columns are the last resort, for when primary
   * slivers are lost on more shards than the code allows.
   */
  async #slivers(rows: readonly SliverIndex[], options: ScopedOptions): Promise<ReadonlyMap<SliverIndex, Sliver>> {
    if (rows.length === 0) return new Map();
    try {
      return await this.#gather('primary', rows, options);
    } catch (error) {
      if (isFloeError(error, 'INCONSISTENT_SLIVER')) throw inconsistentBlob(this.#view, error);
      if (!areTooFewSlivers(error)) throw error;
      const progress = { found: this.#found, needed: this.#needed };
      return await this.#gather('secondary', undefined, options).catch((second: unknown) => {
        options.signal.throwIfAborted();
        // Anything else is of its own: thrown by a listener, or that the blob is blocked.
        if (!areTooFewSlivers(second)) throw second;
        this.#found = progress.found;
        this.#needed = progress.needed;
        throw error;
      });
    }
  }

  #gather(
    axis: 'primary' | 'secondary',
    wanted: readonly SliverIndex[] | undefined,
    options: ScopedOptions,
    how?: Pick<GatherOptions, 'allowDecode' | 'rebuilds'>,
  ): Promise<Map<SliverIndex, Sliver>> {
    return gatherSlivers(
      {
        view: this.#view,
        axis,
        wanted,
        // Wanted columns are of use only themselves: what could decode them could give the whole blob.
        allowDecode: axis === 'primary' || wanted === undefined,
        ...how,
        prefer: options.prefer ?? 'systematic',
        signal: options.signal,
        onProgress: (found, needed) => this.#report(options, 'fetching', { found, needed }),
      },
      this.#modules,
    );
  }

  async #decode(gathered: ReadonlyMap<SliverIndex, Sliver>, options: ScopedOptions): Promise<Uint8Array> {
    this.#checkBufferable(this.sizeBytes);
    const { verified } = this.#view;
    const slivers = [...gathered.values()];
    const axis = slivers[0]?.axis;
    assert(axis !== undefined, 'a decode begins with slivers');
    this.#report(options, 'decoding');
    const used = slivers.slice(0, sourceSymbols(verified.geometry, axis));
    const { signal } = options;
    const blob = await whenNotBusy(signal, this.#modules, () =>
      this.#modules.codec.decode(verified.geometry, this.sizeBytes, used, { signal }),
    );
    const bySliver = new Map(used.map((sliver) => [sliver.index, sliver]));
    const rows = rowsOf(verified, { start: 0, end: this.sizeBytes }).filter((row) => bySliver.has(row));
    await this.#check(blob, axis === 'primary' ? this.#checkedRows(rows, bySliver) : new Set(), options);
    return blob;
  }

  async #check(blob: Uint8Array, checkedRows: ReadonlySet<SliverIndex>, options: ScopedOptions): Promise<void> {
    if (options.consistency === 'skip') return;
    this.#report(options, 'checking');
    const level = options.consistency ?? 'default';
    const { signal } = options;
    await whenNotBusy(signal, this.#modules, () =>
      this.#modules.codec.checkConsistency(this.#view.verified, blob, level, checkedRows, { signal }),
    );
  }

  /** Rows whose hash is known to be that of the blob's own bytes: padding must be zero, or it hid something. */
  #checkedRows(rows: readonly SliverIndex[], slivers: ReadonlyMap<SliverIndex, Sliver>): Set<SliverIndex> {
    const size = rowSize(this.#view.verified);
    return new Set(
      rows.filter((row) => {
        const padding = slivers.get(row)?.data.subarray(Math.min(size, this.sizeBytes - row * size));
        return padding?.every((byte) => byte === 0) === true;
      }),
    );
  }

  #copyRows(
    rows: readonly SliverIndex[],
    slivers: ReadonlyMap<SliverIndex, Sliver>,
    range: ResolvedRange,
    target: Uint8Array,
  ): void {
    let at = 0;
    for (const row of rows) {
      const part = rowPart(this.#view.verified, row, (slivers.get(row) as Sliver).data, range);
      target.set(part, at);
      at += part.length;
    }
    assert(at === target.length, 'rows fill the range', { at, length: target.length });
  }

  #report(
    { onProgress }: BlobReadOptions,
    stage: ReadProgress['stage'],
    { found, needed } = { found: this.#found, needed: this.#needed },
  ): void {
    this.#found = found;
    this.#needed = needed;
    onProgress?.({ stage, slivers: found, sliversNeeded: needed });
  }

  #checkBufferable(sizeBytes: number): void {
    const maxBytes = this.#modules.limits.maxReadBytes;
    if (sizeBytes > maxBytes) throw clientErrors.BLOB_TOO_LARGE_TO_BUFFER({ sizeBytes, maxBytes });
  }

  #withDeadline<T>(parent: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { scheduler, limits } = this.#modules;
    const { blobId } = this.#view.verified;
    const timeoutMs = limits.readTimeoutMs;
    const onTimeout = () => clientErrors.READ_TIMEOUT({ blobId, timeoutMs, found: this.#found, needed: this.#needed });
    return withDeadline({ scheduler, timeoutMs, parent, onTimeout }, work);
  }
}

function holdsRows(rows: readonly SliverIndex[], slivers: ReadonlyMap<SliverIndex, Sliver>): boolean {
  return rows.every((row) => slivers.get(row)?.axis === 'primary');
}
