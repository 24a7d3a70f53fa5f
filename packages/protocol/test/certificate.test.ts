import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FloeError, isFloeError } from '@floe/platform';
import { createMclBls } from '../src/bls-mcl/index.ts';
import type { Bls } from '../src/bls.ts';
import {
  assembleCertificate,
  meetsThreshold,
  parseSignersBitmap,
  signersBitmap,
  signersWeight,
  sortSignatures,
  verifyCertificate,
} from '../src/certificate.ts';
import { decodeMessage } from '../src/messages.ts';
import { committeeOfWeights } from './support/committees.ts';
import { bytes, contracts, encoding, hex } from './support/vectors.ts';

const bls = await createMclBls();
const message = bytes(encoding.messages[0]!.message);
const secrets = Array.from({ length: 10 }, (_unused, i) => bytes((i + 1).toString(16).padStart(64, '0')));
const publicKeys = secrets.map((secret) => bls.publicKey(secret));
const signatures = secrets.map((secret) => bls.sign(secret, message));
const otherSignature = bls.sign(secrets[0]!, Uint8Array.of(1));
const signed = (members: readonly number[]) => members.map((member) => ({ member, signature: signatures[member]! }));
/** Ten members of one shard each: f = 3. */
const committee = committeeOfWeights(
  Array.from({ length: 10 }, () => 1),
  publicKeys,
);

function counting(): { bls: Bls; checks: () => number } {
  const verifyAggregate = vi.fn(bls.verifyAggregate.bind(bls));
  const aggregateSignatures = bls.aggregateSignatures.bind(bls);
  return { bls: { ...bls, aggregateSignatures, verifyAggregate }, checks: () => verifyAggregate.mock.calls.length };
}

describe('signers bitmaps', () => {
  it.each(encoding.bitmaps)('$signers of $committee_size is $bitmap', ({ signers, committee_size: size, bitmap }) => {
    expect(hex(signersBitmap(signers, size))).toBe(bitmap);
    expect(parseSignersBitmap(bytes(bitmap), size)).toEqual(signers);
  });

  it('round-trip, with or without their last zero bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.infiniteStream(fc.boolean()), (size, coins) => {
        const signers = Array.from({ length: size }, (_unused, i) => i).filter(() => coins.next().value);
        const bitmap = signersBitmap(signers, size);
        expect(bitmap.length).toBe(Math.ceil(size / 8));
        expect(parseSignersBitmap(bitmap, size)).toEqual(signers);
        const last = bitmap.findLastIndex((byte) => byte !== 0);
        expect(parseSignersBitmap(bitmap.subarray(0, last + 1), size)).toEqual(signers);
      }),
    );
  });

  it('with a bit of nobody, or longer than needed, are refused', () => {
    expect(() => parseSignersBitmap(Uint8Array.of(0, 0b100), 10)).toThrow('expected bits of 10 members, came bit 10');
    expect(() => parseSignersBitmap(new Uint8Array(3), 10)).toThrow('expected at most 2 bytes, came 3');
  });

  const countable = contracts.certificate.filter(({ member_weights: weights }) => weights.reduce((a, b) => a + b) >= 4);
  it.each(countable)('$signers_bitmap_hex ($threshold) ends as in the contract', (vector) => {
    const bitmap = bytes(vector.signers_bitmap_hex);
    const parse = () => parseSignersBitmap(bitmap, vector.member_weights.length);
    if (vector.abort?.name === 'EInvalidBitmap') {
      expect(parse).toThrow('signers bitmap is wrong');
      return;
    }
    const members = committeeOfWeights(vector.member_weights);
    const weight = signersWeight(members, parse());
    const threshold = vector.threshold === 'quorum' ? 'quorum' : 'one-honest';
    expect(meetsThreshold(members, weight, threshold)).toBe(vector.abort?.name !== 'ENotEnoughStake');
    if (vector.signed_weight !== undefined) expect(weight).toBe(vector.signed_weight);
  });

  it.each(contracts.certificate.filter(({ abort }) => abort?.module === 'messages'))(
    'message $message_hex, which the contract refuses, does not pass for the one expected',
    (vector) => {
      const decode = () => decodeMessage(bytes(vector.message_hex));
      try {
        expect(decode().epoch).not.toBe(vector.committee_epoch);
      } catch (error) {
        if (!isFloeError(error)) throw error;
      }
    },
  );
});

