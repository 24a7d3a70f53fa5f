/** Hashes and erasure-code kernels in WebAssembly SIMD. Pure: no I/O, no time, no randomness; runs in browsers. */
export { DIGEST_SIZE, blake2b256, blake2b256Batch, crc32c } from './hash.ts';
export {
  CodeKernel,
  createMemory,
  createSharedMemory,
  growMemory,
  KERNEL_CONSTANTS_SIZE,
  kernelAreaSize,
  KernelMemoryError,
  LEAF_TABLE_SIZE,
  type SameNodes,
  type SharedPlace,
  type SymbolArray,
  type SymbolShape,
} from './code-kernel.ts';
export { type DecodePlan, type LineCode, isHighRate, planDecode, powerOfTwoFrom } from './code-points.ts';
export { FIELD_MODULUS, type FieldTables, fieldTables, invert, multiply } from './field.ts';
