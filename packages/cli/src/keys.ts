/** Secret keys of services and nodes, made once and kept in files that only their owner can read. */
import { createECDH, randomBytes } from 'node:crypto';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { ensureWallet } from './wallet.ts';

/** The Ed25519 key kept at `path`, made when there is none. */
export async function ensureKeypair(path: string): Promise<Ed25519Keypair> {
  return (await ensureWallet(path)).keypair;
}

/**
 * A BLS12-381 secret key: 32 bytes, big-endian. Clearing the two top bits keeps it below the group order
 * (0x73eda753…) and leaves 254 random bits, more than the 128-bit security of the curve needs.
 */
export function generateBlsSecretKey(): Uint8Array {
  for (;;) {
    const key = new Uint8Array(randomBytes(32));
    key[0] = (key[0] as number) & 0x3f;
    if (key.some((byte) => byte !== 0)) return key;
  }
}

/** The 33-byte compressed point of a network key. */
export function networkPublicKeyOf(secretKey: Uint8Array): Uint8Array {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(secretKey);
  return new Uint8Array(ecdh.getPublicKey(null, 'compressed'));
}

/** A P-256 key pair for a node's TLS: the secret scalar and the 33-byte compressed point that the ledger records. */
export function generateNetworkKey(): { secretKey: Uint8Array; publicKey: Uint8Array } {
  const ecdh = createECDH('prime256v1');
  ecdh.generateKeys();
  const secretKey = ecdh.getPrivateKey();
  const padded = new Uint8Array(32);
  padded.set(secretKey, 32 - secretKey.length);
  return { secretKey: padded, publicKey: new Uint8Array(ecdh.getPublicKey(null, 'compressed')) };
}
