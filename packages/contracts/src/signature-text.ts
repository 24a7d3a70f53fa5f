/**
 * Reads function and struct declarations written as Move writes them, without parameter names:
 *
 *     module walrus::metadata
 *     struct Metadata has drop, store
 *     fun remove(&mut Metadata, &String): (String, String)
 *
 * Names of types are resolved among the structs of the same module, then among all declared in the text; a name that
 * several modules declare is only used in them. `fun f<T: key + store>` declares a type parameter. The text is part of this package, so a mistake in it is a bug and throws when the package loads.
 */
import { assert } from '@floe/platform';
import type { Ability, MovePrimitive, MoveStruct, MoveType, PackageName } from './move-type.ts';

export type Reference = 'value' | 'imm' | 'mut';

export interface Parameter {
  readonly ref: Reference;
  readonly type: MoveType;
}

export interface TypeParameter {
  readonly name: string;
  readonly abilities: readonly Ability[];
}

export interface FunctionSignature {
  readonly package: PackageName;
  readonly module: string;
  readonly name: string;
  readonly visibility: 'public';
  readonly isEntry: boolean;
  readonly typeParameters: readonly TypeParameter[];
  /** With the trailing `TxContext`, where Move has it; a transaction's arguments leave it out. */
  readonly parameters: readonly Parameter[];
  readonly returns: readonly Parameter[];
}

export interface StructDeclaration {
  readonly package: PackageName;
  readonly module: string;
  readonly name: string;
  readonly abilities: readonly Ability[];
  /** Abilities `copy`, `drop` and `store` hold only if those of the arguments do, except for phantom parameters. */
  readonly typeParameters: readonly { readonly name: string; readonly phantom: boolean }[];
}

export interface Declarations {
  readonly functions: readonly FunctionSignature[];
  readonly structs: readonly StructDeclaration[];
}

const PRIMITIVES: ReadonlySet<string> = new Set<MovePrimitive>([
  'bool',
  'u8',
  'u16',
  'u32',
  'u64',
  'u128',
  'u256',
  'address',
  'signer',
]);

/** @throws AssertionError when the text is not well formed or names a type it does not declare. */
export function parseDeclarations(text: string): Declarations {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('//'));
  const scoped = scopeLines(lines);
  const structs = scoped.filter(({ line }) => line.startsWith('struct ')).map(parseStruct);
  const byName = new Map<string, StructDeclaration[]>();
  for (const declared of structs) byName.set(declared.name, [...(byName.get(declared.name) ?? []), declared]);
  const functions = scoped
    .filter(({ line }) => !line.startsWith('struct '))
    .map((scope) => parseFunction(scope, byName));
  return { functions, structs };
}

interface ScopedLine {
  readonly package: PackageName;
  readonly module: string;
  readonly line: string;
}

function scopeLines(lines: readonly string[]): ScopedLine[] {
  const scoped: ScopedLine[] = [];
  let scope: { package: PackageName; module: string } | undefined;
  for (const line of lines) {
    const header = /^module (std|sui|wal|walrus|wal_exchange|subsidies|walrus_subsidies|blob_bucket)::(\w+)$/.exec(
      line,
    );
    if (header !== null) scope = { package: header[1] as PackageName, module: header[2] as string };
    else {
      assert(scope !== undefined, 'declaration outside a module', { line });
      scoped.push({ ...scope, line });
    }
  }
  return scoped;
}

function parseStruct({ line, ...scope }: ScopedLine): StructDeclaration {
  const match = /^struct (\w+)(?:<([^>]*)>)?(?: has ([\w, ]+))?$/.exec(line);
  assert(match !== null, 'malformed struct', { line });
  const typeParameters = splitList(match[2] ?? '').map((parameter) => ({
    name: parameter.replace('phantom ', ''),
    phantom: parameter.startsWith('phantom '),
  }));
  return { ...scope, name: match[1] as string, abilities: splitList(match[3] ?? '') as Ability[], typeParameters };
}

/** The structs of a text by name, and the module from which names are looked up. */
interface Names {
  readonly scope: Omit<ScopedLine, 'line'>;
  readonly structs: ReadonlyMap<string, readonly StructDeclaration[]>;
}

function findStruct({ scope, structs }: Names, name: string): StructDeclaration | undefined {
  const declared = structs.get(name) ?? [];
  const local = declared.find((struct) => struct.package === scope.package && struct.module === scope.module);
  assert(local !== undefined || declared.length <= 1, 'several structs have this name', { name });
  return local ?? declared[0];
}

function parseFunction(
  { line, ...scope }: ScopedLine,
  byName: ReadonlyMap<string, readonly StructDeclaration[]>,
): FunctionSignature {
  const structs: Names = { scope, structs: byName };
  const match = /^(entry )?fun (\w+)(?:<(.*?)>)?\((.*?)\)(?:: (.+))?$/.exec(line);
  assert(match !== null, 'malformed function', { line });
  const typeParameters = splitList(match[3] ?? '').map((declared) => {
    const [name, abilities] = declared.split(': ');
    return { name: name as string, abilities: (abilities?.split(' + ') ?? []) as Ability[] };
  });
  const names = typeParameters.map(({ name }) => name);
  const returned = match[5] ?? '';
  const returns = returned.startsWith('(') ? returned.slice(1, -1) : returned;
  return {
    ...scope,
    name: match[2] as string,
    visibility: 'public',
    isEntry: match[1] !== undefined,
    typeParameters,
    parameters: splitList(match[4] as string).map((parameter) => parseParameter(parameter, names, structs)),
    returns: splitList(returns).map((parameter) => parseParameter(parameter, names, structs)),
  };
}

function parseParameter(text: string, typeParameters: readonly string[], structs: Names): Parameter {
  const ref = text.startsWith('&mut ') ? 'mut' : text.startsWith('&') ? 'imm' : 'value';
  const bare = ref === 'mut' ? text.slice(5) : ref === 'imm' ? text.slice(1) : text;
  return { ref, type: parseType(bare, typeParameters, structs) };
}

function parseType(text: string, typeParameters: readonly string[], structs: Names): MoveType {
  if (PRIMITIVES.has(text)) return { kind: text as MovePrimitive };
  const index = typeParameters.indexOf(text);
  if (index >= 0) return { kind: 'parameter', index };
  const match = /^(\w+)(?:<(.+)>)?$/.exec(text);
  assert(match !== null, 'malformed type', { text });
  const inner = splitList(match[2] ?? '').map((argument) => parseType(argument, typeParameters, structs));
  if (match[1] === 'vector') return { kind: 'vector', element: inner[0] as MoveType };
  const declared = findStruct(structs, match[1] as string);
  assert(declared !== undefined, 'undeclared type', { text });
  assert(declared.typeParameters.length === inner.length, 'wrong number of type arguments', { text });
  const struct: MoveStruct = {
    kind: 'struct',
    package: declared.package,
    module: declared.module,
    name: declared.name,
    typeArguments: inner,
  };
  return struct;
}

/** Splits at commas outside angle brackets. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '<') depth += 1;
    else if (text[i] === '>') depth -= 1;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
}
