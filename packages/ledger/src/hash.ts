/** Sui's digests: BLAKE2b-256 over the name of a type, `::`, and its BCS. */
import { blake2b256 } from '@floe/kernels';
import { utf8 } from '@floe/platform';
import { BcsWriter } from '@floe/protocol';
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

/** What stands before the bytes of a value of this type when they are hashed. The array is shared. */
export function digestPrefix(type: DigestedType): Uint8Array {
  let prefix = prefixes.get(type);
  if (prefix === undefined) {
    prefix = utf8(`${type}::`);
    prefixes.set(type, prefix);
  }
  return prefix;
}

/** blake2b256(`<type>::` ‖ bytes). */
export function typedDigest(type: DigestedType, bytes: Uint8Array): Digest {
  const prefix = digestPrefix(type);
  return new BcsWriter(prefix.length + bytes.length).fixed(prefix).fixed(bytes).with(blake2b256);
}
