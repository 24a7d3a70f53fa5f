/**
 * A faucet: gives test coins from an account of its own by signed transactions.
 *
 * One transaction is under way at a time, so two never choose the same coins; requests that wait meanwhile share the
 * next one. A request is paid in full or not at all.
 */
import { type Logger, assert, concurrencyErrors, deferred, isFloeError } from '@floe/platform';
import { type SuiAddress, parseObjectId } from '@floe/protocol';
import type { Signer } from '@mysten/sui/cryptography';
import { fromBase64 } from '@mysten/sui/utils';
import type { LedgerApi, TransactionRecord } from '../../api.ts';
import { encodeTransactionData } from '../../transaction-data.ts';
import { faucetLimits } from '../limits.ts';
import { renderStatus } from '../rendering/execution-errors.ts';
import { digestText } from '../rendering/values.ts';
import { faucetErrors } from './errors.ts';
import { type FaucetAmounts, type FaucetFunds, fundsOf, payoutTransaction } from './payout.ts';

/** MIST kept back for gas: far more than a payout to the largest batch costs. */
const GAS_RESERVE = 1_000_000_000n;

export interface FaucetModules {
  readonly ledger: LedgerApi;
  /** Holds the key of the faucet's account. */
  readonly signer: Signer;
  readonly logger: Logger;
}

/** What a request got. */
export interface FaucetGift extends FaucetAmounts {
  readonly recipient: SuiAddress;
  /** Base58 digest of the transaction. */
  readonly digest: string;
  readonly record: TransactionRecord;
}

interface Waiting {
  readonly recipient: SuiAddress;
  readonly resolve: (gift: FaucetGift) => void;
  readonly reject: (error: unknown) => void;
}

export class Faucet {
  readonly account: SuiAddress;
  readonly amounts: FaucetAmounts;
  readonly #modules: FaucetModules;
  readonly #waiting: Waiting[] = [];
  #paying = false;

  constructor(options: FaucetAmounts, modules: FaucetModules) {
    assert(options.sui > 0n || options.wal > 0n, 'a faucet gives something', { sui: options.sui, wal: options.wal });
    this.amounts = { sui: options.sui, wal: options.wal };
    this.account = parseObjectId(modules.signer.toSuiAddress());
    this.#modules = modules;
  }

  /** What the account holds. */
  funds(): FaucetFunds {
    return fundsOf(this.#modules.ledger, this.account);
  }

  /**
   * Pays `recipient`; resolves when that is durable.
   * @throws QUEUE_FULL, FAUCET_EMPTY, FAUCET_FAILED
   */
  give(recipient: SuiAddress): Promise<FaucetGift> {
    if (this.#waiting.length >= faucetLimits.waiting) {
      return Promise.reject(concurrencyErrors.QUEUE_FULL({ queue: 'faucet', limit: faucetLimits.waiting }));
    }
    const { promise, resolve, reject } = deferred<FaucetGift>();
    this.#waiting.push({ recipient, resolve, reject });
    if (!this.#paying) void this.#payAll();
    return promise;
  }

  async #payAll(): Promise<void> {
    this.#paying = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, faucetLimits.batchRecipients);
      try {
        await this.#payBatch(batch);
      } catch (error) {
        if (!isFloeError(error)) this.#modules.logger.error('the faucet failed', { error: String(error) });
        for (const { reject } of batch) reject(error);
      }
    }
    this.#paying = false;
  }

  async #payBatch(batch: readonly Waiting[]): Promise<void> {
    const funds = this.funds();
    const count = this.#affordable(funds, batch.length);
    const { sui, wal } = funds;
    for (const { reject } of batch.slice(count)) {
      reject(faucetErrors.FAUCET_EMPTY({ address: this.account, sui, wal }));
    }
    if (count === 0) return;
    const paid = batch.slice(0, count);
    const recipients = paid.map(({ recipient }) => recipient);
    const record = await this.#execute(funds, recipients);
    const digest = digestText(record.digest);
    for (const { recipient, resolve } of paid) resolve({ ...this.amounts, recipient, digest, record });
  }

  async #execute(funds: FaucetFunds, recipients: readonly SuiAddress[]): Promise<TransactionRecord> {
    const { ledger, signer } = this.#modules;
    const payer = { account: this.account, funds };
    const bytes = encodeTransactionData(payoutTransaction(ledger, payer, this.amounts, recipients));
    const { signature } = await signer.signTransaction(bytes);
    const record = await ledger.execute(bytes, [fromBase64(signature)]);
    const status = renderStatus(record.effects.status);
    if (status.success !== true) {
      const reason = status.error?.description ?? 'unknown';
      throw faucetErrors.FAUCET_FAILED({ digest: digestText(record.digest), reason });
    }
    return record;
  }

  /** How many of `count` requests the funds pay for. */
  #affordable(funds: FaucetFunds, count: number): number {
    const limits = [BigInt(count)];
    const spendable = funds.sui - GAS_RESERVE;
    if (spendable < 0n) return 0;
    if (this.amounts.sui > 0n) limits.push(spendable / this.amounts.sui);
    if (this.amounts.wal > 0n) limits.push(funds.wal / this.amounts.wal);
    return Number(limits.reduce((a, b) => (b < a ? b : a)));
  }
}
