import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandMessage, hashToField } from '../../src/bls-mcl/hash-to-field.ts';
import { hex } from '../support/vectors.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('expand_message_xmd', () => {
  // RFC 9380, appendix K.1 (SHA-256, domain QUUX-V01-CS02-with-expander-SHA256-128).
  const domain = utf8('QUUX-V01-CS02-with-expander-SHA256-128');
  it.each([
    ['', '68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235'],
    ['abc', 'd8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615'],
    ['abcdef0123456789', 'eff31487c770a893cfb36f912fbfcbff40d5661771ca4b2cb4eafe524333f5c1'],
  ])('of %j is the one of RFC 9380', (message, expected) => {
    expect(hex(expandMessage(utf8(message), domain, 32))).toBe(expected);
  });

  it('agrees with another implementation for any message, domain and size', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        fc.integer({ min: 1, max: 400 }),
        (message, label, size) => {
          expect(hex(expandMessage(message, label, size))).toBe(hex(expand_message_xmd(message, label, size, sha256)));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses a size that the RFC does not allow, as a bug', () => {
    expect(() => expandMessage(utf8('abc'), domain, 32 * 255 + 1)).toThrow('RFC 9380');
  });
});

it('four field elements of 64 bytes come from one expansion', () => {
  const message = utf8('abc');
  const expanded = expandMessage(message, utf8('some domain'), 256);
  expect(Buffer.concat(hashToField(message, 'some domain').flat())).toEqual(Buffer.from(expanded));
});
