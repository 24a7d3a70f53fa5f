import { fromBase64 } from '@mysten/bcs';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1';
import { Secp256r1Keypair } from '@mysten/sui/keypairs/secp256r1';
import { MultiSigPublicKey } from '@mysten/sui/multisig';
import { isValidTransactionSignature } from '@mysten/sui/verify';
import { toBase64 } from '@floe/platform';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSignatureVerifier } from '../../src/node/index.ts';

const verifier = createSignatureVerifier();
const message = Uint8Array.from({ length: 100 }, (_, i) => i);
const secret = new Uint8Array(32).fill(7);

test('each scheme gives the address that signed', async () => {
  const keys = [
    Ed25519Keypair.fromSecretKey(secret),
    Secp256k1Keypair.fromSecretKey(secret),
    Secp256r1Keypair.fromSecretKey(secret),
  ];
  for (const pair of keys) {
    const signature = fromBase64((await pair.signTransaction(message)).signature);
    expect(await verifier.signer(message, signature)).toBe(pair.toSuiAddress());
    expect(await verifier.signer(message.slice(1), signature)).toBeUndefined();
  }
  const multisig = MultiSigPublicKey.fromPublicKeys({
    threshold: 2,
    publicKeys: keys.map((pair) => ({ publicKey: pair.getPublicKey(), weight: 1 })),
  });
  const parts = await Promise.all(
    keys.slice(0, 2).map(async (pair) => (await pair.signTransaction(message)).signature),
  );
  expect(await verifier.signer(message, fromBase64(multisig.combinePartialSignatures(parts)))).toBe(
    multisig.toSuiAddress(),
  );
});

test('Ed25519 in node:crypto agrees with the official verifier, also on what was changed', async () => {
  const pair = Ed25519Keypair.fromSecretKey(secret);
  const good = fromBase64((await pair.signTransaction(message)).signature);
  await fc.assert(
    fc.asyncProperty(fc.option(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }))), async (change) => {
      const signature = good.slice();
      if (change !== null && change[0] > 0) signature[change[0]] = signature[change[0]]! ^ change[1];
      const official = await isValidTransactionSignature(message, toBase64(signature));
      const signer = await verifier.signer(message, signature);
      expect(signer !== undefined).toBe(official);
    }),
    { numRuns: 150, seed: 5 },
  );
});
