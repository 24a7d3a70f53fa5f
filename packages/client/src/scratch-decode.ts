/**
 * Reads a blob that must be decoded and is too large to be held: verified slivers go to scratch space as they arrive,
 * and from there through the codec.
 *
 * Systematic primary slivers are asked for first, in the order of their rows, so that bytes come out from the first row
 * on until one is missing; secondary slivers are the last resort.
 *
 * Invariants: a group of slivers is in memory, never more; every row that comes out was compared with the metadata, in
 * its sliver or after it was decoded; the scratch is given back when the stream ends, however it does.
 */
import { type Axis, type SliverIndex, sliverSize, sourceSymbols } from '@floe/protocol';
import type { Codec, Scratch, ScratchSpace, StoredSliver } from '@floe/redstuff';
import { areTooFewSlivers } from './answers.ts';
import { whenNotBusy } from './busy-codec.ts';
import { cut } from './byte-range.ts';
import { type GatherModules, type GatherOptions, gatherSlivers } from './sliver-gather.ts';

export interface ScratchDecodeOptions extends Pick<GatherOptions, 'view' | 'prefer' | 'signal'> {
  /** Whether decoded rows are compared with the metadata. */
  readonly checks: boolean;
  /** Runs the fetching of one group within its time. */
  readonly inTime: <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly onProgress: (found: number, needed: number) => void;
}

export interface ScratchDecodeModules extends GatherModules {
  readonly codec: Codec;
  readonly scratch: ScratchSpace;
}

/**
 * The whole blob in order. A codec that is busy refuses the first of what is decoded, after rows that came whole: it goes
 * on from there, with the slivers that are put aside.
 *
 * @throws SLIVERS_UNAVAILABLE, INCONSISTENT_BLOB, SCRATCH_FULL
 */
export async function* decodeThroughScratch(
  options: ScratchDecodeOptions,
  modules: ScratchDecodeModules,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { codec, scratch } = modules;
  const { signal, view, checks } = options;
  const opened: Scratch[] = [];
  const source = spooledSlivers(options, modules, opened);
  const slivers = repeatable(source);
  let givenBytes = 0;
  const decoded = (): AsyncGenerator<Uint8Array, void, undefined> => {
    const parts = codec.decodeStream(view.verified, slivers(), { scratch, checks, signal });
    return cut(parts, { start: givenBytes, end: Number.POSITIVE_INFINITY });
  };
  let parts = decoded();
  const next = () =>
    parts.next().catch((error: unknown) => {
      parts = decoded();
      throw error;
    });
  try {
    for (;;) {
      const part = await whenNotBusy(signal, modules, next);
      if (part.done === true) return;
      givenBytes += part.value.length;
      yield part.value;
    }
  } finally {
    await parts.return();
    await source.return();
    await Promise.all(opened.map((each) => each.close()));
  }
}

/** Gives what comes of `source` as often as it is called, from the first on. */
function repeatable<T>(source: AsyncIterator<T, void, undefined>): () => AsyncGenerator<T, void, undefined> {
  const kept: T[] = [];
  return async function* () {
    yield* kept;
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      kept.push(next.value);
      yield next.value;
    }
  };
}

/** Primary slivers, as many as decode the blob; when there are too few of them, secondary ones after that. */
async function* spooledSlivers(
  options: ScratchDecodeOptions,
  modules: ScratchDecodeModules,
  opened: Scratch[],
): AsyncGenerator<StoredSliver, void, undefined> {
  try {
    yield* spooledAxis('primary', options, modules, opened);
  } catch (error) {
    if (!areTooFewSlivers(error)) throw error;
    try {
      yield* spooledAxis('secondary', options, modules, opened);
    } catch (second) {
      options.signal.throwIfAborted();
      throw areTooFewSlivers(second) ? error : second;
    }
  }
}

async function* spooledAxis(
  axis: Axis,
  { view, prefer, signal, inTime, onProgress }: ScratchDecodeOptions,
  modules: ScratchDecodeModules,
  opened: Scratch[],
): AsyncGenerator<StoredSliver, void, undefined> {
  const { geometry, symbolSize } = view.verified;
  const needed = sourceSymbols(geometry, axis);
  const sizeBytes = sliverSize(geometry, axis, symbolSize);
  const perGroup = Math.max(1, Math.floor(modules.limits.streamWindowBytes / sizeBytes));
  const scratch = await modules.scratch.open(needed * sizeBytes, { signal });
  opened.push(scratch);
  const excluded = new Set<SliverIndex>();
  for (let found = 0; found < needed;) {
    const count = Math.min(perGroup, needed - found);
    const group = await inTime(signal, (inTimeSignal) =>
      gatherSlivers(
        { view, axis, wanted: undefined, allowDecode: true, prefer, count, excluded, signal: inTimeSignal },
        modules,
      ),
    );
    for (const { index, data } of group.values()) {
      if (found === needed) break;
      const start = found * sizeBytes;
      await scratch.write(start, data);
      excluded.add(index);
      found += 1;
      onProgress(found, needed);
      yield { axis, index, read: (offset, into) => scratch.read(start + offset, into) };
    }
  }
}
