/** Move's unsigned integers: what does not fit aborts the transaction. */
import { fail } from './failure.ts';

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffff_ffff;
const MAX_U64 = (1n << 64n) - 1n;

function overflow(): never {
  // The native frame adds where it happened.
  fail({ kind: 'MovePrimitiveRuntimeError', location: undefined });
}

/** `value` as a u64; negative or too large aborts. */
export function asU64(value: bigint): bigint {
  return value < 0n || value > MAX_U64 ? overflow() : value;
}

/** `value` as a u32 held in a number; negative or too large aborts. */
export function asU32(value: number): number {
  return value < 0 || value > MAX_U32 ? overflow() : value;
}

/** `value` as a u16 held in a number; negative or too large aborts. */
export function asU16(value: number): number {
  return value < 0 || value > MAX_U16 ? overflow() : value;
}

/** Floor division; by zero aborts. */
export function divide(dividend: bigint, divisor: bigint): bigint {
  return divisor === 0n ? overflow() : dividend / divisor;
}
