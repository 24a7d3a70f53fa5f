/** `metadata`: attributes as an insertion-ordered map; updating a key moves it to the end. Walrus contract rules: blobs. */
import { layouts, METADATA_NAME, metadataFieldId, moveValues, typeNames } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { type Call, type FieldRef, type Native, native, type Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';

export type Metadata = layouts.Metadata;

const FIELD_NAME = moveValues.bytes.parse(METADATA_NAME);

export const emptyMetadata: Metadata = { metadata: [] };

/** The pair at the end, where an update moves it. */
export function withPair(self: Metadata, key: string, value: string): Metadata {
  return { metadata: [...self.metadata.filter((entry) => entry.key !== key), { key, value }] };
}

/** Without the pair, and its value; undefined when there is none. */
export function withoutPair(self: Metadata, key: string): { metadata: Metadata; value: string | undefined } {
  const value = self.metadata.find((entry) => entry.key === key)?.value;
  return { metadata: { metadata: self.metadata.filter((entry) => entry.key !== key) }, value };
}

/** The attributes of a blob object, in its dynamic field. */
export function metadataField(call: Call, blobObjectId: ObjectId): FieldRef<Metadata> {
  return call.field<Metadata>({
    parent: blobObjectId,
    fieldId: metadataFieldId(blobObjectId),
    fieldType: typeNames(call.addresses.walrus).metadataField,
    layout: layouts.MetadataField as unknown as Codec,
    name: FIELD_NAME,
  });
}

/** Removes a pair that must be there, as `VecMap` does. */
export function removePair(call: Call, self: Ref<Metadata>, key: string): [string, string] {
  const { metadata, value } = withoutPair(self.value, key);
  if (value === undefined) return call.abort('vec_map', 'EKeyDoesNotExist', 'sui');
  self.value = metadata;
  return [key, value];
}

export const metadataNatives: Readonly<Record<string, Native>> = {
  new: native(() => [emptyMetadata]),
  insert_or_update: native((_call, self: Ref<Metadata>, key: string, value: string) => {
    self.value = withPair(self.value, key, value);
  }),
  remove: native((call, self: Ref<Metadata>, key: string) => removePair(call, self, key)),
  remove_if_exists: native((_call, self: Ref<Metadata>, key: string) => {
    const { metadata, value } = withoutPair(self.value, key);
    self.value = metadata;
    return [value ?? null];
  }),
};
