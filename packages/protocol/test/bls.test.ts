/** One suite for both backends, and properties that they agree. */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFloeError } from '@floe/platform';
import { createMclBls } from '../src/bls-mcl/index.ts';
import { type Bls, createNobleBls } from '../src/bls.ts';
import { bytesOf } from './support/arbitraries.ts';
import { bytes, encoding, hex } from './support/vectors.ts';

const noble = createNobleBls();
const mcl = await createMclBls();
const vector = encoding.messages[0]!;
const message = bytes(vector.message);
const publicKeys = vector.public_keys.map(bytes);
const signatures = vector.signatures.map(bytes);

const INFINITY_G1 = bytes(`c0${'00'.repeat(47)}`);
const INFINITY_G2 = bytes(`c0${'00'.repeat(95)}`);
const GROUP_ORDER = '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001';
/** On the curve, but of another order: the cofactor of G1 was not cleared. */
const OUTSIDE_G1 = (() => {
  for (let x = 1n; ; x += 1n) {
    const candidate = bytes(x.toString(16).padStart(96, '0'));
    candidate[0]! |= 0x80;
    try {
      const point = bls12_381.G1.Point.fromBytes(candidate);
      if (!point.isTorsionFree()) return candidate;
    } catch (error) {
      if (/subgroup|torsion/i.test(String(error))) return candidate;
    }
  }
})();
const malformedKeys: [string, Uint8Array][] = [
  ['empty', new Uint8Array(0)],
  ['a byte too short', publicKeys[0]!.subarray(1)],
  ['the point at infinity', INFINITY_G1],
  ['zeros', new Uint8Array(48)],
  ['a coordinate beyond the field', new Uint8Array(48).fill(0xff)],
  ['outside the subgroup', OUTSIDE_G1],
  ['a point at infinity with a coordinate', bytes(`c0${'00'.repeat(46)}01`)],
  ['without the flag of compression', changed(publicKeys[0]!, 0, 0x80)],
];

function changed(data: Uint8Array, at: number, flip: number): Uint8Array {
  const copy = data.slice();
  copy[at]! ^= flip;
  return copy;
}

function outcome(work: () => unknown): string {
  try {
    const value = work();
    return value instanceof Uint8Array ? hex(value) : String(value);
  } catch (error) {
    if (isFloeError(error)) return error.code;
    throw error;
  }
}

