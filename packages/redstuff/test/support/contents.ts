/** Contents and sizes of test blobs, in Node.js and in pages alike. */
import type { Geometry } from '@floe/protocol';

/** Bytes by one of the vectors' content rules. */
export function contentOf(rule: string, length: number): Uint8Array {
  if (rule.startsWith('utf8:')) return new TextEncoder().encode(rule.slice('utf8:'.length));
  const bytes = new Uint8Array(length);
  if (rule === 'pattern') for (let i = 0; i < length; i += 1) bytes[i] = (i * 7 + 3) % 251;
  else if (rule === 'seq') for (let i = 0; i < length; i += 1) bytes[i] = i % 256;
  else if (rule !== 'zeros') throw new Error(`unknown content rule ${rule}`);
  return bytes;
}

/** A small seeded generator (mulberry32): a 32-bit unsigned integer at each call. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** `size` pseudo-random bytes. */
export function seededBytes(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = seededNumbers(seed);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = next();
  return new Uint8Array(words.buffer, 0, size);
}

/** Length of a blob whose symbols have `symbolSize` bytes: `slack` less than the largest one. */
export function lengthFor(geometry: Geometry, symbolSize: number, slack: number): number {
  const symbols = geometry.rows * geometry.columns;
  const least = symbolSize === 2 ? 0 : symbols * (symbolSize - 2) + 1;
  return Math.max(least, symbols * symbolSize - slack);
}
