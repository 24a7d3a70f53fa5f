/** The one hash of the protocol: BLAKE2b parameterised for 32 bytes (not a truncated BLAKE2b-512), unkeyed. */
import { DIGEST_SIZE } from '@floe/kernels';

export { blake2b256 } from '@floe/kernels';

/** Size of a digest. */
export const HASH_SIZE_BYTES = DIGEST_SIZE;
