import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, utf8 } from '@floe/platform';
import { geometryOf, parseBlobId, type SliverIndex } from '@floe/protocol';
import { createInlineCodec } from '../src/inline-codec.ts';
import { quiltSymbolSize } from '../src/quilt/layout.ts';
import { parseQuiltPatchId, quiltPatchId } from '../src/quilt/patch-id.ts';
import { encodeQuilt, openQuilt, quiltSizeBytes } from '../src/quilt/quilt.ts';
import { encodeQuiltIndex, parseQuiltIndex, quiltIndexColumns } from '../src/quilt/quilt-index.ts';
import {
  encodePatchHead,
  parseQuiltPatch,
  type QuiltPatchInput,
  quiltPatchSizeBytes,
} from '../src/quilt/quilt-patch.ts';
import { contentOf, seededBytes, vectors } from './helpers.ts';

const codec = createInlineCodec();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const patch = (identifier: string, contents = new Uint8Array(), tags: Record<string, string> = {}) => ({
  identifier,
  contents,
  tags,
});
const invalidQuilt = expect.objectContaining({ code: 'INVALID_QUILT' }) as unknown as Error;

describe('quilt vectors of the official encoder', () => {
  it('give the same bytes, id, index and patch ids', async () => {
    for (const vector of vectors.quilts) {
      const geometry = geometryOf(vector.n_shards);
      const quilt = encodeQuilt(
        geometry,
        vector.inputs.map(({ identifier, contents, tags }) => ({
          identifier,
          tags,
          contents:
            typeof contents === 'string'
              ? (fromHex(contents) ?? new Uint8Array())
              : contentOf(contents.rule, contents.length),
        })),
      );
      expect(quilt.symbolSize).toBe(vector.symbol_size);
      expect(quilt.bytes.length).toBe(vector.quilt_length);
      expect(sha256(quilt.bytes)).toBe(vector.quilt_sha256);
      const indexStream = encodeQuiltIndex(quilt.index.patches);
      expect(hex(indexStream.subarray(5))).toBe(vector.index_bcs);
      const { verified } = await codec.encode(geometry, quilt.bytes);
      expect(verified.blobId).toBe(vector.blob_id_base64url);
      expect(
        quilt.index.patches.map(({ identifier, startIndex, endIndex }) => ({
          identifier,
          start_index: startIndex,
          end_index: endIndex,
          quilt_patch_id: quiltPatchId({ blobId: verified.blobId, startIndex, endIndex }),
        })),
      ).toEqual(
        vector.patches.map(({ identifier, start_index, end_index, quilt_patch_id }) => ({
          identifier,
          start_index,
          end_index,
          quilt_patch_id,
        })),
      );
    }
  });

  it('give the same symbol sizes', () => {
    for (const { sizes, columns, rows, max_index_columns: most, symbol_size: expected } of vectors.quilt_symbol_size) {
      expect(quiltSymbolSize(sizes, { columns, rows }, most)).toBe(expected);
    }
  });
});

const identifiers = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/\p{Cc}|\p{Cs}|\p{White_Space}$/u.test(text));

const inputs = fc.uniqueArray(
  fc.record({
    identifier: identifiers,
    contents: fc.uint8Array({ maxLength: 400 }),
    tags: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 12 }), { maxKeys: 4 }),
  }),
  { selector: ({ identifier }) => identifier, maxLength: 6 },
);

