/** Lets work through while it is open; closing waits for what is inside. */
export class Gate {
  #inside = 0;
  #opened: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #emptied: (() => void) | undefined;

  async pass<T>(work: () => Promise<T>): Promise<T> {
    await this.#opened;
    this.#inside += 1;
    try {
      return await work();
    } finally {
      this.#inside -= 1;
      if (this.#inside === 0) this.#emptied?.();
    }
  }

  /** Runs `work` while nothing else is inside. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    if (this.#inside > 0) await new Promise<void>((resolve) => (this.#emptied = resolve));
    try {
      return await work();
    } finally {
      this.#emptied = undefined;
      this.#open();
    }
  }
}
