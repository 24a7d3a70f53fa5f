/** A bound on how many requests of a kind are under way; what comes past the waiting line is told to try again. */
import { Semaphore } from '@floe/platform';

export interface AdmissionOptions {
  readonly name: string;
  /** Under way at once. */
  readonly atOnce: number;
  /** In line for a place; past them `QUEUE_FULL`. */
  readonly waiting: number;
}

/** Gives the place back; calling it again does nothing. */
export type Release = () => void;

export class Admission {
  readonly #semaphore: Semaphore;

  constructor(options: AdmissionOptions) {
    this.#semaphore = new Semaphore({ name: options.name, permits: options.atOnce, maxWaiting: options.waiting });
  }

  /**
   * Runs `answer` in a place, which is given back when the answer is there, unless its body was made with
   * {@link holding}: then when that has been sent or dropped.
   *
   * @throws QUEUE_FULL
   */
  async run(
    signal: AbortSignal,
    answer: (hold: (parts: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) => Promise<Response>,
  ): Promise<Response> {
    const release = await this.#semaphore.acquire(signal);
    let held = false;
    try {
      return await answer((parts) => {
        held = true;
        return holding(parts, release);
      });
    } catch (error) {
      release();
      throw error;
    } finally {
      if (!held) release();
    }
  }
}

/**
 * The same parts; `release` is called when they end, fail or are dropped. Written out, because a generator that is
 * dropped before its first part never runs its `finally`.
 */
export function holding(parts: AsyncIterable<Uint8Array>, release: Release): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = parts[Symbol.asyncIterator]();
      return {
        next: async () => {
          try {
            const result = await iterator.next();
            if (result.done === true) release();
            return result;
          } catch (error) {
            release();
            throw error;
          }
        },
        return: async () => {
          release();
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
