/**
 * Move types as data, and their canonical text: addresses with all 64 digits, type arguments joined by `,` without
 * spaces, which is what Sui prints and what the official SDK compares object types with.
 */
import type { ObjectId } from '@floe/protocol';

/** The packages whose code the ledger runs; a deployment gives `walrus` and `wal` their addresses. */
export type PackageName = 'std' | 'sui' | 'wal' | 'walrus';
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

/** Addresses of the framework (`0x1`, `0x2`) beside those of a deployment, by original package id. */
export function packageAddresses(deployed: { walrus: ObjectId; wal: ObjectId }): PackageAddresses {
  return { std: frameworkAddress('1'), sui: frameworkAddress('2'), ...deployed };
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
