/** Blobs that a test need not keep: every byte follows from a seed and its place, so that any range can be checked by itself. */
import { createCipheriv, createHash } from 'node:crypto';

const BLOCK_BYTES = 16;

/** Bytes `start` to `end` of the blob of `seed`: AES-128 in counter mode, keyed with the seed's digest. */
export function testBytes(seed: string, start: number, end: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest().subarray(0, BLOCK_BYTES);
  const counter = Buffer.alloc(BLOCK_BYTES);
  const firstBlock = Math.floor(start / BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(firstBlock), 8);
  const skipped = start - firstBlock * BLOCK_BYTES;
  const stream = createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(skipped + end - start));
  return new Uint8Array(stream.buffer, stream.byteOffset + skipped, end - start);
}

/** How many bytes differ; a length that differs counts for each byte. */
export function wrongBytes(came: Uint8Array, expected: Uint8Array): number {
  if (Buffer.compare(came, expected) === 0) return 0;
  let wrong = Math.abs(came.length - expected.length);
  for (let i = 0; i < Math.min(came.length, expected.length); i += 1) if (came[i] !== expected[i]) wrong += 1;
  return wrong;
}
