/** `floe wallet`, `floe wallet export`, `floe wallet import`, `floe faucet`. */
import { text as readAll } from 'node:stream/consumers';
import { isFloeError } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { requestFunds } from '../faucet.ts';
import { findNetwork, type FoundNetwork } from '../network.ts';
import { formatCoin, type Output } from '../output.ts';
import { openSession, openWallet } from '../session.ts';
import { keypairFromSecret, readWallet, walletPath, writeWallet } from '../wallet.ts';
import type { NetworkOptions } from './blob-options.ts';
import type { WalletImportOptions } from './network-options.ts';

export async function runWallet(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  const session = await openSession(options);
  try {
    const wallet = await openWallet(session, options, { fund: false });
    const balances = await session.ledger.balances(wallet.address, { signal });
    output.line(`address  ${wallet.address}`);
    output.line(`file     ${wallet.path}`);
    output.line(`balance  ${formatCoin(balances.wal, 'WAL')}, ${formatCoin(balances.sui, 'SUI')}`);
    output.result({ address: wallet.address, path: wallet.path, ...balances });
  } finally {
    await session.close();
  }
}

export async function runWalletExport(options: NetworkOptions, output: Output): Promise<void> {
  const path = walletPath(options, await networkIfAny(options));
  const wallet = await readWallet(path);
  if (wallet === undefined) throw cliErrors.WALLET_INVALID({ path, detail: 'there is no such file' });
  const secretKey = wallet.keypair.getSecretKey();
  output.line(secretKey);
  output.result({ address: wallet.address, secretKey });
}

export async function runWalletImport(given: string, options: WalletImportOptions, output: Output): Promise<void> {
  const path = walletPath(options, await networkIfAny(options));
  const secretKey = (given === '-' ? await readAll(process.stdin) : given).trim();
  let keypair: ReturnType<typeof keypairFromSecret>;
  try {
    keypair = keypairFromSecret(secretKey);
  } catch (error) {
    throw cliErrors.USAGE({
      detail: `not a secret key (suiprivkey1…): ${error instanceof Error ? error.message : ''}`,
    });
  }
  if (options.force !== true && (await readWallet(path)) !== undefined) throw cliErrors.WALLET_EXISTS({ path });
  const wallet = await writeWallet(path, keypair);
  output.line(`${wallet.address} written to ${wallet.path}`);
  output.result({ address: wallet.address, path: wallet.path });
}

export async function runFaucet(address: string | undefined, options: NetworkOptions, output: Output): Promise<void> {
  const session = await openSession(options);
  try {
    const receiver =
      address === undefined ? (await openWallet(session, options, { fund: false })).address : parseObjectId(address);
    await requestFunds(session.network.description, receiver);
    const balances = await session.ledger.balances(receiver);
    output.line(`${receiver} now has ${formatCoin(balances.wal, 'WAL')} and ${formatCoin(balances.sui, 'SUI')}`);
    output.result({ address: receiver, ...balances });
  } finally {
    await session.close();
  }
}

/** Key management needs no network, only to know whether one is there, for the wallet's place. */
async function networkIfAny(options: NetworkOptions): Promise<FoundNetwork | undefined> {
  try {
    return await findNetwork(options);
  } catch (error) {
    if (options.network === undefined && isFloeError(error, 'NETWORK_NOT_FOUND')) return undefined;
    throw error;
  }
}
