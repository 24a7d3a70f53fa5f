/** How far the ledger was followed, for work that must not begin before this node knows what the ledger knows. */
import { deferred, raceAbort } from '@floe/platform';

export class FollowerPosition {
  #next: bigint;
  #moved = deferred<void>();

  /** `next`: the first checkpoint whose events have not taken effect. */
  constructor(next: bigint) {
    this.#next = next;
  }

  moveTo(next: bigint): void {
    this.#next = next;
    this.#moved.resolve();
    this.#moved = deferred();
  }

  /** Resolves when the events of `checkpoint` and of all before it have taken effect; rejects with the signal's reason. */
  async reached(checkpoint: bigint, signal: AbortSignal): Promise<void> {
    while (this.#next <= checkpoint) await raceAbort(this.#moved.promise, signal);
    signal.throwIfAborted();
  }
}
