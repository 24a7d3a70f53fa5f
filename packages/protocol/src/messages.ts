/**
 * Signed messages (Walrus encoding rules: signed messages). The bytes that are signed:
 *
 *   intent type u8 ‖ intent version u8 = 0 ‖ app id u8 = 3 ‖ epoch u32le ‖ body (no length)
 *
 * Decoding is strict: nothing may follow the body. The ledger's rules tolerate trailing bytes; it reads the header with
 * {@link decodeSignedMessageHeader} and the body itself, in the order of its own aborts.
 */
import { assert, fromBase64, toBase64 } from '@floe/platform';
import { type BcsReader, type BcsWriter, decodeBcs, encodeBcs, BcsReader as Reader } from './bcs.ts';
import { errors } from './errors.ts';
import {
  AXES,
  type Axis,
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  type Epoch,
  ID_SIZE_BYTES,
  type NodeId,
  type ObjectId,
  objectIdBytes,
  objectIdFromBytes,
  type ShardIndex,
  type SuiAddress,
  u256Bytes,
  u256FromBytes,
} from './ids.ts';

/** Sizes of compressed min-pk keys and signatures. */
export const BLS_PUBLIC_KEY_SIZE_BYTES = 48;
export const BLS_SIGNATURE_SIZE_BYTES = 96;

/** Intent types by message. */
export const INTENT = Object.freeze({
  proofOfPossession: 0,
  confirmation: 1,
  invalidBlobId: 2,
  syncShard: 3,
  denyListUpdate: 4,
  denyListBlobDeleted: 5,
  protocolVersion: 6,
});
export const INTENT_VERSION = 0;
export const APP_ID_STORAGE = 3;

/** Whether a blob can be deleted; a deletable one is confirmed per blob object. */
export type Persistence = { readonly kind: 'permanent' } | { readonly kind: 'deletable'; readonly objectId: ObjectId };

/** "I hold every sliver of my shards." */
export interface Confirmation {
  readonly epoch: Epoch;
  readonly blobId: BlobId;
  readonly persistence: Persistence;
}

/** "This blob's slivers do not belong together." */
export interface InvalidBlobIdAttestation {
  readonly epoch: Epoch;
  readonly blobId: BlobId;
}

/** "I own this key": signed with the key itself. */
export interface ProofOfPossession {
  readonly epoch: Epoch;
  /** Sender of the transaction that registers the key. */
  readonly address: SuiAddress;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
}

/** A node asks another for a page of a shard. */
export interface SyncShardRequest {
  readonly epoch: Epoch;
  readonly shard: ShardIndex;
  readonly axis: Axis;
  /** First blob of the page, inclusive, in ascending order of bytes. */
  readonly startingBlobId: BlobId;
  readonly sliverCount: bigint;
}

export interface DenyListUpdate {
  readonly epoch: Epoch;
  readonly nodeId: NodeId;
  readonly sequence: bigint;
  readonly size: bigint;
  readonly root: bigint;
}

export interface ProtocolVersion {
  readonly epoch: Epoch;
  readonly startEpoch: Epoch;
  readonly protocolVersion: bigint;
}

export type ProtocolMessage =
  | ({ readonly kind: 'proofOfPossession' } & ProofOfPossession)
  | ({ readonly kind: 'confirmation' } & Confirmation)
  | ({ readonly kind: 'invalidBlobId' } & InvalidBlobIdAttestation)
  | ({ readonly kind: 'syncShard' } & SyncShardRequest)
  | ({ readonly kind: 'denyListUpdate' } & DenyListUpdate)
  | ({ readonly kind: 'denyListBlobDeleted' } & InvalidBlobIdAttestation)
  | ({ readonly kind: 'protocolVersion' } & ProtocolVersion);

