/**
 * Who must sign a transaction, and whether they did: the sender, and the sponsor when another address pays for gas.
 *
 * A serialised signature is `flag ‖ signature ‖ public key`; it signs blake2b256(intent ‖ transaction bytes). Checking
 * one is a port, as the fast way to do it differs between platforms.
 */
import { assert } from '@floe/platform';
import type { SuiAddress } from '@floe/protocol';
import { errors } from './errors.ts';
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from './limits.ts';
import type { TransactionData } from './transaction-data.ts';

export interface SignatureVerifier {
  /** The address whose valid signature over the transaction this is; undefined when it is not valid. */
  signer(transactionBytes: Uint8Array, signature: Uint8Array): Promise<SuiAddress | undefined>;
}

/** Sui's intent for transaction data: scope 0, version 0, application 0. */
export const TRANSACTION_INTENT = Uint8Array.of(0, 0, 0);

/** Whose valid signatures some are, by position; undefined: it is nobody's. */
export type Signers = readonly (SuiAddress | undefined)[];

/** Checks signatures of one transaction, which must not be more or larger than permitted. */
export function signersOf(
  transactionBytes: Uint8Array,
  signatures: readonly Uint8Array[],
  verifier: SignatureVerifier,
): Promise<Signers> {
  return Promise.all(signatures.map((signature) => verifier.signer(transactionBytes, signature)));
}

/** Whether it is worth checking them: not too many, none empty or too large. */
export function areSignaturesPermitted(signatures: readonly Uint8Array[]): boolean {
  return signatures.length <= MAX_SIGNATURES && signatures.every(isPermitted);
}

/** @throws INVALID_SIGNATURE unless there is exactly one valid signature of each address that must sign */
export async function checkSignatures(
  transaction: TransactionData,
  transactionBytes: Uint8Array,
  signatures: readonly Uint8Array[],
  verifier: SignatureVerifier,
): Promise<void> {
  checkForm(transaction, signatures);
  checkSigners(transaction, signatures, await signersOf(transactionBytes, signatures, verifier));
}

/**
 * As {@link checkSignatures}, when it is known whose signatures they are.
 *
 * @throws INVALID_SIGNATURE
 */
export function checkSigners(transaction: TransactionData, signatures: readonly Uint8Array[], signers: Signers): void {
  checkForm(transaction, signatures);
  assert(signers.length === signatures.length, 'a signer for each signature');
  const required = requiredSigners(transaction);
  for (const [i, signer] of signers.entries()) {
    if (signer === undefined) throw errors.INVALID_SIGNATURE({ reason: `signature ${i} does not verify` });
    if (!required.delete(signer)) {
      throw errors.INVALID_SIGNATURE({
        reason: `${signer} signed, which is neither sender nor sponsor (or signed twice)`,
      });
    }
  }
}

function checkForm(transaction: TransactionData, signatures: readonly Uint8Array[]): void {
  const required = requiredSigners(transaction);
  if (signatures.length !== required.size || signatures.length > MAX_SIGNATURES) {
    throw errors.INVALID_SIGNATURE({
      reason: `${required.size} are required (${[...required].join(', ')}), came ${signatures.length}`,
    });
  }
  for (const signature of signatures) {
    if (!isPermitted(signature)) throw errors.INVALID_SIGNATURE({ reason: `it has ${signature.length} bytes` });
  }
}

function requiredSigners({ sender, gas }: TransactionData): Set<SuiAddress> {
  return new Set([sender, gas.owner]);
}

function isPermitted(signature: Uint8Array): boolean {
  return signature.length > 0 && signature.length <= MAX_SIGNATURE_BYTES;
}
