import { blake2b } from '@noble/hashes/blake2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blake2b256, blake2b256Batch, crc32c } from '../src/hash.ts';

const reference = (message: Uint8Array) => blake2b(message, { dkLen: 32 });
const pattern = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + 3) % 251);
const text = (value: string) => new TextEncoder().encode(value);

describe('blake2b256', () => {
  it('agrees with @noble/hashes at every size around block and window borders', () => {
    const sizes = [
      ...Array.from({ length: 300 }, (_, i) => i),
      4095,
      4096,
      4097,
      65_535,
      65_536,
      65_537,
      131_072,
      200_001,
    ];
    for (const size of sizes) expect(blake2b256(pattern(size)), `size ${size}`).toEqual(reference(pattern(size)));
  });

  it('agrees with @noble/hashes on random messages', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (message) => {
        expect(blake2b256(message)).toEqual(reference(message));
      }),
    );
  });

  it('hashes a view without touching the bytes around it', () => {
    const whole = pattern(100);
    expect(blake2b256(whole.subarray(10, 50))).toEqual(reference(whole.slice(10, 50)));
  });

  it('returns arrays that later calls leave alone', () => {
    const first = blake2b256(text('a'));
    const copy = first.slice();
    blake2b256(text('b'));
    expect(first).toEqual(copy);
  });
});

describe('blake2b256Batch', () => {
  it('is the prefixed hash of each message, for every size to 300 and some longer', () => {
    for (const size of [...Array.from({ length: 300 }, (_, i) => i + 1), 1206, 37_450, 65_536, 70_000]) {
      const count = size < 300 ? 19 : 3;
      const messages = pattern(size * count);
      const digests = blake2b256Batch(messages, size);
      for (let i = 0; i < count; i += 1) {
        const prefixed = new Uint8Array(size + 1);
        prefixed.set(messages.subarray(i * size, (i + 1) * size), 1);
        expect(digests.subarray(i * 32, i * 32 + 32), `size ${size}, message ${i}`).toEqual(reference(prefixed));
      }
    }
  });

  it('takes more messages than fit the window', () => {
    const messages = pattern(3000 * 40);
    const digests = blake2b256Batch(messages, 40);
    const prefixed = new Uint8Array(41);
    prefixed.set(messages.subarray(2999 * 40), 1);
    expect(digests.length).toBe(3000 * 32);
    expect(digests.subarray(2999 * 32)).toEqual(reference(prefixed));
  });

  it('refuses a size that does not divide the bytes', () => {
    expect(() => blake2b256Batch(pattern(10), 3)).toThrow(RangeError);
    expect(() => blake2b256Batch(pattern(10), 0)).toThrow(RangeError);
  });
});

describe('crc32c', () => {
  it('gives the values of RFC 3720 appendix B.4 and the usual check value', () => {
    expect(crc32c(text('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
    expect(crc32c(new Uint8Array())).toBe(0);
  });

  it('agrees with the bit-by-bit definition across the window border', () => {
    const bitwise = (data: Uint8Array) => {
      let crc = 0xffffffff;
      for (const byte of data) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
      }
      return ~crc >>> 0;
    };
    for (const size of [1, 7, 8, 9, 65_535, 65_536, 65_543]) expect(crc32c(pattern(size))).toBe(bitwise(pattern(size)));
  });

  it('continues from a seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (data, cut) => {
        expect(crc32c(data.subarray(cut), crc32c(data.subarray(0, cut)))).toBe(crc32c(data));
      }),
    );
  });
});
