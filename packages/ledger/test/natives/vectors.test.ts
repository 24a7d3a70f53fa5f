import { readFileSync } from 'node:fs';
import type { layouts } from '@floe/contracts';
import { fromHex, toHex } from '@floe/platform';
import { blobIdBytes, type ObjectId, u256Bytes, u256FromBytes } from '@floe/protocol';
import { expect, test } from 'vitest';
import { readBlobCertificate } from '../../src/natives/blob-certificate.ts';
import { MESSAGE_TYPES, requireType, verifyCertificate } from '../../src/natives/certificates.ts';
import { deriveBlobId, encodedBlobLength } from '../../src/natives/encoding.ts';
import { apportionShards, maxShardsPerNode } from '../../src/staking/apportionment.ts';
import { nativeCall, outcomeOf } from '../support/native-call.ts';

/** Results of the original contracts in the Move VM; see README.md there. */
const vectors = JSON.parse(readFileSync(new URL('../vectors/contracts.json', import.meta.url), 'utf8')) as {
  certificate: CertificateCase[];
  encoded_length: Record<string, unknown>[];
  blob_id: Record<string, unknown>[];
  apportionment: {
    n_shards: number;
    stakes: string[];
    max_shards_per_node: number;
    shards?: number[];
    abort?: object;
  }[];
};

interface CertificateCase {
  member_weights: number[];
  committee_epoch: number;
  threshold: 'quorum' | 'one_honest';
  expected_message_type: number;
  signers_bitmap_hex: string;
  message_hex: string;
  abort?: { module: string; code: number };
  signed_weight?: number;
  blob_id_hex?: string;
  [field: string]: unknown;
}

const bytes = (hex: string) => fromHex(hex) as Uint8Array;

test('certificates are judged as the original contracts judge them', () => {
  expect(vectors.certificate).toHaveLength(66);
  for (const [index, vector] of vectors.certificate.entries()) {
    const committee: layouts.BlsCommittee = {
      members: vector.member_weights.map((weight, i) => ({
        publicKey: new Uint8Array(96).fill(i + 1),
        weight,
        nodeId: `0x${String(i).padStart(64, '0')}` as ObjectId,
      })),
      nShards: vector.member_weights.reduce((sum, weight) => sum + weight, 0),
      epoch: vector.committee_epoch as never,
      totalAggregatedKey: new Uint8Array(48),
    };
    const certificate = {
      signature: new Uint8Array(96),
      bitmap: bytes(vector.signers_bitmap_hex),
      message: bytes(vector.message_hex),
    };
    const call = nativeCall();
    const outcome = outcomeOf(() => {
      if (vector.threshold === 'quorum' && vector.expected_message_type === MESSAGE_TYPES.blobCertificate) {
        const { signedWeight, blobId, deletableObjectId } = readBlobCertificate(call, committee, certificate);
        return { signedWeight, blobId: toHex(blobIdBytes(blobId)), deletableObjectId };
      }
      const threshold = vector.threshold === 'quorum' ? 'quorum' : 'one-honest';
      const message = verifyCertificate(call, committee, certificate, threshold);
      requireType(call, message, vector.expected_message_type);
      return { signedWeight: message.signedWeight, blobId: toHex(message.body.take(32)), deletableObjectId: undefined };
    });
    const expected =
      vector.abort !== undefined
        ? { abort: `${vector.abort.module}::${vector.abort.code}` }
        : { value: { signedWeight: vector.signed_weight, blobId: vector.blob_id_hex } };
    expect({ index, ...outcome }).toMatchObject({ index, ...expected });
  }
});

test('encoded lengths are those of the original contracts, aborts included', () => {
  expect(vectors.encoded_length).toHaveLength(42);
  for (const vector of vectors.encoded_length) {
    const size = BigInt(vector['unencoded_length'] as string);
    const outcome = outcomeOf(() => encodedBlobLength(nativeCall(), size, 1, vector['n_shards'] as number));
    const expected =
      vector['abort'] === undefined
        ? { value: BigInt(vector['encoded_length'] as string) }
        : { abort: 'ARITHMETIC_ERROR' };
    expect({ vector, ...outcome }).toMatchObject(expected);
  }
});

test('blob ids are those of the original contracts', () => {
  expect(vectors.blob_id).toHaveLength(18);
  for (const vector of vectors.blob_id) {
    const root = u256FromBytes(bytes(vector['root_hash_hex'] as string));
    const id = deriveBlobId(root, vector['encoding_type'] as number, BigInt(vector['size'] as string));
    expect(toHex(u256Bytes(id))).toBe(vector['blob_id_hex']);
  }
});

test('shards are apportioned as by the original contracts', () => {
  expect(vectors.apportionment).toHaveLength(123);
  for (const { n_shards, stakes, max_shards_per_node, shards, abort } of vectors.apportionment) {
    const apportion = () => apportionShards(stakes.map(BigInt), n_shards);
    if (abort === undefined) expect(apportion()).toEqual(shards);
    else expect(apportion).toThrow();
    if (abort === undefined) expect(maxShardsPerNode(stakes.length, n_shards)).toBe(max_shards_per_node);
  }
});
