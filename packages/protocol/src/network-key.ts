/** Names of nodes in the certificates of their network keys (Walrus node rules: TLS). */
import { assert } from '@floe/platform';

export const NETWORK_PUBLIC_KEY_BYTES = 33;

/**
 * The common name of the certificate that a node signs itself: the first four bytes of its key in hexadecimal, each without
 * a leading zero, and a suffix that no resolver knows.
 *
 * @param publicKey compressed P-256 point of 33 bytes, as the ledger records it
 */
export function networkKeyName(publicKey: Uint8Array): string {
  assert(publicKey.length === NETWORK_PUBLIC_KEY_BYTES, 'a network key has 33 bytes', { came: publicKey.length });
  const prefix = [...publicKey.subarray(0, 4)].map((byte) => byte.toString(16)).join('');
  return `${prefix}.network.walrus.alt`;
}
