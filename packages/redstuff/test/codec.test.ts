import { availableParallelism } from 'node:os';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Axis,
  AXES,
  geometryOf,
  maxBlobSize,
  orthogonal,
  type Sliver,
  type SliverIndex,
  sourceSymbols,
  symbolsPerSliver,
  verifyMerkleProof,
} from '@floe/protocol';
import type { Codec } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import { InlineRunner } from '../src/inline-runner.ts';
import { createJobCodec } from '../src/job-codec.ts';
import type { JobRunner } from '../src/jobs.ts';
import { createWorkerCodec, yieldToEventLoop } from '../src/node/index.ts';
import { lengthFor, sameBytes, seededBytes, seededSubset, shardCount, sliversOf } from './helpers.ts';

const inline = createInlineCodec({ pause: yieldToEventLoop });
const pooled = createWorkerCodec({ workers: Math.min(2, availableParallelism()) });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

const forms: [string, Codec, number][] = [
  ['inline', inline, 40],
  ['worker pool', pooled, 12],
];

/** A geometry, a blob and a seed; sizes from empty to a few symbols past 128 bytes each. */
const cases = fc
  .record({
    kind: fc.integer({ min: 0, max: 9 }),
    shards: fc.nat(),
    halfSymbol: fc.integer({ min: 1, max: 70 }),
    slack: fc.nat(3000),
    seed: fc.nat(),
  })
  .map(({ kind, shards, halfSymbol, slack, seed }) => {
    const geometry = geometryOf(shardCount(kind, shards));
    const symbolSize = geometry.nShards > 130 ? Math.min(2 * halfSymbol, 12) : 2 * halfSymbol;
    return { geometry, seed, blob: seededBytes(lengthFor(geometry, symbolSize, slack), seed) };
  });

const flipped = (sliver: Sliver, at: number): Sliver => {
  const data = Uint8Array.from(sliver.data);
  data[at % data.length] = (data[at % data.length] as number) ^ 1;
  return { ...sliver, data };
};

describe.each(forms)('codec (%s)', (_name, codec, numRuns) => {
  it('decodes a blob from any sufficient subset of either axis', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ geometry, blob, seed }) => {
        const encoded = await codec.encode(geometry, blob);
        for (const axis of AXES) {
          const indices = seededSubset(sourceSymbols(geometry, axis), geometry.nShards, seed);
          const decoded = await codec.decode(geometry, blob.length, sliversOf(encoded, axis, indices));
          expect(sameBytes(decoded, blob)).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('computes the metadata that encoding gives, and accepts its slivers', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ geometry, blob, seed }) => {
        const encoded = await codec.encode(geometry, blob);
        expect(await codec.computeMetadata(geometry, blob)).toEqual(encoded.verified);
        const slivers = AXES.flatMap((axis) => sliversOf(encoded, axis, seededSubset(4, geometry.nShards, seed)));
        expect(await codec.verifySlivers(encoded.verified, slivers)).toEqual(slivers.map(() => 'ok'));
      }),
      { numRuns },
    );
  });

  it('detects any changed byte of a sliver, and only in that sliver', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), async ({ geometry, blob, seed }, at) => {
        const encoded = await codec.encode(geometry, blob);
        const slivers = AXES.flatMap((axis) => sliversOf(encoded, axis, seededSubset(2, geometry.nShards, seed)));
        const bad = at % slivers.length;
        slivers[bad] = flipped(slivers[bad] as Sliver, at);
        const results = await codec.verifySlivers(encoded.verified, slivers);
        results.forEach((result, i) => {
          if (i === bad) expect(result).toMatchObject({ code: 'INVALID_SLIVER', kind: 'integrity' });
          else expect(result).toBe('ok');
        });
        await expect(codec.verifySliver(encoded.verified, slivers[bad] as Sliver)).rejects.toMatchObject({
          code: 'INVALID_SLIVER',
        });
      }),
      { numRuns },
    );
  });

  it('recovers every kind of sliver from any sufficient symbols', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom(...AXES), fc.nat(), async ({ geometry, blob, seed }, axis, at) => {
        const encoded = await codec.encode(geometry, blob);
        const index = (at % geometry.nShards) as SliverIndex;
        const sources = seededSubset(symbolsPerSliver(geometry, axis), geometry.nShards, seed);
        const symbols = [];
        for (const source of sliversOf(encoded, orthogonal(axis), sources)) {
          symbols.push(...(await codec.recoverySymbols(geometry, source, [index])));
        }
        const recovered = await codec.recoverSliver(encoded.verified, axis, index, symbols);
        expect(recovered).toEqual(encoded.sliver(axis, index));
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });
});

