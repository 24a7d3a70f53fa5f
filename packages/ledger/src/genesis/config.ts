/** What a new chain is made from, and what makes such a configuration valid. */
import type { Bls, SuiAddress } from '@floe/protocol';
import { errors } from '../errors.ts';

export interface GenesisNode {
  readonly name: string;
  /** `host:port` */
  readonly networkAddress: string;
  /** Compressed, 48 bytes. */
  readonly blsPublicKey: Uint8Array;
  /** Compressed secp256r1, 33 bytes. */
  readonly networkPublicKey: Uint8Array;
  /** Owner of the node's cap and first stake; also authorised for its governance. */
  readonly address: SuiAddress;
  /** FROST staked with it at genesis; default: 1000 WAL. Decides its shards, unless every node has `shardCount`. */
  readonly stake?: bigint;
  /** Shards in the first committee; for all nodes or none. Default stake is then 1000 WAL per shard. */
  readonly shardCount?: number;
  /** Basis points; default 0. */
  readonly commissionRate?: number;
  readonly metadata?: { readonly imageUrl?: string; readonly projectUrl?: string; readonly description?: string };
}

export interface GenesisConfig {
  readonly nShards: number;
  /** Length of a Walrus epoch. */
  readonly epochDurationMs: number;
  /** Default 53. */
  readonly maxEpochsAhead?: number;
  /** FROST per MiB and epoch; default 100 000. */
  readonly storagePrice?: bigint;
  /** FROST per MiB; default 20 000. */
  readonly writePrice?: bigint;
  /** Bytes of encoded data that all nodes together take. */
  readonly capacity: bigint;
  readonly startTimestampMs: number;
  /** Any bytes (at most 64) that make the chain different from others with the same configuration. */
  readonly seed: Uint8Array;
  /** 1 to 150, with distinct BLS keys. */
  readonly nodes: readonly GenesisNode[];
  /** Gets every WAL that is not staked or allocated, and `sui` MIST (default 10^18). */
  readonly faucet: { readonly address: SuiAddress; readonly sui?: bigint };
  /** Further coins: MIST and FROST. */
  readonly allocations?: readonly { readonly address: SuiAddress; readonly sui?: bigint; readonly wal?: bigint }[];
  /** Ed25519 key (32 bytes) that will sign checkpoints. */
  readonly ledgerPublicKey: Uint8Array;
}

/** 5 000 000 000 WAL: minted once, never more. */
export const WAL_SUPPLY = 5_000_000_000n * 1_000_000_000n;
const WAL = 1_000_000_000n;
const MAX_NODES = 150;
const MAX_EPOCHS_AHEAD = 1000;
const MAX_U64 = (1n << 64n) - 1n;

/** A configuration with its defaults, checked. */
export interface CheckedConfig extends GenesisConfig {
  readonly maxEpochsAhead: number;
  readonly storagePrice: bigint;
  readonly writePrice: bigint;
  /** FROST by node. */
  readonly stakes: readonly bigint[];
  /** Uncompressed BLS keys (96 bytes) by node. */
  readonly expandedKeys: readonly Uint8Array[];
  readonly faucetSui: bigint;
  readonly faucetWal: bigint;
}

/** @throws INVALID_GENESIS */
export function checkConfig(config: GenesisConfig, bls: Pick<Bls, 'expandPublicKey'>): CheckedConfig {
  const require = (condition: boolean, reason: string) => {
    if (!condition) throw errors.INVALID_GENESIS({ reason });
  };
  const { nodes, nShards, maxEpochsAhead = 53, storagePrice = 100_000n, writePrice = 20_000n } = config;
  require(Number.isInteger(nShards) && nShards >= 1 && nShards <= 1000, `${nShards} shards are not from 1 to 1000`);
  require(nodes.length >= 1 && nodes.length <= MAX_NODES, `${nodes.length} nodes are not from 1 to ${MAX_NODES}`);
  require(Number.isInteger(config.epochDurationMs) && config.epochDurationMs > 0, 'an epoch takes at least 1 ms');
  require(Number.isInteger(config.startTimestampMs) && config.startTimestampMs >= 0, 'the start is Unix milliseconds');
  require(Number.isInteger(maxEpochsAhead) &&
    maxEpochsAhead >= 1 &&
    maxEpochsAhead <= MAX_EPOCHS_AHEAD, `${maxEpochsAhead} epochs ahead are not from 1 to ${MAX_EPOCHS_AHEAD}`);
  require(config.seed.length <= 64, 'the seed has at most 64 bytes');
  require(config.ledgerPublicKey.length === 32, 'the ledger key has 32 bytes');
  for (const amount of [config.capacity, storagePrice, writePrice]) {
    require(amount >= 0n && amount <= MAX_U64, `${amount} is not a u64`);
  }
  const keys = new Set(nodes.map(({ blsPublicKey }) => String(blsPublicKey)));
  require(keys.size === nodes.length, 'two nodes have the same BLS key');
  const expandedKeys = nodes.map((node) => checkNode(node, bls));
  const stakes = nodes.map((node) => node.stake ?? 1000n * WAL * BigInt(Math.max(1, node.shardCount ?? 1)));
  require(stakes.every((stake) => stake >= WAL), 'a node stakes at least 1 WAL');
  checkShardCounts(config);
  const allocations = config.allocations ?? [];
  const taken = [...stakes, ...allocations.map(({ wal }) => wal ?? 0n)].reduce((sum, amount) => sum + amount, 0n);
  require(taken <= WAL_SUPPLY, `stakes and allocations take ${taken} FROST of ${WAL_SUPPLY}`);
  const faucetSui = config.faucet.sui ?? 10n ** 18n;
  const suiTotal = allocations.reduce((sum, { sui }) => sum + (sui ?? 0n), faucetSui);
  require(suiTotal <= MAX_U64, `${suiTotal} MIST are more than a u64`);
  const faucetWal = WAL_SUPPLY - taken;
  return { ...config, maxEpochsAhead, storagePrice, writePrice, stakes, expandedKeys, faucetSui, faucetWal };
}

function checkNode(node: GenesisNode, bls: Pick<Bls, 'expandPublicKey'>): Uint8Array {
  const problem = [
    [new TextEncoder().encode(node.name).length <= 100, 'its name has more than 100 bytes'],
    [new TextEncoder().encode(node.networkAddress).length <= 259, 'its address has more than 259 bytes'],
    [node.networkPublicKey.length === 33, 'its network key does not have 33 bytes'],
    [(node.commissionRate ?? 0) >= 0 && (node.commissionRate ?? 0) <= 10_000, 'its commission is not 0 to 10 000'],
  ].find(([isGood]) => isGood === false);
  if (problem !== undefined) throw errors.INVALID_GENESIS({ reason: `node ${node.name}: ${problem[1]}` });
  try {
    return bls.expandPublicKey(node.blsPublicKey);
  } catch (error) {
    throw errors.INVALID_GENESIS({ reason: `node ${node.name}: its BLS key is not valid` }, error);
  }
}

function checkShardCounts({ nodes, nShards }: GenesisConfig): void {
  const given = nodes.filter(({ shardCount }) => shardCount !== undefined);
  if (given.length === 0) return;
  const sum = nodes.reduce((total, { shardCount }) => total + (shardCount ?? 0), 0);
  const isWhole = given.every(({ shardCount }) => Number.isInteger(shardCount) && (shardCount as number) >= 0);
  if (given.length !== nodes.length || sum !== nShards || !isWhole) {
    throw errors.INVALID_GENESIS({ reason: `shard counts of all nodes must add up to ${nShards}, they give ${sum}` });
  }
}
