/**
 * Encodes of one blob by all workers of a pool: makes the shared memory, copies the blob in while workers already extend
 * its first rows, and takes the results out. Other jobs, and encodes that shared memory cannot hold, go to the pool as
 * they are.
 *
 * Memory of an encode is kept for the next one if it is not larger than the limit; slivers that were lent keep it in use
 * until they are released.
 */
import { createSharedMemory } from '@floe/kernels';
import { isFloeError } from '@floe/platform';
import type { BlobLayout } from '../blob-layout.ts';
import type { EncodedParts } from '../encode.ts';
import { mapMemoryError } from '../inline-runner.ts';
import { isBrief, isCheap } from '../job-cost.ts';
import type { EncodeJob, Job, JobOptions, JobResult, JobRunner, PairHashesJob } from '../jobs.ts';
import { COPIED_AT_ONCE_SIZE_BYTES } from '../limits.ts';
import { copySystematicRows, repairPrimaryOf, type SliverMemory } from '../sliver-memory.ts';
import { allocate } from '../steps.ts';
import { type ArenaLayout, arenaLayout, type ArenaShape, fitsArena } from './arena.ts';
import { clearRows, copyIn, partsIn, prepare, type SliverParts, takePairHashes } from './hand-over.ts';
import { type ShareJob, shareSteps } from './share.ts';
import { type Workplace, workplaceOf } from './workplace.ts';

/** What the runner needs of a pool. */
export interface TeamPool extends JobRunner {
  /** Whether jobs run in the calling thread, where one cannot wait for another. */
  readonly onlyLocal: boolean;
}

export interface TeamOptions {
  /** Workers that share one encode. */
  readonly members: number;
  /** Most bytes of shared memory kept for the next encode. */
  readonly keptSizeBytes: number;
}

export interface TeamModules {
  readonly pool: TeamPool;
  /** A turn for the rest of the program, between pieces of copying. */
  readonly pause: () => Promise<void>;
  /** Which jobs are not worth spreading; by default those that cost less than handing them over. */
  readonly isCheap?: (job: Job) => boolean;
}

export class TeamRunner implements JobRunner {
  readonly parallelism: JobRunner['parallelism'];
  readonly #options: TeamOptions;
  readonly #pool: TeamPool;
  readonly #pause: () => Promise<void>;
  readonly #isCheap: (job: Job) => boolean;
  #spare: WebAssembly.Memory | undefined;
  #closed = false;
  /** Whether this thread takes part in an encode; in one at a time, so that others' turns do not get longer. */
  #isJoined = false;

  constructor(options: TeamOptions, modules: TeamModules) {
    this.parallelism = modules.pool.parallelism;
    this.#options = options;
    this.#pool = modules.pool;
    this.#pause = modules.pause;
    this.#isCheap = modules.isCheap ?? isCheap;
  }

