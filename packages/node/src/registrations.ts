/** Requests that wait for the ledger to register a blob. */
import { deferred, type Scheduler } from '@floe/platform';
import type { BlobId } from '@floe/protocol';

export class Registrations {
  readonly #maxWaiting: number;
  readonly #scheduler: Scheduler;
  readonly #waiting = new Map<BlobId, Set<() => void>>();
  #count = 0;

  constructor(options: { maxWaiting: number }, modules: { scheduler: Scheduler }) {
    this.#maxWaiting = options.maxWaiting;
    this.#scheduler = modules.scheduler;
  }

  get waiting(): number {
    return this.#count;
  }

  /**
   * Resolves when the blob is registered (true) or `waitMs` have passed (false); at once when too many wait already.
   * Rejects with the signal's reason.
   */
  async wait(blobId: BlobId, waitMs: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#count >= this.#maxWaiting || waitMs <= 0) return false;
    const registered = deferred<boolean>();
    const wake = (): void => registered.resolve(true);
    const waiters = this.#waiting.get(blobId) ?? new Set();
    this.#waiting.set(blobId, waiters.add(wake));
    this.#count += 1;
    const timer = new AbortController();
    const stop = (): void => timer.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const timeout = this.#scheduler.sleep(waitMs, timer.signal).then(() => false);
      return await Promise.race([registered.promise, timeout]);
    } finally {
      signal.removeEventListener('abort', stop);
      timer.abort();
      waiters.delete(wake);
      if (waiters.size === 0 && this.#waiting.get(blobId) === waiters) this.#waiting.delete(blobId);
      this.#count -= 1;
    }
  }

  notify(blobId: BlobId): void {
    for (const wake of this.#waiting.get(blobId) ?? []) wake();
  }
}
