/**
 * Reads declarations of functions, structs and enums written nearly as Move writes them, functions without parameter
 * names:
 *
 *     module walrus::metadata
 *     struct Metadata has drop, store { metadata: VecMap<String, String> }
 *     enum State has copy, drop { Staked, Withdrawing { withdraw_epoch: u32 } }
 *     fun remove(&mut Metadata, &String): (String, String)
 *
 * Names of types are resolved among those of the same module, then among all of the text, where the first of that name
 * counts; `module::Name` says which. `fun f<T: key + store>` declares a type parameter, `private entry fun` a function
 * that only transactions call. A line goes on until its braces are closed. The text is part of this package, so a mistake
 * in it is a bug and throws when the package loads.
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
  readonly visibility: 'public' | 'private';
  readonly isEntry: boolean;
  readonly typeParameters: readonly TypeParameter[];
  /** With the trailing `TxContext`, where Move has it; a transaction's arguments leave it out. */
  readonly parameters: readonly Parameter[];
  readonly returns: readonly Parameter[];
}

export interface FieldDeclaration {
  readonly name: string;
  readonly type: MoveType;
}

export interface VariantDeclaration {
  readonly name: string;
  readonly fields: readonly FieldDeclaration[];
}

/** A struct or an enum. */
export interface DatatypeDeclaration {
  readonly kind: 'struct' | 'enum';
  readonly package: PackageName;
  readonly module: string;
  readonly name: string;
  readonly abilities: readonly Ability[];
  /** Abilities `copy`, `drop` and `store` hold only if those of the arguments do, except for phantom parameters. */
  readonly typeParameters: readonly (TypeParameter & { readonly phantom: boolean })[];
  /** Of a struct; empty for an enum. */
  readonly fields: readonly FieldDeclaration[];
  /** Of an enum; empty for a struct. */
  readonly variants: readonly VariantDeclaration[];
}

export interface Declarations {
  readonly functions: readonly FunctionSignature[];
  readonly datatypes: readonly DatatypeDeclaration[];
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
  const lines = joinOpenLines(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('//')),
  );
  const scoped = scopeLines(lines);
  const heads = scoped.filter(({ line }) => DATATYPE.test(line)).map(parseDatatypeHead);
  const byName = new Map<string, DatatypeHead[]>();
  for (const head of heads) byName.set(head.name, [...(byName.get(head.name) ?? []), head]);
  const functions = scoped.filter(({ line }) => !DATATYPE.test(line)).map((scope) => parseFunction(scope, byName));
  return { functions, datatypes: heads.map((head) => parseDatatypeBody(head, byName)) };
}

const DATATYPE = /^(?:struct|enum) /;

/** A datatype before its fields are read: they may name datatypes that stand further down. */
type DatatypeHead = Omit<DatatypeDeclaration, 'fields' | 'variants'> & { readonly body: string };

interface ScopedLine {
  readonly package: PackageName;
  readonly module: string;
  readonly line: string;
}

