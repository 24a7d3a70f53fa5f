/** Standard input: it is read once, and always closed, as an open pipe or terminal keeps the process alive. */

/**
 * Lets `read` take standard input in. It is closed when that ends, and when `signal` aborts: a read that waits for bytes
 * that may never come ends too.
 *
 * @throws the reason of `signal`, or what `read` threw
 */
export async function withStandardInput<T>(
  signal: AbortSignal,
  read: (input: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const close = (): void => void process.stdin.destroy();
  signal.addEventListener('abort', close, { once: true });
  try {
    return await read(process.stdin);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}
