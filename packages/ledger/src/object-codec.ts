/**
 * BCS of Sui's `Object`, object digests, and the form objects have on disk.
 *
 * Move object types are an enum in that BCS: SUI coins, other coins and all other types differ in their tag, and so in
 * their digest.
 */
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes, type ObjectId } from '@floe/protocol';
import type { Digest, LedgerObject, Owner, TypeName } from './api.ts';
import { errors } from './errors.ts';
import { blake2b256, digestPrefix } from './hash.ts';
import { coinOf, coinTypeName, GAS_COIN_TYPE, STAKED_SUI_TYPE } from './type-constants.ts';
import { decodeStructName, decodeTypeName, encodeTypeName, structTagBytes, typeTagBytes } from './type-tag.ts';

/** Form of objects on disk; see {@link encodeStoredObject}. */
const STORED_OBJECT_VERSION = 1;

/** Room for what stands around an object's contents; nearly all types are shorter, and a writer grows. */
const ENVELOPE_BYTES = 320;

export const PACKAGE_TYPE: TypeName = 'package';

/** What an object is made of, before it has a digest. */
export type ObjectDraft = Omit<LedgerObject, 'digest'>;

/** Gives a draft its digest. */
export function sealObject(draft: ObjectDraft): LedgerObject {
  const { id, version, owner, type, hasPublicTransfer, contents, previousTransaction, storageRebate } = draft;
  const writer = new BcsWriter(contents.length + ENVELOPE_BYTES).fixed(digestPrefix('Object'));
  const digest = writeObject(writer, draft).with(blake2b256);
  return { id, version, digest, owner, type, hasPublicTransfer, contents, previousTransaction, storageRebate };
}

/** BCS of Sui's `Object`. */
export function encodeObject(object: ObjectDraft): Uint8Array {
  return writeObject(new BcsWriter(object.contents.length + ENVELOPE_BYTES), object).finish();
}

function writeObject(writer: BcsWriter, object: ObjectDraft): BcsWriter {
  if (object.type === PACKAGE_TYPE) {
    writer.uleb(1).fixed(object.contents);
  } else {
    writer.uleb(0);
    writeMoveObjectType(writer, object.type);
    writer
      .u8(object.hasPublicTransfer ? 1 : 0)
      .u64(object.version)
      .bytes(object.contents);
  }
  writeOwner(writer, object.owner);
  return writer.bytes(object.previousTransaction).u64(object.storageRebate);
}

/** Bytes of {@link encodeObject} without making them: what storage is charged for. */
export function objectSize(object: Pick<LedgerObject, 'type' | 'contents' | 'owner'>): number {
  const owner = object.owner.kind === 'immutable' ? 1 : object.owner.kind === 'shared' ? 9 : 33;
  return 1 + moveObjectTypeSize(object.type) + 9 + sizedBytes(object.contents.length) + owner + 33 + 8;
}

export function writeOwner(writer: BcsWriter, owner: Owner): void {
  switch (owner.kind) {
    case 'address':
      writer.uleb(0).fixed(objectIdBytes(owner.address));
      break;
    case 'object':
      writer.uleb(1).fixed(objectIdBytes(owner.parent));
      break;
    case 'shared':
      writer.uleb(2).u64(owner.initialVersion);
      break;
    case 'immutable':
      writer.uleb(3);
      break;
  }
}

export function readOwner(reader: BcsReader): Owner {
  switch (reader.uleb('Owner')) {
    case 0:
      return { kind: 'address', address: objectIdFromBytes(reader.fixed(32)) };
    case 1:
      return { kind: 'object', parent: objectIdFromBytes(reader.fixed(32)) };
    case 2:
      return { kind: 'shared', initialVersion: reader.u64() };
    case 3:
      return { kind: 'immutable' };
    default:
      return reader.fail('an owner of known kind', 'another');
  }
}

/** `format ‖ digest ‖ BCS of Object`: the digest beside it, so that reading hashes nothing. */
export function encodeStoredObject(object: LedgerObject): Uint8Array {
  const writer = new BcsWriter(object.contents.length + ENVELOPE_BYTES);
  return writeObject(writer.u8(STORED_OBJECT_VERSION).fixed(object.digest), object).finish();
}

/** @throws LEDGER_CORRUPT */
export function decodeStoredObject(id: ObjectId, bytes: Uint8Array): LedgerObject {
  if (bytes[0] !== STORED_OBJECT_VERSION) {
    throw errors.LEDGER_CORRUPT({ what: `object ${id}`, reason: `format ${bytes[0]}` });
  }
  return decodeObject(id, bytes.subarray(33), bytes.slice(1, 33));
}

/** An object from its BCS; its id is given, its digest too or computed. */
export function decodeObject(id: ObjectId, bytes: Uint8Array, digest?: Digest): LedgerObject {
  const reader = new BcsReader(bytes, `object ${id}`);
  const isPackage = reader.uleb('Data') === 1;
  const data = isPackage ? readPackage(reader, bytes) : readMoveObject(reader);
  const owner = readOwner(reader);
  const draft = { id, ...data, owner, previousTransaction: reader.bytes().slice(), storageRebate: reader.u64() };
  reader.end();
  return digest === undefined ? sealObject(draft) : { ...draft, digest };
}

function readMoveObject(reader: BcsReader) {
  const type = readMoveObjectType(reader);
  const hasPublicTransfer = reader.u8() === 1;
  return { type, hasPublicTransfer, version: reader.u64(), contents: reader.bytes().slice() };
}

/** A package has no length of its own: it is walked to find where it ends. */
function readPackage(reader: BcsReader, bytes: Uint8Array) {
  const start = reader.offset;
  reader.fixed(32);
  const version = reader.u64();
  for (let left = reader.uleb(); left > 0; left -= 1) {
    reader.string();
    reader.bytes();
  }
  for (let left = reader.uleb(); left > 0; left -= 1) {
    reader.string();
    reader.string();
    reader.fixed(32);
  }
  for (let left = reader.uleb(); left > 0; left -= 1) reader.fixed(72);
  return { type: PACKAGE_TYPE, hasPublicTransfer: false, version, contents: bytes.slice(start, reader.offset) };
}

function writeMoveObjectType(writer: BcsWriter, type: TypeName): void {
  const coin = coinTypeName(type);
  if (type === GAS_COIN_TYPE) writer.uleb(1);
  else if (type === STAKED_SUI_TYPE) writer.uleb(2);
  else if (coin !== undefined) encodeTypeName(writer.uleb(3), coin);
  else writer.uleb(0).fixed(structTagBytes(type));
}

function moveObjectTypeSize(type: TypeName): number {
  const coin = coinTypeName(type);
  if (type === GAS_COIN_TYPE || type === STAKED_SUI_TYPE || type === PACKAGE_TYPE) return 1;
  return coin === undefined ? typeTagBytes(type).length : 1 + typeTagBytes(coin).length;
}

function readMoveObjectType(reader: BcsReader): TypeName {
  switch (reader.uleb('MoveObjectType')) {
    case 0:
      return decodeStructName(reader);
    case 1:
      return GAS_COIN_TYPE;
    case 2:
      return STAKED_SUI_TYPE;
    case 3:
      return coinOf(decodeTypeName(reader));
    default:
      return reader.fail('an object type of known kind', 'another');
  }
}

function sizedBytes(length: number): number {
  return length + (length < 128 ? 1 : length < 16_384 ? 2 : 3);
}
