/**
 * Jobs in the calling thread. Jobs under way take turns step by step on one kernel, so a short one need not wait for a
 * long one; how long others in the thread wait depends on the `pause` between steps.
 */
import { CodeKernel, KernelMemoryError } from '@floe/kernels';
import { concurrencyErrors } from '@floe/platform';
import { errors } from './errors.ts';
import { type Job, type JobOptions, type JobResult, type JobRunner, jobSteps } from './jobs.ts';
import { MAX_INLINE_JOBS } from './limits.ts';
import type { Steps } from './steps.ts';

export interface InlineModules {
  /**
   * Gives the rest of the program a turn between two steps of a few milliseconds. Without it only promise callbacks get
   * one, and neither I/O nor timers run until the job is done.
   */
  readonly pause?: () => Promise<void>;
}

export class InlineRunner implements JobRunner {
  readonly parallelism = { threads: 1, sharesMemory: false };
  readonly #kernel = new CodeKernel();
  readonly #pause: () => Promise<void>;
  #active = 0;
  #closed = false;

  constructor(modules: InlineModules) {
    this.#pause = modules.pause ?? (() => Promise.resolve());
  }

  async run<J extends Job>(job: J, options: JobOptions): Promise<JobResult<J>> {
    options.signal?.throwIfAborted();
    this.#checkOpen(job);
    if (this.#active >= MAX_INLINE_JOBS && options.isAdmitted !== true) {
      throw concurrencyErrors.QUEUE_FULL({ queue: 'the inline codec', limit: MAX_INLINE_JOBS });
    }
    this.#active += 1;
    try {
      return await this.#drive(jobSteps(this.#kernel, job), job, options);
    } catch (error) {
      throw mapMemoryError(error);
    } finally {
      this.#active -= 1;
      if (this.#closed) this.#kernel.release();
      else if (this.#active === 0) this.#kernel.trim();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#active === 0) this.#kernel.release();
  }

  async #drive<T>(steps: Steps<T>, job: Job, { signal, onProgress }: JobOptions): Promise<T> {
    for (;;) {
      const next = steps.next();
      if (next.done === true) {
        onProgress?.(1);
        return next.value;
      }
      onProgress?.(next.value);
      await this.#pause();
      signal?.throwIfAborted();
      this.#checkOpen(job);
    }
  }

  #checkOpen(job: Job): void {
    if (this.#closed) throw errors.CODEC_CLOSED({ job: `'${job.kind}'` });
  }
}

/** The error to throw when a job has failed with `error`: kernels have no catalogue of their own. */
export function mapMemoryError(error: unknown): unknown {
  if (!(error instanceof KernelMemoryError)) return error;
  return errors.OUT_OF_MEMORY({ sizeBytes: error.sizeBytes, purpose: 'kernel memory' }, error);
}
