/** Entry of hash.wasm: BLAKE2b-256 and CRC-32C for messages that the caller copies in through one fixed window. */
import * as blake2b from './blake2b';
export { absorb, begin, finish } from './blake2b';
export { crc32c } from './crc32c';

/** Bytes of the window; a longer message is taken in pieces. */
export const WINDOW_SIZE: usize = 65536;

// 16 bytes before the window can be read by the leaf kernels.
const WINDOW: usize = memory.data(16 + 65536 + 128, 16) + 16;
const DIGESTS: usize = memory.data(32 * 1024, 16);

/** Where the caller puts bytes. */
export function window(): usize {
  return WINDOW;
}

/** Where digests appear: one, or those of {@link hashLeaves}. */
export function digests(): usize {
  return DIGESTS;
}

/** H(0x00 || message) of `count` <= 1024 messages of `size` bytes that lie one after another in the window. */
export function hashLeaves(size: usize, count: usize): void {
  blake2b.beginLeaves();
  blake2b.hashLeafRow(WINDOW, size, size, count, DIGESTS);
}
