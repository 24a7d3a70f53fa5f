/**
 * `floe node register`: a new storage node on the ledger. From its configuration, into which the node's id is then
 * written; or, without one, from flags and keys that are made where missing.
 */
import { type ExecutedTransaction, LedgerClient, registerNode, typeNames } from '@floe/contracts';
import { assert } from '@floe/platform';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { encodeProofOfPossession, type NodeId, type ObjectId } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { dirname, resolve } from 'node:path';
import { cliErrors } from '../errors.ts';
import { registeredNode } from '../node-caps.ts';
import { inCurrentEpoch } from '../current-epoch.ts';
import { findNodeConfig, type NodeSettings, readNodeSettings, writeNodeId } from '../node-config.ts';
import { ensureNodeKeys, type NodeKeys } from '../node-keys.ts';
import type { Output } from '../output.ts';
import { createdObject, execute, receipt, withPayer } from '../session.ts';
import { readWallet, type Wallet } from '../wallet.ts';
import type { NetworkOptions } from './blob-options.ts';

/** FROST: the prices that Walrus documents as samples. */
const STORAGE_PRICE = 100_000n;
const WRITE_PRICE = 20_000n;

export interface NodeRegisterOptions extends NetworkOptions {
  readonly config?: string;
  readonly name?: string;
  readonly address?: string;
  readonly keys?: string;
  readonly commission?: number;
  readonly storagePrice?: bigint;
  readonly writePrice?: bigint;
  readonly capacity?: bigint;
  readonly imageUrl?: string;
  readonly projectUrl?: string;
  readonly description?: string;
}

interface Registrar {
  readonly ledger: LedgerClient;
  readonly wallet: Wallet;
}

/** What the ledger is told, all but keys and proof. */
interface Candidate {
  readonly name: string;
  readonly networkAddress: string;
  readonly commissionBasisPoints: number;
  readonly votes: { readonly storagePrice: bigint; readonly writePrice: bigint; readonly capacity: bigint };
  readonly imageUrl?: string | undefined;
  readonly projectUrl?: string | undefined;
  readonly description?: string | undefined;
}

interface Registered {
  readonly nodeId: NodeId;
  readonly capId: ObjectId;
  /** Undefined when the node was registered before. */
  readonly executed: ExecutedTransaction | undefined;
}

export async function runNodeRegister(
  options: NodeRegisterOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const withoutConfig = options.config === undefined && options.keys !== undefined;
  if (withoutConfig) return registerFromFlags(options, options.keys, output, signal);
  const path = await findNodeConfig(options.config);
  return registerFromConfig(await readNodeSettings(path, { env: process.env }), options, output, signal);
}

/** Can be repeated: a node that this operator registered with this key before is found, and its id written down. */
async function registerFromConfig(
  settings: NodeSettings,
  options: NodeRegisterOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { path, operatorKeyFile } = settings;
  if (operatorKeyFile === undefined) throw cliErrors.CONFIG_INVALID({ path, problems: ['operatorKeyFile is missing'] });
  const wallet = await readWallet(operatorKeyFile);
  if (wallet === undefined) throw cliErrors.WALLET_NOT_FOUND({ path: operatorKeyFile });
  const ledger = new LedgerClient(settings.ledger, { clock: systemClock, scheduler: systemScheduler });
  const directory = dirname(settings.blsKeyFile);
  const keys = await ensureNodeKeys(directory);
  const candidate = candidateOf(options, settings);
  const registered = await register({ ledger, wallet }, keys, candidate, { isAgain: true, signal });
  if (settings.nodeId !== undefined && settings.nodeId !== registered.nodeId) {
    const problems = [`nodeId is ${settings.nodeId}, but its key is registered as ${registered.nodeId}`];
    throw cliErrors.CONFIG_INVALID({ path, problems });
  }
  await writeNodeId(path, registered.nodeId);
  report(candidate, registered, { keys: directory, config: path }, output);
}

