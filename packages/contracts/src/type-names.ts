/** Canonical type names of a deployment, and ids of dynamic fields. Type names use a package's original id for ever. */
import { blake2b256 } from '@floe/kernels';
import { utf8 } from '@floe/platform';
import { BcsWriter, type BlobId, blobIdBytes, type ObjectId, objectIdBytes, objectIdFromBytes } from '@floe/protocol';
import { bcs, TypeTagSerializer } from '@mysten/sui/bcs';
import { normalizeStructTag, parseStructTag } from '@mysten/sui/utils';
import { MAX_KEPT_TYPE_TAGS } from './limits.ts';
import { bytes, empty, id, u64 } from './move-values.ts';

const SUI = `0x${'2'.padStart(64, '0')}`;

/** `0x2::sui::SUI`, fully normalised. */
export const SUI_TYPE = `${SUI}::sui::SUI`;

export interface TypeNames {
  readonly system: string;
  readonly systemInner: string;
  readonly staking: string;
  readonly stakingInner: string;
  readonly stakingPool: string;
  readonly storageNodeCap: string;
  readonly stakedWal: string;
  readonly storage: string;
  readonly storagePool: string;
  readonly blob: string;
  readonly sharedBlob: string;
  readonly metadata: string;
  /** Field object that holds a blob's attributes. */
  readonly metadataField: string;
  /** Prefix of every event's type: `<package>::events::`. */
  readonly events: string;
}

/** Type names of the Walrus package first published as `packageId`. */
export function typeNames(packageId: ObjectId): TypeNames {
  const name = (module: string, struct: string) => `${packageId}::${module}::${struct}`;
  return {
    system: name('system', 'System'),
    systemInner: name('system_state_inner', 'SystemStateInnerV1'),
    staking: name('staking', 'Staking'),
    stakingInner: name('staking_inner', 'StakingInnerV1'),
    stakingPool: name('staking_pool', 'StakingPool'),
    storageNodeCap: name('storage_node', 'StorageNodeCap'),
    stakedWal: name('staked_wal', 'StakedWal'),
    storage: name('storage_resource', 'Storage'),
    storagePool: name('storage_pool', 'StoragePool'),
    blob: name('blob', 'Blob'),
    sharedBlob: name('shared_blob', 'SharedBlob'),
    metadata: name('metadata', 'Metadata'),
    metadataField: fieldType('vector<u8>', name('metadata', 'Metadata')),
    events: `${packageId}::events::`,
  };
}

/** `0x2::coin::Coin<T>` */
export function coinTypeOf(coinType: string): string {
  return `${SUI}::coin::Coin<${normalizeStructTag(coinType)}>`;
}

/** `0x2::dynamic_field::Field<N,V>`; both must be canonical already. */
export function fieldType(nameType: string, valueType: string): string {
  return `${SUI}::dynamic_field::Field<${nameType},${valueType}>`;
}

/** WAL's type under the package `walPackageId`. */
export function walTypeOf(walPackageId: ObjectId): string {
  return `${walPackageId}::wal::WAL`;
}

/** The address in a struct type, normalised: the package id that first defined it. */
export function definingPackage(type: string): ObjectId {
  return parseStructTag(type).address as ObjectId;
}

/**
 * Id of a dynamic field: BLAKE2b-256 of `f0 ‖ parent ‖ u64le(name size) ‖ name ‖ type tag of the name`.
 *
 * @param nameType canonical type of the name, such as `u64` or `vector<u8>`
 * @param name BCS of the name
 */
export function dynamicFieldId(parent: ObjectId, nameType: string, name: Uint8Array): ObjectId {
  const tag = typeTagBytes(nameType);
  const writer = new BcsWriter(1 + 32 + 8 + name.length + tag.length);
  writer.u8(0xf0).fixed(objectIdBytes(parent)).u64(name.length).fixed(name).fixed(tag);
  return objectIdFromBytes(writer.with(blake2b256));
}

const typeTags = new Map<string, Uint8Array>();

/** BCS of a type. Names of fields have few types, and a ledger derives ids by the thousand: what was parsed is kept. */
function typeTagBytes(type: string): Uint8Array {
  let tag = typeTags.get(type);
  if (tag === undefined) {
    tag = bcs.TypeTag.serialize(TypeTagSerializer.parseFromStr(type)).toBytes();
    if (typeTags.size >= MAX_KEPT_TYPE_TAGS) typeTags.clear();
    typeTags.set(type, tag);
  }
  return tag;
}

/** Field of `System` or `Staking` that holds the inner state of that version. */
export function innerStateFieldId(parent: ObjectId, version: bigint): ObjectId {
  return dynamicFieldId(parent, 'u64', u64.serialize(version).toBytes());
}

/** Field of a blob that holds its attributes; it exists once the blob has any. */
export function metadataFieldId(blobObjectId: ObjectId): ObjectId {
  return dynamicFieldId(blobObjectId, 'vector<u8>', METADATA_NAME);
}

/** Field of an `ExtendedField` with that id. */
export function extendedFieldId(extendedField: ObjectId, packageId: ObjectId): ObjectId {
  return dynamicFieldId(
    extendedField,
    `${packageId}::extended_field::Key`,
    empty.serialize({ dummyField: false }).toBytes(),
  );
}

/** Field of a pool of subsidies that holds its state; `packageId`: the package that first defined it. */
export function subsidiesInnerFieldId(subsidies: ObjectId, packageId: ObjectId): ObjectId {
  return dynamicFieldId(
    subsidies,
    `${packageId}::walrus_subsidies::SubsidiesInnerKey`,
    empty.serialize({ dummyField: false }).toBytes(),
  );
}

/** Field of the table of an upgrade manager's proposals that holds the votes for a digest. */
export function upgradeProposalFieldId(tableId: ObjectId, packageId: ObjectId, digest: Uint8Array): ObjectId {
  return dynamicFieldId(tableId, `${packageId}::upgrade::PackageDigest`, bytes.serialize(digest).toBytes());
}

/** Field of an object table keyed by id (such as the pools); its value is the child's id. */
export function objectTableFieldId(tableId: ObjectId, key: ObjectId): ObjectId {
  return dynamicFieldId(
    tableId,
    `${SUI}::dynamic_object_field::Wrapper<${SUI}::object::ID>`,
    id.serialize(key).toBytes(),
  );
}

/** Field of an object table keyed by blob id (such as a pool's blobs); its value is the child's id. */
export function blobTableFieldId(tableId: ObjectId, blobId: BlobId): ObjectId {
  return dynamicFieldId(tableId, `${SUI}::dynamic_object_field::Wrapper<u256>`, blobIdBytes(blobId));
}

/** BCS of the name under which a blob keeps its attributes: the bytes of `metadata`. */
export const METADATA_NAME: Uint8Array = bcs.byteVector().serialize(utf8('metadata')).toBytes();
