import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, isFloeError } from '@floe/platform';
import {
  type BatchFrame,
  batchFrameParts,
  createBatchDecoder,
  decodeBatch,
  encodeBatch,
  encodeBatchEnd,
  encodeBatchFrame,
  sliverFrameHeader,
} from '../src/batch.ts';
import type { SliverPairIndex } from '../src/ids.ts';
import { axis, u16 } from './support/arbitraries.ts';
import { bytes, hex } from './support/vectors.ts';

const LIMITS = { maxSliverBytes: 5000, maxFrames: 100 };
const pair = u16.map((value) => value as SliverPairIndex);
const sliverFrame = fc.record({
  kind: fc.constant('sliver' as const),
  axis,
  pair,
  sliverData: fc.uint8Array({ maxLength: 300 }),
});
const outcomeFrame = fc.record({
  kind: fc.constant('outcome' as const),
  axis,
  pair,
  httpStatus: u16,
  reason: fc.string({ maxLength: 64 }),
  message: fc.string({ maxLength: 200 }),
});
const frames = fc.array(fc.oneof(sliverFrame, outcomeFrame), { maxLength: 8 });

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function encoded(list: readonly BatchFrame[]): Promise<Uint8Array> {
  return Buffer.concat(await collect(encodeBatch(list)));
}

/** The bytes in pieces of the given sizes, over and over. */
async function* pieces(data: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < data.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    yield data.subarray(at, at + size);
    at += size;
  }
}

const decode = (data: Uint8Array, sizes: readonly number[] = [data.length || 1], limits = LIMITS) =>
  collect(decodeBatch(pieces(data, sizes), limits));

const aSliver: BatchFrame = {
  kind: 'sliver',
  axis: 'secondary',
  pair: 258 as SliverPairIndex,
  sliverData: bytes('0102'),
};

describe('the wire form', () => {
  it('of a sliver, an outcome and the end is fixed', () => {
    expect(hex(encodeBatchFrame(aSliver))).toBe('01' + '01' + '0201' + '02000000' + '0102');
    const outcome = encodeBatchFrame({
      kind: 'outcome',
      axis: 'primary',
      pair: 5 as SliverPairIndex,
      httpStatus: 400,
      reason: 'X',
      message: 'no',
    });
    expect(hex(outcome)).toBe('02' + '00' + '0500' + '07000000' + '9001' + '0158' + '026e6f');
    expect(hex(encodeBatchEnd(3))).toBe('00' + '00' + '0000' + '04000000' + '03000000');
  });

  it('does not copy a sliver', () => {
    expect(batchFrameParts(aSliver)[1]).toBe(aSliver.kind === 'sliver' ? aSliver.sliverData : undefined);
    expect(sliverFrameHeader('secondary', 258 as SliverPairIndex, 2)).toEqual(batchFrameParts(aSliver)[0]);
  });
});

