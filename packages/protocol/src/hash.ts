/** The one hash of the protocol: BLAKE2b parameterised for 32 bytes (not a truncated BLAKE2b-512), unkeyed. */
import { blake2b } from '@noble/hashes/blake2.js';

/** Size of a digest. */
export const HASH_SIZE_BYTES = 32;

/** BLAKE2b-256 of `message`: 32 bytes. */
export function blake2b256(message: Uint8Array): Uint8Array {
  return blake2b(message, { dkLen: HASH_SIZE_BYTES });
}
