/**
 * The faucet's transaction: pays SUI and WAL to some recipients out of the faucet's own coins. SUI comes from the gas
 * coin, into which the ledger merges all coins that pay for gas.
 */
import { walTypeOf } from '@floe/contracts';
import { type SuiAddress, objectIdBytes } from '@floe/protocol';
import type { LedgerApi, LedgerObject } from '../../api.ts';
import type { Argument, Command, TransactionData } from '../../transaction-data.ts';
import { rpcLimits } from '../limits.ts';
import { coinBalance } from '../rendering/objects.ts';
import { resolveTransaction } from '../resolve-transaction.ts';
import type { DraftInput, TransactionDraft } from '../transaction-draft.ts';

/** What each recipient gets. */
export interface FaucetAmounts {
  /** MIST. */
  readonly sui: bigint;
  /** FROST. */
  readonly wal: bigint;
}

/** What the faucet can spend now: at most a transaction's worth of coins of each kind, the largest ones. */
export interface FaucetFunds {
  /** MIST. */
  readonly sui: bigint;
  /** FROST. */
  readonly wal: bigint;
  readonly walCoins: readonly LedgerObject[];
}

/** Coins of the faucet's account. */
export function fundsOf(ledger: LedgerApi, account: SuiAddress): FaucetFunds {
  const walType = walTypeOf(ledger.chain.addresses.wal);
  const walCoins = ledger.largestCoins(account, walType, new Set(), rpcLimits.gasCoins);
  const suiCoins = ledger.gasCoins(account, new Set(), rpcLimits.gasCoins);
  return { sui: sum(suiCoins), wal: sum(walCoins), walCoins };
}

/** The transaction that pays `amounts` to each recipient, resolved and with gas. */
export function payoutTransaction(
  ledger: LedgerApi,
  payer: { readonly account: SuiAddress; readonly funds: FaucetFunds },
  amounts: FaucetAmounts,
  recipients: readonly SuiAddress[],
): TransactionData {
  const { inputs, commands } = payoutCommands(payer.funds.walCoins, amounts, recipients);
  const draft: TransactionDraft = {
    sender: payer.account,
    inputs,
    commands,
    gas: { payment: [], owner: undefined, price: undefined, budget: undefined },
    expiration: { kind: 'none' },
  };
  return resolveTransaction(ledger, draft, { selectGas: true });
}

function payoutCommands(
  walCoins: readonly LedgerObject[],
  amounts: FaucetAmounts,
  recipients: readonly SuiAddress[],
): { inputs: DraftInput[]; commands: Command[] } {
  const inputs: DraftInput[] = [];
  const commands: Command[] = [];
  const add = (input: DraftInput): Argument => ({ kind: 'input', index: inputs.push(input) - 1 });
  const run = (command: Command): number => commands.push(command) - 1;

  const paid: number[] = [];
  if (amounts.sui > 0n) {
    const amount = add(pureU64(amounts.sui));
    paid.push(run({ kind: 'split-coins', coin: { kind: 'gas' }, amounts: recipients.map(() => amount) }));
  }
  const [destination, ...sources] = walCoins.map((coin) => add({ kind: 'unresolved', id: coin.id }));
  if (amounts.wal > 0n && destination !== undefined) {
    if (sources.length > 0) run({ kind: 'merge-coins', destination, sources });
    const amount = add(pureU64(amounts.wal));
    paid.push(run({ kind: 'split-coins', coin: destination, amounts: recipients.map(() => amount) }));
  }
  for (const [index, recipient] of recipients.entries()) {
    const objects = paid.map((command): Argument => ({ kind: 'nested', command, index }));
    run({ kind: 'transfer-objects', objects, address: add({ kind: 'pure', bytes: objectIdBytes(recipient) }) });
  }
  return { inputs, commands };
}

function pureU64(value: bigint): DraftInput {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return { kind: 'pure', bytes };
}

function sum(coins: readonly LedgerObject[]): bigint {
  return coins.reduce((total, coin) => total + (coinBalance(coin) ?? 0n), 0n);
}