describe.each([
  ['noble', noble],
  ['mcl', mcl],
] as [string, Bls][])('BLS by %s', (_name, bls) => {
  it.each(encoding.messages)('$name: keys, signatures and aggregate are the official ones', (expected) => {
    const text = bytes(expected.message);
    for (const [i, secret] of expected.secret_keys_be.map(bytes).entries()) {
      expect(hex(bls.publicKey(secret))).toBe(expected.public_keys[i]);
      expect(hex(bls.sign(secret, text))).toBe(expected.signatures[i]);
      expect(bls.verify(bytes(expected.public_keys[i]!), text, bytes(expected.signatures[i]!))).toBe(true);
    }
    expect(hex(bls.aggregateSignatures(expected.signatures.map(bytes)))).toBe(expected.aggregate_signature);
    expect(bls.verifyAggregate(expected.public_keys.map(bytes), text, bytes(expected.aggregate_signature))).toBe(true);
  });

  it('a signature is of one key and one message', () => {
    expect(bls.verify(publicKeys[1]!, message, signatures[0]!)).toBe(false);
    expect(bls.verify(publicKeys[0]!, changed(message, 20, 1), signatures[0]!)).toBe(false);
    expect(bls.verify(publicKeys[0]!, message, signatures[1]!)).toBe(false);
  });

  it('an aggregate is of all its keys, and a key that signed twice counts twice', () => {
    const aggregate = bls.aggregateSignatures(signatures);
    expect(bls.verifyAggregate(publicKeys.slice(1), message, aggregate)).toBe(false);
    expect(bls.verifyAggregate([...publicKeys, publicKeys[0]!], message, aggregate)).toBe(false);
    const twice = bls.aggregateSignatures([signatures[0]!, signatures[0]!]);
    expect(bls.verifyAggregate([publicKeys[0]!, publicKeys[0]!], message, twice)).toBe(true);
    expect(bls.verifyAggregate([publicKeys[0]!], message, twice)).toBe(false);
  });

  it('no keys verify nothing', () => {
    expect(bls.verifyAggregate([], message, INFINITY_G2)).toBe(false);
    expect(bls.verifyAggregate([], message, signatures[0]!)).toBe(false);
  });

  it('the point at infinity is no signature, not even of keys that cancel out', () => {
    expect(bls.verify(publicKeys[0]!, message, INFINITY_G2)).toBe(false);
    const opposite = changed(publicKeys[0]!, 0, 0x20);
    expect(bls.verifyAggregate([publicKeys[0]!, opposite], message, INFINITY_G2)).toBe(false);
    expect(bls.verifyAggregate([publicKeys[0]!, opposite], message, signatures[0]!)).toBe(false);
  });

  it.each(malformedKeys)('a key that is %s is refused', (_what, key) => {
    expect(bls.verify(key, message, signatures[0]!)).toBe(false);
    expect(bls.verifyAggregate([...publicKeys, key], message, signatures[0]!)).toBe(false);
    expect(outcome(() => bls.expandPublicKey(key))).toBe('INVALID_PUBLIC_KEY');
    expect(outcome(() => bls.aggregatePublicKeys([publicKeys[0]!, key]))).toBe('INVALID_PUBLIC_KEY');
  });

  it.each([
    ['empty', new Uint8Array(0)],
    ['a byte too long', Uint8Array.of(...signatures[0]!, 0)],
    ['the point at infinity', INFINITY_G2],
    ['zeros', new Uint8Array(96)],
    ['not on the curve', changed(signatures[0]!, 95, 1)],
  ])('a signature that is %s is refused', (_what, signature) => {
    expect(bls.verify(publicKeys[0]!, message, signature)).toBe(false);
    expect(outcome(() => bls.aggregateSignatures([signatures[0]!, signature]))).toBe('INVALID_SIGNATURE');
  });

  it.each([
    ['zero', '00'.repeat(32)],
    ['the group order', GROUP_ORDER],
    ['beyond the group order', 'ff'.repeat(32)],
    ['31 bytes', '01'.repeat(31)],
  ])('a secret key of %s is refused, and not repeated in the error', (_what, secret) => {
    for (const use of [() => bls.publicKey(bytes(secret)), () => bls.sign(bytes(secret), message)]) {
      expect(outcome(use)).toBe('INVALID_SECRET_KEY');
      expect(() => use()).not.toThrow(secret);
    }
  });

  it('the largest secret key works', () => {
    const largest = bytes(GROUP_ORDER);
    largest[31]! -= 1;
    expect(bls.verify(bls.publicKey(largest), message, bls.sign(largest, message))).toBe(true);
  });

  it('keys add up and subtract', () => {
    const total = bls.aggregatePublicKeys(publicKeys);
    expect(bls.subtractPublicKeys(total, [publicKeys[1]!])).toEqual(
      bls.aggregatePublicKeys([publicKeys[0]!, publicKeys[2]!]),
    );
    expect(bls.subtractPublicKeys(total, [])).toEqual(total);
    expect(hex(bls.subtractPublicKeys(total, publicKeys))).toBe(hex(INFINITY_G1));
    expect(bls.verify(total, message, bytes(vector.aggregate_signature))).toBe(true);
  });

  it('a key expands to both coordinates and compresses again', () => {
    for (const key of publicKeys) {
      const expanded = bls.expandPublicKey(key);
      expect(expanded.length).toBe(96);
      expect(bls.compressPublicKey(expanded)).toEqual(key);
    }
    const expanded = bls.expandPublicKey(publicKeys[0]!);
    for (const wrong of [
      changed(expanded, 95, 1),
      changed(expanded, 0, 0x80),
      expanded.subarray(1),
      new Uint8Array(96),
    ]) {
      expect(outcome(() => bls.compressPublicKey(wrong))).toBe('INVALID_PUBLIC_KEY');
    }
    expect(outcome(() => bls.compressPublicKey(bytes(`40${'00'.repeat(95)}`)))).toBe('INVALID_PUBLIC_KEY');
  });

  it('to aggregate nothing is a bug', () => {
    expect(() => bls.aggregateSignatures([])).toThrow('at least one signature');
    expect(() => bls.aggregatePublicKeys([])).toThrow('at least one public key');
  });
});

describe('both backends agree', () => {
  const secret = fc.bigInt(1n, BigInt(`0x${GROUP_ORDER}`) - 1n).map((n) => bytes(n.toString(16).padStart(64, '0')));

  it('on keys and signatures of any message', () => {
    fc.assert(
      fc.property(secret, fc.uint8Array({ maxLength: 300 }), (key, text) => {
        const signature = mcl.sign(key, text);
        expect(hex(noble.sign(key, text))).toBe(hex(signature));
        expect(hex(noble.publicKey(key))).toBe(hex(mcl.publicKey(key)));
        expect(noble.verify(mcl.publicKey(key), text, signature)).toBe(true);
      }),
      { numRuns: 6 },
    );
  });

  it('on which keys are keys', () => {
    const tampered = fc
      .tuple(fc.nat(47), fc.integer({ min: 1, max: 255 }))
      .map(([at, flip]) => changed(publicKeys[0]!, at, flip));
    const flagged = bytesOf(48).map((raw) => Uint8Array.of(0x80 | (raw[0]! & 0x3f), ...raw.subarray(1)));
    fc.assert(
      fc.property(fc.oneof(tampered, flagged, bytesOf(48)), (key) => {
        expect(outcome(() => mcl.expandPublicKey(key))).toBe(outcome(() => noble.expandPublicKey(key)));
      }),
      { numRuns: 60 },
    );
  });

  it('on which signatures are signatures', () => {
    const tampered = fc
      .tuple(fc.nat(95), fc.integer({ min: 1, max: 255 }))
      .map(([at, flip]) => changed(signatures[0]!, at, flip));
    fc.assert(
      fc.property(fc.oneof(tampered, bytesOf(96)), (signature) => {
        expect(outcome(() => mcl.aggregateSignatures([signature]))).toBe(
          outcome(() => noble.aggregateSignatures([signature])),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('on expanded keys that were tampered with', () => {
    const expanded = noble.expandPublicKey(publicKeys[0]!);
    fc.assert(
      fc.property(fc.nat(95), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const key = changed(expanded, at, flip);
        expect(outcome(() => mcl.compressPublicKey(key))).toBe(outcome(() => noble.compressPublicKey(key)));
      }),
      { numRuns: 60 },
    );
  });
});
