import { createNobleBls } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { compressG1 } from '../src/g1.ts';

const bls = createNobleBls();

describe('compressG1', () => {
  it('agrees with the curve library for keys with either sign of y', () => {
    const signs = new Set<number>();
    for (let i = 1; i <= 16; i += 1) {
      const secretKey = new Uint8Array(32);
      secretKey[31] = i;
      const publicKey = bls.publicKey(secretKey);
      expect(compressG1(bls.expandPublicKey(publicKey))).toEqual(publicKey);
      signs.add((publicKey[0] as number) & 0x20);
    }
    expect(signs.size).toBe(2);
  });

  it('keeps the point at infinity', () => {
    const infinity = new Uint8Array(96);
    infinity[0] = 0x40;
    const expected = new Uint8Array(48);
    expected[0] = 0xc0;
    expect(compressG1(infinity)).toEqual(expected);
  });

  it('refuses other sizes', () => {
    expect(() => compressG1(new Uint8Array(48))).toThrow(/96 bytes/);
  });
});
