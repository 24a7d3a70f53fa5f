/**
 * What batches change that were executed and are not durable yet: the next batch builds on it, readers do not see it.
 * When a batch is durable its changes leave, but for those that a later one made again.
 */
export class Ahead<K, V> {
  readonly #entries = new Map<K, { readonly value: V | undefined; readonly changes: ReadonlyMap<K, V | undefined> }>();

  /** Undefined when no batch changed it; a value of undefined: it was removed. */
  get(key: K): { readonly value: V | undefined } | undefined {
    return this.#entries.get(key);
  }

  /** Adds the changes of one batch. */
  add(changes: ReadonlyMap<K, V | undefined>): void {
    for (const [key, value] of changes) this.#entries.set(key, { value, changes });
  }

  /** Takes out what was added with `changes`, the very map. */
  settle(changes: ReadonlyMap<K, V | undefined>): void {
    for (const key of changes.keys()) if (this.#entries.get(key)?.changes === changes) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
