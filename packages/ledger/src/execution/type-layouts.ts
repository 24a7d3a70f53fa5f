/**
 * BCS of a Move type, by what it is made of: the layouts of `@floe/contracts` where there are some, else the fields that
 * Move declares. What transactions touch most is read and written by hand; see codecs.ts.
 */
import {
  datatypeDeclaration,
  type FieldDeclaration,
  layouts,
  type MoveStruct,
  type MoveType,
  moveValues,
  type PackageAddresses,
} from '@floe/contracts';
import { bcs, BcsType } from '@mysten/sui/bcs';
import type { TypeName } from '../api.ts';
import { type Codec, codecs } from './codecs.ts';

/** A layout that others can be made of. */
type Layout = BcsType<unknown>;

type Reader = Parameters<Layout['read']>[0];

/** A length is a u32; the general reader follows one to the end of the input. */
function readLength(reader: Reader): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.read8();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
  throw new RangeError('a length of more than 32 bits');
}

/** The layout, read another way. */
function readBy<T, Input>(layout: BcsType<T, Input>, read: (reader: Reader) => T): BcsType<T, Input> {
  const write: typeof layout.write = (value, writer) => layout.write(value, writer);
  return new BcsType<T, Input>({ name: layout.name, read, write });
}

const BYTES = readBy(moveValues.bytes, (reader) => reader.readBytes(readLength(reader)));
const STRING = readBy(moveValues.string, (reader) =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(reader.readBytes(readLength(reader))),
);

/**
 * A vector that grows as its elements are read: a length that the bytes do not bear out ends with them, and no memory is
 * set aside for it. Every element of a pure input takes a byte at least; Move has no value of none.
 */
function vectorLayout<T>(element: BcsType<T>): BcsType<T[], Iterable<T> & { length: number }> {
  return readBy(bcs.vector(element), (reader) => {
    const values: T[] = [];
    for (let left = readLength(reader); left > 0; left -= 1) values.push(element.read(reader));
    return values;
  });
}

/** Layouts of structs without type arguments that matter to their layout, by package name, module and name. */
const STRUCTS: ReadonlyMap<string, Layout> = new Map(
  Object.entries({
    'sui::object::ID': moveValues.id,
    'sui::object::UID': moveValues.id,
    'std::string::String': STRING,
    'sui::balance::Balance': moveValues.balance,
    'sui::coin::Coin': layouts.Coin,
    'sui::clock::Clock': bcs.struct('Clock', { id: moveValues.id, timestampMs: moveValues.u64 }),
    'walrus::storage_resource::Storage': layouts.Storage,
    'walrus::blob::Blob': layouts.Blob,
    'walrus::metadata::Metadata': layouts.Metadata,
    'walrus::event_blob::EventBlobAttestation': layouts.EventBlobAttestation,
    'walrus::shared_blob::SharedBlob': layouts.SharedBlob,
    'walrus::system::System': layouts.System,
    'walrus::staking::Staking': layouts.Staking,
    'walrus::storage_node::StorageNodeCap': layouts.StorageNodeCap,
    'walrus::staked_wal::StakedWal': layouts.StakedWal,
    'walrus::node_metadata::NodeMetadata': layouts.NodeMetadata,
    'walrus::auth::Authenticated': layouts.Authenticated,
    'walrus::auth::Authorized': layouts.Authorized,
    'walrus::committee::Committee': layouts.Committee,
    'walrus::storage_pool::StoragePool': layouts.StoragePool,
    'walrus::upgrade::UpgradeManager': layouts.UpgradeManager,
    'walrus::upgrade::EmergencyUpgradeCap': layouts.EmergencyUpgradeCap,
    'walrus::slashing::SlashingManager': layouts.SlashingManager,
    'wal::wal::ProtectedTreasury': layouts.ProtectedTreasury,
    'wal_exchange::wal_exchange::Exchange': layouts.Exchange,
    'wal_exchange::wal_exchange::AdminCap': layouts.ExchangeAdminCap,
    'wal_exchange::wal_exchange::ExchangeRate': layouts.ExchangeRate,
    'subsidies::subsidies::Subsidies': layouts.Subsidies,
    'subsidies::subsidies::AdminCap': layouts.SubsidiesAdminCap,
    'walrus_subsidies::walrus_subsidies::WalrusSubsidies': layouts.WalrusSubsidies,
    'walrus_subsidies::walrus_subsidies::AdminCap': layouts.SubsidiesAdminCap,
    'blob_bucket::blob_bucket::BlobBucket': layouts.BlobBucket,
    'blob_bucket::blob_bucket::BlobBucketCap': layouts.BlobBucketCap,
  }).map(([name, layout]) => [name, layout as unknown as Layout]),
);

const PRIMITIVES = {
  bool: moveValues.bool,
  u8: moveValues.u8,
  u16: moveValues.u16,
  u32: moveValues.u32,
  u64: moveValues.u64,
  u128: moveValues.u128,
  u256: moveValues.u256,
  address: moveValues.id,
  signer: undefined,
} as const;

