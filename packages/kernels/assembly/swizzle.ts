/**
 * Byte permutations, in the form that is fastest where the binary runs: the build makes one binary with relaxed SIMD and
 * one without. Indices are always below 16, so the relaxed instruction is deterministic; it saves the addition that
 * makes larger ones give zero. Without it, engines drop that addition only for constant indices; with it, masks stay in
 * locals, because newer ones build a constant anew at every use (a third of the speed of a hash).
 */

/** Bytes of `table` at the indices given, each below 16. */
// @ts-ignore: decorator
@inline
export function lookUp(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  else return i8x16.swizzle(table, indices);
}

/** Each 64-bit lane rotated right by 24 bits; `mask` is {@link ROTATE_24}. */
// @ts-ignore: decorator
@inline
export function rotate24(x: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(x, mask);
  else return i8x16.swizzle(x, i8x16(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10));
}

/** Each 64-bit lane rotated right by 16 bits; `mask` is {@link ROTATE_16}. */
// @ts-ignore: decorator
@inline
export function rotate16(x: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(x, mask);
  else return i8x16.swizzle(x, i8x16(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9));
}

/** Masks of the rotations, in memory. */
export const ROTATE_24: usize = memory.data<u8>([3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10], 16);
export const ROTATE_16: usize = memory.data<u8>([2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9], 16);
