/**
 * The composition root of a development network: a ledger, storage nodes, a faucet and a gateway on loopback, all state
 * in one directory. Reads top to bottom; what is opened is closed in reverse.
 *
 * Every step makes what is missing and keeps what is there, so that a network whose start was cut short at any point
 * goes on from there. The ledger alone knows whether the network exists: ports and keys are on disk before it begins.
 */
import { mkdir } from 'node:fs/promises';
import { connectFloe } from '@floe/client/node';
import { layouts, LedgerClient } from '@floe/contracts';
import { createGateway } from '@floe/gateway';
import { createFaucetHandler, createGenesis, Ledger } from '@floe/ledger';
import { createCheckpointSigner, createSignatureVerifier, pauseForSending, serveLedger } from '@floe/ledger/node';
import { isFloeError, mapConcurrent, toHex, type HttpHandler, type Logger } from '@floe/platform';
import {
  createUndiciTransport,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import { parseObjectId, type Bls, type ObjectId, type SuiAddress } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';
import { decodeSuiPrivateKey } from '@mysten/sui/cryptography';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { DEFAULT_BASE_PORT } from '../defaults.ts';
import { cliErrors } from '../errors.ts';
import { LOW_BALANCE, requestFunds } from '../faucet.ts';
import { unwritable } from '../files.ts';
import { ensureKeypair } from '../keys.ts';
import { CLOSE_GRACE_MS, NODES_STARTING_AT_ONCE } from '../limits.ts';
import type { NetworkDescription } from '../network.ts';
import { registeredNode } from '../node-caps.ts';
import { readNodeConfig } from '../node-config.ts';
import { startNode, type SharedModules } from '../node-process.ts';
import { createUndoStack, type UndoStack } from '../undo.ts';
import { ensureWallet, writeSecretFile } from '../wallet.ts';
import { serveControl } from './control.ts';
import { genesisConfig, prepareNodes, writeNodeConfigs, type PreparedNode } from './genesis.ts';
import { endLeftOver, lockDirectory } from './lock.ts';
import { NodeChildren } from './node-children.ts';
import { choosePorts, DEV_HOST, type HeldPorts, holdPorts } from './ports.ts';
import {
  DEFAULT_EPOCH_DURATION_MS,
  devPaths,
  nodeName,
  readState,
  regionOf,
  writeState,
  type DevState,
} from './state.ts';

export interface DevNetworkOptions {
  readonly directory: string;
  /** Undefined: as in the directory, else the default. */
  readonly nodes: number | undefined;
  readonly shards: number | undefined;
  readonly regions: number | undefined;
  readonly basePort: number | undefined;
  readonly epochDurationMs: number | undefined;
  /** Undefined: the ledger keeps everything. */
  readonly keepCheckpoints: number | undefined;
  /** Undefined: as in the directory, else plain HTTP. */
  readonly tls: boolean | undefined;
  /** File of blob ids that all nodes deny; undefined: each as its own configuration says. */
  readonly denyList: string | undefined;
  readonly isolate: boolean;
  /** Prepare the nodes' directories, and leave it to others to run them. */
  readonly withoutNodes?: boolean;
  readonly logLevel: string;
}

export interface DevNetwork {
  readonly description: NetworkDescription;
  readonly state: DevState;
  close(): Promise<void>;
}

const DEFAULT_NODES = 13;
const DEFAULT_SHARDS = 100;
const DEFAULT_REGIONS = 4;

/** Starts, or resumes, the network of `directory`. @throws DIRECTORY_IN_USE, DIRECTORY_FOREIGN, LEDGER_INCOMPLETE, PORT_IN_USE, … */
export async function startDevNetwork(
  options: DevNetworkOptions,
  modules: { logger: Logger; onProgress: (stage: string) => void; signal: AbortSignal },
): Promise<DevNetwork> {
  const { directory } = options;
  const { logger, signal } = modules;
  const onProgress = (stage: string): void => {
    signal.throwIfAborted();
    modules.onProgress(stage);
  };
  await makeDirectory(directory);
  const undo = createUndoStack();
  try {
    undo.push(await lockDirectory(directory));
    const kept = await readState(directory);
    if (kept !== undefined) checkShape(options, kept);
    const { state, ports } = kept === undefined ? await newState(options) : await resumed(directory, kept);
    undo.push(() => ports.releaseAll());
    onProgress('starting the ledger');
    const bls = await createMclBls();
    const faucetKey = await ensureKeypair(devPaths(directory).key('faucet'));
    const prepared = await prepareNodes(directory, state, bls);
    const ledger = await openLedger(options, state, prepared, { bls, faucetKey, logger, undo, ports });
    const faucet = parseObjectId(faucetKey.toSuiAddress());
    const description = await describe(directory, state, prepared, { ledger, faucet });
    await fillOperators(description, prepared);
    if (options.withoutNodes !== true) onProgress(`starting ${state.ports.nodes.length} storage nodes`);
    const nodes = await startNodes(options, state, description, { bls, logger, undo, ports, signal });
    onProgress('starting the gateway');
    await writeSecretFile(devPaths(directory).network, `${JSON.stringify(description, null, 2)}\n`);
    await startGateway(directory, state, description, { logger, undo, ports });
    await fundWallet(directory, description);
    const control = await serveControl(directory, (action, node) => nodes.act(action, node));
    undo.push(() => control.close());
    return { description, state, close: () => undo.unwind() };
  } catch (error) {
    await undo.unwind().catch(() => undefined);
    throw error;
  }
}

/** The shape of a new network. @throws PORT_IN_USE, USAGE */
async function newState(options: DevNetworkOptions): Promise<StateWithPorts> {
  const ports = await choosePorts(options.basePort ?? DEFAULT_BASE_PORT, options.nodes ?? DEFAULT_NODES);
  const nShards = options.shards ?? DEFAULT_SHARDS;
  if (nShards < ports.nodes.length) {
    throw cliErrors.USAGE({ detail: `${ports.nodes.length} nodes need at least as many shards, got ${nShards}` });
  }
  // Before the ports are written down: those of a directory are never changed.
  const held = await holdPorts(ports, 'choose other ports with --port');
  const state = await writeState(options.directory, {
    createdMs: systemClock.nowMs(),
    seed: toHex(systemRng.bytes(32)),
    nShards,
    regions: options.regions ?? DEFAULT_REGIONS,
    epochDurationMs: options.epochDurationMs ?? DEFAULT_EPOCH_DURATION_MS,
    tls: options.tls ?? false,
    ports,
  }).catch(async (error: unknown) => {
    await held.releaseAll();
    throw error;
  });
  return { state, ports: held };
}

/** The network that is there must be the one that was asked for. @throws DIRECTORY_FOREIGN */
function checkShape(options: DevNetworkOptions, kept: DevState): void {
  const { directory } = options;
  const shape: [what: string, asked: number | undefined, there: number][] = [
    ['nodes', options.nodes, kept.ports.nodes.length],
    ['shards', options.shards, kept.nShards],
    ['regions', options.regions, kept.regions],
    // The ledger records where its nodes are, so ports stay too; 0 leaves the choice, and it was made.
    ['ms to an epoch', options.epochDurationMs, kept.epochDurationMs],
    ['as its first port', options.basePort === 0 ? undefined : options.basePort, kept.ports.ledger],
  ];
  if (options.tls === true && !kept.tls) {
    throw cliErrors.DIRECTORY_FOREIGN({ directory, detail: 'its network was made without --tls; use another --dir' });
  }
  for (const [what, asked, there] of shape) {
    if (asked === undefined || asked === there) continue;
    const detail = `its network has ${there} ${what}, and ${asked} was asked for; use another --dir`;
    throw cliErrors.DIRECTORY_FOREIGN({ directory, detail });
  }
}

/** What a network that was killed left behind may hold ports and locks: it is ended before they are taken. @throws PORT_IN_USE */
async function resumed(directory: string, state: DevState): Promise<StateWithPorts> {
  const paths = devPaths(directory);
  await Promise.all(state.ports.nodes.map((_, index) => endLeftOver(paths.node(nodeName(index)).home)));
  return { state, ports: await holdPorts(state.ports, 'choose another --dir') };
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw unwritable(directory, error);
  }
}