describe('assembling', () => {
  it('good signatures takes one pairing check and gives what verifies', () => {
    const { bls: counted, checks } = counting();
    const certificate = assembleCertificate(committee, { message, signatures: signed([9, 1, 4, 0, 2, 3, 7]) }, counted);
    expect(checks()).toBe(1);
    expect(certificate.signers).toEqual([0, 1, 2, 3, 4, 7, 9]);
    verifyCertificate(committee, certificate, bls);
  });

  it('leaves out signatures of another message, malformed ones and the point at infinity', () => {
    const infinity = bytes(`c0${'00'.repeat(95)}`);
    const all = signed([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).map((entry) => {
      if (entry.member === 2) return { member: 2, signature: otherSignature };
      if (entry.member === 5) return { member: 5, signature: new Uint8Array(3) };
      return entry.member === 8 ? { member: 8, signature: infinity } : entry;
    });
    const sorted = sortSignatures(committee, { message, signatures: all }, bls);
    expect(sorted.rejected).toEqual([2, 5, 8]);
    expect(sorted.weight).toBe(7);
    const certificate = assembleCertificate(committee, { message, signatures: all }, bls);
    expect(certificate.signers).toEqual([0, 1, 3, 4, 6, 7, 9]);
    verifyCertificate(committee, certificate, bls);
  });

  it('finds one wrong signature among ten by halving', () => {
    const all = signed([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { bls: counted, checks } = counting();
    const tampered = all.map((entry) => (entry.member === 6 ? { member: 6, signature: signatures[5]! } : entry));
    const { rejected } = sortSignatures(committee, { message, signatures: tampered }, counted);
    expect(rejected).toEqual([6]);
    expect(checks()).toBeLessThanOrEqual(9);
  });

  it('too little weight says how much, and whose signature was wrong', () => {
    const few = [...signed([0, 1, 2, 3, 4, 5]), { member: 7, signature: otherSignature }];
    try {
      assembleCertificate(committee, { message, signatures: few }, bls);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FloeError);
      expect((error as FloeError).data).toEqual({ epoch: 3, weight: 6, needed: 7, rejected: ['7'] });
      expect((error as FloeError).kind).toBe('unavailable');
    }
  });

  it('no signature at all is not enough', () => {
    expect(() => assembleCertificate(committee, { message, signatures: [] }, bls)).toThrow(
      'weigh 0 shards, 7 are needed',
    );
  });

  it('counts shards, not members', () => {
    const uneven = committeeOfWeights([7, 1, 1, 1], publicKeys);
    expect(assembleCertificate(uneven, { message, signatures: signed([0]) }, bls).signers).toEqual([0]);
    expect(() => assembleCertificate(uneven, { message, signatures: signed([1, 2, 3]) }, bls)).toThrow(
      'weigh 3 shards',
    );
  });

  it('two signatures of one member are a bug of the caller', () => {
    const twice = { message, signatures: signed([1, 1]) };
    expect(() => sortSignatures(committee, twice, bls)).toThrow('one signature per member');
  });
});

describe('verifying', () => {
  const certificate = assembleCertificate(committee, { message, signatures: signed([0, 1, 2, 3, 4, 5, 6]) }, bls);

  it.each([
    ['another message', { message: Uint8Array.of(...message, 0) }, 'a signature of all signers over the message'],
    ['a signer too many', { signers: [0, 1, 2, 3, 4, 5, 6, 7] }, 'a signature of all signers over the message'],
    [
      'a signer twice',
      { signers: [0, 1, 2, 3, 4, 5, 6, 6] },
      'expected ascending positions of 10 members, came 6 after 6',
    ],
    ['signers out of order', { signers: [1, 0, 2, 3, 4, 5, 6] }, 'came 0 after 1'],
    ['a signer of no committee', { signers: [0, 1, 2, 3, 4, 5, 10] }, 'came 10 after 5'],
    ['too little weight', { signers: [0, 1, 2, 3, 4, 5] }, 'expected signers of a quorum of 10 shards, came 6 shards'],
    ['no signers', { signers: [] }, 'came 0 shards'],
    ['a malformed signature', { signature: new Uint8Array(96) }, 'a signature of all signers over the message'],
  ])('refuses %s', (_what, change, reason) => {
    expect(() => verifyCertificate(committee, { ...certificate, ...change }, bls)).toThrow(reason);
  });

  it('one honest signer is enough where the ledger says so', () => {
    const { good, aggregate } = sortSignatures(committee, { message, signatures: signed([2, 4, 8, 9]) }, bls);
    const attestation = { signers: good.map(({ member }) => member), message, signature: aggregate! };
    verifyCertificate(committee, attestation, bls, 'one-honest');
    expect(() => verifyCertificate(committee, attestation, bls)).toThrow('quorum');
  });
});
