/** Seeded chance for fuzz tests: the same seed, the same inputs. */

/** Uniform integers below a bound (mulberry32). */
export function seededRandom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

export function seededBytes(random: (bound: number) => number, size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, () => random(256));
}
