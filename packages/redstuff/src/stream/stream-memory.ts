/** The memory of streams, of which one is kept for the next: new memory must be touched first, which takes long. */
import { createMemory, growMemory } from '@floe/kernels';
import { errors } from '../errors.ts';
import { mapMemoryError } from '../inline-runner.ts';
import type { JobRunner } from '../jobs.ts';

export class StreamMemory {
  readonly #parallelism: JobRunner['parallelism'];
  #spare: WebAssembly.Memory | undefined;
  #isClosed = false;

  constructor(parallelism: JobRunner['parallelism']) {
    this.#parallelism = parallelism;
  }

  /** @throws OUT_OF_MEMORY, CODEC_CLOSED */
  take(sizeBytes: number): WebAssembly.Memory {
    if (this.#isClosed) throw errors.CODEC_CLOSED({ job: 'a stream' });
    const spare = this.#spare;
    this.#spare = undefined;
    try {
      // Grown in place: one beside it would take as much again until the engine lets go of the first.
      if (spare !== undefined) growMemory(spare, sizeBytes);
      return spare ?? createMemory(sizeBytes, { shared: this.#parallelism.sharesMemory });
    } catch (error) {
      throw mapMemoryError(error);
    }
  }

  /** Only after success: otherwise a worker may still be at it. */
  giveBack(memory: WebAssembly.Memory): void {
    if (!this.#isClosed) this.#spare = memory;
  }

  close(): void {
    this.#isClosed = true;
    this.#spare = undefined;
  }
}