describe('encode', () => {
  const codec = inline;

  it('gives slivers that decode for every tail of a symbol, on a low-rate and a high-rate code', async () => {
    for (const nShards of [7, 10]) {
      const geometry = geometryOf(nShards);
      for (let symbolSize = 2; symbolSize <= 130; symbolSize += 2) {
        const blob = seededBytes(lengthFor(geometry, symbolSize, 1), symbolSize);
        const encoded = await codec.encode(geometry, blob);
        expect(encoded.verified.symbolSize).toBe(symbolSize);
        for (const axis of AXES) {
          const last = Array.from({ length: sourceSymbols(geometry, axis) }, (_, i) => nShards - 1 - i);
          expect(sameBytes(await codec.decode(geometry, blob.length, sliversOf(encoded, axis, last)), blob)).toBe(true);
        }
      }
    }
  });

  it('hands out systematic primary slivers as views of the blob', async () => {
    const geometry = geometryOf(10);
    const blob = seededBytes(geometry.rows * geometry.columns * 4, 1);
    const { data } = (await codec.encode(geometry, blob)).sliver('primary', 2 as SliverIndex);
    expect(data.buffer).toBe(blob.buffer);
  });

  it('takes the empty blob and the largest, and refuses one byte more', async () => {
    const geometry = geometryOf(4);
    const empty = await codec.encode(geometry, new Uint8Array());
    expect(sameBytes(await codec.decode(geometry, 0, sliversOf(empty, 'primary', [2, 3])), new Uint8Array())).toBe(
      true,
    );
    const largest = seededBytes(maxBlobSize(geometry), 1);
    const encoded = await codec.encode(geometry, largest);
    expect(
      sameBytes(await codec.decode(geometry, largest.length, sliversOf(encoded, 'secondary', [3, 1, 2])), largest),
    ).toBe(true);
    const tooLarge = new Uint8Array(maxBlobSize(geometry) + 1);
    await expect(codec.encode(geometry, tooLarge)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
    await expect(codec.computeMetadata(geometry, tooLarge)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
    await expect(codec.decode(geometry, tooLarge.length, [])).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
  });

  it('works at 1,000 shards: round trip, verification and recovery', async () => {
    const geometry = geometryOf(1000);
    const blob = seededBytes(900_000, 5);
    const encoded = await codec.encode(geometry, blob);
    for (const axis of AXES) {
      const slivers = sliversOf(encoded, axis, seededSubset(sourceSymbols(geometry, axis), 1000, 9));
      expect(sameBytes(await codec.decode(geometry, blob.length, slivers), blob)).toBe(true);
      expect(await codec.verifySlivers(encoded.verified, slivers.slice(0, 70))).toEqual(
        Array.from({ length: 70 }, () => 'ok'),
      );
    }
    const target = 999 as SliverIndex;
    const symbols = [];
    for (const source of sliversOf(encoded, 'primary', seededSubset(geometry.rows, 1000, 3))) {
      symbols.push(...(await codec.recoverySymbols(geometry, source, [target])));
    }
    const recovered = await codec.recoverSliver(encoded.verified, 'secondary', target, symbols);
    expect(recovered).toEqual(encoded.sliver('secondary', target));
  });
});

describe('decode', () => {
  const codec = inline;
  const geometry = geometryOf(10);
  const blob = seededBytes(5000, 1);
  const encoded = codec.encode(geometry, blob);
  const refusal = (slivers: Sliver[]) =>
    expect(codec.decode(geometry, blob.length, slivers)).rejects.toMatchObject({ code: 'NOT_ENOUGH_SLIVERS' });

  it('ignores repeated, wrongly sized, misplaced and surplus slivers', async () => {
    const good = sliversOf(await encoded, 'primary', [9, 8, 2, 7]);
    const [first] = good as [Sliver];
    const bad: Sliver[] = [
      first,
      { ...first, index: 1 as SliverIndex, data: first.data.subarray(2) },
      { ...first, index: 0 as SliverIndex, symbolSize: first.symbolSize + 2 },
      { ...first, index: 10 as SliverIndex },
      { ...first, index: -1 as SliverIndex },
      { ...first, index: 1.5 as SliverIndex },
    ];
    expect(sameBytes(await codec.decode(geometry, blob.length, [...bad, ...good]), blob)).toBe(true);
    const more = sliversOf(await encoded, 'primary', [0, 5]);
    expect(sameBytes(await codec.decode(geometry, blob.length, [...more, ...good]), blob)).toBe(true);
  });

  it('takes systematic slivers in any order, the good ones among bad and repeated ones', async () => {
    const good = sliversOf(await encoded, 'primary', [3, 1, 0, 2]);
    const [first, ...rest] = good as [Sliver, ...Sliver[]];
    const others = sliversOf(await encoded, 'primary', [9, 4]);
    const bad: Sliver[] = [
      { ...first, data: first.data.subarray(2) },
      { ...first, axis: 'secondary' },
      { ...first, symbolSize: first.symbolSize + 2 },
      { ...first, index: 0.5 as SliverIndex },
      { ...first, index: -1 as SliverIndex },
      first,
      { ...first, data: new Uint8Array(first.data.length) },
    ];
    const into = new Uint8Array(blob.length).fill(1);
    const decoded = await codec.decode(geometry, blob.length, [...others, ...bad, ...rest], { into });
    expect(decoded).toBe(into);
    expect(sameBytes(decoded, blob)).toBe(true);
    await refusal([
      first,
      first,
      ...rest.slice(1),
      { ...first, index: 1 as SliverIndex, data: first.data.subarray(2) },
    ]);
  });

  it('needs all slivers of a blob that reaches only into the first', async () => {
    const small = blob.subarray(0, 9);
    const slivers = sliversOf(await codec.encode(geometry, small), 'primary', [0, 1, 2, 3]);
    expect(sameBytes(await codec.decode(geometry, 9, slivers), small)).toBe(true);
    await expect(codec.decode(geometry, 9, slivers.slice(0, 3))).rejects.toMatchObject({ code: 'NOT_ENOUGH_SLIVERS' });
  });

  it('joins systematic slivers where it is, without a job, as long as it is open and wanted', async () => {
    let jobs = 0;
    const local = new InlineRunner({});
    const run: JobRunner['run'] = async (job, options) => {
      jobs += 1;
      return await local.run(job, options);
    };
    const joining = createJobCodec({ parallelism: local.parallelism, run, close: () => local.close() });
    const slivers = sliversOf(await encoded, 'primary', [0, 1, 2, 3]);
    const fractions: number[] = [];
    const onProgress = (fraction: number) => void fractions.push(fraction);
    expect(sameBytes(await joining.decode(geometry, blob.length, slivers, { onProgress }), blob)).toBe(true);
    expect({ jobs, fractions }).toEqual({ jobs: 0, fractions: [1] });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(joining.decode(geometry, blob.length, slivers, { signal })).rejects.toThrow('enough');
    await joining.close();
    await expect(joining.decode(geometry, blob.length, slivers)).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
  });

  it('takes the axis of which there are enough', async () => {
    const primary = sliversOf(await encoded, 'primary', [4, 5, 6]);
    const secondary = sliversOf(await encoded, 'secondary', [9, 8, 7, 6, 5, 4, 3]);
    expect(sameBytes(await codec.decode(geometry, blob.length, [...primary, ...secondary]), blob)).toBe(true);
  });

  it('refuses too few, of one axis or of both together', async () => {
    await refusal([]);
    await refusal(sliversOf(await encoded, 'primary', [1, 2, 3]));
    await refusal(sliversOf(await encoded, 'primary', [1, 2, 3, 3, 3]));
    await refusal([
      ...sliversOf(await encoded, 'primary', [1, 2, 3]),
      ...sliversOf(await encoded, 'secondary', [1, 2, 3, 4, 5, 6]),
    ]);
  });
});

describe('verifySlivers', () => {
  const codec = inline;

  it('says what is wrong with a sliver of another size, place or axis', async () => {
    const geometry = geometryOf(10);
    const encoded = await codec.encode(geometry, seededBytes(3000, 1));
    const sliver = encoded.sliver('primary', 3 as SliverIndex);
    const results = await codec.verifySlivers(encoded.verified, [
      { ...sliver, data: sliver.data.subarray(1) },
      { ...sliver, symbolSize: sliver.symbolSize * 2 },
      { ...sliver, index: 10 as SliverIndex },
      { ...sliver, index: 4 as SliverIndex },
      { ...sliver, axis: 'secondary' },
      sliver,
    ]);
    expect(results.map((result) => (result === 'ok' ? result : result.code))).toEqual([
      ...Array.from({ length: 5 }, () => 'INVALID_SLIVER'),
      'ok',
    ]);
    expect(String(results[0])).toContain('primary sliver 3 is wrong');
    expect(await codec.verifySlivers(encoded.verified, [])).toEqual([]);
  });
});

describe('recoverySymbols', () => {
  const codec = inline;

  it('gives symbols whose proofs hold against the source sliver, on both axes', async () => {
    const geometry = geometryOf(13);
    const encoded = await codec.encode(geometry, seededBytes(20_000, 1));
    const targets = Array.from({ length: 13 }, (_, i) => i as SliverIndex);
    for (const axis of AXES) {
      const source = encoded.sliver(axis, 5 as SliverIndex);
      const symbols = await codec.recoverySymbols(geometry, source, targets);
      const { pairHashes } = encoded.verified.metadata;
      const at = axis === 'primary' ? 5 * 64 : (12 - 5) * 64 + 32;
      symbols.forEach(({ index, data, proof }, target) => {
        expect(index).toBe(5);
        const root = pairHashes.subarray(at, at + 32);
        expect(verifyMerkleProof({ root, leaf: data, index: target, leafCount: 13, proof })).toBe(true);
        const crossing = encoded.sliver(orthogonal(axis), target as SliverIndex).data;
        const from = 5 * source.symbolSize;
        if (5 < symbolsPerSliver(geometry, orthogonal(axis))) {
          expect(data).toEqual(crossing.subarray(from, from + source.symbolSize));
        }
      });
    }
  });

  it('refuses a source of the wrong size and targets that do not exist', async () => {
    const geometry = geometryOf(7);
    const source = (await codec.encode(geometry, seededBytes(100, 1))).sliver('primary', 0 as SliverIndex);
    const wrong = { ...source, data: source.data.subarray(2) };
    await expect(codec.recoverySymbols(geometry, wrong, [0 as SliverIndex])).rejects.toMatchObject({
      code: 'INVALID_SLIVER',
    });
    await expect(codec.recoverySymbols(geometry, source, [7 as SliverIndex])).rejects.toMatchObject({
      code: 'INVALID_SLIVER',
    });
    expect(await codec.recoverySymbols(geometry, source, [])).toEqual([]);
  });
});

describe('recoverSliver', () => {
  const codec = inline;
  const geometry = geometryOf(10);
  const encoded = codec.encode(geometry, seededBytes(9000, 4));

  const symbolsFor = async (axis: Axis, index: number, sources: number[]) => {
    const symbols = [];
    for (const source of sliversOf(await encoded, orthogonal(axis), sources)) {
      symbols.push(...(await codec.recoverySymbols(geometry, source, [index as SliverIndex])));
    }
    return symbols;
  };

  it('says that a sliver is inconsistent when a symbol was changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...AXES), fc.nat(9), fc.nat(), async (axis, index, at) => {
        const needed = symbolsPerSliver(geometry, axis);
        const symbols = await symbolsFor(axis, index, seededSubset(needed, 10, at));
        const bad = symbols[at % needed];
        if (bad === undefined) throw new Error('no symbol');
        const data = Uint8Array.from(bad.data);
        data[at % data.length] = (data[at % data.length] as number) ^ 0x80;
        symbols[at % needed] = { ...bad, data };
        const { verified } = await encoded;
        await expect(codec.recoverSliver(verified, axis, index as SliverIndex, symbols)).rejects.toMatchObject({
          code: 'INCONSISTENT_SLIVER',
          kind: 'integrity',
        });
      }),
      { numRuns: 30 },
    );
  });

  it('ignores repeated and misshapen symbols and says when too few are left', async () => {
    const blob = await encoded;
    const { verified } = blob;
    const symbols = await symbolsFor('secondary', 3, [0, 4, 7]);
    const [first] = symbols;
    if (first === undefined) throw new Error('no symbol');
    const noise = [first, { ...first, index: 10 as SliverIndex }, { ...first, data: first.data.subarray(1) }];
    await expect(
      codec.recoverSliver(verified, 'secondary', 3 as SliverIndex, [...noise, ...symbols]),
    ).rejects.toMatchObject({ code: 'NOT_ENOUGH_SYMBOLS', data: { needed: 4, came: 3 } });
    const enough = [...noise, ...symbols, ...(await symbolsFor('secondary', 3, [9]))];
    expect(await codec.recoverSliver(verified, 'secondary', 3 as SliverIndex, enough)).toEqual(
      blob.sliver('secondary', 3 as SliverIndex),
    );
    await expect(codec.recoverSliver(verified, 'secondary', 10 as SliverIndex, enough)).rejects.toMatchObject({
      code: 'INVALID_SLIVER',
    });
  });
});

