/**
 * Sizes and names of encoded blobs, in the ledger's arithmetic. Walrus contract rules: pricing primitives, blobs.
 *
 * The same numbers as `@floe/protocol` gives, but for any shard count the chain may have, and aborting as Move does.
 */
import { concatBytes } from '@floe/platform';
import { BcsWriter, u256Bytes, u256FromBytes } from '@floe/protocol';
import { blake2b256 } from '../hash.ts';
import { type Call, type Native, native } from '../execution/call.ts';
import { asU16, asU64, divide } from '../execution/integers.ts';

const ENCODING_RS2 = 1;
const DIGEST_BYTES = 32n;

/** Bytes that all slivers and their metadata take, of a blob of `size` bytes on `shardCount` shards. */
export function encodedBlobLength(call: Call, size: bigint, encodingType: number, shardCount: number): bigint {
  if (encodingType !== ENCODING_RS2) call.abort('encoding', 'EInvalidEncodingType');
  const shards = BigInt(shardCount);
  const maxFaulty = divide(asU64(shards - 1n), 3n);
  const primary = shards - 2n * maxFaulty;
  const secondary = shards - maxFaulty;
  const source = primary * secondary;
  let symbolSize = divide((size === 0n ? 1n : size) - 1n, source) + 1n;
  if (symbolSize % 2n === 1n) symbolSize += 1n;
  asU16(symbolSize > 0xffffn ? 0x1_0000 : Number(symbolSize));
  const slivers = (primary + secondary) * symbolSize;
  const metadata = 2n * DIGEST_BYTES * shards + DIGEST_BYTES;
  return asU64(shards * (slivers + metadata));
}

/** Blob id of a root hash: blake2b256(encoding type ‖ u64le size ‖ root), all u256 read little-endian. */
export function deriveBlobId(rootHash: bigint, encodingType: number, size: bigint): bigint {
  const header = new BcsWriter(9).u8(encodingType).u64(size).finish();
  return u256FromBytes(blake2b256(concatBytes(header, u256Bytes(rootHash))));
}

export const encodingNatives: Readonly<Record<string, Native>> = {
  encoded_blob_length: native((call, size: bigint, encodingType: number, shardCount: number) => [
    encodedBlobLength(call, size, encodingType, shardCount),
  ]),
};
