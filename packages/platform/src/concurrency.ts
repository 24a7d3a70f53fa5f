/** Bounds on what runs at once. */
import { errorCatalogue, spec } from './errors.ts';

export const concurrencyErrors = errorCatalogue({
  QUEUE_FULL: spec<{ queue: string; limit: number }>(
    'exhausted',
    ({ queue, limit }) => `${queue} is at its limit of ${limit} waiting; try again later`,
  ),
});

/**
 * At most `permits` holders at once, at most `maxWaiting` in line (first come, first served).
 * `acquire` rejects with `QUEUE_FULL` past that, or with the signal's reason.
 */
export class Semaphore {
  readonly #name: string;
  readonly #maxWaiting: number;
  readonly #waiting: { grant: () => void }[] = [];
  #free: number;

  constructor(options: { name: string; permits: number; maxWaiting?: number }) {
    this.#name = options.name;
    this.#free = options.permits;
    this.#maxWaiting = options.maxWaiting ?? Number.POSITIVE_INFINITY;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` while holding a permit. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Resolves to the function that gives the permit back (calling it twice does nothing more). */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#releaser();
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      throw concurrencyErrors.QUEUE_FULL({ queue: this.#name, limit: this.#maxWaiting });
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        grant: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(entry);
    });
    return this.#releaser();
  }

  #releaser(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next.grant();
    };
  }
}

/** Runs `work` over `items`, at most `limit` at once; the first failure rejects after those under way settle. */
export async function mapConcurrent<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let nextIndex = 0;
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined) {
      const next = iterator.next();
      if (next.done === true) return;
      const index = nextIndex;
      nextIndex += 1;
      try {
        results[index] = await work(next.value, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  if (failure !== undefined) throw failure.error;
  return results;
}

/** A promise with its `resolve` and `reject`; `Promise.withResolvers` is not in Node.js 20. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
