/**
 * Certificates: one aggregate signature of committee members over one message (Walrus encoding rules: certificates;
 * contract rules: signed messages). Weight is counted in shards.
 *
 * Assembling checks the aggregate first, one pairing check for the whole committee; only when that fails does it bisect
 * to find the wrong signatures, at about 2·log2(m) further checks for each of them, and leaves those out.
 */
import { assert, isFloeError } from '@floe/platform';
import { type BcsReader, decodeBcs, encodeBcs } from './bcs.ts';
import type { Bls } from './bls.ts';
import { type Committee, type CommitteeMember, weightOf } from './committee.ts';
import { errors } from './errors.ts';
import { chainOneHonest, chainQuorum, isMinCorrect } from './geometry.ts';
import { MAX_COMMITTEE_MEMBERS } from './limits.ts';
import { BLS_SIGNATURE_SIZE_BYTES } from './messages.ts';

export interface Certificate {
  /** Positions of the signers in the committee's members, ascending. */
  readonly signers: readonly number[];
  /** The bytes that all of them signed. */
  readonly message: Uint8Array;
  /** Aggregate, 96 bytes. */
  readonly signature: Uint8Array;
}

/** One member's signature over the common message. */
export interface MemberSignature {
  /** Position in the committee's members. */
  readonly member: number;
  /** 96 bytes as they came; may be anything. */
  readonly signature: Uint8Array;
}

/** A message and who says to have signed it. */
export interface Confirmations {
  readonly message: Uint8Array;
  /** At most one per member. */
  readonly signatures: readonly MemberSignature[];
}

export interface SortedSignatures {
  /** By member, ascending; their aggregate verifies. */
  readonly good: readonly MemberSignature[];
  /** Members whose signature is wrong, ascending. */
  readonly rejected: readonly number[];
  /** Aggregate of the good ones; undefined when there are none. */
  readonly aggregate: Uint8Array | undefined;
  /** Shards of the good ones. */
  readonly weight: number;
}

/** What a certificate must weigh on the ledger: `quorum` 3w >= 2n+1, `one-honest` 3w >= n+1. */
export type CertificateThreshold = 'quorum' | 'one-honest';

/** ceil(members/8) bytes; bit i%8 (least significant first) of byte i/8 is member i. */
export function signersBitmap(signers: readonly number[], memberCount: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(memberCount / 8));
  for (const signer of signers) {
    assert(Number.isInteger(signer) && signer >= 0 && signer < memberCount, 'a signer is a member', {
      signer,
      memberCount,
    });
    bitmap[signer >> 3] = (bitmap[signer >> 3] as number) | (1 << (signer & 7));
  }
  return bitmap;
}

/**
 * Signers of a bitmap, ascending. It may be shorter than the committee needs: missing bits are not set.
 * @throws INVALID_SIGNERS_BITMAP when longer, or with a bit of nobody
 */
export function parseSignersBitmap(bitmap: Uint8Array, memberCount: number): number[] {
  const maxBytes = Math.ceil(memberCount / 8);
  if (bitmap.length > maxBytes) {
    throw errors.INVALID_SIGNERS_BITMAP({ expected: `at most ${maxBytes} bytes`, came: `${bitmap.length}` });
  }
  const signers: number[] = [];
  for (let i = 0; i < bitmap.length * 8; i += 1) {
    if (((bitmap[i >> 3] as number) & (1 << (i & 7))) === 0) continue;
    if (i >= memberCount) {
      throw errors.INVALID_SIGNERS_BITMAP({ expected: `bits of ${memberCount} members`, came: `bit ${i}` });
    }
    signers.push(i);
  }
  return signers;
}

/** Shards of these signers. Positions must be distinct and of the committee. */
export function signersWeight(committee: Committee, signers: readonly number[]): number {
  return weightOf(signers.map((signer) => memberAt(committee, signer)));
}

/** Whether `weight` is enough on the ledger. */
export function meetsThreshold(committee: Committee, weight: number, threshold: CertificateThreshold): boolean {
  const test = threshold === 'quorum' ? chainQuorum : chainOneHonest;
  return test(committee.geometry, weight);
}

/**
 * Finds which signatures over `message` are right. One pairing check when all are.
 */
export function sortSignatures(committee: Committee, confirmations: Confirmations, bls: Bls): SortedSignatures {
  const { message } = confirmations;
  const signatures = confirmations.signatures.toSorted((a, b) => a.member - b.member);
  for (const [i, { member }] of signatures.entries()) {
    assert(member !== signatures[i - 1]?.member, 'one signature per member', { member });
    memberAt(committee, member);
  }
  const rejected: number[] = [];
  const good = select(signatures, (group) => verifyGroup(committee, group, message, bls), rejected);
  return {
    good,
    rejected,
    aggregate: good.length === 0 ? undefined : bls.aggregateSignatures(good.map(({ signature }) => signature)),
    weight: signersWeight(
      committee,
      good.map(({ member }) => member),
    ),
  };
}

