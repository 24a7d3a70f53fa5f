/**
 * One value that is read at most once per time to live. Readers at the same time share one read; a reader that leaves
 * does not end the read for the others, and `fresh` never returns what was read before it was asked.
 */
import type { Clock } from '@floe/platform';
import type { ReadOptions } from './types.ts';

export class TimedCache<T> {
  readonly #read: () => Promise<T>;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  #value: { readonly value: T; readonly readAtMs: number } | undefined;
  #reading: Promise<T> | undefined;

  constructor(read: () => Promise<T>, options: { readonly ttlMs: number; readonly clock: Clock }) {
    this.#read = read;
    this.#ttlMs = options.ttlMs;
    this.#clock = options.clock;
  }

  async get({ fresh = false, signal }: ReadOptions = {}): Promise<T> {
    signal?.throwIfAborted();
    const cached = this.#value;
    if (!fresh && cached !== undefined && this.#clock.monotonicMs() - cached.readAtMs < this.#ttlMs)
      return cached.value;
    // A read under way began before this call, so it may be older than "fresh" allows.
    if (fresh || this.#reading === undefined) this.#reading = this.#readOnce();
    return abortable(this.#reading, signal);
  }

  #readOnce(): Promise<T> {
    const readAtMs = this.#clock.monotonicMs();
    const reading = this.#read()
      .then((value) => {
        if (this.#value === undefined || this.#value.readAtMs <= readAtMs) this.#value = { value, readAtMs };
        return value;
      })
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    return reading;
  }
}

/** Settles as `promise`, or rejects with the signal's reason when that comes first. */
async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
