/**
 * How healing gives way: while clients are served, it works for one part of the time in `healingYield`; else without pause.
 *
 * Invariant: while clients are served, steps go in groups, and between two groups nothing is worked on, however many steps there are: those
 * of several blobs and shards share one part of the time.
 */
import { type Clock, deferred, pause, raceAbort, type Scheduler } from '@floe/platform';
import type { NodeLimits } from '../limits.ts';

/** A client seen this long ago counts as there: requests are short, and come in quick succession. */
const RECENT_MS = 100;
/** Longest pause after a group, however long the group was: healing must go on under any load. */
const LONGEST_PAUSE_MS = 1000;
/** Steps that go together while clients are served: some, to share the store's syncs; few, as clients wait behind all of them. */
const GROUP_STEPS = 8;

export class Pace {
  readonly #yield: number;
  readonly #modules: { readonly clock: Clock; readonly scheduler: Scheduler };
  #lastServedMs = Number.NEGATIVE_INFINITY;
  /** Of the group under way: steps begun, steps that have not ended, and since when. */
  #begun = 0;
  #running = 0;
  #sinceMs = 0;
  #isResting = false;
  /** Resolves when a group and its rest are over. */
  #over = deferred<void>();

  constructor(
    limits: Pick<NodeLimits, 'healingYield'>,
    modules: { readonly clock: Clock; readonly scheduler: Scheduler },
  ) {
    this.#yield = limits.healingYield;
    this.#modules = modules;
  }

  /** A client's request came or was answered. */
  served(): void {
    this.#lastServedMs = this.#modules.clock.monotonicMs();
  }

  /** Runs a step of healing when its turn has come; the last of a group then rests as long as the group must. */
  async step<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    while (this.#isFull && this.#isServing) await raceAbort(this.#over.promise, signal);
    if (this.#running === 0) this.#sinceMs = this.#modules.clock.monotonicMs();
    this.#begun += 1;
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0 && !this.#isResting) await this.#rest(signal);
    }
  }

  get #isFull(): boolean {
    return this.#isResting || this.#begun >= GROUP_STEPS;
  }

  get #isServing(): boolean {
    return this.#modules.clock.monotonicMs() - this.#lastServedMs <= RECENT_MS;
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, scheduler } = this.#modules;
    const restMs = Math.min(LONGEST_PAUSE_MS, (this.#yield - 1) * (clock.monotonicMs() - this.#sinceMs));
    try {
      this.#isResting = true;
      if (restMs > 0 && this.#isServing) await pause(scheduler, restMs, signal);
    } finally {
      this.#isResting = false;
      this.#begun = this.#running;
      this.#over.resolve();
      this.#over = deferred();
    }
  }
}
