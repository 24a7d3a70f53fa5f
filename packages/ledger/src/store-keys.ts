/** Keys of the tables that several parts of the ledger read and write. */
import { utf8 } from '@floe/platform';

export const META_KEYS = {
  format: utf8('format'),
  genesis: utf8('genesis'),
  head: utf8('head'),
  pruned: utf8('pruned'),
} as const;

/** Key of a checkpoint: u64 big-endian, so that keys order as sequences. */
export function sequenceKey(sequence: bigint): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, sequence);
  return key;
}