function joinOpenLines(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let open = '';
  for (const line of lines) {
    open = open === '' ? line : `${open} ${line}`;
    if (open.split('{').length > open.split('}').length) continue;
    joined.push(open);
    open = '';
  }
  assert(open === '', 'a brace that is never closed', { line: open });
  return joined;
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

function parseDatatypeHead({ line, ...scope }: ScopedLine): DatatypeHead {
  const match = /^(struct|enum) (\w+)(?:<([^>]*)>)?(?: has ([\w, ]+?))?(?: \{(.*)\})?$/.exec(line);
  assert(match !== null, 'malformed datatype', { line });
  const [, kind, name, parameters = '', abilities = '', body = ''] = match;
  return {
    ...scope,
    kind: kind as 'struct' | 'enum',
    name: name as string,
    abilities: splitList(abilities) as Ability[],
    typeParameters: splitList(parameters).map((text) => ({
      ...parseTypeParameter(text.replace('phantom ', '')),
      phantom: text.startsWith('phantom '),
    })),
    body,
  };
}

function parseDatatypeBody({ body, ...head }: DatatypeHead, byName: Names['datatypes']): DatatypeDeclaration {
  const names: Names = { scope: head, datatypes: byName };
  const typeParameters = head.typeParameters.map(({ name }) => name);
  const fieldsOf = (text: string): FieldDeclaration[] =>
    splitList(text).map((field) => {
      const match = /^(\w+): (.+)$/.exec(field);
      assert(match !== null, 'malformed field', { field });
      return { name: match[1] as string, type: parseType(match[2] as string, typeParameters, names) };
    });
  if (head.kind === 'struct') return { ...head, fields: fieldsOf(body), variants: [] };
  const variants = splitList(body).map((variant) => {
    const match = /^(\w+)(?: \{(.*)\})?$/.exec(variant);
    assert(match !== null, 'malformed variant', { variant });
    return { name: match[1] as string, fields: fieldsOf(match[2] ?? '') };
  });
  return { ...head, fields: [], variants };
}

function parseTypeParameter(text: string): TypeParameter {
  const [name, abilities] = text.split(': ');
  return { name: name as string, abilities: (abilities?.split(' + ') ?? []) as Ability[] };
}

/** The datatypes of a text by name, and the module from which names are looked up. */
interface Names {
  readonly scope: Pick<DatatypeHead, 'package' | 'module'>;
  readonly datatypes: ReadonlyMap<string, readonly DatatypeHead[]>;
}

function findDatatype({ scope, datatypes }: Names, module: string | undefined, name: string): DatatypeHead | undefined {
  const declared = datatypes.get(name) ?? [];
  if (module !== undefined) return declared.find((head) => head.module === module);
  return declared.find((head) => head.package === scope.package && head.module === scope.module) ?? declared[0];
}

function parseFunction({ line, ...scope }: ScopedLine, byName: Names['datatypes']): FunctionSignature {
  const names: Names = { scope, datatypes: byName };
  const match = /^(private )?(entry )?fun (\w+)(?:<(.*?)>)?\((.*?)\)(?:: (.+))?$/.exec(line);
  assert(match !== null, 'malformed function', { line });
  const typeParameters = splitList(match[4] ?? '').map(parseTypeParameter);
  const parameterNames = typeParameters.map(({ name }) => name);
  const returned = match[6] ?? '';
  const returns = returned.startsWith('(') ? returned.slice(1, -1) : returned;
  return {
    ...scope,
    name: match[3] as string,
    visibility: match[1] === undefined ? 'public' : 'private',
    isEntry: match[2] !== undefined,
    typeParameters,
    parameters: splitList(match[5] as string).map((parameter) => parseParameter(parameter, parameterNames, names)),
    returns: splitList(returns).map((parameter) => parseParameter(parameter, parameterNames, names)),
  };
}

function parseParameter(text: string, typeParameters: readonly string[], names: Names): Parameter {
  const ref = text.startsWith('&mut ') ? 'mut' : text.startsWith('&') ? 'imm' : 'value';
  const bare = ref === 'mut' ? text.slice(5) : ref === 'imm' ? text.slice(1) : text;
  return { ref, type: parseType(bare, typeParameters, names) };
}

function parseType(text: string, typeParameters: readonly string[], names: Names): MoveType {
  if (PRIMITIVES.has(text)) return { kind: text as MovePrimitive };
  const index = typeParameters.indexOf(text);
  if (index >= 0) return { kind: 'parameter', index };
  const match = /^(?:(\w+)::)?(\w+)(?:<(.+)>)?$/.exec(text);
  assert(match !== null, 'malformed type', { text });
  const inner = splitList(match[3] ?? '').map((argument) => parseType(argument, typeParameters, names));
  if (match[2] === 'vector') return { kind: 'vector', element: inner[0] as MoveType };
  const declared = findDatatype(names, match[1], match[2] as string);
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

/** Splits at commas outside angle brackets and braces. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '<' || text[i] === '{') depth += 1;
    else if (text[i] === '>' || text[i] === '}') depth -= 1;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
}
