/**
 * `ObjectDisplay`: how wallets and explorers show blobs, storage and stakes. One shared object whose bag holds a template
 * for each of the types, and the publisher in whose name they were made. Sui's rules: object display.
 */
import { layouts, moveValues, type PackageAddresses } from '@floe/contracts';
import { FRAMEWORK_ID } from '../type-constants.ts';
import type { GenesisObjects } from './object-builder.ts';

/** Type and texts, where `{field}` stands for the value of a field. */
const DISPLAYS: readonly { readonly type: string; readonly fields: Readonly<Record<string, string>> }[] = [
  {
    type: 'blob::Blob',
    fields: {
      name: 'Blob of {size} bytes',
      description: 'Registered in epoch {registered_epoch}, certified in {certified_epoch}. Deletable: {deletable}',
    },
  },
  {
    type: 'storage_resource::Storage',
    fields: {
      name: 'Storage for {storage_size} bytes',
      description: 'From epoch {start_epoch} up to, not including, epoch {end_epoch}',
    },
  },
  {
    type: 'staked_wal::StakedWal',
    fields: {
      name: 'Stake of {principal} FROST',
      description: 'With node {node_id}, active from epoch {activation_epoch}',
    },
  },
];

/** Every template has these, as the original's have; here they lead nowhere. */
const EMPTY_FIELDS = { image_url: '', project_url: '', link: '' };

export function addDisplay(objects: GenesisObjects, addresses: PackageAddresses): void {
  const { walrus, std } = addresses;
  const [id, bag] = [objects.freshId(), objects.freshId()];
  for (const { type, fields } of DISPLAYS) {
    const child = objects.freshId();
    // As `std::type_name` writes it: without the address's 0x.
    const name = `${walrus.slice(2)}::${type}`;
    objects.objectField({
      parent: bag,
      nameType: `${std}::type_name::TypeName`,
      nameBytes: moveValues.string.serialize(name).toBytes(),
      layout: layouts.DisplayField,
      name,
      child: {
        id: child,
        type: `${FRAMEWORK_ID}::display::Display<${walrus}::${type}>`,
        contents: layouts.Display.serialize({
          id: child,
          fields: Object.entries({ ...fields, ...EMPTY_FIELDS }).map(([key, value]) => ({ key, value })),
          version: 1,
        }).toBytes(),
      },
    });
  }
  const publisher = objects.freshId();
  objects.objectField({
    parent: bag,
    nameType: `${walrus}::display::PublisherKey`,
    nameBytes: Uint8Array.of(0),
    layout: layouts.PublisherField,
    name: { dummyField: false },
    child: {
      id: publisher,
      type: `${FRAMEWORK_ID}::package::Publisher`,
      contents: layouts.Publisher.serialize({ id: publisher, package: walrus.slice(2), moduleName: 'init' }).toBytes(),
    },
  });
  objects.add({
    id,
    type: `${walrus}::display::ObjectDisplay`,
    owner: { kind: 'shared', initialVersion: 1n },
    contents: layouts.ObjectDisplay.serialize({
      id,
      inner: { id: bag, size: BigInt(DISPLAYS.length + 1) },
    }).toBytes(),
    hasPublicTransfer: false,
  });
}
