/**
 * The form of a row's value in an LMDB store: its CRC-32 (4 bytes, little-endian), then its bytes. The checksum covers table, key and value,
 * so that a value under a foreign key is found out too.
 */
import { crc32 } from 'node:zlib';
import { utf8 } from '../bytes.ts';

const CHECKSUM_BYTES = 4;

/** What the checksums of a table's rows begin with. */
export function tableSeed(table: string): number {
  return crc32(utf8(table));
}

/** The value as it is stored. */
export function sealedValue(seed: number, key: Uint8Array, value: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  stored.writeUInt32LE(checksumOf(seed, key, value), 0);
  stored.set(value, CHECKSUM_BYTES);
  return stored;
}

/** A view of the value inside `stored`; undefined when it does not match its checksum. */
export function openedValue(seed: number, key: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
  if (stored.length < CHECKSUM_BYTES) return undefined;
  const value = stored.subarray(CHECKSUM_BYTES);
  const checksum = new DataView(stored.buffer, stored.byteOffset, CHECKSUM_BYTES).getUint32(0, true);
  return checksumOf(seed, key, value) === checksum ? value : undefined;
}

function checksumOf(seed: number, key: Uint8Array, value: Uint8Array): number {
  const keyed = crc32(key, seed);
  // zlib takes an empty array for "begin anew" and forgets the checksum so far.
  return value.length === 0 ? keyed : crc32(value, keyed);
}
