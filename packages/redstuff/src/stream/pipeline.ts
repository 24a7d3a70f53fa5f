/**
 * Work on a bounded number of slots: while one item is computed on, others are read and written. Results are stored in
 * the order of the items.
 */
import { deferred } from '@floe/platform';

export interface Stages<T> {
  /** Fills the slot and computes; several at once, each on a slot of its own. */
  work(item: T, slot: number, signal: AbortSignal): Promise<void>;
  /** Empties the slot; one at a time, in order. */
  store(item: T, slot: number, signal: AbortSignal): Promise<void>;
}

/** The first failure stops all; rejects with it when nothing is under way any more. */
export async function pipeline<T>(
  items: readonly T[],
  slots: number,
  stages: Stages<T>,
  outer: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  let next = 0;
  let stored = Promise.resolve();
  const lane = async (slot: number): Promise<void> => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      const before = stored;
      const turn = deferred<void>();
      stored = turn.promise;
      try {
        signal.throwIfAborted();
        await stages.work(item, slot, signal);
        await before;
        signal.throwIfAborted();
        await stages.store(item, slot, signal);
      } catch (error) {
        stop.abort(error);
        throw error;
      } finally {
        turn.resolve();
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: slots }, (_, slot) => lane(slot)));
  if (lanes.some(({ status }) => status === 'rejected')) throw stop.signal.reason;
}
