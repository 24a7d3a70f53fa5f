/** Sui's digests: BLAKE2b-256 over the name of a type, `::`, and its BCS. */
import { concatBytes, utf8 } from '@floe/platform';
import { blake2b256 } from '@floe/kernels';
import type { Digest } from './api.ts';

export { blake2b256 } from '@floe/kernels';

export type DigestedType =
  | 'TransactionData'
  | 'TransactionEffects'
  | 'TransactionEvents'
  | 'Object'
  | 'CheckpointSummary'
  | 'CheckpointContents';

const prefixes = new Map<DigestedType, Uint8Array>();

/** blake2b256(`<type>::` ‖ bytes). */
export function typedDigest(type: DigestedType, bytes: Uint8Array): Digest {
  let prefix = prefixes.get(type);
  if (prefix === undefined) {
    prefix = utf8(`${type}::`);
    prefixes.set(type, prefix);
  }
  return blake2b256(concatBytes(prefix, bytes));
}
