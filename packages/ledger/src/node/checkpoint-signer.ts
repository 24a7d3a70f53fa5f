/** Signs checkpoints with an Ed25519 key held in memory. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { assert, concatBytes, fromHex } from '@floe/platform';
import type { CheckpointVerifier } from '../checkpoint-checks.ts';
import type { CheckpointSigner } from '../ledger.ts';

/** What stands before the 32 bytes of an Ed25519 secret key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = fromHex('302e020100300506032b657004220420') as Uint8Array;

/** @param secretKey 32 bytes */
export function createCheckpointSigner(secretKey: Uint8Array): CheckpointSigner {
  assert(secretKey.length === 32, 'an Ed25519 secret key has 32 bytes', { came: secretKey.length });
  const key = createPrivateKey({
    key: Buffer.from(concatBytes(PKCS8_PREFIX, secretKey)),
    format: 'der',
    type: 'pkcs8',
  });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(x as string, 'base64url'));
  return { publicKey, sign: (message) => new Uint8Array(sign(null, message, key)) };
}

/** Checks what a {@link createCheckpointSigner} signed; for `verifyLedger` and `restoreSnapshot`. */
export const verifyCheckpointSignature: CheckpointVerifier = (publicKey, message, signature) => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
  return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
};
