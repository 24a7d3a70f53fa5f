/**
 * Package objects: the framework, WAL and Walrus, as explorers and wallets look them up. Their code is built into the
 * ledger; a module's bytes say so instead of holding bytecode.
 */
import { functionSignatures, type PackageAddresses, type PackageName, structDeclarations } from '@floe/contracts';
import { utf8 } from '@floe/platform';
import { bcs } from '@mysten/sui/bcs';
import { PACKAGE_TYPE } from '../object-codec.ts';
import type { GenesisObjects } from './object-builder.ts';

const BUILT_IN = utf8('built into the ledger');

/** The packages that a package calls. */
const DEPENDENCIES: Readonly<Record<PackageName, readonly PackageName[]>> = {
  std: [],
  sui: ['std'],
  wal: ['std', 'sui'],
  walrus: ['std', 'sui', 'wal'],
  wal_exchange: ['std', 'sui', 'wal'],
  subsidies: ['std', 'sui', 'wal', 'walrus'],
  walrus_subsidies: ['std', 'sui', 'wal', 'walrus'],
  blob_bucket: ['std', 'sui', 'wal', 'walrus'],
};

export function addPackages(objects: GenesisObjects, addresses: PackageAddresses): void {
  for (const name of Object.keys(DEPENDENCIES) as PackageName[]) {
    const id = addresses[name];
    const contents = bcs.MovePackage.serialize({
      id,
      version: '1',
      moduleMap: new Map(modulesOf(name).map((module) => [module, BUILT_IN])),
      typeOriginTable: structDeclarations
        .filter((declared) => declared.package === name)
        .map((declared) => ({ moduleName: declared.module, datatypeName: declared.name, package: id })),
      linkageTable: new Map(
        DEPENDENCIES[name].map((other) => [addresses[other], { upgradedId: addresses[other], upgradedVersion: '1' }]),
      ),
    }).toBytes();
    objects.add({ id, type: PACKAGE_TYPE, owner: { kind: 'immutable' }, contents, hasPublicTransfer: false });
  }
}

function modulesOf(name: PackageName): string[] {
  const modules = [...functionSignatures, ...structDeclarations].filter((declared) => declared.package === name);
  return [...new Set(modules.map(({ module }) => module))].sort();
}
