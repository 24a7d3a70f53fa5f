/** Reads dynamic field objects: `Field<N,V>` is its id, a name and a value, one after another. */
import { assert } from '@floe/platform';
import { BcsReader, objectIdFromBytes } from '@floe/protocol';
import type { DynamicFieldEntry, LedgerObject } from './api.ts';
import { DYNAMIC_FIELD_PREFIX, FRAMEWORK_ID, OBJECT_FIELD_WRAPPER_PREFIX } from './type-constants.ts';
import { formatTypeTag, parseStructTag, type TypeTag } from './type-tag.ts';

const SIZES: Readonly<Record<string, number>> = {
  bool: 1,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  u128: 16,
  u256: 32,
  address: 32,
  signer: 32,
};
const MAX_NAME_ELEMENTS = 65_536;

/** Undefined when the object is no dynamic field (an object owned by a field, such as a storage node's pool). */
export function dynamicFieldEntry(object: LedgerObject): DynamicFieldEntry | undefined {
  if (!object.type.startsWith(DYNAMIC_FIELD_PREFIX)) return undefined;
  const [name, value] = parseStructTag(object.type).typeArguments;
  assert(name !== undefined && value !== undefined, 'a dynamic field has a name and a value', { type: object.type });
  const reader = new BcsReader(object.contents, 'dynamic field');
  reader.fixed(32);
  const start = reader.offset;
  skipValue(reader, name);
  const nameBytes = object.contents.slice(start, reader.offset);
  const valueBytes = object.contents.slice(reader.offset);
  const nameType = formatTypeTag(name);
  const isObjectField = nameType.startsWith(OBJECT_FIELD_WRAPPER_PREFIX);
  return {
    fieldId: object.id,
    fieldType: object.type,
    kind: isObjectField ? 'object' : 'field',
    nameType: isObjectField ? nameType.slice(OBJECT_FIELD_WRAPPER_PREFIX.length, -1) : nameType,
    nameBytes,
    valueType: formatTypeTag(value),
    valueBytes,
    childId: isObjectField ? objectIdFromBytes(valueBytes) : undefined,
  };
}

/** Passes one value of a type that the contracts use as a name. */
function skipValue(reader: BcsReader, type: TypeTag): void {
  if (type.kind === 'vector') {
    for (let left = reader.count(1, MAX_NAME_ELEMENTS); left > 0; left -= 1) skipValue(reader, type.element);
    return;
  }
  if (type.kind !== 'struct') {
    reader.fixed(SIZES[type.kind] as number);
    return;
  }
  const name = `${type.module}::${type.name}`;
  if (type.address === FRAMEWORK_ID && name === 'dynamic_object_field::Wrapper') {
    skipValue(reader, type.typeArguments[0] as TypeTag);
  } else if (name === 'object::ID') reader.fixed(32);
  else if (name === 'string::String' || name === 'ascii::String') reader.bytes();
  else if (name === 'upgrade::PackageDigest') reader.bytes();
  // All other names are structs without fields, which have one byte.
  else reader.fixed(1);
}
