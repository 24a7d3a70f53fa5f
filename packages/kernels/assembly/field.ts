/**
 * GF(2^16) multiplication of vectors by a constant.
 *
 * Elements come as 16-bit coordinates in the Cantor basis of Walrus's Reed-Solomon code. Coordinates below 256 form the
 * subfield GF(2^8), so with u = element 0x100 every element is lo' + hi * u over GF(2^8): hi is its high byte and
 * lo' = lo ^ L(hi) for a linear L. Symbols are brought into this tower form when loaded and back when stored. In it,
 * multiplying by a subfield constant acts on every byte alike (two swizzles for 16 bytes), and by any other constant it
 * takes three such products (Karatsuba over u^2 = u + element 0x80).
 *
 * Vectors lie in groups of 64 bytes: 32 low bytes, then the 32 high bytes of the same elements.
 */

import { lookUp } from './swizzle';

/** For each subfield element, its products with the 16 low nibbles and the 16 high nibbles. Filled by the caller. */
export const PRODUCTS: usize = memory.data(256 * 32, 64);

/** L of each high byte: what the change to tower form adds to the low byte. Filled by the caller. */
export const LIFT: usize = memory.data(256, 64);

/** L as nibble tables. */
const LIFT_NIBBLES: usize = memory.data(32, 64);

const LOW_NIBBLES: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

/** Derives what depends on the caller's tables. */
export function finishTables(): void {
  for (let nibble: usize = 0; nibble < 16; nibble += 1) {
    store<u8>(LIFT_NIBBLES + nibble, load<u8>(LIFT + nibble));
    store<u8>(LIFT_NIBBLES + 16 + nibble, load<u8>(LIFT + (nibble << 4)));
  }
}

/** Masks are loaded, not written as constants: V8 rebuilds a vector constant at every use. */
// @ts-ignore: decorator
@inline
export function lowNibbles(): v128 {
  return v128.load(LOW_NIBBLES);
}

/** Products of 16 bytes with the constant whose tables are `low` and `high`. */
// @ts-ignore: decorator
@inline
export function times(low: v128, high: v128, mask: v128, x: v128): v128 {
  return v128.xor(
    lookUp(low, v128.and(x, mask)),
    lookUp(high, v128.and(i16x8.shr_u(x, 4), mask)),
  );
}

/** As {@link times}, of bytes whose low and high nibbles have been taken apart. */
// @ts-ignore: decorator
@inline
export function product(low: v128, high: v128, lowNibble: v128, highNibble: v128): v128 {
  return v128.xor(lookUp(low, lowNibble), lookUp(high, highNibble));
}

/** Where the tables of a subfield constant begin: 16 bytes for low nibbles, 16 for high. */
// @ts-ignore: decorator
@inline
export function tablesOf(constant: u32): usize {
  return PRODUCTS + (<usize>constant << 5);
}

/** High byte of a Cantor-form constant in tower form. */
// @ts-ignore: decorator
@inline
export function towerHigh(constant: u32): u32 {
  return constant >> 8;
}

/** Low byte of a Cantor-form constant in tower form. */
// @ts-ignore: decorator
@inline
export function towerLow(constant: u32): u32 {
  return (constant & 255) ^ load<u8>(LIFT + (constant >> 8));
}

/** Element 0x80 (= u^2 + u) times a subfield constant. */
// @ts-ignore: decorator
@inline
export function timesSquare(constant: u32): u32 {
  return load<u8>(tablesOf(constant) + 16 + 8);
}

/** Changes groups between Cantor and tower form; the change is its own inverse. */
export function changeForm(from: usize, to: usize, groups: usize): void {
  const mask = lowNibbles();
  const low = v128.load(LIFT_NIBBLES, 0);
  const high = v128.load(LIFT_NIBBLES, 16);
  for (const end = from + (groups << 6); from < end; from += 64, to += 64) {
    const hi0 = v128.load(from, 32);
    const hi1 = v128.load(from, 48);
    v128.store(to, v128.xor(v128.load(from, 0), times(low, high, mask, hi0)), 0);
    v128.store(to, v128.xor(v128.load(from, 16), times(low, high, mask, hi1)), 16);
    v128.store(to, hi0, 32);
    v128.store(to, hi1, 48);
  }
}

/** Puts rows of low and of high bytes of Cantor-form elements together as groups in tower form. */
export function joinRows(lows: usize, highs: usize, to: usize, groups: usize): void {
  const mask = lowNibbles();
  const low = v128.load(LIFT_NIBBLES, 0);
  const high = v128.load(LIFT_NIBBLES, 16);
  for (const end = to + (groups << 6); to < end; lows += 32, highs += 32, to += 64) {
    const hi0 = v128.load(highs, 0);
    const hi1 = v128.load(highs, 16);
    v128.store(to, v128.xor(v128.load(lows, 0), times(low, high, mask, hi0)), 0);
    v128.store(to, v128.xor(v128.load(lows, 16), times(low, high, mask, hi1)), 16);
    v128.store(to, hi0, 32);
    v128.store(to, hi1, 48);
  }
}

/** The inverse of {@link joinRows}. */
export function splitRows(from: usize, lows: usize, highs: usize, groups: usize): void {
  const mask = lowNibbles();
  const low = v128.load(LIFT_NIBBLES, 0);
  const high = v128.load(LIFT_NIBBLES, 16);
  for (const end = from + (groups << 6); from < end; from += 64, lows += 32, highs += 32) {
    const hi0 = v128.load(from, 32);
    const hi1 = v128.load(from, 48);
    v128.store(lows, v128.xor(v128.load(from, 0), times(low, high, mask, hi0)), 0);
    v128.store(lows, v128.xor(v128.load(from, 16), times(low, high, mask, hi1)), 16);
    v128.store(highs, hi0, 0);
    v128.store(highs, hi1, 16);
  }
}

/** Multiplies groups in place by any Cantor-form constant. */
export function scale(data: usize, bytes: usize, constant: u32): void {
  const mask = lowNibbles();
  const tl = towerLow(constant);
  const th = towerHigh(constant);
  const a = tablesOf(tl);
  const b = tablesOf(timesSquare(th));
  const c = tablesOf(tl ^ th);
  const aLow = v128.load(a, 0);
  const aHigh = v128.load(a, 16);
  const bLow = v128.load(b, 0);
  const bHigh = v128.load(b, 16);
  const cLow = v128.load(c, 0);
  const cHigh = v128.load(c, 16);
  for (const end = data + bytes; data < end; data += 64) {
    for (let half: usize = 0; half < 32; half += 16) {
      const lo = v128.load(data + half, 0);
      const hi = v128.load(data + half, 32);
      const lows = times(aLow, aHigh, mask, lo);
      v128.store(data + half, v128.xor(lows, times(bLow, bHigh, mask, hi)), 0);
      v128.store(data + half, v128.xor(lows, times(cLow, cHigh, mask, v128.xor(lo, hi))), 32);
    }
  }
}

/** to ^= from. `bytes` is a multiple of 64. */
export function addTo(to: usize, from: usize, bytes: usize): void {
  for (const end = to + bytes; to < end; to += 64, from += 64) {
    v128.store(to, v128.xor(v128.load(to, 0), v128.load(from, 0)), 0);
    v128.store(to, v128.xor(v128.load(to, 16), v128.load(from, 16)), 16);
    v128.store(to, v128.xor(v128.load(to, 32), v128.load(from, 32)), 32);
    v128.store(to, v128.xor(v128.load(to, 48), v128.load(from, 48)), 48);
  }
}
