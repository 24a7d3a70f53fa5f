/** Hashing a message to two elements of Fp2 for BLS12-381 (RFC 9380: hash_to_field over expand_message_xmd with SHA-256). */
import { assert } from '@floe/platform';
import { sha256 } from '@noble/hashes/sha2.js';
import { BLS_DOMAIN } from '../bls.ts';

const DIGEST_SIZE_BYTES = 32;
/** Input block of SHA-256, which the padding of the first digest fills. */
const BLOCK_SIZE_BYTES = 64;
/** L = ceil((381 + 128) / 8): bytes per base-field element, so that reducing modulo p is unbiased. */
const ELEMENT_SIZE_BYTES = 64;

/** Real and imaginary part, 64 big-endian bytes each, still to be reduced modulo p. */
export type FieldElementBytes = readonly [Uint8Array, Uint8Array];

/** The two elements of Fp2 for `message` under the protocol's domain. */
export function hashToField(message: Uint8Array, domain: string = BLS_DOMAIN): [FieldElementBytes, FieldElementBytes] {
  const uniform = expandMessage(message, new TextEncoder().encode(domain), 4 * ELEMENT_SIZE_BYTES);
  const part = (i: number) => uniform.subarray(i * ELEMENT_SIZE_BYTES, (i + 1) * ELEMENT_SIZE_BYTES);
  return [
    [part(0), part(1)],
    [part(2), part(3)],
  ];
}

/**
 * expand_message_xmd: `sizeBytes` uniform bytes.
 *
 *   b0 = H(zero block ‖ message ‖ size u16be ‖ 0 ‖ domain′)      domain′ = domain ‖ its length u8
 *   bi = H((b0 xor b(i-1)) ‖ i ‖ domain′), with b1 over b0 alone
 */
export function expandMessage(message: Uint8Array, domain: Uint8Array, sizeBytes: number): Uint8Array {
  const blocks = Math.ceil(sizeBytes / DIGEST_SIZE_BYTES);
  assert(blocks <= 255 && domain.length <= 255, 'a size and a domain that RFC 9380 allows', { sizeBytes });
  const suffix = Uint8Array.of(...domain, domain.length);
  const head = sha256
    .create()
    .update(new Uint8Array(BLOCK_SIZE_BYTES))
    .update(message)
    .update(Uint8Array.of(sizeBytes >> 8, sizeBytes & 0xff, 0))
    .update(suffix)
    .digest();
  const uniform = new Uint8Array(blocks * DIGEST_SIZE_BYTES);
  let previous = new Uint8Array(DIGEST_SIZE_BYTES);
  for (let i = 1; i <= blocks; i += 1) {
    const mixed = head.map((byte, at) => byte ^ (previous[at] as number));
    previous = sha256.create().update(mixed).update(Uint8Array.of(i)).update(suffix).digest();
    uniform.set(previous, (i - 1) * DIGEST_SIZE_BYTES);
  }
  return uniform.subarray(0, sizeBytes);
}
