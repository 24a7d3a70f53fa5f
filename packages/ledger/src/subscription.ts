/**
 * Following the chain: every checkpoint from a given one on, without gaps, however slow the follower is. Nothing is
 * buffered for a follower: it reads from the journal at its own pace and waits only at the end of it.
 */
import { deferred } from '@floe/platform';
import type { CheckpointRecord } from './api.ts';
import { errors } from './errors.ts';
import { MAX_SUBSCRIPTIONS } from './limits.ts';

export class Subscriptions {
  #next = deferred<void>();
  #count = 0;
  #isClosed = false;

  /** Wakes those that wait for a checkpoint. */
  notify(): void {
    const waiting = this.#next;
    this.#next = deferred();
    waiting.resolve();
  }

  /** Ends every subscription. */
  close(): void {
    this.#isClosed = true;
    this.notify();
  }

  /** `read` gives a checkpoint once it is durable. Ends, without an error, on abort and close. */
  async *follow(
    from: bigint,
    read: (sequence: bigint) => CheckpointRecord | undefined,
    signal?: AbortSignal,
  ): AsyncGenerator<CheckpointRecord, void, undefined> {
    if (this.#count >= MAX_SUBSCRIPTIONS) throw errors.SUBSCRIPTIONS_FULL({ limit: MAX_SUBSCRIPTIONS });
    this.#count += 1;
    const aborted = deferred<void>();
    const onAbort = () => aborted.resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (let sequence = from; ;) {
        if (this.#isClosed || signal?.aborted === true) return;
        const next = this.#next.promise;
        const checkpoint = read(sequence);
        if (checkpoint === undefined) {
          await Promise.race([next, aborted.promise]);
        } else {
          yield checkpoint;
          sequence = checkpoint.sequence + 1n;
        }
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#count -= 1;
    }
  }
}
