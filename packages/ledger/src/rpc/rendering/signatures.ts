/** Move functions, structs and enums as protobuf descriptors. Type names are fully normalised. */
import type {
  Ability,
  DatatypeDeclaration,
  FieldDeclaration,
  FunctionSignature,
  MoveType,
  PackageAddresses,
  Parameter,
} from '@floe/contracts';
import { GrpcTypes } from '@mysten/sui/grpc';

const Type = GrpcTypes.OpenSignatureBody_Type;

const PRIMITIVE: Readonly<Record<Exclude<MoveType['kind'], 'vector' | 'struct' | 'parameter'>, number>> = {
  bool: Type.BOOL,
  u8: Type.U8,
  u16: Type.U16,
  u32: Type.U32,
  u64: Type.U64,
  u128: Type.U128,
  u256: Type.U256,
  address: Type.ADDRESS,
  // The protocol has no code for it, and no function that a transaction can call takes one.
  signer: Type.TYPE_UNKNOWN,
};

const ABILITY = {
  copy: GrpcTypes.Ability.COPY,
  drop: GrpcTypes.Ability.DROP,
  store: GrpcTypes.Ability.STORE,
  key: GrpcTypes.Ability.KEY,
} as const;

/** A function as `GetFunction` describes it, the `TxContext` parameter included. */
export function renderFunction(
  signature: FunctionSignature,
  addresses: PackageAddresses,
): GrpcTypes.FunctionDescriptor {
  return {
    name: signature.name,
    visibility: VISIBILITY[signature.visibility],
    isEntry: signature.isEntry,
    typeParameters: signature.typeParameters.map((parameter) => ({
      constraints: abilitiesOf(parameter.abilities),
    })),
    parameters: signature.parameters.map((parameter) => renderParameter(parameter, addresses)),
    returns: signature.returns.map((parameter) => renderParameter(parameter, addresses)),
  };
}

/** A struct or enum as `GetDatatype` describes it. */
export function renderDatatype(
  declared: DatatypeDeclaration,
  addresses: PackageAddresses,
): GrpcTypes.DatatypeDescriptor {
  const definingId = addresses[declared.package];
  return {
    typeName: `${definingId}::${declared.module}::${declared.name}`,
    definingId,
    module: declared.module,
    name: declared.name,
    abilities: abilitiesOf(declared.abilities),
    typeParameters: declared.typeParameters.map(({ abilities, phantom }) => ({
      constraints: abilitiesOf(abilities),
      isPhantom: phantom,
    })),
    kind: KIND[declared.kind],
    fields: renderFields(declared.fields, addresses),
    variants: declared.variants.map(({ name, fields }, position) => ({
      name,
      position,
      fields: renderFields(fields, addresses),
    })),
  };
}

const KIND = {
  struct: GrpcTypes.DatatypeDescriptor_DatatypeKind.STRUCT,
  enum: GrpcTypes.DatatypeDescriptor_DatatypeKind.ENUM,
} as const;

const VISIBILITY = {
  public: GrpcTypes.FunctionDescriptor_Visibility.PUBLIC,
  private: GrpcTypes.FunctionDescriptor_Visibility.PRIVATE,
} as const;

function abilitiesOf(abilities: readonly Ability[]): GrpcTypes.Ability[] {
  return abilities.map((ability) => ABILITY[ability]);
}

function renderFields(fields: readonly FieldDeclaration[], addresses: PackageAddresses): GrpcTypes.FieldDescriptor[] {
  return fields.map(({ name, type }, position) => ({ name, position, type: renderBody(type, addresses) }));
}

function renderParameter(parameter: Parameter, addresses: PackageAddresses): GrpcTypes.OpenSignature {
  return { reference: REFERENCE[parameter.ref], body: renderBody(parameter.type, addresses) };
}

const REFERENCE: Readonly<Record<Parameter['ref'], number | undefined>> = {
  value: undefined,
  imm: GrpcTypes.OpenSignature_Reference.IMMUTABLE,
  mut: GrpcTypes.OpenSignature_Reference.MUTABLE,
};

function renderBody(type: MoveType, addresses: PackageAddresses): GrpcTypes.OpenSignatureBody {
  switch (type.kind) {
    case 'vector':
      return { type: Type.VECTOR, typeParameterInstantiation: [renderBody(type.element, addresses)] };
    case 'parameter':
      return { type: Type.TYPE_PARAMETER, typeParameter: type.index, typeParameterInstantiation: [] };
    case 'struct':
      return {
        type: Type.DATATYPE,
        typeName: `${addresses[type.package]}::${type.module}::${type.name}`,
        typeParameterInstantiation: type.typeArguments.map((argument) => renderBody(argument, addresses)),
      };
    default:
      return { type: PRIMITIVE[type.kind], typeParameterInstantiation: [] };
  }
}
