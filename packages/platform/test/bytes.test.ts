import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  joinBytes,
  toBase64,
  toBase64Url,
  toHex,
  toPrefixedHex,
  utf8,
} from '../src/bytes.ts';

const bytes = fc.uint8Array({ maxLength: 70 });

describe('text forms of bytes', () => {
  it('are those of Node.js, and lead back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const buffer = Buffer.from(value);
        expect(toHex(value)).toBe(buffer.toString('hex'));
        expect(toPrefixedHex(value)).toBe(`0x${buffer.toString('hex')}`);
        expect(toBase64(value)).toBe(buffer.toString('base64'));
        expect(toBase64Url(value)).toBe(buffer.toString('base64url'));
        expect(fromHex(toHex(value))).toEqual(value);
        expect(fromHex(`0x${toHex(value).toUpperCase()}`)).toEqual(value);
        expect(fromBase64(toBase64(value))).toEqual(value);
        expect(fromBase64Url(toBase64Url(value))).toEqual(value);
      }),
    );
  });

  it('work for more bytes than a function takes arguments', () => {
    const large = new Uint8Array(200_000).fill(9);
    expect(toBase64(large)).toBe(Buffer.from(large).toString('base64'));
  });

  it.each(['a', 'zz', '0x1', '0x 1', '1g'])('refuse %j as hex', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });

  it.each(['A', 'AB', 'AB=', 'AB==C', 'A===', 'AA-_', 'AB==\n', 'AR=='])('refuse %j as base64', (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });

  it.each(['A', 'AA==', 'AB', 'A+', 'A/'])('refuse %j as URL-safe base64', (text) => {
    expect(fromBase64Url(text)).toBeUndefined();
  });
});

describe('arrays of bytes', () => {
  it('join however many there are', () => {
    const parts = Array.from({ length: 300_000 }, (_, index) => new Uint8Array([index & 255]));
    const whole = joinBytes(parts);
    expect([whole.length, whole[299_999]]).toEqual([300_000, 299_999 & 255]);
  });

  it('compare as unsigned, shorter first', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(toHex(concatBytes(a, b))).toBe(toHex(a) + toHex(b));
      }),
    );
    expect(compareBytes(utf8('a'), utf8('aa'))).toBeLessThan(0);
    expect(equalBytes(new Uint8Array(3), new Uint8Array(3))).toBe(true);
  });
});
