/**
 * The first state of a chain: framework and contracts, `System` and `Staking` in Walrus epoch 1 with a staked committee,
 * the WAL treasury, coins. Stores work at once; no bootstrap transactions are needed.
 *
 * The same configuration gives the same chain to the byte. All WAL there will ever be exists here: staked, allocated, or
 * with the faucet.
 */
import {
  type ContractEvent,
  encodeContractEvent,
  eventType,
  type PackageAddresses,
  packageAddresses,
} from '@floe/contracts';
import { type Bls, BcsWriter, type ObjectId, objectIdBytes } from '@floe/protocol';
import type { LedgerEvent } from './api.ts';
import type { Genesis } from './chain-codec.ts';
import { assignShards, type PlacedNode, shardCounts } from './genesis/committee.ts';
import { type CheckedConfig, checkConfig, type GenesisConfig } from './genesis/config.ts';
import { GenesisObjects } from './genesis/object-builder.ts';
import { addDisplay } from './genesis/display.ts';
import { addPackages } from './genesis/packages.ts';
import { addNode, addStaking, FIRST_EPOCH, type PoolIds } from './genesis/staking-objects.ts';
import { addGovernance, addSystem, addTreasury } from './genesis/system-objects.ts';
import { blake2b256 } from './hash.ts';
import { encodeTransactionData, transactionDigest } from './transaction-data.ts';
import { CLOCK_ID, CLOCK_TYPE, SUI_COIN_TYPE } from './type-constants.ts';

export type { GenesisConfig, GenesisNode } from './genesis/config.ts';

/** Ids of a genesis node's objects. */
export interface GenesisNodeIds {
  readonly name: string;
  readonly nodeId: ObjectId;
  readonly capId: ObjectId;
  readonly shardCount: number;
}

export interface CreatedGenesis extends Genesis {
  /** Where votes for upgrades, and those for slashing, are kept. */
  readonly upgradeManagerObjectId: ObjectId;
  readonly slashingManagerObjectId: ObjectId;
  /** In the order of the configuration. */
  readonly nodes: readonly GenesisNodeIds[];
}

const NOBODY = `0x${'0'.repeat(64)}` as ObjectId;

/** @throws INVALID_GENESIS, NO_STAKE, EVERY_NODE_CAPPED */
export function createGenesis(
  config: GenesisConfig,
  modules: { bls: Pick<Bls, 'expandPublicKey' | 'aggregatePublicKeys'> },
): CreatedGenesis {
  const checked = checkConfig(config, modules.bls);
  const transactionBytes = genesisTransaction(checked);
  const objects = new GenesisObjects(transactionDigest(transactionBytes));
  const addresses = packageAddresses({ wal: objects.freshId(), walrus: objects.freshId() });
  const context = { objects, config: checked, addresses };
  const treasury = objects.freshId();
  // The order in which initialisation takes its ids.
  const system = { system: objects.freshId(), denyListSizes: objects.freshId() };
  const staking = {
    staking: objects.freshId(),
    pools: objects.freshId(),
    activeSet: objects.freshId(),
    nextKeys: objects.freshId(),
  };
  const governance = {
    upgradeManager: objects.freshId(),
    upgradeProposals: objects.freshId(),
    emergencyUpgradeCap: objects.freshId(),
    slashingManager: objects.freshId(),
    slashingCandidates: objects.freshId(),
  };
  const { registered, placed } = placeNodes(checked, objects);

  addPackages(objects, addresses);
  addClock(objects, checked.startTimestampMs);
  addTreasury(context, treasury);
  addSystem(context, system, placed, modules.bls);
  addStaking(context, staking, placed, registered);
  addGovernance(context, governance);
  for (const node of placed) addNode(context, staking.pools, node.ids, node);
  addCoins(context, addresses);
  addDisplay(objects, addresses);
  return {
    walrusPackageId: addresses.walrus,
    walPackageId: addresses.wal,
    systemObjectId: system.system,
    stakingObjectId: staking.staking,
    treasuryObjectId: treasury,
    upgradeManagerObjectId: governance.upgradeManager,
    slashingManagerObjectId: governance.slashingManager,
    publicKey: checked.ledgerPublicKey,
    timestampMs: checked.startTimestampMs,
    transactionBytes,
    events: genesisEvents(checked, addresses, placed),
    objects: objects.all(),
    nodes: registered.map(({ node, nodeId, capId, shards }) => ({
      name: node.name,
      nodeId,
      capId,
      shardCount: shards.length,
    })),
  };
}

type NodeWithIds = PlacedNode & { readonly ids: PoolIds };

