/** `floe node init`: the directory of a new storage node. */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { toHex } from '@floe/platform';
import { cliErrors } from '../errors.ts';
import { unwritable } from '../files.ts';
import { findNetwork } from '../network.ts';
import { NODE_CONFIG_FILE, readNodeConfig, writeCommentedConfig } from '../node-config.ts';
import { checkConfig } from '../node-config/check.ts';
import type { RawSettings } from '../node-config/settings.ts';
import { commentedConfig } from '../node-config/write.ts';
import { BLS_KEY_FILE, ensureNodeKeys, OPERATOR_WALLET_FILE } from '../node-keys.ts';
import type { Output } from '../output.ts';
import { ensureWallet } from '../wallet.ts';
import type { NetworkOptions } from './blob-options.ts';

export interface NodeInitOptions extends NetworkOptions {
  readonly name: string;
  readonly address: string;
  readonly listen?: string;
  readonly capacity: string;
  readonly commission: string;
  readonly region?: string;
}

export async function runNodeInit(named: string, options: NodeInitOptions, output: Output): Promise<void> {
  const directory = resolve(named);
  const settings = await settingsFor(options);
  // Before anything is made: what would be written must be accepted at the start.
  const { problems } = checkConfig({ text: commentedConfig({ format: 'floe-node', version: 1, ...settings }) });
  if (problems !== undefined)
    throw cliErrors.USAGE({ detail: problems.map((problem) => problem.replace(/^line \d+: /, '')).join('\n') });
  await makeEmptyDirectory(directory);
  const keys = await ensureNodeKeys(directory);
  const operator = await ensureWallet(join(directory, OPERATOR_WALLET_FILE));
  const path = join(directory, NODE_CONFIG_FILE);
  await writeCommentedConfig(path, settings);
  await readNodeConfig(path);
  const bls = await createMclBls();
  const blsPublicKey = toHex(bls.publicKey(keys.blsSecretKey));
  output.line(`made the directory of ${options.name}: ${directory}`);
  output.line(`  ${NODE_CONFIG_FILE}       its configuration, every setting explained: look through it`);
  output.line(`  ${BLS_KEY_FILE}         the key it signs with, public key ${blsPublicKey.slice(0, 16)}…`);
  output.line('  network.key     the key of its connections');
  output.line(`  ${OPERATOR_WALLET_FILE}   the account that will own it and pay for gas: ${operator.address}`);
  output.line('Keep copies of the three key files where nobody else can read them. Next:');
  output.line(`  1. send some SUI to ${operator.address}  (on a development network: floe faucet ${operator.address})`);
  output.line(`  2. floe node register --config ${path}`);
  output.line(`  3. floe node run --config ${path}`);
  output.line(
    '  4. floe stake NODE_ID 1000WAL  (the id that step 2 prints; stake brings shards, from the next epoch but one at the latest)',
  );
  output.result({ directory, config: path, operator: operator.address, blsPublicKey });
}

async function settingsFor(options: NodeInitOptions): Promise<Omit<RawSettings, 'format' | 'version'>> {
  const { description } = await findNetwork(options);
  const { url, systemObjectId, stakingObjectId } = description.ledger;
  // As all others there do: a development network stays on its machine.
  const isPlain = description.nodes.length > 0 && description.nodes.every((node) => node.url.startsWith('http:'));
  const listen = options.listen ?? `0.0.0.0:${options.address.slice(options.address.lastIndexOf(':') + 1)}`;
  const colon = listen.lastIndexOf(':');
  return {
    name: options.name,
    ...(options.region === undefined ? {} : { region: options.region }),
    address: options.address,
    'listen.host': listen.slice(0, Math.max(0, colon)),
    'listen.port': Number(listen.slice(colon + 1)),
    'ledger.url': url,
    'ledger.systemObjectId': systemObjectId,
    'ledger.stakingObjectId': stakingObjectId,
    blsKeyFile: BLS_KEY_FILE,
    operatorKeyFile: OPERATOR_WALLET_FILE,
    dataDirectory: 'data',
    ...(isPlain ? { plainHttp: true, plainHttpPeers: true } : {}),
    'parameters.capacity': options.capacity,
    'parameters.commissionBasisPoints': options.commission,
  };
}

/** Only its owner may look into it. @throws DIRECTORY_NOT_EMPTY, FILE_UNWRITABLE */
async function makeEmptyDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    const [first] = await readdir(directory);
    if (first !== undefined) throw cliErrors.DIRECTORY_NOT_EMPTY({ directory, holds: first });
    await chmod(directory, 0o700);
  } catch (error) {
    throw error instanceof Error && error.name === 'FloeError' ? error : unwritable(directory, error);
  }
}
