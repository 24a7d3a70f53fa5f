import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { deferred } from '@floe/platform';
import { type Axis, geometryOf, sealMetadata, type SliverIndex } from '@floe/protocol';
import type { EncodedBlob } from '../../src/codec.ts';
import { createInlineCodec } from '../../src/inline-codec.ts';
import { createWorkerCodec } from '../../src/node/index.ts';
import { STREAM_CHUNK_SIZE_BYTES } from '../../src/limits.ts';
import { createMemoryScratchSpace } from '../../src/stream/memory-scratch.ts';
import type { StoredSliver } from '../../src/stream/ports.ts';
import { anyBlob } from './any-blob.ts';
import { bytesSource } from './helpers.ts';
import { lengthFor, sameBytes, seededBytes, seededSubset } from '../helpers.ts';

const inline = createInlineCodec();
const pooled = createWorkerCodec({ workers: 2 });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

function stored(encoded: EncodedBlob, axis: Axis, indices: readonly number[]): StoredSliver[] {
  return indices.map((index) => ({
    axis,
    index: index as SliverIndex,
    async read(offset, into) {
      const { data } = encoded.sliver(axis, index as SliverIndex);
      if (offset + into.length > data.length) throw new Error('read beyond the end');
      into.set(data.subarray(offset, offset + into.length));
    },
  }));
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return new Uint8Array(Buffer.concat(all));
}

const blobs = anyBlob(2_000_000);

