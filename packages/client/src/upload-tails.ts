/**
 * Uploads that go on after their store has returned: the certificate needed a quorum, the other nodes should get their
 * slivers too, so that the blob does not begin its life with fewer copies than it could have.
 *
 * Invariants: each ends within its time, and none fails: what goes wrong after a store's result is nobody's any more; at most
 * `maxTails` go on at once, since each keeps an encoded blob.
 */
import { abortScope, type Scheduler } from '@floe/platform';
import type { UploadTail } from './certificate-collection.ts';
import type { ClientLimits } from './limits.ts';

export class TailKeeper {
  readonly #scheduler: Scheduler;
  readonly #limits: Pick<ClientLimits, 'maxTails' | 'minTailMs' | 'tailFactor'>;
  readonly #tails = new Map<UploadTail, Promise<void>>();

  constructor(limits: Pick<ClientLimits, 'maxTails' | 'minTailMs' | 'tailFactor'>, modules: { scheduler: Scheduler }) {
    this.#limits = limits;
    this.#scheduler = modules.scheduler;
  }

  /** Lets a tail go on for a time in proportion to what its upload took; resolves when it has ended. */
  keep(tail: UploadTail, uploadMs: number): Promise<void> {
    const ended = this.#runOut(tail, this.#limits.minTailMs + this.#limits.tailFactor * uploadMs);
    this.#tails.set(tail, ended);
    void ended.then(() => this.#tails.delete(tail));
    return ended;
  }

  /** Resolves when fewer tails go on than the limit. */
  async room(): Promise<void> {
    while (this.#tails.size > this.#limits.maxTails) await Promise.race(this.#tails.values());
  }

  /** Resolves when no tail goes on any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  async #runOut(tail: UploadTail, timeMs: number): Promise<void> {
    const timer = abortScope();
    this.#scheduler.sleep(timeMs, timer.signal).then(
      () => tail.cancel(),
      () => undefined,
    );
    await tail.finished.catch(() => undefined);
    timer.end();
  }
}
