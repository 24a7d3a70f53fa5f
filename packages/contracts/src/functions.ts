/**
 * Signatures of every public Move function that a transaction can call, and the abilities of the types they use. One
 * table serves `GetFunction`, the typing of arguments, and whether a shared object is taken mutably.
 */
import type { ObjectId } from '@floe/protocol';
import { DATATYPE_DECLARATIONS } from './datatype-declarations.ts';
import { DECLARATIONS } from './declarations.ts';
import type { Ability, MoveType, PackageAddresses, PackageName } from './move-type.ts';
import {
  type FunctionSignature,
  type Parameter,
  parseDeclarations,
  type DatatypeDeclaration,
} from './signature-text.ts';

export type {
  DatatypeDeclaration,
  FieldDeclaration,
  FunctionSignature,
  Parameter,
  Reference,
  TypeParameter,
  VariantDeclaration,
} from './signature-text.ts';

const declarations = parseDeclarations(`${DATATYPE_DECLARATIONS}${DECLARATIONS}`);

/** All of them, in the order of the declarations. */
export const functionSignatures: readonly FunctionSignature[] = declarations.functions;
export const datatypeDeclarations: readonly DatatypeDeclaration[] = declarations.datatypes;

const functionsByName = new Map(
  declarations.functions.map((signature) => [
    `${signature.package}::${signature.module}::${signature.name}`,
    signature,
  ]),
);
const datatypesByName = new Map(
  declarations.datatypes.map((declared) => [`${declared.package}::${declared.module}::${declared.name}`, declared]),
);

/** The function's signature; undefined when there is none of that name. */
export function functionSignature(
  packageName: PackageName,
  module: string,
  name: string,
): FunctionSignature | undefined {
  return functionsByName.get(`${packageName}::${module}::${name}`);
}

/** The declaration of a struct or enum; undefined when there is none of that name. */
export function datatypeDeclaration(
  packageName: PackageName,
  module: string,
  name: string,
): DatatypeDeclaration | undefined {
  return datatypesByName.get(`${packageName}::${module}::${name}`);
}

/** Which package stands at an address; undefined when none does. */
export function packageAt(address: ObjectId, addresses: PackageAddresses): PackageName | undefined {
  return (Object.keys(addresses) as PackageName[]).find((name) => addresses[name] === address);
}

/** The parameters that a transaction gives arguments for: all but the `TxContext` at the end. */
export function callParameters(signature: FunctionSignature): readonly Parameter[] {
  const last = signature.parameters.at(-1);
  return last !== undefined && isTxContext(last.type) ? signature.parameters.slice(0, -1) : signature.parameters;
}

/**
 * Abilities of a type. `typeArguments` are the abilities of what stands for the type parameters around it.
 * A generic struct has `copy`, `drop` and `store` only when its non-phantom arguments have them, and `key` when they
 * have `store` (Move's conditional abilities).
 */
export function abilitiesOf(type: MoveType, typeArguments: readonly (readonly Ability[])[] = []): readonly Ability[] {
  if (type.kind === 'parameter') return typeArguments[type.index] ?? [];
  if (type.kind === 'signer') return ['drop'];
  if (type.kind === 'vector') {
    const element = abilitiesOf(type.element, typeArguments);
    return (['copy', 'drop', 'store'] as const).filter((ability) => element.includes(ability));
  }
  if (type.kind !== 'struct') return ['copy', 'drop', 'store'];
  const declared = datatypeDeclaration(type.package, type.module, type.name);
  if (declared === undefined) return [];
  const bounding = type.typeArguments
    .filter((_argument, i) => declared.typeParameters[i]?.phantom === false)
    .map((argument) => abilitiesOf(argument, typeArguments));
  return declared.abilities.filter((ability) =>
    bounding.every((abilities) => abilities.includes(ability === 'key' ? 'store' : ability)),
  );
}

function isTxContext(type: MoveType): boolean {
  return type.kind === 'struct' && type.package === 'sui' && type.module === 'tx_context';
}
