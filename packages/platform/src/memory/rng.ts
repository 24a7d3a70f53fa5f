/** A seeded generator: the same seed gives the same numbers on every machine. Not for secrets. */
import type { Rng } from '../time.ts';

/** xoshiro128**, seeded through splitmix32 so that near seeds give unrelated sequences. */
export function seededRng(seed: number | bigint | string): Rng {
  const state = seedState(seed);
  const word = (): number => {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
    const result = Math.imul(rotl(Math.imul(s1, 5), 7), 9) >>> 0;
    state[2] = s2 ^ s0;
    state[3] = s3 ^ s1;
    state[1] = s1 ^ (s2 ^ s0);
    state[0] = s0 ^ (s3 ^ s1);
    state[2] = (state[2] as number) ^ (s1 << 9);
    state[3] = rotl(state[3] as number, 11);
    return result;
  };
  return {
    bytes(size) {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i += 4) {
        const value = word();
        for (let j = 0; j < 4 && i + j < size; j += 1) bytes[i + j] = value >>> (8 * j);
      }
      return bytes;
    },
    below(bound) {
      // Values past the last whole multiple of `bound` are drawn again, or small results would be likelier.
      const ceiling = 2 ** 32 - (2 ** 32 % bound);
      let value = word();
      while (value >= ceiling) value = word();
      return value % bound;
    },
  };
}

function seedState(seed: number | bigint | string): Uint32Array {
  // FNV-1a over the seed's text, so that numbers, bigints and names seed alike.
  let mixed = 0x811c9dc5;
  for (const character of String(seed)) mixed = Math.imul(mixed ^ (character.codePointAt(0) as number), 0x01000193);
  const state = new Uint32Array(4);
  for (let i = 0; i < 4; i += 1) {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    state[i] = z ^ (z >>> 15);
  }
  return state;
}

function rotl(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
