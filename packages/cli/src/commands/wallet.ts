/** `floe wallet`, `floe wallet export`, `floe wallet import`, `floe faucet`. */
import { joinBytes } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import { STANDARD_INPUT } from '../blob-file.ts';
import { cliErrors } from '../errors.ts';
import { requestFunds } from '../faucet.ts';
import { MAX_SECRET_KEY_BYTES } from '../limits.ts';
import { findNetworkIfAny } from '../network.ts';
import { formatCoin, type Output } from '../output.ts';
import { openSession, openWallet } from '../session.ts';
import { withStandardInput } from '../standard-input.ts';
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
  // Key management needs no network, only to know whether one is there, for the wallet's place.
  const path = walletPath(options, await findNetworkIfAny(options));
  const wallet = await readWallet(path);
  if (wallet === undefined) throw cliErrors.WALLET_NOT_FOUND({ path });
  const secretKey = wallet.keypair.getSecretKey();
  output.line(secretKey);
  output.result({ address: wallet.address, secretKey });
}

export async function runWalletImport(
  given: string,
  options: WalletImportOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const path = walletPath(options, await findNetworkIfAny(options));
  const secretKey = (given === STANDARD_INPUT ? await readSecretKey(output, signal) : given).trim();
  let keypair: ReturnType<typeof keypairFromSecret>;
  try {
    keypair = keypairFromSecret(secretKey);
  } catch (error) {
    throw cliErrors.USAGE({
      detail: `not a secret key (suiprivkey1…): ${error instanceof Error ? error.message : ''}`,
    });
  }
  if (!(await writeWallet(path, keypair, { replace: options.force === true }))) throw cliErrors.WALLET_EXISTS({ path });
  const address = keypair.toSuiAddress();
  output.line(`${address} written to ${path}`);
  output.result({ address, path });
}

/** What standard input holds, taken to be a key. @throws USAGE when it is too long to be one */
async function readSecretKey(output: Output, signal: AbortSignal): Promise<string> {
  const progress = output.progress('standard input');
  progress.update('reading the secret key');
  try {
    return await withStandardInput(signal, async (input) => {
      let bytes = new Uint8Array(0);
      for await (const part of input) {
        bytes = joinBytes([bytes, part]);
        if (bytes.length > MAX_SECRET_KEY_BYTES)
          throw cliErrors.USAGE({ detail: 'standard input is not a secret key' });
      }
      return new TextDecoder().decode(bytes);
    });
  } finally {
    progress.done();
  }
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