  async run<J extends Job>(job: J, options: JobOptions): Promise<JobResult<J>> {
    if (job.kind !== 'encode' && job.kind !== 'pairHashes') return await this.#pool.run(job, options);
    if (this.#pool.onlyLocal || this.#isCheap(job)) return await this.#pool.run(job, options);
    options.signal?.throwIfAborted();
    const place = job.kind === 'encode' ? workplaceOf(job.into) : undefined;
    const shape = this.#shapeOf(job);
    try {
      if (job.kind === 'encode' && place?.isShared === true) {
        return (await this.#encodeInPlace(job, place, options)) as JobResult<J>;
      }
      if (fitsArena(arenaLayout(shape))) return (await this.#encode(job, shape, options)) as JobResult<J>;
    } catch (error) {
      if (!this.#pool.onlyLocal) throw error; // else no worker could be started
    }
    return await this.#pool.run(job, options);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#spare = undefined;
    await this.#pool.close();
  }

  async #encode(
    job: EncodeJob | PairHashesJob,
    shape: ArenaShape,
    options: JobOptions,
  ): Promise<EncodedParts | Uint8Array<ArrayBuffer>> {
    const layout = arenaLayout(shape);
    const memory = this.#takeMemory(layout);
    await this.#runShares(job, { memory, layout, shape }, options);
    const pairHashes = takePairHashes(layout, memory);
    if (job.kind === 'pairHashes') {
      this.#keep(memory);
      return pairHashes;
    }
    const parts = partsIn(layout, memory);
    if (job.lend === true && job.into === undefined) {
      return { pairHashes, ...parts, release: once(() => this.#keep(memory)) };
    }
    const result = await this.#copyOut(layout, parts, job, options);
    this.#keep(memory);
    return { pairHashes, ...result };
  }

  /** Into memory of the caller's, who has it back, whatever comes of the encode, when nobody works in it any more. */
  async #encodeInPlace(job: EncodeJob, { memory, members }: Workplace, options: JobOptions): Promise<EncodedParts> {
    const shape = { ...this.#shapeOf(job), members: Math.min(members, this.#options.members) };
    const layout = arenaLayout(shape);
    clearRows(layout, memory);
    let atWork = 0;
    let onIdle: (() => void) | undefined;
    const watch = {
      onStart: () => (atWork += 1),
      onEnd: () => {
        atWork -= 1;
        if (atWork === 0) onIdle?.();
      },
    };
    try {
      await this.#runShares(job, { memory, layout, shape }, options, watch);
    } finally {
      if (atWork > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    }
    return { pairHashes: takePairHashes(layout, memory), ...partsIn(layout, memory) };
  }

  /**
   * All members' shares. Those that no worker has begun when the first ends are taken back: nothing is left for them. In
   * a brief encode this thread is the first member.
   */
  async #runShares(
    job: EncodeJob | PairHashesJob,
    { memory, layout, shape }: { memory: WebAssembly.Memory; layout: ArenaLayout; shape: ArenaShape },
    options: JobOptions,
    watch?: Required<Pick<JobOptions, 'onStart' | 'onEnd'>>,
  ): Promise<void> {
    prepare(layout, memory);
    const stop = new AbortController();
    const abort = () => stop.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort, { once: true });
    const onProgress = risingProgress(options);
    const progress = onProgress === undefined ? {} : { onProgress };
    const waiting = new Set<AbortController>();
    const takeBack = () => {
      for (const controller of waiting) controller.abort();
    };
    const share = (member: number): ShareJob => ({ kind: 'share', shape, memory, member });
    const hand = async (member: number) => {
      const own = new AbortController();
      waiting.add(own);
      const onStart = () => {
        waiting.delete(own);
        watch?.onStart();
      };
      const end = watch === undefined ? {} : { onEnd: watch.onEnd };
      const signal = AbortSignal.any([own.signal, stop.signal]);
      try {
        await this.#pool.run(share(member), { signal, onStart, ...end, ...progress });
      } catch (error) {
        if (own.signal.aborted) return;
        if (member > 0 && isFloeError(error, 'QUEUE_FULL')) return;
        throw error;
      }
      takeBack();
    };
    const joins = shape.members > 1 && !this.#isJoined && isBrief(job);
    if (joins) this.#isJoined = true;
    const handed = Array.from({ length: shape.members }, (_, member) => member).slice(joins ? 1 : 0);
    const shares = handed.map(hand);
    try {
      // Workers are already at it: they wait for the rows they need.
      for (const steps = copyIn(layout, memory, job.blob); steps.next().done !== true;);
      if (joins) shares.push(this.#join(share(0), { signal: stop.signal, ...progress }).then(takeBack));
      await Promise.all(shares);
    } catch (error) {
      stop.abort(error);
      await Promise.allSettled(shares);
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      if (joins) this.#isJoined = false;
    }
  }

  /** Does a share in this thread, with turns for others between tasks and while there is nothing to do but wait. */
  async #join(job: ShareJob, { signal, onProgress }: JobOptions): Promise<void> {
    for (const fraction of shareSteps(job, { mayBlock: false })) {
      onProgress?.(fraction);
      await this.#pause();
      signal?.throwIfAborted();
    }
  }

  #shapeOf(job: EncodeJob | PairHashesJob): ArenaShape {
    const { members } = this.#options;
    return { nShards: job.nShards, blobSize: job.blob.length, wantSlivers: job.kind === 'encode', members };
  }

  #takeMemory(layout: ArenaLayout): WebAssembly.Memory {
    const spare = this.#spare;
    if (spare !== undefined && spare.buffer.byteLength >= layout.sizeBytes) {
      this.#spare = undefined;
      return spare;
    }
    try {
      return createSharedMemory(layout.sizeBytes);
    } catch (error) {
      throw mapMemoryError(error);
    }
  }

  #keep(memory: WebAssembly.Memory): void {
    const size = memory.buffer.byteLength;
    if (this.#closed || size > this.#options.keptSizeBytes) return;
    if (this.#spare === undefined || this.#spare.buffer.byteLength < size) this.#spare = memory;
  }

  /** Copies to the caller's memory or to new memory, a piece at a time. */
  async #copyOut(layout: ArenaLayout, parts: SliverParts, job: EncodeJob, options: JobOptions): Promise<SliverParts> {
    const { blob } = layout;
    const { into } = job;
    if (into !== undefined) copySystematicRows(blob, job.blob, into);
    const to =
      into === undefined
        ? {
            repairPrimary: allocate(parts.repairPrimary.length, 'primary slivers'),
            secondary: allocate(parts.secondary.length, 'secondary slivers'),
          }
        : partsOf(blob, into);
    for (const part of ['repairPrimary', 'secondary'] as const) {
      for (let at = 0; at < parts[part].length; at += COPIED_AT_ONCE_SIZE_BYTES) {
        to[part].set(parts[part].subarray(at, at + COPIED_AT_ONCE_SIZE_BYTES), at);
        if (at > 0) await this.#pause();
        options.signal?.throwIfAborted();
      }
    }
    return to;
  }
}

function partsOf(layout: BlobLayout, into: SliverMemory): SliverParts {
  return { repairPrimary: repairPrimaryOf(layout, into), secondary: into.secondary };
}

/** Members report where all of them are, but not in order. */
function risingProgress({ onProgress }: JobOptions): JobOptions['onProgress'] {
  if (onProgress === undefined) return undefined;
  let highest = 0;
  return (fraction) => {
    if (fraction < highest) return;
    highest = fraction;
    onProgress(fraction);
  };
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}
