/**
 * How healing gives way: while clients are served, it works for one part of the time in `healingYield`; else without pause.
 */
import { type Clock, pause, type Scheduler } from '@floe/platform';
import type { NodeLimits } from '../limits.ts';

/** A client seen this long ago counts as there: requests are short, and come in quick succession. */
const RECENT_MS = 100;
/** Longest pause after a step, however long the step was: healing must go on under any load. */
const LONGEST_PAUSE_MS = 1000;

export class Pace {
  readonly #yield: number;
  readonly #modules: { readonly clock: Clock; readonly scheduler: Scheduler };
  #lastServedMs = Number.NEGATIVE_INFINITY;

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

  /** Runs a step of healing, then rests as long as it must. */
  async step<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, scheduler } = this.#modules;
    const startMs = clock.monotonicMs();
    const result = await work();
    const endMs = clock.monotonicMs();
    if (endMs - this.#lastServedMs <= RECENT_MS) {
      const restMs = Math.min(LONGEST_PAUSE_MS, (this.#yield - 1) * (endMs - startMs));
      if (restMs > 0) await pause(scheduler, restMs, signal);
    }
    return result;
  }
}
