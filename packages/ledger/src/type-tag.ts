/**
 * Move types: text in any form, canonical text ({@link TypeName}), structure, and BCS of Sui's `TypeTag`.
 *
 * Canonical text is the identity of a type everywhere in the ledger. Depth and size of a type are bounded.
 */
import {
  type BcsReader,
  BcsWriter,
  objectIdBytes,
  objectIdFromBytes,
  parseObjectId,
  type ObjectId,
} from '@floe/protocol';
import type { TypeName } from './api.ts';
import { BoundedCache } from './bounded-cache.ts';
import { errors } from './errors.ts';
import { MAX_TYPE_ARGUMENTS, MAX_TYPE_DEPTH, MAX_TYPE_NODES, TYPE_CACHE_ENTRIES } from './limits.ts';

const PRIMITIVES = [
  'bool',
  'u8',
  'u64',
  'u128',
  'address',
  'signer',
  'vector',
  'struct',
  'u16',
  'u32',
  'u256',
] as const;

export type PrimitiveName = Exclude<(typeof PRIMITIVES)[number], 'vector' | 'struct'>;

export type TypeTag =
  | { readonly kind: PrimitiveName }
  | { readonly kind: 'vector'; readonly element: TypeTag }
  | StructTag;

export interface StructTag {
  readonly kind: 'struct';
  readonly address: ObjectId;
  readonly module: string;
  readonly name: string;
  readonly typeArguments: readonly TypeTag[];
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,127}/;
const parsed = new BoundedCache<string, TypeTag>(TYPE_CACHE_ENTRIES);
const encoded = new BoundedCache<TypeName, Uint8Array>(TYPE_CACHE_ENTRIES);

/** Canonical text of a type. */
export function formatTypeTag(tag: TypeTag): TypeName {
  if (tag.kind === 'vector') return `vector<${formatTypeTag(tag.element)}>`;
  if (tag.kind !== 'struct') return tag.kind;
  const inner = tag.typeArguments.length === 0 ? '' : `<${tag.typeArguments.map(formatTypeTag).join(',')}>`;
  return `${tag.address}::${tag.module}::${tag.name}${inner}`;
}

/**
 * Reads a type's text: addresses of any length, spaces after commas.
 * @throws INVALID_TYPE
 */
export function parseTypeTag(text: string): TypeTag {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const parser = new Parser(text);
  const tag = parser.type(0);
  parser.end();
  parsed.set(text, tag);
  return tag;
}

/** @throws INVALID_TYPE */
export function canonicalType(text: string): TypeName {
  return formatTypeTag(parseTypeTag(text));
}

/** A type that must name a struct. @throws INVALID_TYPE */
export function parseStructTag(text: string): StructTag {
  const tag = parseTypeTag(text);
  if (tag.kind !== 'struct') throw errors.INVALID_TYPE({ text, reason: 'expected a struct' });
  return tag;
}

/** BCS of a type; the array is shared and must not be written. */
export function typeTagBytes(type: TypeName): Uint8Array {
  let bytes = encoded.get(type);
  if (bytes === undefined) {
    const writer = new BcsWriter();
    writeTypeTag(writer, parseTypeTag(type));
    bytes = writer.finish();
    encoded.set(type, bytes);
  }
  return bytes;
}

/** BCS of a struct type without the enum tag of `TypeTag`: Sui's `StructTag`. */
export function structTagBytes(type: TypeName): Uint8Array {
  return typeTagBytes(type).subarray(1);
}

export function encodeTypeName(writer: BcsWriter, type: TypeName): void {
  writer.fixed(typeTagBytes(type));
}

/** Reads a `TypeTag`. @throws INVALID_BCS, INVALID_TYPE */
export function decodeTypeName(reader: BcsReader): TypeName {
  return formatTypeTag(readTypeTag(reader, 0, { nodes: 0 }));
}

/** Reads a `StructTag`. @throws INVALID_BCS, INVALID_TYPE */
export function decodeStructName(reader: BcsReader): TypeName {
  return formatTypeTag(readStructTag(reader, 0, { nodes: 0 }));
}

