import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64Text, encodeBase64Text } from '../../src/rpc/base64-text.ts';

describe('base64 of the text format', () => {
  it('agrees with the standard encoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const text = encodeBase64Text(data);
        expect(new TextDecoder().decode(text)).toBe(Buffer.from(data).toString('base64'));
        expect(decodeBase64Text(text)).toEqual(data);
      }),
    );
  });

  it('decodes texts that follow each other, each with its own padding', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 8 }), (parts) => {
        const text = Uint8Array.from(parts.flatMap((part) => [...encodeBase64Text(part)]));
        expect(decodeBase64Text(text)).toEqual(Uint8Array.from(parts.flatMap((part) => [...part])));
      }),
    );
  });

  it.each(['abc', '!aaa', 'a===', '=aaa', 'ab=c', '\u00e9\u00e9', 'ab\n\n'])('refuses %j', (text) => {
    expect(() => decodeBase64Text(new TextEncoder().encode(text))).toThrow('malformed base64 body');
  });
});
