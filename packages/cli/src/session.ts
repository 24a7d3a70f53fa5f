/** What a command needs to use a network: its description, a client, the ledger, and the wallet. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { LedgerClient } from '@floe/contracts';
import type { FloeClient } from '@floe/client';
import { connectFloe } from '@floe/client/node';
import type { NetworkOptions } from './commands/blob-options.ts';
import { LOW_BALANCE, requestFunds } from './faucet.ts';
import { findNetwork, type FoundNetwork } from './network.ts';
import { ensureWallet, walletPath, type Wallet } from './wallet.ts';

export interface Session {
  readonly network: FoundNetwork;
  readonly client: FloeClient;
  readonly ledger: LedgerClient;
  close(): Promise<void>;
}

/** Finds the network and connects to it; `close` it when done. @throws NETWORK_NOT_FOUND, NETWORK_FILE_INVALID */
export async function openSession(options: NetworkOptions): Promise<Session> {
  const network = await findNetwork(options);
  const { ledger } = network.description;
  const scratchDirectory = scratchDirectoryOf(options);
  const connection = await connectFloe({ ledger, nodeUrlScheme: schemeOf(network), scratchDirectory });
  return { network, client: connection.client, ledger: connection.ledgerClient, close: () => connection.close() };
}

/**
 * Where large blobs are put aside. Not where the system keeps temporary files unless told so: that is often in memory.
 */
function scratchDirectoryOf({ scratch }: NetworkOptions): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return scratch ?? process.env['FLOE_SCRATCH'] ?? join(cache, 'floe');
}

/** The ledger names nodes by host and port; how they are spoken to is the description's to say. */
function schemeOf(network: FoundNetwork): 'http' | 'https' {
  return network.description.nodes[0]?.url.startsWith('http:') === true ? 'http' : 'https';
}

/** The wallet of this session, made when there is none; with `fund`, filled from the faucet when it is low. */
export async function openWallet(
  session: Session,
  options: NetworkOptions,
  { fund, signal }: { fund: boolean; signal?: AbortSignal },
): Promise<Wallet> {
  const wallet = await ensureWallet(walletPath(options, session.network));
  if (!fund || session.network.description.faucet === undefined) return wallet;
  const balances = await session.ledger.balances(wallet.address, { signal });
  if (balances.sui < LOW_BALANCE || balances.wal < LOW_BALANCE) {
    await requestFunds(session.network.description, wallet.address);
  }
  return wallet;
}
