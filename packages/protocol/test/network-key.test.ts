import { describe, expect, it } from 'vitest';
import { networkKeyName } from '../src/network-key.ts';

describe('the name of a network key', () => {
  it('has four bytes in hexadecimal, none of them padded', () => {
    const key = Uint8Array.of(2, 0x0a, 0xff, 0, ...new Uint8Array(29).fill(9));
    expect(networkKeyName(key)).toBe('2aff0.network.walrus.alt');
  });

  it('is for keys of 33 bytes only', () => {
    expect(() => networkKeyName(new Uint8Array(32))).toThrow(/33 bytes/);
  });
});
