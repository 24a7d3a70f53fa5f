/** Hashes and erasure-code kernels in WebAssembly SIMD. Pure: no I/O, no time, no randomness; runs in browsers. */
export { DIGEST_SIZE, blake2b256, blake2b256Batch, crc32c } from './hash.ts';