function writeTypeTag(writer: BcsWriter, tag: TypeTag): void {
  writer.uleb(PRIMITIVES.indexOf(tag.kind));
  if (tag.kind === 'vector') writeTypeTag(writer, tag.element);
  if (tag.kind !== 'struct') return;
  writer.fixed(objectIdBytes(tag.address)).string(tag.module).string(tag.name);
  writer.uleb(tag.typeArguments.length);
  for (const argument of tag.typeArguments) writeTypeTag(writer, argument);
}

function readTypeTag(reader: BcsReader, depth: number, budget: { nodes: number }): TypeTag {
  const kind = PRIMITIVES[reader.uleb('TypeTag')];
  if (kind === undefined) throw errors.INVALID_TYPE({ text: '', reason: 'unknown kind of type' });
  if (kind === 'struct') return readStructTag(reader, depth, budget);
  countNode(depth, budget, '');
  return kind === 'vector' ? { kind, element: readTypeTag(reader, depth + 1, budget) } : { kind };
}

function readStructTag(reader: BcsReader, depth: number, budget: { nodes: number }): StructTag {
  countNode(depth, budget, '');
  const address = objectIdFromBytes(reader.fixed(32, 'an address'));
  const [module, name] = [reader.string('a module'), reader.string('a name')];
  for (const identifier of [module, name]) {
    if (IDENTIFIER.exec(identifier)?.[0] !== identifier) {
      throw errors.INVALID_TYPE({ text: identifier, reason: 'not an identifier' });
    }
  }
  const read = (inner: BcsReader) => readTypeTag(inner, depth + 1, budget);
  return { kind: 'struct', address, module, name, typeArguments: reader.vector(read, 1, MAX_TYPE_ARGUMENTS) };
}

function countNode(depth: number, budget: { nodes: number }, text: string): void {
  budget.nodes += 1;
  if (depth > MAX_TYPE_DEPTH || budget.nodes > MAX_TYPE_NODES) {
    throw errors.INVALID_TYPE({
      text,
      reason: `deeper than ${MAX_TYPE_DEPTH} or of more than ${MAX_TYPE_NODES} parts`,
    });
  }
}

/** Recursive descent over the text of a type. */
class Parser {
  readonly #text: string;
  readonly #budget = { nodes: 0 };
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.length > 8192) this.#fail('too long');
  }

  type(depth: number): TypeTag {
    countNode(depth, this.#budget, this.#text);
    const word = this.#match(/^(0x[0-9a-fA-F]{1,64}|[A-Za-z0-9_]+)/);
    if (word === undefined) return this.#fail('expected a type');
    if (this.#take('::')) return this.#struct(word, depth);
    if (word === 'vector') {
      if (!this.#take('<')) this.#fail('expected < after vector');
      const element = this.type(depth + 1);
      if (!this.#take('>')) this.#fail('expected > after the element of vector');
      return { kind: 'vector', element };
    }
    if (word === 'struct' || !(PRIMITIVES as readonly string[]).includes(word)) this.#fail(`unknown type ${word}`);
    return { kind: word as PrimitiveName };
  }

  end(): void {
    if (this.#at !== this.#text.length) this.#fail(`unexpected text at ${this.#at}`);
  }

  #struct(address: string, depth: number): StructTag {
    if (!/^(0x)?[0-9a-fA-F]{1,64}$/.test(address)) this.#fail(`${address} is not an address`);
    const module = this.#match(IDENTIFIER) ?? this.#fail('expected a module');
    if (!this.#take('::')) this.#fail('expected :: after the module');
    const name = this.#match(IDENTIFIER) ?? this.#fail('expected a name');
    const typeArguments: TypeTag[] = [];
    if (this.#take('<')) {
      do typeArguments.push(this.type(depth + 1));
      while (this.#take(','));
      if (!this.#take('>') || typeArguments.length > MAX_TYPE_ARGUMENTS) this.#fail('expected >');
    }
    return { kind: 'struct', address: parseObjectId(address), module, name, typeArguments };
  }

  #match(pattern: RegExp): string | undefined {
    this.#spaces();
    const found = pattern.exec(this.#text.slice(this.#at))?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(symbol: string): boolean {
    this.#spaces();
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    this.#spaces();
    return true;
  }

  #spaces(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1;
  }

  #fail(reason: string): never {
    throw errors.INVALID_TYPE({ text: this.#text, reason });
  }
}
