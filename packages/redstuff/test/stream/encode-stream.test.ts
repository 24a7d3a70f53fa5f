import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { geometryOf, maxBlobSize } from '@floe/protocol';
import { createInlineCodec } from '../../src/inline-codec.ts';
import { createWorkerCodec } from '../../src/node/index.ts';
import { createMemoryScratchSpace } from '../../src/stream/memory-scratch.ts';
import { seededBytes } from '../helpers.ts';
import { anyBlob } from './any-blob.ts';
import { bytesSource, Collector, expectSame } from './helpers.ts';

const inline = createInlineCodec();
const pooled = createWorkerCodec({ workers: 2 });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

const blobs = anyBlob(4_000_000);

describe('a streamed encode', () => {
  it.each([
    ['in the calling thread', inline, 60],
    ['on workers', pooled, 30],
  ] as const)('gives the slivers and metadata of one in memory, %s', async (_name, codec, numRuns) => {
    await fc.assert(
      fc.asyncProperty(blobs, fc.nat(7), async ({ geometry, blob, memory }, wanted) => {
        const encoded = await inline.encode(geometry, blob);
        const bits = { 'secondary,own': wanted & 1, 'secondary,repair': wanted & 2, 'primary,repair': wanted & 4 };
        const sink = new Collector((axis, index) => {
          const isOwn = index < (axis === 'primary' ? geometry.rows : geometry.columns);
          return (bits[`${axis},${isOwn ? 'own' : 'repair'}` as keyof typeof bits] ?? 0) === 0;
        });
        const scratch = createMemoryScratchSpace({ maxBytes: 2 ** 30 });
        const verified = await codec.encodeStream(geometry, bytesSource(blob), sink, {
          scratch,
          memorySizeBytes: memory,
        });
        expect(verified.blobId).toBe(encoded.verified.blobId);
        expect(verified.metadata).toEqual(encoded.verified.metadata);
        expectSame(sink, geometry, encoded);
        for (const options of [{ memorySizeBytes: memory }, { memorySizeBytes: memory, scratch }]) {
          const computed = await codec.computeMetadataOf(geometry, bytesSource(blob), options);
          expect(computed.blobId).toBe(encoded.verified.blobId);
        }
      }),
      { numRuns },
    );
  });

  it('encodes with symbols of the largest size', async () => {
    const geometry = geometryOf(7);
    const blob = seededBytes(maxBlobSize(geometry), 3);
    const encoded = await inline.encode(geometry, blob);
    const sink = new Collector();
    const scratch = createMemoryScratchSpace({ maxBytes: 2 ** 30 });
    await pooled.encodeStream(geometry, bytesSource(blob), sink, { scratch, memorySizeBytes: 0 });
    expectSame(sink, geometry, encoded);
  });
});