describe('a streamed decode', () => {
  it.each([
    ['in the calling thread', inline, 60],
    ['on workers', pooled, 30],
  ] as const)('gives the blob back from any sufficient slivers, %s', async (_name, codec, numRuns) => {
    await fc.assert(
      fc.asyncProperty(blobs, fc.nat(2), async ({ geometry, blob, memory, seed }, choice) => {
        const { nShards, rows, columns } = geometry;
        const encoded = await inline.encode(geometry, blob);
        const slivers = {
          0: () => stored(encoded, 'primary', seededSubset(rows, nShards, seed)),
          1: () => stored(encoded, 'secondary', seededSubset(columns, nShards, seed)),
          // Too few of the other axis in between.
          2: () =>
            seededSubset(rows - 1, nShards, seed)
              .flatMap((index) => stored(encoded, 'primary', [index]))
              .concat(stored(encoded, 'secondary', seededSubset(columns, nShards, seed + 1))),
        }[choice as 0 | 1 | 2]();
        const maxBytes = rows * columns * encoded.verified.symbolSize;
        const scratch = createMemoryScratchSpace({ maxBytes });
        const fractions: number[] = [];
        const pieces = codec.decodeStream(encoded.verified, slivers, {
          scratch,
          memorySizeBytes: memory,
          onProgress: (fraction) => fractions.push(fraction),
        });
        expect(sameBytes(await joined(pieces), blob)).toBe(true);
        expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
        expect(fractions.at(-1) ?? 1).toBe(1);
        await (await scratch.open(maxBytes)).close(); // nothing is left in it
      }),
      { numRuns },
    );
  });

  const geometry = geometryOf(10);
  const blob = seededBytes(lengthFor(geometry, 66, 0) - 70, 9);
  const scratch = () => createMemoryScratchSpace({ maxBytes: 2 ** 20 });

  it('hands out rows in order before the last sliver has come, and asks for no more than it needs', async () => {
    const encoded = await inline.encode(geometry, blob);
    const rowSize = geometry.columns * encoded.verified.symbolSize;
    const gate = deferred<void>();
    let asked = 0;
    async function* arriving() {
      for (const index of [1, 0, 9, 7, 8, 2, 3]) {
        if (index === 9) await gate.promise;
        asked += 1;
        yield* stored(encoded, 'primary', [index]);
      }
    }
    const pieces = inline.decodeStream(encoded.verified, arriving(), { scratch: scratch() });
    for (const row of [0, 1]) {
      const { value } = await pieces.next();
      expect(value).toEqual(blob.slice(row * rowSize, (row + 1) * rowSize));
    }
    expect(asked).toBe(2);
    gate.resolve();
    expect(await joined(pieces)).toEqual(blob.slice(2 * rowSize));
    expect(asked).toBe(4); // rows 0 and 1, and two others: as many as there are rows
  });

  it('gives the same bytes whichever piece they are handed out in', async () => {
    const large = seededBytes(3_000_000, 4);
    const encoded = await inline.encode(geometryOf(16), large);
    const indices = [0, 2, 15, 14, 13, 12];
    for (const slivers of [stored(encoded, 'primary', indices), stored(encoded, 'primary', [0, 1, 2, 3, 4, 5])]) {
      const pieces: Uint8Array[] = [];
      for await (const piece of inline.decodeStream(encoded.verified, slivers, { scratch: scratch() })) {
        expect(piece.length).toBeLessThanOrEqual(STREAM_CHUNK_SIZE_BYTES);
        pieces.push(piece);
      }
      expect(sameBytes(Buffer.concat(pieces), large)).toBe(true);
    }
  });

  it('refuses too few slivers, and counts none twice and none of no blob', async () => {
    const encoded = await inline.encode(geometry, blob);
    const slivers = [
      ...stored(encoded, 'primary', [5, 5, 6, 7]),
      ...stored(encoded, 'secondary', [0, 1, 2, 3, 4, 5, 5]),
      { axis: 'primary', index: 10 as SliverIndex, read: async () => undefined } as const,
    ];
    await expect(joined(inline.decodeStream(encoded.verified, slivers, { scratch: scratch() }))).rejects.toMatchObject({
      code: 'NOT_ENOUGH_SLIVERS',
      data: { primary: 3, secondary: 6 },
    });
  });

  it.each(['primary', 'secondary'] as const)(
    'hands out nothing that does not have the hash of the metadata, from %s slivers',
    async (axis) => {
      const [encoded, other] = [await inline.encode(geometry, blob), await inline.encode(geometry, blob.toReversed())];
      const slivers = stored(other, axis, [9, 8, 7, 6, 5, 4, 3]);
      const options = { scratch: scratch() };
      await expect(inline.decodeStream(encoded.verified, slivers, options).next()).rejects.toMatchObject({
        code: 'INCONSISTENT_BLOB',
      });
      const unchecked = inline.decodeStream(encoded.verified, slivers, { ...options, checks: false });
      expect(await joined(unchecked)).toEqual(blob.toReversed());
    },
  );

  it('does not take what lies behind the end of the blob for padding', async () => {
    const encoded = await inline.encode(geometry, blob);
    const unencodedLength = blob.length - 1;
    const verified = sealMetadata(geometry, { ...encoded.verified.metadata, unencodedLength });
    for (const slivers of [
      stored(encoded, 'primary', [0, 1, 2, 3]),
      stored(encoded, 'primary', [0, 1, 2, 9]),
      stored(encoded, 'secondary', [0, 1, 2, 3, 4, 5, 6]),
    ]) {
      await expect(joined(inline.decodeStream(verified, slivers, { scratch: scratch() }))).rejects.toMatchObject({
        code: 'INCONSISTENT_BLOB',
      });
    }
  });

  it('does not take rows that the blob does not reach for padding unless they are', async () => {
    const encoded = await inline.encode(geometry, blob.subarray(0, 50));
    const shorter = sealMetadata(geometry, { ...encoded.verified.metadata, unencodedLength: 14 });
    const options = { scratch: scratch() };
    const rows = stored(encoded, 'primary', [0]);
    await expect(inline.decodeStream(shorter, rows, options).next()).rejects.toMatchObject({
      code: 'INCONSISTENT_BLOB',
    });
    const unchecked = inline.decodeStream(shorter, rows, { ...options, checks: false });
    expect(await joined(unchecked)).toEqual(blob.slice(0, 14));
  });

  it('says why a sliver cannot be read, that the scratch is full, and when it was given up', async () => {
    const encoded = await inline.encode(geometry, blob);
    const slivers = stored(encoded, 'primary', [9, 8, 7, 6]);
    const broken = slivers.map((sliver) => ({ ...sliver, read: () => Promise.reject(new Error('the disk is gone')) }));
    const space = createMemoryScratchSpace({ maxBytes: 10 });
    const failure = async (which: StoredSliver[], options: { signal?: AbortSignal } = {}) =>
      await joined(pooled.decodeStream(encoded.verified, which, { ...options, scratch: space, memorySizeBytes: 0 }));
    await expect(failure(slivers)).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
    await expect(failure(slivers, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const stop = new AbortController();
    const reading = slivers.map((sliver) => ({
      ...sliver,
      async read(offset: number, into: Uint8Array) {
        stop.abort(new Error('enough'));
        await sliver.read(offset, into);
      },
    }));
    const roomy = { scratch: scratch(), signal: stop.signal };
    await expect(joined(pooled.decodeStream(encoded.verified, reading, roomy))).rejects.toThrow('enough');
    await expect(joined(pooled.decodeStream(encoded.verified, broken, { scratch: scratch() }))).rejects.toMatchObject({
      code: 'SCRATCH_FAILED',
      message: expect.stringContaining('the disk is gone'),
    });
  });

  it('gives its scratch back when the reader stops early', async () => {
    const encoded = await inline.encode(geometry, blob);
    const space = createMemoryScratchSpace({ maxBytes: 4 * blob.length });
    const options = { scratch: space, memorySizeBytes: 0 };
    const pieces = pooled.decodeStream(encoded.verified, stored(encoded, 'primary', [9, 8, 7, 6]), options);
    await pieces.next();
    await pieces.return();
    await (await space.open(4 * blob.length)).close();
  });
});

describe('checking that a blob was encoded by the rules', () => {
  it('encodes it again in bounded memory', async () => {
    const geometry = geometryOf(13);
    const blob = seededBytes(20_000, 1);
    const { verified } = await inline.encode(geometry, blob);
    const options = { memorySizeBytes: 0 };
    await inline.checkEncoding(verified, bytesSource(blob), options);
    await expect(inline.checkEncoding(verified, bytesSource(blob.toReversed()), options)).rejects.toMatchObject({
      code: 'INCONSISTENT_BLOB',
    });
    await expect(inline.checkEncoding(verified, bytesSource(blob.subarray(1)), options)).rejects.toMatchObject({
      code: 'INCONSISTENT_BLOB',
    });
  });
});
