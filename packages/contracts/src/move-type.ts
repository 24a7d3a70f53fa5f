/**
 * Move types as data, and their canonical text: addresses with all 64 digits, type arguments joined by `,` without
 * spaces, which is what Sui prints and what the official SDK compares object types with.
 */
import { utf8 } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import { deriveDynamicFieldID } from '@mysten/sui/utils';

/** Packages that stand beside Walrus and use it. */
const COMPANIONS = ['wal_exchange', 'subsidies', 'walrus_subsidies', 'blob_bucket'] as const;

/** The packages whose code the ledger runs; a deployment gives `walrus` and `wal` their addresses. */
export type PackageName = 'std' | 'sui' | 'wal' | 'walrus' | CompanionName;
export type CompanionName = (typeof COMPANIONS)[number];
export type PackageAddresses = Readonly<Record<PackageName, ObjectId>>;

export type Ability = 'copy' | 'drop' | 'store' | 'key';

export type MovePrimitive = 'bool' | 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'u256' | 'address' | 'signer';

export type MoveType =
  | { readonly kind: MovePrimitive }
  | { readonly kind: 'vector'; readonly element: MoveType }
  | MoveStruct
  /** The type parameter at `index` of the function or struct around it. */
  | { readonly kind: 'parameter'; readonly index: number };

export interface MoveStruct {
  readonly kind: 'struct';
  readonly package: PackageName;
  readonly module: string;
  readonly name: string;
  readonly typeArguments: readonly MoveType[];
}

const frameworkAddress = (digit: string): ObjectId => `0x${digit.padStart(64, '0')}` as ObjectId;

/**
 * Addresses of the framework (`0x1`, `0x2`) beside those of a deployment, by original package id. A companion whose
 * address is not given stands where Floe's own ledger puts it: at an id derived from that of Walrus and its name.
 */
export function packageAddresses(
  deployed: { walrus: ObjectId; wal: ObjectId } & Partial<Record<CompanionName, ObjectId>>,
): PackageAddresses {
  const companions = Object.fromEntries(COMPANIONS.map((name) => [name, companionAddress(deployed.walrus, name)]));
  return {
    std: frameworkAddress('1'),
    sui: frameworkAddress('2'),
    ...(companions as Record<CompanionName, ObjectId>),
    ...deployed,
  };
}

function companionAddress(walrus: ObjectId, name: CompanionName): ObjectId {
  const bytes = bcs.byteVector().serialize(utf8(name)).toBytes();
  return deriveDynamicFieldID(walrus, 'vector<u8>', bytes) as ObjectId;
}

/**
 * Canonical text of a type.
 *
 * @param typeArguments canonical texts that stand for `{kind: 'parameter'}`; needed when the type has any.
 */
export function formatMoveType(
  type: MoveType,
  addresses: PackageAddresses,
  typeArguments: readonly string[] = [],
): string {
  if (type.kind === 'vector') return `vector<${formatMoveType(type.element, addresses, typeArguments)}>`;
  if (type.kind === 'parameter') {
    const argument = typeArguments[type.index];
    if (argument === undefined) throw new TypeError(`Type parameter ${type.index} has no argument`);
    return argument;
  }
  if (type.kind !== 'struct') return type.kind;
  return (
    `${addresses[type.package]}::${type.module}::${type.name}` +
    joinTypeArguments(type.typeArguments.map((argument) => formatMoveType(argument, addresses, typeArguments)))
  );
}

function joinTypeArguments(texts: readonly string[]): string {
  return texts.length === 0 ? '' : `<${texts.join(',')}>`;
}