/**
 * A certificate from what members signed, wrong signatures left out. Needs weight n-f, which always satisfies the ledger.
 * @throws NOT_ENOUGH_CONFIRMATIONS, with the members whose signature was wrong
 */
export function assembleCertificate(committee: Committee, confirmations: Confirmations, bls: Bls): Certificate {
  const { geometry, epoch } = committee;
  const { good, rejected, aggregate, weight } = sortSignatures(committee, confirmations, bls);
  if (aggregate === undefined || !isMinCorrect(geometry, weight)) {
    const needed = geometry.nShards - geometry.maxFaulty;
    throw errors.NOT_ENOUGH_CONFIRMATIONS({ epoch, weight, needed, rejected: rejected.map(String) });
  }
  return { signers: good.map(({ member }) => member), message: confirmations.message, signature: aggregate };
}

/**
 * Checks a certificate as the ledger does: signers, weight, one pairing check. What the message says is for the caller.
 * @throws INVALID_CERTIFICATE
 */
export function verifyCertificate(
  committee: Committee,
  certificate: Certificate,
  bls: Bls,
  threshold: CertificateThreshold = 'quorum',
): void {
  const refuse = (expected: string, came: string) =>
    errors.INVALID_CERTIFICATE({ epoch: committee.epoch, expected, came });
  const { signers } = certificate;
  for (const [i, signer] of signers.entries()) {
    const before = signers[i - 1] ?? -1;
    if (!Number.isInteger(signer) || signer <= before || signer >= committee.members.length) {
      throw refuse(`ascending positions of ${committee.members.length} members`, `${signer} after ${before}`);
    }
  }
  const weight = signersWeight(committee, signers);
  if (!meetsThreshold(committee, weight, threshold)) {
    throw refuse(`signers of a ${threshold} of ${committee.geometry.nShards} shards`, `${weight} shards`);
  }
  const keys = signers.map((signer) => memberAt(committee, signer).publicKey);
  if (!bls.verifyAggregate(keys, certificate.message, certificate.signature)) {
    throw refuse('a signature of all signers over the message', 'another');
  }
}

/** BCS `ProtocolMessageCertificate`. */
export function encodeCertificate(certificate: Certificate): Uint8Array {
  assert(certificate.signature.length === BLS_SIGNATURE_SIZE_BYTES, 'a signature has 96 bytes');
  return encodeBcs(
    (writer) => {
      writer.vector(certificate.signers, (itemWriter, signer) => itemWriter.u16(signer));
      writer.bytes(certificate.message).fixed(certificate.signature);
    },
    256 + 2 * certificate.signers.length,
  );
}

/** @throws INVALID_BCS */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  return decodeBcs(bytes, 'certificate', (reader) => ({
    signers: reader.vector((from: BcsReader) => from.u16('a signer'), 2, MAX_COMMITTEE_MEMBERS, 'signers'),
    message: reader.bytes('the message'),
    signature: reader.fixed(BLS_SIGNATURE_SIZE_BYTES, 'the signature'),
  }));
}

/** The items of `group` that are right, by halving it; those that are not go to `rejected`. */
function select(
  group: readonly MemberSignature[],
  isRight: (group: readonly MemberSignature[]) => boolean,
  rejected: number[],
): readonly MemberSignature[] {
  if (group.length === 0 || isRight(group)) return group;
  const [only] = group;
  if (group.length === 1 && only !== undefined) {
    rejected.push(only.member);
    return [];
  }
  const middle = group.length >> 1;
  return [...select(group.slice(0, middle), isRight, rejected), ...select(group.slice(middle), isRight, rejected)];
}

function verifyGroup(committee: Committee, group: readonly MemberSignature[], message: Uint8Array, bls: Bls): boolean {
  const keys = group.map(({ member }) => memberAt(committee, member).publicKey);
  try {
    return bls.verifyAggregate(keys, message, bls.aggregateSignatures(group.map(({ signature }) => signature)));
  } catch (error) {
    if (isFloeError(error, 'INVALID_SIGNATURE')) return false;
    throw error;
  }
}

function memberAt(committee: Committee, position: number): CommitteeMember {
  const member = committee.members[position];
  assert(member !== undefined, 'a signer is a member', { position, members: committee.members.length });
  return member;
}
