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
import { PAIR_HASHES_SIZE_BYTES } from '@floe/protocol';
import type { BlobLayout } from '../blob-layout.ts';
import type { EncodedParts } from '../encode.ts';
import { setPaddingHashes } from '../column-block.ts';
import { mapMemoryError } from '../inline-runner.ts';
import { isCheap } from '../job-cost.ts';
import type { EncodeJob, Job, JobOptions, JobResult, JobRunner, PairHashesJob } from '../jobs.ts';
import { COPIED_AT_ONCE_SIZE_BYTES } from '../limits.ts';
import { paddingHashes } from '../padding.ts';
import { copySystematicRows, repairPrimaryOf, type SliverMemory } from '../sliver-memory.ts';
import { allocate } from '../steps.ts';
import { type ArenaLayout, arenaLayout, CONTROL, CONTROL_WORDS, fitsArena } from './arena.ts';

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
    const wantSlivers = job.kind === 'encode';
    const { members } = this.#options;
    const layout = arenaLayout({ nShards: job.nShards, blobSize: job.blob.length, wantSlivers, members });
    if (!fitsArena(layout)) return await this.#pool.run(job, options);
    options.signal?.throwIfAborted();
    try {
      return (await this.#encode(job, layout, options)) as JobResult<J>;
    } catch (error) {
      if (this.#pool.onlyLocal) return await this.#pool.run(job, options); // no worker could be started
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#spare = undefined;
    await this.#pool.close();
  }

  async #encode(
    job: EncodeJob | PairHashesJob,
    layout: ArenaLayout,
    options: JobOptions,
  ): Promise<EncodedParts | Uint8Array<ArrayBuffer>> {
    const memory = this.#takeMemory(layout);
    const bytes = new Uint8Array(memory.buffer);
    const padding = prepare(layout, bytes);
    const wanted = job.kind === 'encode' ? job : undefined;
    const sharedInto = wanted?.into !== undefined && isShared(wanted.into) ? wanted.into : undefined;
    await this.#runShares(job, { memory, layout, into: sharedInto }, options);
    const pairHashes = bytes.slice(layout.pairHashes, layout.pairHashes + job.nShards * PAIR_HASHES_SIZE_BYTES);
    setPaddingHashes(layout.blob, padding, pairHashes);
    if (wanted === undefined) {
      this.#keep(memory);
      return pairHashes;
    }
    const parts = sharedInto === undefined ? partsIn(layout, bytes) : partsOf(layout.blob, sharedInto);
    if (wanted.lend === true && wanted.into === undefined) {
      return { pairHashes, ...parts, release: once(() => this.#keep(memory)) };
    }
    const result = sharedInto === undefined ? await this.#copyOut(layout, parts, wanted, options) : parts;
    this.#keep(memory);
    return { pairHashes, ...result };
  }

  /** Shares that no worker has begun when the first ends are taken back: nothing is left for them. */
  async #runShares(
    job: EncodeJob | PairHashesJob,
    { memory, layout, into }: { memory: WebAssembly.Memory; layout: ArenaLayout; into: SliverMemory | undefined },
    options: JobOptions,
  ): Promise<void> {
    const { members } = this.#options;
    const shape = { nShards: job.nShards, blobSize: job.blob.length, wantSlivers: job.kind === 'encode', members };
    const stop = new AbortController();
    const abort = () => stop.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort, { once: true });
    const onProgress = risingProgress(options);
    const waiting = new Set<AbortController>();
    const shares = Array.from({ length: members }, async (_, member) => {
      const own = new AbortController();
      waiting.add(own);
      const signal = AbortSignal.any([own.signal, stop.signal]);
      const hooks = { signal, onStart: () => waiting.delete(own), ...(onProgress === undefined ? {} : { onProgress }) };
      try {
        await this.#pool.run({ kind: 'share', shape, memory, member, into }, hooks);
      } catch (error) {
        if (own.signal.aborted) return;
        if (member > 0 && isFloeError(error, 'QUEUE_FULL')) return;
        throw error;
      }
      for (const controller of waiting) controller.abort();
    });
    try {
      // Workers are already at it: they wait for the rows they need.
      copyIn(layout, memory, job.blob);
      await Promise.all(shares);
    } catch (error) {
      stop.abort(error); // the memory is let go of: who still works on it does no harm
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
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

type SliverParts = Pick<EncodedParts, 'repairPrimary' | 'secondary'>;

/** Puts what workers need before their first task where they look for it; the root of a sliver of padding. */
function prepare(layout: ArenaLayout, bytes: Uint8Array): Uint8Array {
  const control = new Int32Array(bytes.buffer, layout.control, CONTROL_WORDS);
  // The table of leaf hashes is kept from one encode to the next, unless this one puts other things in its place.
  const table = layout.leafTable === 0 ? 0 : (control[CONTROL.leafTable] as number);
  control.fill(0);
  control[CONTROL.leafTable] = table;
  const { nodes, root } = paddingHashes(layout.blob.geometry.nShards, layout.blob.symbolSize);
  bytes.set(nodes, layout.padding);
  return root;
}

/** Copies the blob in, some rows at a time, and says how far it is. */
function copyIn(layout: ArenaLayout, memory: WebAssembly.Memory, blob: Uint8Array): void {
  const { rowSize, usedRows } = layout.blob;
  const bytes = new Uint8Array(memory.buffer);
  const control = new Int32Array(memory.buffer, layout.control, CONTROL_WORDS);
  const atOnce = Math.max(1, Math.floor(COPIED_AT_ONCE_SIZE_BYTES / rowSize));
  for (let row = 0; row < usedRows; row += atOnce) {
    const end = Math.min(usedRows, row + atOnce);
    const present = blob.subarray(row * rowSize, end * rowSize);
    const at = layout.matrix + row * rowSize;
    bytes.set(present, at);
    bytes.fill(0, at + present.length, layout.matrix + end * rowSize);
    Atomics.store(control, CONTROL.rowsReady, end);
    Atomics.notify(control, CONTROL.rowsReady);
  }
}

function partsIn(layout: ArenaLayout, bytes: Uint8Array): SliverParts {
  const { geometry, rowSize, columnSize } = layout.blob;
  const { nShards, rows } = geometry;
  return {
    repairPrimary: bytes.subarray(layout.repairPrimary, layout.repairPrimary + (nShards - rows) * rowSize),
    secondary: bytes.subarray(layout.secondary, layout.secondary + nShards * columnSize),
  };
}

function partsOf(layout: BlobLayout, into: SliverMemory): SliverParts {
  return { repairPrimary: repairPrimaryOf(layout, into), secondary: into.secondary };
}

function isShared({ primary, secondary }: SliverMemory): boolean {
  return !(primary.buffer instanceof ArrayBuffer) && !(secondary.buffer instanceof ArrayBuffer);
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
