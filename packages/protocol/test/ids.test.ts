import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blobIdBytes,
  blobIdFromBytes,
  blobIdFromU256,
  blobIdToU256,
  objectIdBytes,
  objectIdFromBytes,
  orthogonal,
  parseBlobId,
  parseObjectId,
  u256Bytes,
} from '../src/ids.ts';
import { bytesOf } from './support/arbitraries.ts';
import { bytes, encoding, hex } from './support/vectors.ts';

describe('blob ids', () => {
  it.each(encoding.blobs)('text and number of $blob_id_base64url are those of the official encoder', (blob) => {
    const id = blobIdFromBytes(bytes(blob.blob_id));
    expect(id).toBe(blob.blob_id_base64url);
    expect(parseBlobId(blob.blob_id_base64url)).toBe(id);
    expect(hex(blobIdBytes(id))).toBe(blob.blob_id);
    if (blob.blob_id_u256_decimal !== undefined) {
      expect(blobIdToU256(id)).toBe(BigInt(blob.blob_id_u256_decimal));
      expect(blobIdFromU256(BigInt(blob.blob_id_u256_decimal))).toBe(id);
    }
  });

  it('round-trip through bytes, text and number', () => {
    fc.assert(
      fc.property(bytesOf(32), (raw) => {
        const id = blobIdFromBytes(raw);
        expect(blobIdBytes(parseBlobId(id))).toEqual(raw);
        expect(blobIdFromU256(blobIdToU256(id))).toBe(id);
        expect(u256Bytes(blobIdToU256(id))).toEqual(raw);
      }),
    );
  });

  const good = encoding.blobs[0]?.blob_id_base64url ?? '';
  it.each([
    ['too short', good.slice(1)],
    ['too long', `${good}A`],
    ['padded', `${good}=`],
    ['in standard base64', `+/${good.slice(2)}`],
    ['with trailing bits, another text of the same bytes', `${good.slice(0, 42)}${good[42] === 'J' ? 'K' : 'J'}`],
    ['empty', ''],
    ['with a line break', `${good.slice(0, 42)}\n`],
  ])('refuse a text that is %s', (_what, text) => {
    expect(() => parseBlobId(text)).toThrow('is not 32 bytes in URL-safe base64 without padding (43 characters)');
  });

  it('repeat at most 100 characters of a wrong text', () => {
    expect(() => parseBlobId('x'.repeat(10_000))).toThrow(/^.{0,250}$/);
  });

  it.each([-1n, 1n << 256n])('refuse the number %d', (value) => {
    expect(() => blobIdFromU256(value)).toThrow('blob id');
  });
});

describe('object ids', () => {
  it('have one text per id, whichever way they were written', () => {
    const canonical = `0x${'0'.repeat(63)}6`;
    expect(parseObjectId('0x6')).toBe(canonical);
    expect(parseObjectId('6')).toBe(canonical);
    expect(parseObjectId(canonical)).toBe(canonical);
    expect(parseObjectId('0xAB')).toBe(parseObjectId('0xab'));
  });

  it('round-trip through bytes', () => {
    fc.assert(
      fc.property(bytesOf(32), (raw) => {
        expect(objectIdBytes(parseObjectId(objectIdFromBytes(raw)))).toEqual(raw);
      }),
    );
  });

  it.each(['', '0x', '0xg', `0x${'1'.repeat(65)}`, ' 0x6', '0x6\n'])('refuse %j', (text) => {
    expect(() => parseObjectId(text)).toThrow('is not 0x and 1 to 64 hex digits');
  });
});

it('the orthogonal of an axis is the other one', () => {
  expect(orthogonal('primary')).toBe('secondary');
  expect(orthogonal('secondary')).toBe('primary');
});
