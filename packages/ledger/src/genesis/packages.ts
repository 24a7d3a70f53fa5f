/** Package objects: the framework, WAL and Walrus, as explorers and wallets look them up. */
import type { PackageAddresses } from '@floe/contracts';
import { bcs } from '@mysten/sui/bcs';
import { PACKAGE_TYPE } from '../object-codec.ts';
import { BUILT_IN, dependenciesOf, modulesOf, PACKAGE_NAMES } from '../packages.ts';
import type { GenesisObjects } from './object-builder.ts';

export function addPackages(objects: GenesisObjects, addresses: PackageAddresses): void {
  for (const name of PACKAGE_NAMES) {
    const id = addresses[name];
    const modules = modulesOf(name);
    const contents = bcs.MovePackage.serialize({
      id,
      version: '1',
      moduleMap: new Map(modules.map((module) => [module.name, BUILT_IN])),
      typeOriginTable: modules.flatMap((module) =>
        module.datatypes.map((declared) => ({ moduleName: module.name, datatypeName: declared.name, package: id })),
      ),
      linkageTable: new Map(
        dependenciesOf(name).map((other) => [addresses[other], { upgradedId: addresses[other], upgradedVersion: '1' }]),
      ),
    }).toBytes();
    objects.add({ id, type: PACKAGE_TYPE, owner: { kind: 'immutable' }, contents, hasPublicTransfer: false });
  }
}
