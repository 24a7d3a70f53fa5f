/** Every function that the ledger runs, by package, module and name. */
import { functionSignature, type layouts, type PackageName } from '@floe/contracts';
import { assert } from '@floe/platform';
import { type Native, native, type Ref } from '../execution/call.ts';
import { authNatives } from './auth.ts';
import { blobNatives } from './blob.ts';
import { blobBucketNatives } from './companions/blob-bucket.ts';
import { exchangeNatives } from './companions/exchange.ts';
import { subsidiesNatives } from './companions/subsidies.ts';
import { walrusSubsidiesNatives } from './companions/walrus-subsidies.ts';
import { encodingNatives } from './encoding.ts';
import { frameworkNatives } from './framework.ts';
import { initNatives, migrationNatives } from './init.ts';
import { metadataNatives } from './metadata.ts';
import { sharedBlobNatives } from './shared-blob.ts';
import { slashingNatives } from './slashing.ts';
import { epochNatives } from './staking/epoch.ts';
import { nodeMetadataNatives, nodeNatives } from './staking/nodes.ts';
import { stakedWalNatives, stakeNatives } from './staking/stakes.ts';
import { storagePoolNatives } from './storage-pool.ts';
import { storageResourceNatives } from './storage-resource.ts';
import { systemNatives } from './system.ts';
import { upgradeNatives } from './upgrade.ts';
import { walNatives } from './wal.ts';

const storageNodeNatives: Readonly<Record<string, Native>> = {
  node_id: native((_call, self: layouts.StorageNodeCap) => [self.nodeId]),
  last_epoch_sync_done: native((_call, self: layouts.StorageNodeCap) => [self.lastEpochSyncDone]),
  deny_list_root: native((_call, self: layouts.StorageNodeCap) => [self.denyListRoot]),
  deny_list_sequence: native((_call, self: layouts.StorageNodeCap) => [self.denyListSequence]),
  id: native((_call, self: layouts.StorageNodeInfo) => [self.nodeId]),
  last_event_blob_attestation: native((_call, self: Ref<layouts.StorageNodeCap>) => [
    self.value.lastEventBlobAttestation,
  ]),
};

const committeeValueNatives: Readonly<Record<string, Native>> = {
  size: native((_call, self: layouts.Committee) => [BigInt(self.length)]),
  to_inner: native((_call, self: layouts.Committee) => [self]),
};

const MODULES: Readonly<Partial<Record<PackageName, Readonly<Record<string, Readonly<Record<string, Native>>>>>>> = {
  ...frameworkNatives,
  walrus: {
    system: systemNatives,
    blob: blobNatives,
    shared_blob: sharedBlobNatives,
    storage_resource: storageResourceNatives,
    metadata: metadataNatives,
    encoding: encodingNatives,
    storage_node: storageNodeNatives,
    auth: authNatives,
    node_metadata: nodeMetadataNatives,
    staked_wal: stakedWalNatives,
    staking: { ...stakeNatives, ...nodeNatives, ...epochNatives, ...migrationNatives },
    committee: committeeValueNatives,
    init: initNatives,
    storage_pool: storagePoolNatives,
    slashing: slashingNatives,
    upgrade: upgradeNatives,
  },
  wal: { wal: walNatives },
  wal_exchange: { wal_exchange: exchangeNatives },
  subsidies: { subsidies: subsidiesNatives },
  walrus_subsidies: { walrus_subsidies: walrusSubsidiesNatives },
  blob_bucket: { blob_bucket: blobBucketNatives },
};

/** `package::module::function` → function; each has its signature in `@floe/contracts`. */
export function createNatives(): ReadonlyMap<string, Native> {
  const natives = new Map<string, Native>();
  for (const [packageName, modules] of Object.entries(MODULES)) {
    for (const [module, functions] of Object.entries(modules)) {
      for (const [name, run] of Object.entries(functions)) {
        const signature = functionSignature(packageName as PackageName, module, name);
        assert(signature !== undefined, 'every built-in function has a signature', { packageName, module, name });
        natives.set(`${packageName}::${module}::${name}`, run);
      }
    }
  }
  return natives;
}
