/**
 * Checks transaction signatures: Ed25519 through `node:crypto` on the thread pool (ten times as fast as in JavaScript,
 * and off the event loop) or in the thread that asks, secp256k1, secp256r1, multisig and passkeys through `@mysten/sui/verify`. zkLogin needs an
 * outside prover's keys and is refused.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { concatBytes, toBase64, toBase64Url, toHex } from '@floe/platform';
import { objectIdFromBytes, parseObjectId, type SuiAddress } from '@floe/protocol';
import { verifyTransactionSignature } from '@mysten/sui/verify';
import { BoundedCache } from '../bounded-cache.ts';
import { blake2b256 } from '../hash.ts';
import { PUBLIC_KEY_CACHE_ENTRIES } from '../limits.ts';
import { type SignatureVerifier, TRANSACTION_INTENT } from '../signatures.ts';

const FLAG_ED25519 = 0;
const FLAG_ZKLOGIN = 5;
const ED25519_SIZE_BYTES = 1 + 64 + 32;

interface KnownKey {
  readonly key: KeyObject;
  readonly address: SuiAddress;
}

export interface SignatureVerifierOptions {
  /** True: in the thread that asks, for one that has little else to do: the thread pool takes a third more in all. */
  readonly isInline?: boolean;
}

export function createSignatureVerifier({ isInline = false }: SignatureVerifierOptions = {}): SignatureVerifier {
  const keys = new BoundedCache<string, KnownKey>(PUBLIC_KEY_CACHE_ENTRIES);
  const verifyEd25519 = isInline ? verifyInline : verifyOnPool;
  return {
    async signer(transactionBytes, signature) {
      if (signature[0] === FLAG_ED25519) return ed25519Signer(keys, verifyEd25519, transactionBytes, signature);
      if (signature[0] === FLAG_ZKLOGIN) return undefined;
      return otherSigner(transactionBytes, signature);
    },
  };
}

type VerifyEd25519 = (message: Uint8Array, key: KeyObject, signature: Uint8Array) => boolean | Promise<boolean>;

function verifyInline(message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  return verify(null, message, key, signature);
}

function verifyOnPool(message: Uint8Array, key: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    verify(null, message, key, signature, (error, result) => resolve(error === null && result));
  });
}

async function ed25519Signer(
  keys: BoundedCache<string, KnownKey>,
  verifyEd25519: VerifyEd25519,
  transactionBytes: Uint8Array,
  signature: Uint8Array,
): Promise<SuiAddress | undefined> {
  if (signature.length !== ED25519_SIZE_BYTES) return undefined;
  const known = knownKey(keys, signature.subarray(65));
  if (known === undefined) return undefined;
  const message = blake2b256(concatBytes(TRANSACTION_INTENT, transactionBytes));
  const isValid = await verifyEd25519(message, known.key, signature.subarray(1, 65));
  return isValid ? known.address : undefined;
}

function knownKey(keys: BoundedCache<string, KnownKey>, publicKey: Uint8Array): KnownKey | undefined {
  const name = toHex(publicKey);
  let known = keys.get(name);
  if (known === undefined) {
    try {
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(publicKey) };
      const address = objectIdFromBytes(blake2b256(concatBytes(Uint8Array.of(FLAG_ED25519), publicKey)));
      known = { key: createPublicKey({ key: jwk, format: 'jwk' }), address };
    } catch {
      return undefined;
    }
    keys.set(name, known);
  }
  return known;
}

async function otherSigner(transactionBytes: Uint8Array, signature: Uint8Array): Promise<SuiAddress | undefined> {
  try {
    const publicKey = await verifyTransactionSignature(transactionBytes, toBase64(signature));
    return parseObjectId(publicKey.toSuiAddress());
  } catch {
    // Malformed, unknown scheme or not valid: all the same to the caller.
    return undefined;
  }
}
