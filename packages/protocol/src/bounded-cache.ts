/** A cache by bytes that forgets the oldest entry when full. Failures are not kept. */
import { toHex } from '@floe/platform';

export interface BoundedCache<T> {
  get(key: Uint8Array, make: () => T): T;
}

export function boundedCache<T>(maxEntries: number, onEvict?: (value: T) => void): BoundedCache<T> {
  const entries = new Map<string, T>();
  return {
    get(key, make) {
      const text = toHex(key);
      const known = entries.get(text);
      if (known !== undefined) return known;
      const made = make();
      entries.set(text, made);
      if (entries.size > maxEntries) {
        const [oldest, value] = entries.entries().next().value as [string, T];
        entries.delete(oldest);
        onEvict?.(value);
      }
      return made;
    },
  };
}