async function registerFromFlags(
  options: NodeRegisterOptions,
  keysDirectory: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const candidate = candidateOf(options, undefined);
  await withPayer(options, signal, async ({ session, wallet }) => {
    const directory = resolve(keysDirectory);
    const keys = await ensureNodeKeys(directory);
    const { ledger } = session;
    const registered = await register({ ledger, wallet }, keys, candidate, { isAgain: false, signal });
    report(candidate, registered, { keys: directory }, output);
  });
}

function candidateOf(options: NodeRegisterOptions, settings: NodeSettings | undefined): Candidate {
  const missing = (what: string): never => {
    const detail = `a node needs ${what}: set it in the configuration, or give it as an option`;
    throw cliErrors.USAGE({ detail });
  };
  const { parameters, profile } = settings ?? {};
  return {
    name: options.name ?? settings?.name ?? missing('a name'),
    networkAddress: options.address ?? settings?.address ?? missing('an address'),
    commissionBasisPoints: options.commission ?? parameters?.commissionBasisPoints ?? 0,
    votes: {
      storagePrice: options.storagePrice ?? parameters?.storagePrice ?? STORAGE_PRICE,
      writePrice: options.writePrice ?? parameters?.writePrice ?? WRITE_PRICE,
      capacity: options.capacity ?? parameters?.capacity ?? missing('a capacity'),
    },
    imageUrl: options.imageUrl ?? profile?.imageUrl,
    projectUrl: options.projectUrl ?? profile?.projectUrl,
    description: options.description ?? profile?.description,
  };
}

async function register(
  registrar: Registrar,
  keys: NodeKeys,
  candidate: Candidate,
  { isAgain, signal }: { readonly isAgain: boolean; readonly signal: AbortSignal },
): Promise<Registered> {
  const { ledger, wallet } = registrar;
  const bls = await createMclBls();
  const blsPublicKey = bls.publicKey(keys.blsSecretKey);
  const find = () => registeredNode(ledger, { operator: wallet.address, blsPublicKey }, signal);
  const before = isAgain ? await find() : undefined;
  if (before !== undefined) return { ...before, executed: undefined };
  const { executed, packageId } = await inCurrentEpoch(ledger, signal, async (system) => {
    const proven = { epoch: system.epoch, address: wallet.address, publicKey: blsPublicKey };
    const node = {
      ...candidate,
      blsPublicKey,
      networkPublicKey: keys.networkPublicKey,
      proofOfPossession: bls.sign(keys.blsSecretKey, encodeProofOfPossession(proven)),
      owner: wallet.address,
    };
    const payer = { session: { ledger }, wallet };
    const done = await execute(payer, (transaction) => registerNode(transaction, system, node), signal);
    return { executed: done, packageId: system.originalPackageId };
  });
  const capId = createdObject(executed, typeNames(packageId).storageNodeCap);
  let nodeId: NodeId | undefined;
  for await (const cap of ledger.nodeCaps(wallet.address, { signal })) {
    if (cap.id === capId) nodeId = cap.nodeId as NodeId;
  }
  assert(nodeId !== undefined, 'the wallet holds the cap of the node that it registered', { capId });
  return { nodeId, capId, executed };
}

function report(
  { name, networkAddress }: Candidate,
  { nodeId, capId, executed }: Registered,
  { config, keys }: { readonly config?: string; readonly keys: string },
  output: Output,
): void {
  output.line(
    executed === undefined
      ? `${name} is registered already, as node ${nodeId}`
      : `registered ${name} as node ${nodeId}`,
  );
  output.line(`  capability ${capId}, keys in ${keys}`);
  if (config !== undefined) output.line(`  its id is in ${config}; start it: floe node run --config ${config}`);
  output.line(`  it gets shards once it has stake: floe stake ${nodeId} 1000WAL`);
  output.result({ nodeId, capId, name, networkAddress, keys, ...(executed === undefined ? {} : receipt(executed)) });
}
