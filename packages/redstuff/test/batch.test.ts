import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { AXES, type Geometry, geometryOf, maxBlobSize, type SliverIndex } from '@floe/protocol';
import type { Codec } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import { createWorkerCodec, yieldToEventLoop } from '../src/node/index.ts';
import { lengthFor, sameBytes, seededBytes, seededNumbers, shardCount } from './helpers.ts';

const inline = createInlineCodec({ pause: yieldToEventLoop });
const pooled = createWorkerCodec({ workers: 2 });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

/** Both calls for many blobs against both calls for one, byte for byte. */
async function expectAsOneByOne(codec: Codec, geometry: Geometry, blobs: readonly Uint8Array[]): Promise<void> {
  const together = await codec.encodeBatch(geometry, blobs);
  const metadata = await codec.computeMetadataBatch(geometry, blobs);
  expect([together.length, metadata.length]).toEqual([blobs.length, blobs.length]);
  for (const [i, blob] of blobs.entries()) {
    const alone = await inline.encode(geometry, blob);
    const encoded = together[i];
    const where = `blob ${i} of ${blob.length} bytes over ${geometry.nShards} shards`;
    for (const came of [encoded?.verified, metadata[i]]) {
      expect(came?.blobId, where).toBe(alone.verified.blobId);
      expect(came?.metadata.unencodedLength, where).toBe(blob.length);
    }
    for (const axis of AXES) {
      for (let index = 0; index < geometry.nShards; index += 1) {
        const expected = alone.sliver(axis, index as SliverIndex).data;
        const came = encoded?.sliver(axis, index as SliverIndex).data;
        if (came === undefined || !sameBytes(came, expected)) expect.fail(`${where}: ${axis} sliver ${index}`);
      }
    }
  }
}

/** Blobs of a few sizes, some of them more than once, also empty and of less than a row. */
function mixedBlobs(geometry: Geometry, symbolSizes: readonly number[], seed: number): Uint8Array[] {
  const next = seededNumbers(seed);
  return symbolSizes.flatMap((symbolSize, i) => {
    const most = lengthFor(geometry, symbolSize, 0);
    const sizes = [most, next() % most, next() % (2 * geometry.columns), 0, 1];
    return sizes.slice(0, 1 + (next() % sizes.length)).map((size, j) => seededBytes(size, seed + 31 * i + j));
  });
}

describe.each([
  ['inline', inline, 20],
  ['worker pool', pooled, 5],
] as const)('a batch: %s', (_name, codec, numRuns) => {
  it('gives what blobs give one by one', async () => {
    const cases = fc.record({
      kind: fc.integer({ min: 0, max: 7 }),
      shards: fc.nat(),
      halves: fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 4 }),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ kind, shards, halves, seed }) => {
        const geometry = geometryOf(Math.min(shardCount(kind, shards), 60));
        const symbolSizes = halves.map((half) => 2 * half);
        await expectAsOneByOne(codec, geometry, mixedBlobs(geometry, symbolSizes, seed));
      }),
      { numRuns },
    );
  });

  it('gives it for every tail of a symbol, on a low-rate and a high-rate code', async () => {
    for (const nShards of [7, 10]) {
      const geometry = geometryOf(nShards);
      const blobs = Array.from({ length: 65 }, (_, i) => lengthFor(geometry, 2 * (i + 1), 0)).flatMap((size, i) => [
        seededBytes(size, i),
        seededBytes(size - 1, 1000 + i),
      ]);
      await expectAsOneByOne(codec, geometry, blobs);
    }
  });
});

describe('a batch', () => {
  const geometry = geometryOf(10);

  it('may be of blobs that are too large to stand side by side', async () => {
    const large = geometryOf(1000);
    await expectAsOneByOne(inline, large, [seededBytes(3000, 1), seededBytes(0, 2)]);
  });

  it('may be of far more blobs than stand side by side, with symbols of two bytes looked up', async () => {
    const hundred = geometryOf(100);
    await expectAsOneByOne(
      inline,
      hundred,
      Array.from({ length: 70 }, (_, i) => seededBytes(40 * i, i)),
    );
    await expectAsOneByOne(
      inline,
      geometry,
      Array.from({ length: 200 }, (_, i) => seededBytes(i % 50, i)),
    );
  });

  it('may be empty', async () => {
    expect(await inline.encodeBatch(geometry, [])).toEqual([]);
    expect(await pooled.computeMetadataBatch(geometry, [])).toEqual([]);
  });

  it('is refused as a whole when one blob is too large', async () => {
    const tooLarge = new Uint8Array(maxBlobSize(geometryOf(4)) + 1);
    const refused = inline.encodeBatch(geometryOf(4), [seededBytes(5, 1), tooLarge]);
    await expect(refused).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
  });

  it.each([
    ['inline', inline],
    ['worker pool', pooled],
  ])('stops when aborted, and reports progress that never falls and ends at 1: %s', async (_name, codec) => {
    const blobs = Array.from({ length: 600 }, (_, i) => seededBytes(3000, i));
    const fractions: number[] = [];
    await codec.computeMetadataBatch(geometry, blobs, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions.length).toBeGreaterThan(2);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    const controller = new AbortController();
    const stopped = codec.encodeBatch(geometry, blobs, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(await codec.computeMetadataBatch(geometry, blobs.slice(0, 2))).toHaveLength(2);
  });

  it('is refused after closing', async () => {
    const codec = createInlineCodec();
    await codec.close();
    await expect(codec.encodeBatch(geometry, [seededBytes(5, 1)])).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
  });
});
