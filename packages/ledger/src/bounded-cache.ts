/**
 * A map that forgets what was not used for long, past a bound on the total weight of its entries.
 *
 * Two generations: what is set or used goes to the young one; when that holds half of the bound it becomes the old one,
 * and the old one is dropped. So a lookup of something in use costs one lookup, and forgetting costs nothing per entry.
 */
export class BoundedCache<K, V> {
  readonly #maxWeight: number;
  readonly #weigh: (value: V) => number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #youngWeight = 0;

  /** `weigh` (default: 1 each) must give the same number for the same value always. */
  constructor(maxWeight: number, weigh: (value: V) => number = () => 1) {
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#add(key, old);
    return old;
  }

  set(key: K, value: V): void {
    this.delete(key);
    this.#add(key, value);
  }

  delete(key: K): void {
    const value = this.#young.get(key);
    if (value !== undefined) {
      this.#young.delete(key);
      this.#youngWeight -= this.#weigh(value);
    } else this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngWeight = 0;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #add(key: K, value: V): void {
    const weight = this.#weigh(value);
    if (this.#youngWeight > 0 && this.#youngWeight + weight > this.#maxWeight / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    this.#young.set(key, value);
    this.#youngWeight += weight;
  }
}
