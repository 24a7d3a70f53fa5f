/**
 * Work on a bounded number of slots: while one item is computed on, others are read and written. Results come in the
 * order of the items.
 */

export interface Finished<T> {
  readonly item: T;
  /** Where its result is, until the next one is asked for. */
  readonly slot: number;
}

/**
 * Runs `work` on each item in a slot of its own and gives them back in order. The first failure stops all; it is thrown,
 * and an early end is over, when nothing is under way any more.
 */
export async function* inOrder<T>(
  items: readonly T[],
  slots: number,
  work: (item: T, slot: number, signal: AbortSignal) => Promise<void>,
  outer: AbortSignal | undefined,
): AsyncGenerator<Finished<T>, void> {
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  const underWay: (Finished<T> & { readonly done: Promise<void> })[] = [];
  let next = 0;
  const start = (slot: number) => {
    if (next === items.length) return;
    const item = items[next] as T;
    next += 1;
    const done = work(item, slot, signal);
    done.catch((error: unknown) => stop.abort(error));
    underWay.push({ item, slot, done });
  };
  try {
    for (let slot = 0; slot < slots; slot += 1) start(slot);
    for (let first = underWay[0]; first !== undefined; first = underWay[0]) {
      await first.done;
      signal.throwIfAborted();
      yield first;
      underWay.shift();
      start(first.slot);
    }
  } catch (error) {
    stop.abort(error);
    throw signal.reason; // what failed first, not what failed because of it
  } finally {
    stop.abort();
    await Promise.allSettled(underWay.map(({ done }) => done));
  }
}
