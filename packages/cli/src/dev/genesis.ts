/** The beginning of a development network: keys of its nodes, and what the ledger starts from. */
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { GenesisConfig } from '@floe/ledger';
import { fromHex } from '@floe/platform';
import { parseObjectId, type Bls, type SuiAddress } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { ensureKeypair } from '../keys.ts';
import type { NetworkDescription } from '../network.ts';
import { readRawSettings, writeNodeConfig } from '../node-config.ts';
import { BLS_KEY_FILE, ensureNodeKeys, OPERATOR_WALLET_FILE } from '../node-keys.ts';
import { DEV_HOST } from './ports.ts';
import { devPaths, nodeName, regionOf, type DevState } from './state.ts';

/** Prices in FROST per encoded MiB: those that Walrus documents as samples. */
const STORAGE_PRICE = 100_000n;
const WRITE_PRICE = 20_000n;

/** Encoded bytes for the whole network: 1 TiB, more than a development machine's disk, so that the disk decides. */
const CAPACITY = 1n << 40n;

/** What each operator has for gas: 1,000 SUI, some hundred thousand calls. */
const OPERATOR_MIST = 1_000_000_000_000n;

export interface PreparedNode {
  readonly name: string;
  readonly port: number;
  /** Owns the node's capability and first stake. */
  readonly operator: SuiAddress;
  readonly blsPublicKey: Uint8Array;
  readonly networkPublicKey: Uint8Array;
}

/** The keys of all nodes, made where missing. */
export async function prepareNodes(directory: string, state: DevState, bls: Bls): Promise<PreparedNode[]> {
  return Promise.all(
    state.ports.nodes.map(async (port, index) => {
      const name = nodeName(index);
      const { home } = devPaths(directory).node(name);
      await mkdir(home, { recursive: true });
      const { blsSecretKey, networkPublicKey } = await ensureNodeKeys(home);
      const blsPublicKey = bls.publicKey(blsSecretKey);
      const operator = parseObjectId((await ensureKeypair(join(home, OPERATOR_WALLET_FILE))).toSuiAddress());
      return { name, port, operator, blsPublicKey, networkPublicKey };
    }),
  );
}

/** What the ledger is made from; the same for the same keys and state, so that a start that was cut short repeats. */
export function genesisConfig(
  state: DevState,
  nodes: readonly PreparedNode[],
  keys: { readonly faucet: Ed25519Keypair; readonly ledger: Ed25519Keypair },
): GenesisConfig {
  const share = Math.floor(state.nShards / nodes.length);
  const remainder = state.nShards % nodes.length;
  return {
    nShards: state.nShards,
    epochDurationMs: state.epochDurationMs,
    maxEpochsAhead: 53,
    storagePrice: STORAGE_PRICE,
    writePrice: WRITE_PRICE,
    capacity: CAPACITY,
    startTimestampMs: state.createdMs,
    seed: fromHex(state.seed) ?? new Uint8Array(),
    faucet: { address: parseObjectId(keys.faucet.toSuiAddress()) },
    allocations: nodes.map(({ operator }) => ({ address: operator, sui: OPERATOR_MIST })),
    ledgerPublicKey: keys.ledger.getPublicKey().toRawBytes(),
    nodes: nodes.map(({ name, port, operator, blsPublicKey, networkPublicKey }, index) => ({
      name,
      address: operator,
      networkAddress: `${DEV_HOST}:${port}`,
      blsPublicKey,
      networkPublicKey,
      shardCount: share + (index < remainder ? 1 : 0),
    })),
  };
}

/** A deny list of a development network is in force at once, as its user sees it. */
const DENY_LIST_RELOAD_MS = 1000;

/** `node.json` for each node; what was configured there besides is kept. */
export async function writeNodeConfigs(
  directory: string,
  state: DevState,
  description: NetworkDescription,
  { denyList }: { readonly denyList: string | undefined },
): Promise<void> {
  const { url, systemObjectId, stakingObjectId } = description.ledger;
  for (const [index, { name, nodeId }] of description.nodes.entries()) {
    const path = devPaths(directory).node(name).config;
    const port = state.ports.nodes[index] as number;
    await writeNodeConfig(path, {
      ...(await readRawSettings(path)),
      name,
      region: regionOf(index, state.regions),
      nodeId,
      address: `${DEV_HOST}:${port}`,
      'listen.host': DEV_HOST,
      'listen.port': port,
      'ledger.url': url,
      'ledger.systemObjectId': systemObjectId,
      'ledger.stakingObjectId': stakingObjectId,
      blsKeyFile: BLS_KEY_FILE,
      operatorKeyFile: OPERATOR_WALLET_FILE,
      dataDirectory: 'data',
      ...(state.tls ? {} : { plainHttp: true, plainHttpPeers: true }),
      ...(denyList === undefined ? {} : { denyListFile: denyList, 'limits.denyListReloadMs': DENY_LIST_RELOAD_MS }),
    });
  }
}