/** Faster forms of layouts, for values that stand on their own. */
const FAST: ReadonlyMap<unknown, Codec> = new Map<unknown, Codec>([
  [moveValues.bool, codecs.bool],
  [moveValues.u8, codecs.u8],
  [moveValues.u16, codecs.u16],
  [moveValues.u32, codecs.u32],
  [moveValues.u64, codecs.u64],
  [moveValues.u128, codecs.u128],
  [moveValues.u256, codecs.u256],
  [moveValues.id, codecs.id],
  [STRING, codecs.string],
  [BYTES, codecs.bytes],
  [layouts.Coin, codecs.coin],
  [layouts.Storage, codecs.storage],
  [layouts.Blob, codecs.blob],
  [layouts.System, codecs.system],
]);

/** The codec of a type; undefined for types that are not declared. */
export function codecOf(type: MoveType): Codec | undefined {
  const layout = layoutOf(type);
  return FAST.get(layout) ?? (layout as Codec | undefined);
}

/** The value of `some` of an option: `null` alone would be none of the outer one. */
export interface NestedSome {
  readonly some: unknown;
}

/** Whether values of a type are options. */
export function isOptionType(type: TypeName, addresses: PackageAddresses): boolean {
  return type.startsWith(`${addresses.std}::option::Option<`);
}

function layoutOf(type: MoveType): Layout | undefined {
  switch (type.kind) {
    case 'vector':
      return vectorOf(type.element);
    case 'struct': {
      const name = structName(type);
      const [first, second] = type.typeArguments;
      if (name === 'std::option::Option') return optionOf(first as MoveType);
      if (name === 'sui::vec_set::VecSet') return vectorOf(first as MoveType);
      if (name === 'sui::vec_map::VecMap') return mapOf(first as MoveType, second as MoveType);
      return STRUCTS.get(name) ?? declaredLayout(type);
    }
    case 'parameter':
      return undefined;
    default:
      return PRIMITIVES[type.kind] as Layout | undefined;
  }
}

function structName({ package: packageName, module, name }: MoveStruct): string {
  return `${packageName}::${module}::${name}`;
}

function vectorOf(type: MoveType): Layout | undefined {
  if (type.kind === 'u8') return BYTES as unknown as Layout;
  const element = layoutOf(type);
  return element === undefined ? undefined : (vectorLayout(element) as unknown as Layout);
}

function optionOf(type: MoveType): Layout | undefined {
  const element = layoutOf(type);
  if (element === undefined) return undefined;
  const option = vectorLayout(element);
  const isNested = type.kind === 'struct' && structName(type) === 'std::option::Option';
  return option.transform<unknown, unknown>({
    input: (value) => (value === null ? [] : [isNested ? (value as NestedSome).some : value]),
    output: (values) => {
      if (values.length > 1) throw new TypeError(`an option of ${values.length} values`);
      if (values.length === 0) return null;
      return isNested ? ({ some: values[0] } satisfies NestedSome) : values[0];
    },
  });
}

function mapOf(keyType: MoveType, valueType: MoveType): Layout | undefined {
  const [key, value] = [layoutOf(keyType), layoutOf(valueType)];
  if (key === undefined || value === undefined) return undefined;
  return vectorLayout(bcs.struct('Entry', { key, value })) as unknown as Layout;
}

/** By the fields that Move declares. Values of such types are carried, never looked into. */
function declaredLayout(type: MoveStruct): Layout | undefined {
  const declared = datatypeDeclaration(type.package, type.module, type.name);
  if (declared === undefined) return undefined;
  const fieldsOf = (fields: readonly FieldDeclaration[]) => {
    const entries = fields.map(
      (field) => [field.name, layoutOf(withArguments(field.type, type.typeArguments))] as const,
    );
    if (entries.some(([, layout]) => layout === undefined)) return undefined;
    return Object.fromEntries(entries.map(([name, layout]) => [name, layout as Layout]));
  };
  if (declared.kind === 'struct') {
    const fields = fieldsOf(declared.fields);
    return fields === undefined ? undefined : (bcs.struct(declared.name, fields) as unknown as Layout);
  }
  const variants = declared.variants.map(({ name, fields }) => [name, fieldsOf(fields)] as const);
  if (variants.some(([, fields]) => fields === undefined)) return undefined;
  return bcs.enum(
    declared.name,
    Object.fromEntries(variants.map(([name, fields]) => [name, bcs.struct(name, fields ?? {})])),
  ) as unknown as Layout;
}

/** A field's type with the arguments of the struct around it. */
function withArguments(type: MoveType, typeArguments: readonly MoveType[]): MoveType {
  if (type.kind === 'parameter') return typeArguments[type.index] as MoveType;
  if (type.kind === 'vector') return { kind: 'vector', element: withArguments(type.element, typeArguments) };
  if (type.kind !== 'struct') return type;
  return { ...type, typeArguments: type.typeArguments.map((argument) => withArguments(argument, typeArguments)) };
}