interface StateWithPorts {
  readonly state: DevState;
  readonly ports: HeldPorts;
}

interface PartModules {
  readonly bls: Bls;
  readonly logger: Logger;
  readonly undo: UndoStack;
  readonly ports: HeldPorts;
}

/** Opens the ledger, made by genesis when it is new, and serves it and the faucet. */
async function openLedger(
  { directory, keepCheckpoints, isolate }: DevNetworkOptions,
  state: DevState,
  nodes: readonly PreparedNode[],
  modules: PartModules & { faucetKey: Ed25519Keypair },
): Promise<Ledger> {
  const { bls, faucetKey, logger, undo, ports } = modules;
  const paths = devPaths(directory);
  const ledgerKey = await ensureKeypair(paths.key('ledger'));
  const ledgerModules = {
    store: await openLmdbStore({ directory: paths.ledger }),
    clock: systemClock,
    bls,
    logger: logger.child({ part: 'ledger' }),
    pause: pauseForSending,
    signatures: createSignatureVerifier(),
    signer: createCheckpointSigner(decodeSuiPrivateKey(ledgerKey.getSecretKey()).secretKey),
  };
  undo.push(() => ledgerModules.store.close());
  // The chain that is there goes on as it is; a new one begins only in an empty store.
  const pruning = keepCheckpoints === undefined ? undefined : { keepCheckpoints };
  const ledger = await Ledger.open({ pruning }, ledgerModules).catch((error: unknown) => {
    if (isFloeError(error, 'LEDGER_INCOMPLETE')) throw cliErrors.LEDGER_INCOMPLETE({ directory: paths.ledger }, error);
    if (!isFloeError(error, 'LEDGER_EMPTY')) throw error;
    const config = genesisConfig(state, nodes, { faucet: faucetKey, ledger: ledgerKey });
    return Ledger.open({ genesis: createGenesis(config, { bls }), pruning }, ledgerModules);
  });
  undo.push(() => ledger.close());
  // With all nodes in this process, another thread would find no processor of its own.
  const listen = { host: DEV_HOST, port: state.ports.ledger, ownThread: isolate };
  await ports.release(listen.port);
  const service = await serveLedger(ledger, listen, { logger });
  undo.push(() => service.close(CLOSE_GRACE_MS));
  await serve(createFaucetHandler({}, { ledger, signer: faucetKey, logger }), state.ports.faucet, modules);
  return ledger;
}