/** Nodes with ids and shards, in the order of registration and in ascending order of id. */
function placeNodes(
  config: CheckedConfig,
  objects: GenesisObjects,
): { registered: NodeWithIds[]; placed: NodeWithIds[] } {
  const counts = shardCounts(config);
  const ids = new Map<ObjectId, PoolIds>();
  const nodes = config.nodes.map((node, i) => {
    const made: PoolIds = {
      pool: objects.freshId(),
      exchangeRates: objects.freshId(),
      metadata: objects.freshId(),
      extraFields: objects.freshId(),
      cap: objects.freshId(),
    };
    ids.set(made.pool, made);
    const stake = config.stakes[i] as bigint;
    const expandedKey = config.expandedKeys[i] as Uint8Array;
    return { node, nodeId: made.pool, capId: made.cap, stake, expandedKey, shardCount: counts[i] as number };
  });
  const placed = assignShards(nodes).map((node) => ({ ...node, ids: ids.get(node.nodeId) as PoolIds }));
  const byId = new Map(placed.map((node) => [node.nodeId, node]));
  return { registered: nodes.map(({ nodeId }) => byId.get(nodeId) as NodeWithIds), placed };
}

/** A transaction without commands whose one input is the hash of the configuration: it gives the chain its ids. */
function genesisTransaction(config: CheckedConfig): Uint8Array {
  const writer = new BcsWriter(4096);
  writer.bytes(config.seed).u16(config.nShards).u64(config.epochDurationMs).u32(config.maxEpochsAhead);
  writer.u64(config.storagePrice).u64(config.writePrice).u64(config.capacity).u64(config.startTimestampMs);
  writer.bytes(config.ledgerPublicKey).fixed(objectIdBytes(config.faucet.address)).u64(config.faucetSui);
  writer.vector(config.nodes, (w, node) => {
    w.string(node.name).string(node.networkAddress).bytes(node.blsPublicKey).bytes(node.networkPublicKey);
    w.fixed(objectIdBytes(node.address))
      .u32(node.shardCount ?? 0)
      .u16(node.commissionRate ?? 0);
    const { imageUrl = '', projectUrl = '', description = '' } = node.metadata ?? {};
    w.string(imageUrl).string(projectUrl).string(description);
  });
  writer.vector(config.stakes, (w, stake) => w.u64(stake));
  writer.vector(config.allocations ?? [], (w, { address, sui, wal }) =>
    w
      .fixed(objectIdBytes(address))
      .u64(sui ?? 0n)
      .u64(wal ?? 0n),
  );
  return encodeTransactionData({
    sender: NOBODY,
    inputs: [{ kind: 'pure', bytes: blake2b256(writer.finish()) }],
    commands: [],
    gas: { payment: [], owner: NOBODY, price: 0n, budget: 0n },
    expiration: { kind: 'none' },
  });
}

function addClock(objects: GenesisObjects, timestampMs: number): void {
  const contents = new BcsWriter(40).fixed(objectIdBytes(CLOCK_ID)).u64(timestampMs).finish();
  const owner = { kind: 'shared', initialVersion: 1n } as const;
  objects.add({ id: CLOCK_ID, type: CLOCK_TYPE, owner, contents, hasPublicTransfer: false });
}

function addCoins(
  { objects, config }: { objects: GenesisObjects; config: CheckedConfig },
  addresses: PackageAddresses,
): void {
  const wal = `${addresses.wal}::wal::WAL`;
  const faucet = { address: config.faucet.address, sui: config.faucetSui, wal: config.faucetWal };
  for (const { address, sui, wal: frost } of [faucet, ...(config.allocations ?? [])]) {
    if (sui !== undefined && sui > 0n) objects.coin(SUI_COIN_TYPE, address, sui);
    if (frost !== undefined && frost > 0n) objects.coin(wal, address, frost);
  }
}

/** What the bootstrap would have emitted, so that whoever follows the chain's events sees the first epoch begin. */
function genesisEvents(
  config: CheckedConfig,
  addresses: PackageAddresses,
  nodes: readonly PlacedNode[],
): LedgerEvent[] {
  const epoch = FIRST_EPOCH;
  const events: ContractEvent[] = [
    { kind: 'EpochParametersSelected', nextEpoch: epoch },
    { kind: 'EpochChangeStart', epoch },
    { kind: 'PricesUpdated', epoch, storagePrice: config.storagePrice, writePrice: config.writePrice },
  ];
  let weight = 0;
  let isDone = false;
  for (const { shards } of nodes.filter((node) => node.shards.length > 0)) {
    weight += shards.length;
    if (!isDone && 3 * weight >= 2 * config.nShards + 1) {
      events.push({ kind: 'EpochChangeDone', epoch });
      isDone = true;
    }
    events.push({ kind: 'ShardsReceived', epoch, shards: [...shards] });
  }
  return events.map((event) => ({
    packageId: addresses.walrus,
    module: 'staking',
    sender: NOBODY,
    type: eventType(addresses.walrus, event.kind),
    contents: encodeContractEvent(event),
  }));
}
