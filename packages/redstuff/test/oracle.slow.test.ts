/**
 * Compares with the official encoder (`@mysten/walrus-wasm`) on random cases: every sliver as BCS, every sliver hash and
 * the blob id must be the same, and blobs above the maximum must be refused by both. Every second case is encoded as a
 * stream.
 *
 * FLOE_TEST_SEED chooses the cases (printed); FLOE_TEST_BUDGET_S stops after so many seconds instead of after all of them.
 */
import { performance } from 'node:perf_hooks';
import { BlobEncoder } from '@mysten/walrus-wasm';
import { afterAll, expect, it } from 'vitest';
import { type Geometry, geometryOf, maxBlobSize } from '@floe/protocol';
import type { Codec } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import { createWorkerCodec } from '../src/node/index.ts';
import { seededBytes, seededNumbers } from './helpers.ts';
import { bytesSource, encodeByStream } from './stream/helpers.ts';
import { differenceFrom, encodeOfficially } from './support/official.ts';

const CASES = 500;
const MAX_SIZE = 8 * 1024 * 1024;
const seed = Number(process.env['FLOE_TEST_SEED'] ?? Date.now() % 1_000_000);
const budgetMs = Number(process.env['FLOE_TEST_BUDGET_S'] ?? Number.POSITIVE_INFINITY) * 1000;

const inline = createInlineCodec();
const pooled = createWorkerCodec({ workers: 1 });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

interface Case {
  readonly geometry: Geometry;
  readonly size: number;
  readonly seed: number;
}

/** Few shards more often than many, all orders of magnitude of size alike, and some sizes above the maximum. */
function randomCase(next: () => number): Case {
  const kind = next() % 20;
  const [low, high] = kind < 12 ? [4, 40] : kind < 18 ? [41, 150] : [151, 1000];
  const geometry = geometryOf(low + (next() % (high - low + 1)));
  const max = maxBlobSize(geometry);
  const limit = Math.min(MAX_SIZE, max);
  const magnitude = 2 ** (1 + (next() % Math.ceil(Math.log2(limit))));
  const size = Math.min(limit, next() % (magnitude + 1));
  const isAbove = max < MAX_SIZE && next() % 8 === 0;
  return { geometry, size: isAbove ? max + 1 + (next() % 1000) : size, seed: next() };
}

async function compare({ geometry, size, seed: blobSeed }: Case, codec: Codec, streams: boolean): Promise<void> {
  const blob = seededBytes(size, blobSeed);
  const expected = encodeOfficially(geometry, blob);
  const encoded = streams ? await encodeByStream(codec, geometry, blob) : await codec.encode(geometry, blob);
  expect(differenceFrom(expected, encoded)).toBeUndefined();
  const computed = streams
    ? await codec.computeMetadataOf(geometry, bytesSource(blob), { memorySizeBytes: 0 })
    : await codec.computeMetadata(geometry, blob);
  expect(computed.blobId).toBe(encoded.verified.blobId);
}

/** Both refuse. The official encoder is asked for the metadata only: slivers of that size have no buffers. */
async function compareRefusals({ geometry, size, seed: blobSeed }: Case): Promise<void> {
  const blob = seededBytes(size, blobSeed);
  const encoder = new BlobEncoder(geometry.nShards);
  try {
    expect(() => encoder.compute_metadata(blob)).toThrow();
  } finally {
    encoder.free();
  }
  await expect(inline.encode(geometry, blob)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
  await expect(inline.computeMetadata(geometry, blob)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
}

it('encodes random blobs as the official encoder does', { timeout: 3_600_000 }, async () => {
  const next = seededNumbers(seed);
  const begun = performance.now();
  let [done, refused] = [0, 0];
  while (done < CASES && performance.now() - begun < budgetMs) {
    const example = randomCase(next);
    const name = `seed ${seed}, case ${done}: ${example.size} bytes over ${example.geometry.nShards} shards`;
    try {
      if (example.size > maxBlobSize(example.geometry)) {
        await compareRefusals(example);
        refused += 1;
      } else {
        await compare(example, done % 3 === 0 ? pooled : inline, done % 2 === 0);
      }
    } catch (cause) {
      throw new Error(name, { cause });
    }
    done += 1;
  }
  process.stdout.write(`oracle: seed ${seed}, ${done} cases the same, ${refused} of them refused by both\n`);
  expect(done).toBeGreaterThan(0);
});