async function serve(
  handler: HttpHandler,
  port: number,
  { logger, undo, ports }: Omit<PartModules, 'bls'>,
): Promise<void> {
  await ports.release(port);
  const server = await serveHttp(handler, { host: DEV_HOST, port, logger });
  undo.push(() => server.close(CLOSE_GRACE_MS));
}

/** `network.json`, from what the ledger itself says; its nodes must be those of this directory. */
async function describe(
  directory: string,
  state: DevState,
  prepared: readonly PreparedNode[],
  { ledger, faucet }: { readonly ledger: Ledger; readonly faucet: SuiAddress },
): Promise<NetworkDescription> {
  const url = `http://${DEV_HOST}:${state.ports.ledger}`;
  const { systemObjectId, stakingObjectId } = ledger.chain;
  const client = new LedgerClient(
    { url, systemObjectId, stakingObjectId },
    { clock: systemClock, scheduler: systemScheduler },
  );
  const { packageId, walType } = await client.systemState();
  const gateway = `http://${DEV_HOST}:${state.ports.gateway}`;
  return {
    ledger: {
      url,
      systemObjectId,
      stakingObjectId,
      packageId,
      walType,
      upgradeManagerObjectId: upgradeManagerOf(ledger, faucet),
    },
    faucet: { url: `http://${DEV_HOST}:${state.ports.faucet}` },
    gateway: { aggregatorUrl: gateway, publisherUrl: gateway },
    nShards: state.nShards,
    nodes: await Promise.all(
      prepared.map(async (node, index) => {
        const nodeId = (await registeredNode(client, node))?.nodeId;
        if (nodeId === undefined) {
          const detail = `its ledger knows ${node.name} by another key, so it belongs to another network`;
          throw cliErrors.DIRECTORY_FOREIGN({ directory, detail });
        }
        return {
          name: node.name,
          nodeId,
          url: `${nodeSchemeOf(state)}://${DEV_HOST}:${node.port}`,
          region: regionOf(index, state.regions),
        };
      }),
    ),
  };
}

