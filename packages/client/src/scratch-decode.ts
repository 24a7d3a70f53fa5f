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
 * The whole blob in order.
 *
 * @throws SLIVERS_UNAVAILABLE, INCONSISTENT_BLOB, SCRATCH_FULL
 */
export async function* decodeThroughScratch(
  options: ScratchDecodeOptions,
  modules: ScratchDecodeModules,
): AsyncGenerator<Uint8Array, void, undefined> {
  const opened: Scratch[] = [];
  try {
    const slivers = spooledSlivers(options, modules, opened);
    const { signal, view, checks } = options;
    yield* modules.codec.decodeStream(view.verified, slivers, { scratch: modules.scratch, checks, signal });
  } finally {
    await Promise.all(opened.map((scratch) => scratch.close()));
  }
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