describe('checkConsistency', () => {
  const codec = inline;
  const geometry = geometryOf(10);

  it('accepts the blob itself at both levels, short and full', async () => {
    for (const length of [0, 1, 50, 2800, 2801]) {
      const blob = seededBytes(length, length);
      const verified = await codec.computeMetadata(geometry, blob);
      await codec.checkConsistency(verified, blob, 'default');
      await codec.checkConsistency(verified, blob, 'strict');
    }
  });

  it('refuses other bytes and other lengths at both levels', async () => {
    const blob = seededBytes(2500, 1);
    const verified = await codec.computeMetadata(geometry, blob);
    const changed = Uint8Array.from(blob);
    changed[2499] = (changed[2499] as number) ^ 1;
    for (const level of ['default', 'strict'] as const) {
      for (const other of [changed, blob.subarray(1), Uint8Array.of(...blob, 0)]) {
        await expect(codec.checkConsistency(verified, other, level)).rejects.toMatchObject({
          code: 'INCONSISTENT_BLOB',
          kind: 'integrity',
        });
      }
    }
  });

  it('skips at the default level the primaries that were verified, and no others', async () => {
    const blob = seededBytes(2800, 1);
    const verified = await codec.computeMetadata(geometry, blob);
    const changed = Uint8Array.from(blob);
    changed[0] = (changed[0] as number) ^ 1; // in row 0
    await codec.checkConsistency(verified, changed, 'default', new Set([0 as SliverIndex]));
    await expect(
      codec.checkConsistency(verified, changed, 'default', new Set([1 as SliverIndex])),
    ).rejects.toMatchObject({ code: 'INCONSISTENT_BLOB' });
    await expect(
      codec.checkConsistency(verified, changed, 'strict', new Set([0 as SliverIndex])),
    ).rejects.toMatchObject({ code: 'INCONSISTENT_BLOB' });
  });
});