describe('decoding', () => {
  it('gives back any frames, however the stream was cut into chunks', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(frames, sizes, async (list, chunks) => {
        expect(await decode(await encoded(list), chunks)).toEqual(list);
      }),
      { numRuns: 60 },
    );
  });

  it('skips empty chunks', async () => {
    const data = await encoded([aSliver]);
    async function* source() {
      yield new Uint8Array(0);
      yield data.subarray(0, 5);
      yield new Uint8Array(0);
      yield data.subarray(5);
      yield new Uint8Array(0);
    }
    expect(await collect(decodeBatch(source(), LIMITS))).toEqual([aSliver]);
  });

  it('gathers the bytes of small chunks instead of keeping the chunks', () => {
    const sliverData = Uint8Array.from({ length: 150_000 }, (_unused, i) => i % 251);
    const data = encodeBatchFrame({ kind: 'sliver', axis: 'primary', pair: 1 as SliverPairIndex, sliverData });
    const decoder = createBatchDecoder({ maxSliverBytes: sliverData.length, maxFrames: 1 });
    // The header, and a first byte behind which others gather.
    decoder.push(data.subarray(0, 8));
    expect(decoder.next()).toBeUndefined();
    decoder.push(data.subarray(8, 9));
    // Then the same array every time: a decoder that kept it would read its last value everywhere.
    const chunk = new Uint8Array(1);
    for (let at = 9; at < data.length; at += 1) {
      if (decoder.next() !== undefined) expect.unreachable();
      chunk[0] = data[at]!;
      decoder.push(chunk);
    }
    const frame = decoder.next();
    expect(frame?.kind === 'sliver' && equalBytes(frame.sliverData, sliverData)).toBe(true);
  });

  it('keeps the order of small and large chunks that alternate', async () => {
    const sliverData = Uint8Array.from({ length: 60_000 }, (_unused, i) => i % 251);
    const frame: BatchFrame = { kind: 'sliver', axis: 'primary', pair: 1 as SliverPairIndex, sliverData };
    const limits = { maxSliverBytes: sliverData.length, maxFrames: 3 };
    for (const sizes of [[1, 5000], [4095, 4096, 3], [1, 2, 20_000, 7, 9], [100]]) {
      const list = await decode(await encoded([frame, aSliver, frame]), sizes, limits);
      expect(list.map((one) => hex(encodeBatchFrame(one)))).toEqual(
        [frame, aSliver, frame].map((one) => hex(encodeBatchFrame(one))),
      );
    }
  });

  it('gives a frame as soon as it is complete', () => {
    const decoder = createBatchDecoder(LIMITS);
    const data = encodeBatchFrame(aSliver);
    decoder.push(data.subarray(0, data.length - 1));
    expect(decoder.next()).toBeUndefined();
    decoder.push(data.subarray(data.length - 1));
    expect(decoder.next()).toEqual(aSliver);
    expect(decoder.next()).toBeUndefined();
  });

  it('refuses every stream that was cut off', async () => {
    const data = await encoded([aSliver, aSliver]);
    for (let size = 0; size < data.length; size += 1) {
      await expect(decode(data.subarray(0, size))).rejects.toThrow('expected an end frame, came the end of the stream');
    }
  });

  it('refuses a frame above its limit from its header, before any of it is kept', () => {
    const decoder = createBatchDecoder({ maxSliverBytes: 10, maxFrames: 5 });
    decoder.push(sliverFrameHeader('primary', 0 as SliverPairIndex, 11));
    expect(() => decoder.next()).toThrow('sliver frame announces 11 bytes, at most 10 are allowed');
    const outcomes = createBatchDecoder(LIMITS);
    outcomes.push(bytes('02000000' + 'ffffffff'));
    expect(() => outcomes.next()).toThrow('outcome frame announces 4294967295 bytes');
  });

  it('stops reading its source at a frame above its limit', async () => {
    let read = 0;
    let closed = false;
    async function* source() {
      try {
        for (;;) {
          read += 1;
          yield sliverFrameHeader('primary', 0 as SliverPairIndex, 1_000_000);
        }
      } finally {
        closed = true;
      }
    }
    await expect(collect(decodeBatch(source(), LIMITS))).rejects.toMatchObject({ code: 'BATCH_FRAME_TOO_LARGE' });
    expect([read, closed]).toEqual([1, true]);
  });

  it('closes its source when the consumer stops early', async () => {
    let closed = false;
    const data = await encoded([aSliver, aSliver]);
    async function* source() {
      try {
        yield data.subarray(0, 12);
        yield data.subarray(12);
      } finally {
        closed = true;
      }
    }
    for await (const frame of decodeBatch(source(), LIMITS)) {
      expect(frame).toEqual(aSliver);
      break;
    }
    expect(closed).toBe(true);
  });

  it('refuses more frames than allowed', async () => {
    const data = await encoded([aSliver, aSliver, aSliver]);
    await expect(decode(data, [7], { ...LIMITS, maxFrames: 2 })).rejects.toThrow(
      'expected at most 2 frames, came more',
    );
    expect(await decode(data, [7], { ...LIMITS, maxFrames: 3 })).toHaveLength(3);
  });

  const end = (count: number) => hex(encodeBatchEnd(count));
  it.each([
    ['an unknown kind', '0300000000000000', 'expected a frame of kind 0, 1 or 2, came 3'],
    ['an unknown axis', '0102000000000000', 'expected axis 0 or 1, came 2'],
    ['an end with another count', end(1), 'expected 1 frames before the end frame, came 0'],
    ['an end for a pair', `00000100${end(0).slice(8)}`, 'expected a plain end frame, came another'],
    ['an end of another size', '0000000000000000', 'expected a plain end frame, came another'],
    ['bytes after the end', `${end(0)}00`, 'expected nothing after the end frame, came 1 more bytes'],
    ['an outcome of other bytes', '0200000003000000900105', 'expected an outcome frame, came other bytes'],
    ['an outcome with bytes left', '020000000500000090010000ff', 'expected an outcome frame, came other bytes'],
    ['an outcome that is not UTF-8', '02000000060000009001' + '02c328' + '00', 'expected an outcome frame'],
  ])('refuses %s', async (_what, data, message) => {
    await expect(decode(bytes(data))).rejects.toThrow(message);
  });

  it('refuses bytes in a chunk after the end', async () => {
    const data = Buffer.concat([await encoded([aSliver]), Buffer.from([0])]);
    await expect(decode(data, [data.length - 1])).rejects.toThrow('nothing after the end frame, came 1 more bytes');
  });

  it('answers garbage with frames or a refusal, never another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 1, max: 20 }), async (garbage, size) => {
        try {
          const list = await decode(garbage, [size]);
          expect(hex(await encoded(list))).toBe(hex(garbage));
        } catch (error) {
          if (!isFloeError(error, 'INVALID_BATCH') && !isFloeError(error, 'BATCH_FRAME_TOO_LARGE')) throw error;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('outcomes', () => {
  it('are cut to what a decoder accepts, between characters', async () => {
    const message = 'é'.repeat(5000);
    const [frame] = await decode(
      await encoded([
        {
          kind: 'outcome',
          axis: 'primary',
          pair: 0 as SliverPairIndex,
          httpStatus: 500,
          reason: 'R'.repeat(64),
          message,
        },
      ]),
    );
    expect(frame).toMatchObject({ message: 'é'.repeat(512), reason: 'R'.repeat(64) });
  });
});