/** A message and one signature over its bytes. */
export interface SignedMessage {
  readonly serializedMessage: Uint8Array;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

export interface SignedMessageHeader {
  readonly intentType: number;
  readonly intentVersion: number;
  readonly appId: number;
  readonly epoch: Epoch;
  /** What follows, as a view. */
  readonly body: Uint8Array;
}

/** Bytes of the storage confirmation: 40 permanent, 72 deletable. */
export function encodeConfirmation(message: Confirmation): Uint8Array {
  return encodeMessage({ kind: 'confirmation', ...message });
}

/** 39 bytes. */
export function encodeInvalidBlobId(message: InvalidBlobIdAttestation): Uint8Array {
  return encodeMessage({ kind: 'invalidBlobId', ...message });
}

/** 87 bytes. */
export function encodeProofOfPossession(message: ProofOfPossession): Uint8Array {
  return encodeMessage({ kind: 'proofOfPossession', ...message });
}

/** 55 bytes; the header's epoch is the request's. */
export function encodeSyncShardRequest(message: SyncShardRequest): Uint8Array {
  return encodeMessage({ kind: 'syncShard', ...message });
}

/** The bytes to sign. */
export function encodeMessage(message: ProtocolMessage): Uint8Array {
  return encodeBcs((writer) => {
    writer.u8(INTENT[message.kind]).u8(INTENT_VERSION).u8(APP_ID_STORAGE).u32(message.epoch);
    writeBody(writer, message);
  });
}

/** Splits header and body without judging either. @throws INVALID_BCS when shorter than the header's 7 bytes. */
export function decodeSignedMessageHeader(bytes: Uint8Array): SignedMessageHeader {
  const reader = new Reader(bytes, 'signed message');
  return {
    intentType: reader.u8('the intent type'),
    intentVersion: reader.u8('the intent version'),
    appId: reader.u8('the app id'),
    epoch: reader.u32('the epoch') as Epoch,
    body: reader.fixed(reader.remaining),
  };
}

/**
 * @throws INVALID_BCS
 * @throws INVALID_MESSAGE for an unknown type, another version or app, or a sync request with two epochs
 */
export function decodeMessage(bytes: Uint8Array): ProtocolMessage {
  const header = decodeSignedMessageHeader(bytes);
  expectField('intent version', INTENT_VERSION, header.intentVersion);
  expectField('app id', APP_ID_STORAGE, header.appId);
  const read = BODY_READERS[header.intentType];
  if (read === undefined) {
    throw errors.INVALID_MESSAGE({
      what: 'intent type',
      expected: `0..${BODY_READERS.length - 1}`,
      came: `${header.intentType}`,
    });
  }
  return decodeBcs(header.body, 'signed message body', (reader) => read(reader, header.epoch));
}

/** BCS `SignedMessage`. */
export function encodeSignedMessage(signed: SignedMessage): Uint8Array {
  assert(signed.signature.length === BLS_SIGNATURE_SIZE_BYTES, 'a signature has 96 bytes', {
    came: signed.signature.length,
  });
  return encodeBcs((writer) => writer.bytes(signed.serializedMessage).fixed(signed.signature), 256);
}

/** @throws INVALID_BCS */
export function decodeSignedMessage(bytes: Uint8Array): SignedMessage {
  return decodeBcs(bytes, 'signed message', (reader) => ({
    serializedMessage: reader.bytes('the message'),
    signature: reader.fixed(BLS_SIGNATURE_SIZE_BYTES, 'the signature'),
  }));
}

export interface SignedMessageJson {
  readonly serializedMessage: string;
  readonly signature: string;
}

/** JSON `SignedMessage`: standard base64. */
export function signedMessageToJson(signed: SignedMessage): SignedMessageJson {
  return { serializedMessage: toBase64(signed.serializedMessage), signature: toBase64(signed.signature) };
}

/** @throws INVALID_MESSAGE */
export function parseSignedMessageJson(json: unknown): SignedMessage {
  const fields = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  const serializedMessage = base64Field(fields, 'serializedMessage');
  const signature = base64Field(fields, 'signature');
  expectField('signature size', BLS_SIGNATURE_SIZE_BYTES, signature.length);
  return { serializedMessage, signature };
}

function base64Field(fields: Record<string, unknown>, what: string): Uint8Array {
  const value = fields[what];
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined;
  if (bytes === undefined) throw errors.INVALID_MESSAGE({ what, expected: 'standard base64', came: typeof value });
  return bytes;
}

function expectField(what: string, expected: number, came: number): void {
  if (came !== expected) throw errors.INVALID_MESSAGE({ what, expected: `${expected}`, came: `${came}` });
}

function writeBody(writer: BcsWriter, message: ProtocolMessage): void {
  switch (message.kind) {
    case 'proofOfPossession':
      assert(message.publicKey.length === BLS_PUBLIC_KEY_SIZE_BYTES, 'a public key has 48 bytes');
      writer.fixed(objectIdBytes(message.address)).fixed(message.publicKey);
      break;
    case 'confirmation':
      writer.fixed(blobIdBytes(message.blobId));
      if (message.persistence.kind === 'permanent') writer.uleb(0);
      else writer.uleb(1).fixed(objectIdBytes(message.persistence.objectId));
      break;
    case 'invalidBlobId':
    case 'denyListBlobDeleted':
      writer.fixed(blobIdBytes(message.blobId));
      break;
    case 'syncShard':
      writer.uleb(0).u16(message.shard).uleb(AXES.indexOf(message.axis)).fixed(blobIdBytes(message.startingBlobId));
      writer.u64(message.sliverCount).u32(message.epoch);
      break;
    case 'denyListUpdate':
      writer
        .fixed(objectIdBytes(message.nodeId))
        .u64(message.sequence)
        .u64(message.size)
        .fixed(u256Bytes(message.root));
      break;
    case 'protocolVersion':
      writer.u32(message.startEpoch).u64(message.protocolVersion);
      break;
  }
}

/** By intent type. */
const BODY_READERS: readonly ((reader: BcsReader, epoch: Epoch) => ProtocolMessage)[] = [
  (reader, epoch) => ({
    kind: 'proofOfPossession',
    epoch,
    address: objectIdFromBytes(reader.fixed(ID_SIZE_BYTES, 'an address')),
    publicKey: reader.fixed(BLS_PUBLIC_KEY_SIZE_BYTES, 'a public key'),
  }),
  (reader, epoch) => ({
    kind: 'confirmation',
    epoch,
    blobId: readBlobId(reader),
    persistence: readPersistence(reader),
  }),
  (reader, epoch) => ({ kind: 'invalidBlobId', epoch, blobId: readBlobId(reader) }),
  readSyncShard,
  (reader, epoch) => ({
    kind: 'denyListUpdate',
    epoch,
    nodeId: objectIdFromBytes(reader.fixed(ID_SIZE_BYTES, 'a node id')),
    sequence: reader.u64('the sequence'),
    size: reader.u64('the size'),
    root: u256FromBytes(reader.fixed(ID_SIZE_BYTES, 'the root')),
  }),
  (reader, epoch) => ({ kind: 'denyListBlobDeleted', epoch, blobId: readBlobId(reader) }),
  (reader, epoch) => ({
    kind: 'protocolVersion',
    epoch,
    startEpoch: reader.u32('the start epoch') as Epoch,
    protocolVersion: reader.u64('the protocol version'),
  }),
];

function readBlobId(reader: BcsReader): BlobId {
  return blobIdFromBytes(reader.fixed(ID_SIZE_BYTES, 'a blob id'));
}

function readPersistence(reader: BcsReader): Persistence {
  const kind = reader.variant(['permanent', 'deletable'], 'the persistence');
  if (kind === 'permanent') return { kind };
  return { kind, objectId: objectIdFromBytes(reader.fixed(ID_SIZE_BYTES, 'an object id')) };
}

function readSyncShard(reader: BcsReader, epoch: Epoch): ProtocolMessage {
  reader.variant(['V1'], 'the request version');
  const request = {
    kind: 'syncShard' as const,
    epoch,
    shard: reader.u16('a shard') as ShardIndex,
    axis: reader.variant(AXES, 'the sliver type'),
    startingBlobId: readBlobId(reader),
    sliverCount: reader.u64('the sliver count'),
  };
  expectField('request epoch', epoch, reader.u32('the epoch'));
  return request;
}
