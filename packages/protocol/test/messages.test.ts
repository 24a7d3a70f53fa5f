import { describe, expect, it } from 'vitest';
import { toBase64 } from '@floe/platform';
import { blobIdFromBytes, type Epoch, objectIdFromBytes, type ShardIndex } from '../src/ids.ts';
import {
  decodeMessage,
  decodeSignedMessageHeader,
  encodeConfirmation,
  encodeInvalidBlobId,
  encodeProofOfPossession,
  encodeSyncShardRequest,
  parseSignedMessageJson,
  signedMessageToJson,
} from '../src/messages.ts';
import { bytes, encoding, hex } from './support/vectors.ts';

type MessageVector = (typeof encoding.messages)[number];

function encode(vector: MessageVector): Uint8Array {
  const epoch = vector.epoch as Epoch;
  const blobId = blobIdFromBytes(bytes(vector.blob_id));
  const objectId = objectIdFromBytes(bytes(vector.object_id_or_address));
  switch (vector.name) {
    case 'storage_confirmation_permanent':
      return encodeConfirmation({ epoch, blobId, persistence: { kind: 'permanent' } });
    case 'storage_confirmation_deletable':
      return encodeConfirmation({ epoch, blobId, persistence: { kind: 'deletable', objectId } });
    case 'invalid_blob_id':
      return encodeInvalidBlobId({ epoch, blobId });
    case 'sync_shard_v1':
      return encodeSyncShardRequest({
        epoch,
        shard: 5 as ShardIndex,
        axis: 'secondary',
        startingBlobId: blobId,
        sliverCount: 10n,
      });
    case 'proof_of_possession':
      return encodeProofOfPossession({ epoch, address: objectId, publicKey: bytes(vector.public_keys[0]!) });
    default:
      throw new Error(`unknown vector ${vector.name}`);
  }
}

it.each(encoding.messages)('$name has the bytes that the official verifier accepts', (vector) => {
  expect(hex(encode(vector))).toBe(vector.message);
  const header = decodeSignedMessageHeader(bytes(vector.message));
  expect(header).toMatchObject({ intentVersion: 0, appId: 3, epoch: 21 });
  expect(hex(header.body)).toBe(vector.message.slice(14));
});

describe('decoding', () => {
  const permanent = bytes(encoding.messages[0]!.message);
  const changed = (at: number, value: number) => {
    const copy = permanent.slice();
    copy[at] = value;
    return copy;
  };

  it.each([
    ['an unknown intent type', 0, 7, 'signed message is wrong in its intent type: expected 0..6, came 7'],
    ['another intent version', 1, 1, 'signed message is wrong in its intent version: expected 0, came 1'],
    ['another app', 2, 4, 'signed message is wrong in its app id: expected 3, came 4'],
    ['an unknown persistence', 39, 2, 'expected the persistence, one of permanent, deletable, came tag 2'],
  ])('refuses %s', (_what, at, value, message) => {
    expect(() => decodeMessage(changed(at, value))).toThrow(message);
  });

  it('refuses a sync request whose two epochs differ', () => {
    const sync = bytes(encoding.messages.find(({ name }) => name === 'sync_shard_v1')!.message);
    sync[3]! ^= 1;
    expect(() => decodeMessage(sync)).toThrow('signed message is wrong in its request epoch: expected 20, came 21');
  });

  it('of the header alone judges nothing', () => {
    const header = decodeSignedMessageHeader(Uint8Array.of(9, 8, 7, 1, 0, 0, 0, 5));
    expect(header).toEqual({ intentType: 9, intentVersion: 8, appId: 7, epoch: 1, body: Uint8Array.of(5) });
    expect(() => decodeSignedMessageHeader(new Uint8Array(6))).toThrow('expected the epoch (4 bytes)');
  });
});

describe('JSON of a signed message', () => {
  const signed = { serializedMessage: Uint8Array.of(1, 2, 3), signature: new Uint8Array(96).fill(250) };

  it('is standard base64 and round-trips', () => {
    const json = signedMessageToJson(signed);
    expect(json).toEqual({ serializedMessage: 'AQID', signature: toBase64(signed.signature) });
    expect(parseSignedMessageJson(JSON.parse(JSON.stringify(json)))).toEqual(signed);
  });

  it.each([
    ['nothing', null, 'serializedMessage: expected standard base64, came undefined'],
    ['a text', 'AQID', 'serializedMessage: expected standard base64, came undefined'],
    ['base64url', { serializedMessage: '-_-_', signature: 'AQID' }, 'serializedMessage: expected standard base64'],
    ['a short signature', { serializedMessage: 'AQID', signature: 'AQID' }, 'signature size: expected 96, came 3'],
    ['a number', { serializedMessage: 'AQID', signature: 5 }, 'signature: expected standard base64, came number'],
  ])('refuses %s', (_what, json, message) => {
    expect(() => parseSignedMessageJson(json)).toThrow(message);
  });
});
