/**
 * `bls_aggregate` and `messages`: whether enough of the committee signed a message, and what it says. Walrus contract
 * rules: signed messages and certificates; the order of checks is part of them.
 */
import { CERTIFICATE_UNITS, type layouts } from '@floe/contracts';
import { BcsReader, objectIdFromBytes, type ObjectId } from '@floe/protocol';
import { concatBytes, toHex } from '@floe/platform';
import { BoundedCache } from '../bounded-cache.ts';
import type { BlsPort, Call, CertificateVerifier } from '../execution/call.ts';
import { blake2b256 } from '../hash.ts';
import { CERTIFICATE_CACHE_ENTRIES } from '../limits.ts';

type BlsCommittee = layouts.BlsCommittee;
type Member = layouts.BlsCommitteeMember;

export type Threshold = 'quorum' | 'one-honest';

/** The compressed sum of no keys. */
const IDENTITY = Uint8Array.of(0xc0, ...new Uint8Array(47));

const INTENT_VERSION = 0;
const APP_ID = 3;

/** Message types. */
export const MESSAGE_TYPES = {
  blobCertificate: 1,
  invalidBlobId: 2,
  denyListUpdate: 4,
  denyListBlobDeleted: 5,
  protocolVersion: 6,
} as const;

/** A message that enough members signed: its type, its epoch and what follows the header. */
export interface CertifiedMessage {
  readonly type: number;
  readonly epoch: number;
  readonly body: BodyReader;
  readonly signedWeight: number;
}

/** Reads the body; too short aborts as `0x2::bcs` does. What is left at the end is ignored. */
class BodyReader {
  readonly #call: Call;
  readonly #reader: BcsReader;

  constructor(call: Call, bytes: Uint8Array) {
    this.#call = call;
    this.#reader = new BcsReader(bytes, 'message');
  }

  take(size: number): Uint8Array {
    if (this.#reader.remaining < size) this.#call.abort('bcs', 'EOutOfRange', 'sui');
    return this.#reader.fixed(size);
  }

  u8(): number {
    return this.take(1)[0] as number;
  }

  u32(): number {
    const bytes = this.take(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  u64(): bigint {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }

  id(): ObjectId {
    return objectIdFromBytes(this.take(32));
  }
}

/** Checks bitmap, weight and signature, then the header. */
export function verifyCertificate(
  call: Call,
  committee: BlsCommittee,
  certificate: { signature: Uint8Array; bitmap: Uint8Array; message: Uint8Array },
  threshold: Threshold,
): CertifiedMessage {
  const signers = signersOf(call, committee, certificate.bitmap);
  const signedWeight = signers.reduce((sum, member) => sum + member.weight, 0);
  if (!isEnough(signedWeight, committee.nShards, threshold)) call.abort('bls_aggregate', 'ENotEnoughStake');
  call.work(CERTIFICATE_UNITS);
  const keys = signers.map(({ publicKey }) => publicKey);
  if (!call.certificates.verify(keys, certificate.message, certificate.signature)) {
    call.abort('bls_aggregate', 'ESigVerification');
  }
  return { ...readHeader(call, certificate.message, committee.epoch), signedWeight };
}

/** Requires a message's type. */
export function requireType(call: Call, message: CertifiedMessage, type: number): void {
  if (message.type !== type) call.abort('messages', 'EInvalidMsgType');
}

function signersOf(call: Call, committee: BlsCommittee, bitmap: Uint8Array): Member[] {
  const { members } = committee;
  if (bitmap.length > Math.ceil(members.length / 8)) call.abort('bls_aggregate', 'EInvalidBitmap');
  const signers: Member[] = [];
  for (let index = 0; index < bitmap.length * 8; index += 1) {
    if ((((bitmap[index >> 3] as number) >> (index & 7)) & 1) === 0) continue;
    const member = members[index];
    if (member === undefined) return call.abort('bls_aggregate', 'EInvalidBitmap');
    signers.push(member);
  }
  return signers;
}

function isEnough(weight: number, shardCount: number, threshold: Threshold): boolean {
  return threshold === 'quorum' ? 3 * weight >= 2 * shardCount + 1 : 3 * weight >= shardCount + 1;
}

function readHeader(call: Call, message: Uint8Array, committeeEpoch: number): Omit<CertifiedMessage, 'signedWeight'> {
  const body = new BodyReader(call, message);
  const type = body.u8();
  if (body.u8() !== INTENT_VERSION) call.abort('messages', 'EIncorrectIntentVersion');
  if (body.u8() !== APP_ID) call.abort('messages', 'EIncorrectAppId');
  const epoch = body.u32();
  if (epoch !== committeeEpoch) call.abort('messages', 'EIncorrectEpoch');
  return { type, epoch, body };
}

/** Verifies aggregates of the chain's keys (96 bytes) and remembers the answers, bounded, by hash of the question. */
export function createCertificateVerifier(bls: BlsPort): CertificateVerifier {
  const answers = new BoundedCache<string, boolean>(CERTIFICATE_CACHE_ENTRIES);
  const possessions = new BoundedCache<string, { readonly key: Uint8Array | undefined }>(CERTIFICATE_CACHE_ENTRIES);
  const compressed = new WeakMap<Uint8Array, Uint8Array>();
  const compress = (key: Uint8Array) => {
    let short = compressed.get(key);
    if (short === undefined) {
      short = bls.compressPublicKey(key);
      compressed.set(key, short);
    }
    return short;
  };
  return {
    verify(publicKeys, message, signature) {
      if (publicKeys.length === 0) return false;
      // The number of keys comes first and keys have one size, so that no two questions have the same bytes.
      const count = Uint8Array.of(publicKeys.length & 255, publicKeys.length >> 8);
      const question = toHex(blake2b256(concatBytes(count, ...publicKeys, blake2b256(message), signature)));
      let answer = answers.get(question);
      if (answer === undefined) {
        answer = bls.verifyAggregate(publicKeys.map(compress), message, signature);
        answers.set(question, answer);
      }
      return answer;
    },
    verifyPossession(compressedKey, message, signature) {
      const question = toHex(blake2b256(concatBytes(blake2b256(compressedKey), blake2b256(message), signature)));
      let answer = possessions.get(question);
      if (answer === undefined) {
        const isGood = bls.verify(compressedKey, message, signature);
        answer = { key: isGood ? bls.expandPublicKey(compressedKey) : undefined };
        possessions.set(question, answer);
      }
      return answer.key;
    },
    aggregate: (publicKeys) => (publicKeys.length === 0 ? IDENTITY : bls.aggregatePublicKeys(publicKeys.map(compress))),
  };
}
