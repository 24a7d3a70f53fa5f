/** The official encoder's vectors, and what `floe encode` wrote. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSliverData, type Axis } from '@floe/protocol';
import { expect } from 'vitest';

export interface BlobVector {
  readonly n_shards: number;
  readonly content: string;
  readonly length: number;
  readonly blob_id_base64url: string;
  readonly blob_metadata_with_id_bcs_sha256?: string;
  readonly all_primary_data_sha256?: string;
  readonly all_secondary_data_sha256_by_pair_index?: string;
  /** The first and the last pair. */
  readonly pairs?: readonly {
    readonly primary_sliver_index: number;
    readonly secondary_sliver_index: number;
    readonly primary_bcs_sha256: string;
    readonly secondary_bcs_sha256: string;
  }[];
}

const file = new URL('../vectors/encoding.json', import.meta.url);
export const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { blobs: BlobVector[] }).blobs;

/** Whether a vector is encoded in a moment. */
export function isSmall({ n_shards: nShards, length }: BlobVector): boolean {
  return length <= 70_000 && nShards <= 100;
}

/** A vector's blob. */
export function contentOf({ content, length }: BlobVector): Uint8Array {
  if (content.startsWith('utf8:')) return new TextEncoder().encode(content.slice('utf8:'.length));
  const rules: Record<string, (i: number) => number> = {
    pattern: (i) => (i * 7 + 3) % 251,
    seq: (i) => i % 256,
    zeros: () => 0,
  };
  const rule = rules[content];
  if (rule === undefined) throw new Error(`unknown content rule ${content}`);
  return Uint8Array.from({ length }, (_, i) => rule(i));
}

/** Every file that `floe encode` wrote is what the vector says, and there is no other. */
export async function checkEncoded(directory: string, vector: BlobVector): Promise<void> {
  const n = vector.n_shards;
  const indices = Array.from({ length: n }, (_, index) => index);
  const names = [...indices.flatMap((i) => [`primary-${i}`, `secondary-${i}`]), 'metadata.bcs'];
  expect((await readdir(directory)).toSorted()).toEqual(names.toSorted());
  if (vector.pairs === undefined) return;
  expect(sha256(await readFile(join(directory, 'metadata.bcs')))).toBe(vector.blob_metadata_with_id_bcs_sha256);
  for (const pair of vector.pairs) {
    const primary = await readFile(join(directory, `primary-${pair.primary_sliver_index}`));
    const secondary = await readFile(join(directory, `secondary-${pair.secondary_sliver_index}`));
    expect(sha256(primary)).toBe(pair.primary_bcs_sha256);
    expect(sha256(secondary)).toBe(pair.secondary_bcs_sha256);
  }
  const dataOf = (axis: Axis, order: readonly number[]) =>
    Promise.all(order.map(async (i) => decodeSliverData(await readFile(join(directory, `${axis}-${i}`)), axis).data));
  expect(sha256(...(await dataOf('primary', indices)))).toBe(vector.all_primary_data_sha256);
  const bySecondaryPair = indices.toReversed();
  expect(sha256(...(await dataOf('secondary', bySecondaryPair)))).toBe(vector.all_secondary_data_sha256_by_pair_index);
}

function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
