/**
 * What the ledger knows of Move types: the BCS codec of their values and their abilities.
 *
 * A value in memory has the form of its layout in `@floe/contracts`: wide integers are bigint, ids are canonical text,
 * `vector<u8>` is a Uint8Array, `Option` is null or the value (`{some}` around an option), structs are plain objects. What
 * has no layout there is read by its declaration. Values are never changed in
 * place; a change makes a new value that shares what stayed, which is what makes rolling back free.
 */
import {
  type Ability,
  abilitiesOf,
  datatypeDeclaration,
  formatMoveType,
  type MoveType,
  packageAt,
  type PackageAddresses,
} from '@floe/contracts';
import { assert, equalBytes, isFloeError } from '@floe/platform';
import type { LedgerObject, TypeName } from '../api.ts';
import { BoundedCache } from '../bounded-cache.ts';
import { TYPE_CACHE_ENTRIES } from '../limits.ts';
import { parseTypeTag, type TypeTag } from '../type-tag.ts';
import type { Codec } from './codecs.ts';
import { codecOf } from './type-layouts.ts';

export type { Codec } from './codecs.ts';

export interface Datatype {
  readonly type: TypeName;
  readonly codec: Codec;
  readonly abilities: readonly Ability[];
  /** Whether a pure input can be read as it: primitives, and strings, ids, options and vectors of such. */
  readonly isPure: boolean;
}

const PURE_STRUCTS: ReadonlySet<string> = new Set(['sui::object::ID', 'std::string::String', 'std::option::Option']);

/**
 * Decoded values of objects that many transactions use, kept as long as the object itself is. Those that have an owner
 * are read by one or two transactions: to keep theirs costs more than to decode them again.
 */
const decodedValues = new WeakMap<LedgerObject, unknown>();

/** The value of an object. */
export function objectValue<T>(object: LedgerObject, decode: Codec): T {
  let value = decodedValues.get(object);
  if (value === undefined) {
    value = decode.parse(object.contents);
    rememberValue(object, value);
  }
  return value as T;
}

/** Remembers the value an object was just encoded from. */
export function rememberValue(object: LedgerObject, value: unknown): void {
  if (object.owner.kind !== 'address') decodedValues.set(object, value);
}

export class Datatypes {
  readonly addresses: PackageAddresses;
  readonly #known = new BoundedCache<TypeName, { datatype: Datatype | undefined }>(TYPE_CACHE_ENTRIES);
  /** Of the types that signatures mention without type arguments: they are looked up for every argument of a call. */
  readonly #mentioned = new WeakMap<MoveType, Datatype>();

  constructor(addresses: PackageAddresses) {
    this.addresses = addresses;
  }

  /** Undefined for types this ledger does not have, such as one deeper than types can be. */
  find(type: TypeName): Datatype | undefined {
    const known = this.#known.get(type);
    if (known !== undefined) return known.datatype;
    const tag = tagOf(type);
    const datatype = tag === undefined ? undefined : this.#make(type, tag);
    this.#known.set(type, { datatype });
    return datatype;
  }

  /** The type that a signature mentions, given the type arguments of a call; undefined like {@link find}. */
  mentioned(moveType: MoveType, typeArguments: readonly TypeName[]): Datatype | undefined {
    const isFixed = typeArguments.length === 0;
    const known = isFixed ? this.#mentioned.get(moveType) : undefined;
    if (known !== undefined) return known;
    const datatype = this.find(formatMoveType(moveType, this.addresses, typeArguments));
    if (isFixed && datatype !== undefined) this.#mentioned.set(moveType, datatype);
    return datatype;
  }

  /** A type that must be known. */
  get(type: TypeName): Datatype {
    const datatype = this.find(type);
    assert(datatype !== undefined, 'a known Move type', { type });
    return datatype;
  }

  #make(type: TypeName, tag: TypeTag): Datatype | undefined {
    const moveType = this.#moveType(tag);
    const codec = moveType === undefined ? undefined : codecOf(moveType);
    if (moveType === undefined || codec === undefined) return undefined;
    return { type, codec, abilities: abilitiesOf(moveType), isPure: isPure(moveType) };
  }

  #moveType(tag: TypeTag): MoveType | undefined {
    if (tag.kind === 'vector') {
      const element = this.#moveType(tag.element);
      return element === undefined ? undefined : { kind: 'vector', element };
    }
    if (tag.kind !== 'struct') return { kind: tag.kind };
    const packageName = packageAt(tag.address, this.addresses);
    if (packageName === undefined) return undefined;
    const declared = datatypeDeclaration(packageName, tag.module, tag.name);
    const typeArguments = tag.typeArguments.map((argument) => this.#moveType(argument));
    if (declared?.typeParameters.length !== typeArguments.length || typeArguments.includes(undefined)) return undefined;
    return {
      kind: 'struct',
      package: packageName,
      module: tag.module,
      name: tag.name,
      typeArguments: typeArguments as MoveType[],
    };
  }
}

function tagOf(type: TypeName): TypeTag | undefined {
  try {
    return parseTypeTag(type);
  } catch (error) {
    if (isFloeError(error)) return undefined;
    throw error;
  }
}

/**
 * Reads a pure input as a value of `datatype`: exactly its canonical BCS.
 * Undefined when the bytes are anything else.
 */
export function decodePure(datatype: Datatype, bytes: Uint8Array): { value: unknown } | undefined {
  try {
    const value = datatype.codec.parse(bytes);
    if (datatype.codec.isStrict === true) return { value };
    return equalBytes(datatype.codec.serialize(value).toBytes(), bytes) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

function isPure(type: MoveType): boolean {
  if (type.kind === 'vector') return isPure(type.element);
  if (type.kind !== 'struct') return type.kind !== 'signer' && type.kind !== 'parameter';
  return PURE_STRUCTS.has(`${type.package}::${type.module}::${type.name}`) && type.typeArguments.every(isPure);
}