/** Named by the cap for emergencies, which the account of the faucet has from the beginning of the chain on. */
function upgradeManagerOf(ledger: Ledger, faucet: SuiAddress): ObjectId | undefined {
  const type = `${ledger.chain.addresses.walrus}::upgrade::EmergencyUpgradeCap`;
  const [cap] = ledger.listOwned({ owner: faucet, type, limit: 1 }).items;
  return cap === undefined
    ? undefined
    : parseObjectId(layouts.EmergencyUpgradeCap.parse(cap.contents).upgradeManagerId);
}

function nodeSchemeOf({ tls }: DevState): 'http' | 'https' {
  return tls ? 'https' : 'http';
}

interface Nodes {
  act: NodeChildren['act'];
}

/** All nodes in this process, each in its own, or none. */
async function startNodes(
  options: DevNetworkOptions,
  state: DevState,
  description: NetworkDescription,
  { bls, logger, undo, ports, signal }: PartModules & { signal: AbortSignal },
): Promise<Nodes> {
  const paths = devPaths(options.directory);
  await writeNodeConfigs(options.directory, state, description, options);
  if (options.withoutNodes === true || options.isolate) {
    await Promise.all(state.ports.nodes.map((port) => ports.release(port)));
  }
  if (options.withoutNodes === true) return { act: (action) => Promise.reject(cliErrors.NOT_ISOLATED({ action })) };
  if (options.isolate) {
    const homes = new Map(description.nodes.map(({ name }) => [name, paths.node(name)]));
    const children = new NodeChildren({ paths: homes, logLevel: options.logLevel }, { logger });
    undo.push(() => children.close());
    await children.startAll(signal);
    return children;
  }
  const codec = createWorkerCodec({});
  undo.push(() => codec.close());
  const transport = createUndiciTransport();
  undo.push(() => transport.close());
  const shared: SharedModules = { codec, bls, logger, transport };
  const configs = await Promise.all(description.nodes.map(({ name }) => readNodeConfig(paths.node(name).config)));
  await mapConcurrent(configs, NODES_STARTING_AT_ONCE, async (config) => {
    await ports.release(config.listen.port);
    const node = await startNode(config, shared, { signal });
    undo.push(() => node.close());
    node.finished.catch((error: unknown) => {
      logger.error('a storage node stopped', { node: config.name, error: String(error) });
    });
  });
  return {
    act: (action) => Promise.reject(cliErrors.NOT_ISOLATED({ action })),
  };
}

/** The gateway pays with a key of its own, filled from the faucet. */
async function startGateway(
  directory: string,
  state: DevState,
  description: NetworkDescription,
  modules: Omit<PartModules, 'bls'>,
): Promise<void> {
  const signer = await ensureKeypair(devPaths(directory).key('gateway'));
  const scratchDirectory = devPaths(directory).scratch;
  const connection = await connectFloe({
    ledger: description.ledger,
    nodeUrlScheme: nodeSchemeOf(state),
    scratchDirectory,
  });
  modules.undo.push(() => connection.close());
  const address = parseObjectId(signer.toSuiAddress());
  await fillUp(connection.ledgerClient, description, address);
  const logger = modules.logger.child({ part: 'gateway' });
  const refill = (): Promise<void> => requestFunds(description, address);
  const gateway = createGateway({}, { client: connection.client, signer, refill, logger });
  modules.undo.push(() => gateway.close());
  await serve(gateway.handler, state.ports.gateway, modules);
}

/** The wallet that the other commands find beside `network.json`. */
async function fundWallet(directory: string, description: NetworkDescription): Promise<void> {
  const wallet = await ensureWallet(devPaths(directory).wallet);
  const modules = { clock: systemClock, scheduler: systemScheduler };
  await fillUp(new LedgerClient(description.ledger, modules), description, wallet.address);
}

/** Operators begin with SUI for gas; those of a network from before, or that used it up, get more. */
async function fillOperators(description: NetworkDescription, nodes: readonly PreparedNode[]): Promise<void> {
  const ledger = new LedgerClient(description.ledger, { clock: systemClock, scheduler: systemScheduler });
  await mapConcurrent(nodes, NODES_STARTING_AT_ONCE, async ({ operator }) => {
    const { sui } = await ledger.balances(operator);
    if (sui < LOW_BALANCE) await requestFunds(description, operator);
  });
}

async function fillUp(ledger: LedgerClient, description: NetworkDescription, address: SuiAddress): Promise<void> {
  const { sui, wal } = await ledger.balances(address);
  if (sui < LOW_BALANCE || wal < LOW_BALANCE) await requestFunds(description, address);
}
