/** What every decoder must hold: round trips, and nothing but a typed refusal for anything else. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { equalBytes, isFloeError } from '@floe/platform';

export interface Codec<T> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

/** Hides a codec's value type, so that codecs fit one list. */
export function codec<T>(parts: Codec<T>): Codec<unknown> {
  return parts as unknown as Codec<unknown>;
}

export function itIsStrict({ name, values, encode, decode }: Codec<unknown>): void {
  it(`${name}: decodes what it encoded`, () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
      { numRuns: 40 },
    );
  });

  it(`${name}: refuses every truncation`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        // Every cut of short values, and a spread of fifty or more of long ones.
        const step = Math.max(1, Math.floor(bytes.length / 50));
        for (let size = 0; size < bytes.length; size += step) expectRefusal(() => decode(bytes.slice(0, size)));
      }),
      { numRuns: 20 },
    );
  });

  it(`${name}: refuses a byte too many`, () => {
    fc.assert(
      fc.property(values, fc.nat(255), (value, extra) => {
        expectRefusal(() => decode(Uint8Array.of(...encode(value), extra)));
      }),
      { numRuns: 40 },
    );
  });

  it(`${name}: answers a changed byte with the one value of those bytes, or a refusal`, () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const bytes = Uint8Array.from(encode(value));
        bytes[at % bytes.length]! ^= flip;
        const decoded = attempt(() => decode(bytes));
        if (decoded.ok) expect(equalBytes(encode(decoded.value), bytes)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it(`${name}: answers garbage with a value or a refusal, never another error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (garbage) => {
        const decoded = attempt(() => decode(garbage));
        if (decoded.ok) expect(equalBytes(encode(decoded.value), garbage)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
}

function expectRefusal(decode: () => unknown): void {
  expect(attempt(decode).ok).toBe(false);
}

function attempt(decode: () => unknown): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: decode() };
  } catch (error) {
    if (isFloeError(error, 'INVALID_BCS') || isFloeError(error, 'INVALID_MESSAGE')) return { ok: false };
    throw error;
  }
}
