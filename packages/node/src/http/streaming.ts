/** Streams that hold something for as long as they are sent. */

/**
 * The same stream, calling `done` once: when it ends, fails, is given up before or while it is read, or `signal` aborts.
 * @param look shown each item before it is handed on
 */
export function whileStreaming<T>(
  source: AsyncIterable<T>,
  done: () => void,
  signal: AbortSignal,
  look: (item: T) => void = () => undefined,
): AsyncIterable<T> {
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    signal.removeEventListener('abort', finish);
    done();
  };
  const iterator = source[Symbol.asyncIterator]();
  signal.addEventListener('abort', finish, { once: true });
  // Not a generator: one that was never started would not run its `finally`.
  const wrapped: AsyncIterator<T> = {
    async next() {
      try {
        const result = await iterator.next();
        if (result.done === true) finish();
        else look(result.value);
        return result;
      } catch (error) {
        finish();
        throw error;
      }
    },
    async return() {
      finish();
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => wrapped };
}

/** A stream of which the first item was taken already. */
export async function* resume<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  try {
    for (let result = first; result.done !== true; result = await rest.next()) yield result.value;
  } finally {
    await rest.return?.();
  }
}

export async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
