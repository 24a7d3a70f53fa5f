/** What the built-in packages consist of: their modules, and which packages they call. */
import {
  contractsManifest,
  type DatatypeDeclaration,
  datatypeDeclarations,
  type FunctionSignature,
  functionSignatures,
  type PackageName,
} from '@floe/contracts';
import { equalBytes, utf8 } from '@floe/platform';

/** Stands where a module's bytecode would. */
export const BUILT_IN: Uint8Array = utf8('built into the ledger');

/** The version of Walrus's rules that this ledger runs; what system and staking object carry. */
export const CONTRACTS_VERSION = 4n;

/** Whether an upgrade with these modules is one to rules that this ledger has. */
export function isBuiltIn(name: PackageName, modules: readonly Uint8Array[]): boolean {
  const [manifest] = modules;
  return (
    name === 'walrus' &&
    modules.length === 1 &&
    manifest !== undefined &&
    equalBytes(manifest, contractsManifest(CONTRACTS_VERSION))
  );
}

export interface PackageModule {
  readonly name: string;
  readonly datatypes: readonly DatatypeDeclaration[];
  readonly functions: readonly FunctionSignature[];
}

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

/** All packages, each after those that it calls. */
export const PACKAGE_NAMES = Object.keys(DEPENDENCIES) as readonly PackageName[];

/** The packages that a package calls, directly or not. */
export function dependenciesOf(name: PackageName): readonly PackageName[] {
  return DEPENDENCIES[name];
}

/** In ascending order of name. */
export function modulesOf(packageName: PackageName): PackageModule[] {
  const datatypes = datatypeDeclarations.filter((declared) => declared.package === packageName);
  const functions = functionSignatures.filter((declared) => declared.package === packageName);
  const names = [...new Set([...functions, ...datatypes].map(({ module }) => module))].sort();
  return names.map((name) => ({
    name,
    datatypes: datatypes.filter(({ module }) => module === name),
    functions: functions.filter(({ module }) => module === name),
  }));
}
