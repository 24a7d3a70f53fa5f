/** The system side of a new chain: `System` in epoch 1 with its committee, empty accounts, and the WAL treasury. */
import { layouts, moveValues, type PackageAddresses, typeNames } from '@floe/contracts';
import type { Bls, Epoch, ObjectId } from '@floe/protocol';
import { FRAMEWORK_ID } from '../type-constants.ts';
import type { CheckedConfig } from './config.ts';
import { WAL_SUPPLY } from './config.ts';
import type { PlacedNode } from './committee.ts';
import type { GenesisObjects } from './object-builder.ts';
import { addExtendedField, FIRST_EPOCH } from './staking-objects.ts';

const VERSION = 4n;

interface Context {
  readonly objects: GenesisObjects;
  readonly config: CheckedConfig;
  readonly addresses: PackageAddresses;
}

export function addSystem(
  context: Context,
  ids: { system: ObjectId; denyListSizes: ObjectId },
  nodes: readonly PlacedNode[],
  bls: Pick<Bls, 'aggregatePublicKeys'>,
): void {
  const { objects, config, addresses } = context;
  const names = typeNames(addresses.walrus);
  const system = { id: ids.system, version: VERSION, packageId: addresses.walrus, newPackageId: null };
  objects.add({
    id: ids.system,
    type: names.system,
    owner: { kind: 'shared', initialVersion: 1n },
    contents: layouts.System.serialize(system).toBytes(),
    hasPublicTransfer: false,
  });
  const members = nodes.filter(({ shards }) => shards.length > 0);
  const inner: layouts.SystemStateInnerV1 = {
    committee: {
      members: members.map(({ nodeId, expandedKey, shards }) => ({
        publicKey: expandedKey,
        weight: shards.length,
        nodeId,
      })),
      nShards: config.nShards,
      epoch: FIRST_EPOCH,
      totalAggregatedKey: bls.aggregatePublicKeys(members.map(({ node }) => node.blsPublicKey)),
    },
    totalCapacitySize: config.capacity,
    usedCapacitySize: 0n,
    storagePricePerUnitSize: config.storagePrice,
    writePricePerUnitSize: config.writePrice,
    futureAccounting: ringOfEpochOne(config.maxEpochsAhead),
    eventBlobCertificationState: { latestCertifiedBlob: null, aggregateWeightPerBlob: [] },
    denyListSizes: ids.denyListSizes,
  };
  objects.field({
    parent: ids.system,
    nameType: 'u64',
    nameBytes: moveValues.u64.serialize(VERSION).toBytes(),
    valueType: names.systemInner,
    layout: layouts.SystemInnerField,
    name: VERSION,
    value: inner,
  });
  const sizesType = `${FRAMEWORK_ID}::vec_map::VecMap<${FRAMEWORK_ID}::object::ID,u64>`;
  addExtendedField(context, ids.denyListSizes, sizesType, layouts.DenyListSizesField, []);
}

/** As it stands once epoch 0 was popped: its slot holds the epoch after the last, and the index is one further. */
function ringOfEpochOne(length: number): layouts.FutureAccountingRingBuffer {
  const ringBuffer = Array.from({ length }, (_, i) => ({
    epoch: (i === 0 ? length : i) as Epoch,
    usedCapacity: 0n,
    rewardsToDistribute: 0n,
  }));
  return { currentIndex: 1 % length, length, ringBuffer };
}

export function addTreasury({ objects, addresses }: Context, treasury: ObjectId): void {
  objects.add({
    id: treasury,
    type: `${addresses.wal}::wal::ProtectedTreasury`,
    owner: { kind: 'shared', initialVersion: 1n },
    contents: layouts.ProtectedTreasury.serialize({ id: treasury }).toBytes(),
    hasPublicTransfer: false,
  });
  const cap = objects.freshId();
  objects.objectField({
    parent: treasury,
    nameType: `${addresses.wal}::wal::TreasuryCapKey`,
    nameBytes: Uint8Array.of(0),
    layout: layouts.TreasuryCapField,
    name: { dummyField: false },
    child: {
      id: cap,
      type: `${FRAMEWORK_ID}::coin::TreasuryCap<${addresses.wal}::wal::WAL>`,
      contents: layouts.TreasuryCap.serialize({ id: cap, totalSupply: WAL_SUPPLY }).toBytes(),
    },
  });
}

/** The objects that votes are kept in, and the cap for emergencies, which the faucet's account holds. */
export interface GovernanceIds {
  readonly upgradeManager: ObjectId;
  readonly upgradeProposals: ObjectId;
  readonly emergencyUpgradeCap: ObjectId;
  readonly slashingManager: ObjectId;
  readonly slashingCandidates: ObjectId;
}

export function addGovernance({ objects, config, addresses }: Context, ids: GovernanceIds): void {
  const { walrus } = addresses;
  const shared = { kind: 'shared', initialVersion: 1n } as const;
  objects.add({
    id: ids.upgradeManager,
    type: `${walrus}::upgrade::UpgradeManager`,
    owner: shared,
    contents: layouts.UpgradeManager.serialize({
      id: ids.upgradeManager,
      // The package's own upgrade cap is wrapped in the manager; its id is derived, as no publication made it.
      cap: { id: objects.freshId(), package: walrus, version: 1n, policy: 0 },
      upgradeProposals: { id: ids.upgradeProposals, size: 0n },
    }).toBytes(),
    hasPublicTransfer: false,
  });
  objects.add({
    id: ids.emergencyUpgradeCap,
    type: `${walrus}::upgrade::EmergencyUpgradeCap`,
    owner: { kind: 'address', address: config.faucet.address },
    contents: layouts.EmergencyUpgradeCap.serialize({
      id: ids.emergencyUpgradeCap,
      upgradeManagerId: ids.upgradeManager,
    }).toBytes(),
  });
  objects.add({
    id: ids.slashingManager,
    type: `${walrus}::slashing::SlashingManager`,
    owner: shared,
    contents: layouts.SlashingManager.serialize({
      id: ids.slashingManager,
      slashingCandidates: { id: ids.slashingCandidates, size: 0n },
    }).toBytes(),
    hasPublicTransfer: false,
  });
}
