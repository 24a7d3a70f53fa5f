/** What a command needs to use a network: its description, a client, the ledger, and the wallet. */
import type { ExecutedTransaction, LedgerClient, SystemInfo } from '@floe/contracts';
import type { FloeClient } from '@floe/client';
import { connectFloe } from '@floe/client/node';
import { assert } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import type { NetworkOptions } from './commands/blob-options.ts';
import { LOW_BALANCE, requestFunds } from './faucet.ts';
import { scratchDirectory } from './scratch-directory.ts';
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
  const connection = await connectFloe({
    ledger,
    nodeUrlScheme: schemeOf(network),
    scratchDirectory: scratchDirectory(options.scratch),
  });
  return { network, client: connection.client, ledger: connection.ledgerClient, close: () => connection.close() };
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

/** What a command that signs has at hand. */
export interface Payer {
  readonly session: Session;
  readonly wallet: Wallet;
  readonly system: SystemInfo;
}

/** Runs a command that signs with the wallet, which is filled from the faucet when it is low; closes the session. */
export async function withPayer<T>(
  options: NetworkOptions,
  signal: AbortSignal,
  work: (payer: Payer) => Promise<T>,
): Promise<T> {
  const session = await openSession(options);
  try {
    const wallet = await openWallet(session, options, { fund: true, signal });
    const system = await session.ledger.systemState({ signal });
    return await work({ session, wallet, system });
  } finally {
    await session.close();
  }
}

/** Runs a command that only looks; closes the session. */
export async function withSession<T>(options: NetworkOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Signs and executes what `build` adds to a transaction. */
export function execute(
  { session, wallet }: { readonly session: Pick<Session, 'ledger'>; readonly wallet: Wallet },
  build: (transaction: Transaction) => void,
  signal: AbortSignal,
): Promise<ExecutedTransaction> {
  const source = (): Transaction => {
    const transaction = new Transaction();
    build(transaction);
    return transaction;
  };
  return session.ledger.execute(source, wallet.keypair, { signal });
}

/** What the JSON of every command that executed a transaction has: its digest, and the gas it took in MIST. */
export function receipt({ digest, gas }: ExecutedTransaction): { digest: string; gas: bigint } {
  return { digest, gas };
}

/** The object of that type that a transaction made. */
export function createdObject({ created, digest }: ExecutedTransaction, type: string): ObjectId {
  const [object] = created.filter((each) => each.type === type);
  assert(object !== undefined, 'the transaction made the object', { type, digest });
  return object.objectId;
}

/** What `owner` has more, or less, of a coin after a transaction. */
export function balanceChange({ balanceChanges }: ExecutedTransaction, owner: ObjectId, coinType: string): bigint {
  return balanceChanges
    .filter((change) => change.owner === owner && change.coinType === coinType)
    .reduce((sum, { amount }) => sum + amount, 0n);
}