describe('encodeQuilt', () => {
  it('gives a quilt whose patches read back, from the whole and from its columns alone', async () => {
    await fc.assert(
      fc.asyncProperty(inputs, fc.integer({ min: 10, max: 40 }), async (patches, nShards) => {
        const geometry = geometryOf(nShards);
        const { bytes, symbolSize, index } = encodeQuilt(geometry, patches);
        expect(quiltSizeBytes(geometry, patches)).toBe(bytes.length);
        const whole = openQuilt(geometry, bytes);
        expect(whole.index.patches).toEqual(index.patches);
        expect(new Set(index.patches.map(({ identifier }) => identifier))).toEqual(
          new Set(patches.map(({ identifier }) => identifier)),
        );
        const encoded = await codec.encode(geometry, bytes);
        expect(encoded.verified.symbolSize).toBe(symbolSize);
        const column = (i: number) => encoded.sliver('secondary', i as SliverIndex).data;
        const columns = (first: number, end: number) =>
          Buffer.concat(Array.from({ length: end - first }, (_, i) => column(first + i)));
        const indexColumns = quiltIndexColumns(geometry, symbolSize, column(0));
        expect(parseQuiltIndex(geometry, symbolSize, columns(0, indexColumns)).patches).toEqual(index.patches);
        for (const entry of index.patches) {
          const input = patches.find(({ identifier }) => identifier === entry.identifier) as QuiltPatchInput;
          const streamSize = quiltPatchSizeBytes(column(entry.startIndex));
          expect(entry.endIndex - entry.startIndex).toBe(Math.ceil(streamSize / (geometry.rows * symbolSize)));
          for (const read of [whole.patch(entry), parseQuiltPatch(columns(entry.startIndex, entry.endIndex))]) {
            expect(read.identifier).toBe(input.identifier);
            expect(Uint8Array.from(read.contents)).toEqual(input.contents);
            expect(read.tags).toEqual(input.tags);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('holds one patch less than there are columns, and no more', () => {
    const geometry = geometryOf(10);
    const patches = Array.from({ length: 6 }, (_, i) => patch(`f${i}`, seededBytes(100, i)));
    expect(openQuilt(geometry, encodeQuilt(geometry, patches).bytes).index.patches.length).toBe(6);
    expect(() => encodeQuilt(geometry, [...patches, patch('f6')])).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_PATCHES', data: { count: 7, max: 6 } }) as unknown as Error,
    );
  });

  it('tells what a large file among small ones comes to, without making it', () => {
    const patches = [
      patch('large', new Uint8Array(1_500_000)),
      ...Array.from({ length: 665 }, (_, i) => patch(`${i}`)),
    ];
    const sizeBytes = quiltSizeBytes(geometryOf(1000), patches);
    expect(sizeBytes).toBeGreaterThan(1_500_000 * 667);
    expect(sizeBytes).toBeLessThan(1_510_000 * 667);
  });

  it('holds no patches at all', () => {
    const geometry = geometryOf(10);
    expect(openQuilt(geometry, encodeQuilt(geometry, []).bytes).index.patches).toEqual([]);
  });

  it('sorts by UTF-8 bytes, not by UTF-16 units', () => {
    const geometry = geometryOf(10);
    const { index } = encodeQuilt(geometry, [patch('\u{1F600}'), patch('\uFB01')]);
    expect(index.patches.map(({ identifier }) => identifier)).toEqual(['\uFB01', '\u{1F600}']);
  });

  it('refuses identifiers that the rules refuse, repeated ones and tags that are too long', () => {
    const geometry = geometryOf(10);
    for (const identifier of ['', 'a ', 'a\u3000', 'a\nb', 'a\u0085', '\u0000', '\uD800', 'x'.repeat(65_532)]) {
      expect(() => encodeQuilt(geometry, [patch(identifier)]), JSON.stringify(identifier.slice(0, 9))).toThrow(
        expect.objectContaining({ code: 'INVALID_IDENTIFIER' }) as unknown as Error,
      );
    }
    for (const identifier of ['_x', '-x', '.x', ' x', 'x'.repeat(65_531)]) {
      expect(encodeQuilt(geometry, [patch(identifier)]).index.patches[0]?.identifier).toBe(identifier);
    }
    expect(() => encodeQuilt(geometry, [patch('a'), patch('b'), patch('a')])).toThrow(
      expect.objectContaining({ code: 'DUPLICATE_IDENTIFIER', data: { identifier: 'a' } }) as unknown as Error,
    );
    expect(() => encodeQuilt(geometry, [patch('a', undefined, { t: 'x'.repeat(65_536) })])).toThrow(
      expect.objectContaining({ code: 'TAGS_TOO_LARGE' }) as unknown as Error,
    );
  });

  it('refuses what does not fit the largest symbols', () => {
    expect(() => quiltSymbolSize([100, 65_534 * 2 * 3], { rows: 2, columns: 3 })).toThrow(
      expect.objectContaining({ code: 'QUILT_TOO_LARGE' }) as unknown as Error,
    );
  });

  it('refuses what would not be put together in memory, though symbols could be larger', () => {
    const geometry = geometryOf(1000);
    expect(quiltSymbolSize([100, 2 ** 30 - 2 ** 22], geometry)).toBeLessThanOrEqual(4818);
    expect(() => quiltSymbolSize([100, 2 ** 30], geometry)).toThrow(
      expect.objectContaining({
        code: 'QUILT_TOO_LARGE',
        data: { symbolSize: 4828, maxSymbolSize: 4818 },
      }) as unknown as Error,
    );
  });
});

describe('reading a hostile quilt', () => {
  const geometry = geometryOf(10);
  const { bytes, symbolSize } = encodeQuilt(geometry, [
    patch('a', seededBytes(50, 1), { kind: 'x', size: 'y' }),
    patch('b', seededBytes(80, 2)),
  ]);
  const head = encodePatchHead(patch('name', seededBytes(10, 1), { k: 'v' }));
  const stream = Uint8Array.of(...head, ...seededBytes(10, 1));
  const withByte = (at: number, value: number, source = stream) => {
    const copy = Uint8Array.from(source);
    copy[at] = value;
    return copy;
  };

  it('refuses versions other than 1', () => {
    expect(() => openQuilt(geometry, withByte(0, 2, bytes))).toThrow(invalidQuilt);
    expect(() => quiltPatchSizeBytes(withByte(0, 2))).toThrow(invalidQuilt);
    expect(() => parseQuiltPatch(withByte(0, 2))).toThrow(invalidQuilt);
  });

  it('refuses lengths beyond what is there, and parts that do not add up', () => {
    expect(() => parseQuiltPatch(withByte(2, 255))).toThrow(invalidQuilt); // length
    expect(() => parseQuiltPatch(withByte(1, 3))).toThrow(invalidQuilt); // length shorter than the head
    expect(() => parseQuiltPatch(withByte(6, 255))).toThrow(invalidQuilt); // identifier's length
    expect(() => parseQuiltPatch(withByte(6, 4))).toThrow(invalidQuilt); // identifier shorter than its section
    expect(() => parseQuiltPatch(withByte(13, 200))).toThrow(invalidQuilt); // tags' length
    expect(() => parseQuiltPatch(stream.subarray(0, 5))).toThrow(invalidQuilt);
    expect(() => quiltPatchSizeBytes(stream.subarray(0, 5))).toThrow(invalidQuilt);
    expect(() => parseQuiltPatch(new Uint8Array())).toThrow(invalidQuilt);
    expect(parseQuiltPatch(stream).identifier).toBe('name');
  });

  it('refuses identifiers that a writer may not use', () => {
    expect(() => parseQuiltPatch(withByte(12, 0x0a))).toThrow(invalidQuilt);
    expect(() => parseQuiltPatch(withByte(12, 0x20))).toThrow(invalidQuilt);
    expect(() => parseQuiltPatch(withByte(12, 0xff))).toThrow(invalidQuilt);
  });

  it('refuses an index that is too long, truncated, or whose ranges are impossible', () => {
    const index = (...parts: [endIndex: number, identifier: string][]) =>
      encodeQuiltIndex(parts.map(([endIndex, identifier]) => ({ endIndex, identifier, tags: {} })));
    const parse = (encoded: Uint8Array) => parseQuiltIndex(geometry, 100, encoded);
    expect(parse(index([2, 'a'], [7, 'b'])).patches.map(({ startIndex }) => startIndex)).toEqual([1, 2]);
    for (const bad of [
      index([1, 'a']), // empty: the index itself takes column 0
      index([3, 'a'], [3, 'b']),
      index([3, 'a'], [2, 'b']),
      index([8, 'a']), // there are 7 columns
      index([2, 'a ']),
      index([2, 'a']).subarray(0, 7),
      Uint8Array.of(1, 0, 0, 0),
      Uint8Array.of(1, 1, 0, 0, 0, 0x80),
      Uint8Array.of(1, 2, 0, 0, 0, 0, 0), // bytes after the last patch
      Uint8Array.of(1, 255, 255, 255, 255, 0),
    ]) {
      expect(() => parse(bad)).toThrow(invalidQuilt);
    }
    expect(() => quiltIndexColumns(geometry, 2, Uint8Array.of(1, 255, 255, 0, 0))).toThrow(invalidQuilt);
  });

  it('refuses a blob that is no quilt by its size, and ranges outside the quilt', () => {
    expect(() => openQuilt(geometry, bytes.subarray(1))).toThrow(invalidQuilt);
    expect(() => openQuilt(geometry, new Uint8Array())).toThrow(invalidQuilt);
    const quilt = openQuilt(geometry, bytes);
    for (const [startIndex, endIndex] of [
      [1, 8],
      [2, 2],
      [-1, 1],
      [3, 2],
    ] as const) {
      expect(() => quilt.patch({ startIndex, endIndex })).toThrow(invalidQuilt);
    }
  });

  it('never fails otherwise, and never reads outside, whatever bytes change', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Uint8Array.from(bytes);
          // Half of the changes strike the first bytes, where the structure is.
          for (const [at, value] of changes) changed[at % 2 === 0 ? at : at % (3 * symbolSize)] = value;
          try {
            const quilt = openQuilt(geometry, changed);
            for (const entry of quilt.index.patches) quilt.patch(entry);
          } catch (error) {
            expect(error).toMatchObject({ code: 'INVALID_QUILT' });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps a tag named __proto__ a tag', () => {
    const tags = Object.fromEntries([['__proto__', 'x']]) as Record<string, string>;
    const contents = seededBytes(3, 1);
    const read = parseQuiltPatch(Uint8Array.of(...encodePatchHead({ identifier: 'a', tags, contents }), ...contents));
    expect(Object.entries(read.tags)).toEqual([['__proto__', 'x']]);
    expect(Uint8Array.from(read.contents)).toEqual(contents);
  });
});

describe('quilt patch ids', () => {
  const blobId = parseBlobId('3BaAVN-6w4FkJ7Lf-o1wlNNOKQmkKgn63qSAjkRJb28');

  it('read back what was written', () => {
    const text = quiltPatchId({ blobId, startIndex: 2, endIndex: 5 });
    expect(text).toBe('3BaAVN-6w4FkJ7Lf-o1wlNNOKQmkKgn63qSAjkRJb28BAgAFAA');
    expect(parseQuiltPatchId(text)).toEqual({ blobId, startIndex: 2, endIndex: 5 });
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: 1, max: 1000 }), (startIndex, size) => {
        const id = { blobId, startIndex, endIndex: startIndex + size };
        expect(parseQuiltPatchId(quiltPatchId(id))).toEqual(id);
      }),
    );
  });

  it('refuse other texts', () => {
    const id = Buffer.from(blobId, 'base64url');
    const texts = [
      '',
      blobId,
      `${quiltPatchId({ blobId, startIndex: 2, endIndex: 5 })}A`,
      Buffer.concat([id, Uint8Array.of(2, 2, 0, 5, 0)]).toString('base64url'),
      Buffer.concat([id, Uint8Array.of(1, 5, 0, 5, 0)]).toString('base64url'),
      Buffer.concat([id, Uint8Array.of(1, 5, 0, 6, 0, 0)]).toString('base64url'),
      'x'.repeat(100_000),
      utf8('é').toString(),
    ];
    for (const text of texts) {
      expect(() => parseQuiltPatchId(text)).toThrow(
        expect.objectContaining({ code: 'INVALID_QUILT_PATCH_ID' }) as unknown as Error,
      );
    }
  });
});
