/**
 * What the event follower tells those who act on epochs: that one of its events was handled, and how far it has come.
 *
 * Invariant: an epoch counts as handled only when every event up to its start was: after a restart that is when the
 * follower has reached what was the ledger's last checkpoint then.
 */
import type { CheckpointRecord } from '@floe/contracts';
import { deferred, raceAbort } from '@floe/platform';
import type { Epoch } from '@floe/protocol';

const EPOCH_EVENTS = new Set(['EpochParametersSelected', 'EpochChangeStart', 'EpochChangeDone']);

export class EpochChanges {
  readonly #tip: bigint;
  #next: bigint;
  #epoch: Epoch;
  #change = deferred<void>();

  /** `epoch`: that of the ledger at `tip`, its last checkpoint when the node was opened; `next`: the first to follow. */
  constructor(options: { readonly epoch: Epoch; readonly tip: bigint; readonly next: bigint }) {
    this.#epoch = options.epoch;
    this.#tip = options.tip;
    this.#next = options.next;
  }

  /** Resolves with the next change; take it before reading what a change may change. */
  get change(): Promise<void> {
    return this.#change.promise;
  }

  /** Resolves once `condition` holds, which is looked at now and after each change; rejects with the signal's reason. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { change } = this;
      if (condition()) return;
      await raceAbort(change, signal);
    }
  }

  /** Whether the start of `epoch`, and all before it, has taken effect on this node. */
  hasHandled(epoch: Epoch): boolean {
    return this.#next > this.#tip && epoch <= this.#epoch;
  }

  /** All events of the checkpoint have taken effect. */
  followed(checkpoint: CheckpointRecord): void {
    const wasBehind = this.#next <= this.#tip;
    this.#next = checkpoint.sequence + 1n;
    let hasChanged = wasBehind && this.#next > this.#tip;
    for (const { event } of checkpoint.events) {
      if (!EPOCH_EVENTS.has(event.kind)) continue;
      hasChanged = true;
      if (event.kind === 'EpochChangeStart' && event.epoch > this.#epoch) this.#epoch = event.epoch;
    }
    if (!hasChanged) return;
    const { resolve } = this.#change;
    this.#change = deferred();
    resolve();
  }
}
