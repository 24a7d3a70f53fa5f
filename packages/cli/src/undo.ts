/** What was opened, closed in reverse order. */

export interface UndoStack {
  /** Has `close` called when the stack unwinds. */
  push(close: () => Promise<void>): void;
  /** Closes everything, last first, also when a close fails; then throws the first failure. Can be called twice. */
  unwind(): Promise<void>;
}

export function createUndoStack(): UndoStack {
  const closes: (() => Promise<void>)[] = [];
  return {
    push: (close) => {
      closes.push(close);
    },
    unwind: async () => {
      let failure: { error: unknown } | undefined;
      for (const close of closes.splice(0).reverse()) {
        await close().catch((error: unknown) => {
          failure ??= { error };
        });
      }
      if (failure !== undefined) throw failure.error;
    },
  };
}
