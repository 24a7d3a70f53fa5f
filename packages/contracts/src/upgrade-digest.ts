/**
 * What votes for upgrades name. The contracts of this ledger are built in: an upgrade of them brings one module, a
 * manifest with the version of the rules, where a ledger that runs bytecode has code.
 */
import { blake2b256 } from '@floe/kernels';
import { concatBytes, utf8 } from '@floe/platform';
import { objectIdBytes, type ObjectId } from '@floe/protocol';

/** The module of an upgrade to rules of this version. */
export function contractsManifest(version: bigint): Uint8Array {
  return utf8(`walrus: rules of version ${version}, built into the ledger`);
}

/** The digest of a package in an `UpgradeTicket`, by Sui's rule: over the hashes of its modules and its dependencies, sorted. */
export function upgradeDigest(modules: readonly Uint8Array[], dependencies: readonly ObjectId[]): Uint8Array {
  const parts = [...modules.map((module) => blake2b256(module)), ...dependencies.map(objectIdBytes)];
  return blake2b256(concatBytes(...parts.toSorted(compareBytes)));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}
