import { describe, expect, it } from 'vitest';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../src/rpc/page-token.ts';

describe('page tokens', () => {
  it('gives back the key, and nothing for the first page', () => {
    expect(decodePageToken('List', encodePageToken('List', Uint8Array.of(1, 2)))).toEqual(Uint8Array.of(1, 2));
    expect(decodePageToken('List', undefined)).toBeUndefined();
    expect(decodePageToken('List', new Uint8Array(0))).toBeUndefined();
  });

  it('refuses a token of another list, and noise', () => {
    expect(() => decodePageToken('Other', encodePageToken('List', Uint8Array.of(1)))).toThrow('not made by Other');
    expect(() => decodePageToken('List', Uint8Array.of(1, 2, 3))).toThrow('invalid page_token');
    expect(() => decodePageToken('List', encodePageToken('List', new Uint8Array(0)))).toThrow('invalid page_token');
  });

  it('bounds the size of a page', () => {
    expect(pageSizeOf(undefined)).toBe(50);
    expect(pageSizeOf(0)).toBe(50);
    expect(pageSizeOf(3)).toBe(3);
    expect(pageSizeOf(1e9)).toBe(1000);
  });
});
