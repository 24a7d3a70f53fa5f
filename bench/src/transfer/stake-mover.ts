/** An account whose stake decides which node has more shards than the others. */
import {
  type layouts,
  type LedgerClient,
  requestWithdrawal,
  stakeWithNode,
  transactionOf,
  withdrawStake,
} from '@floe/contracts';
import { type Frost, type NodeId, parseObjectId } from '@floe/protocol';
import type { DevProcess } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';

/** What the faucet gives each time. */
const PORTION_WAL = 1_000;
const FROST_PER_WAL = 1_000_000_000n;
/** One stake is placed while one is on its way back, and one that is back is not spent yet. */
const STAKES_AT_ONCE = 3;

export class StakeMover {
  readonly #keys: Ed25519Keypair;
  readonly #amount: Frost;
  readonly #ledger: LedgerClient;

  private constructor(keys: Ed25519Keypair, amount: Frost, ledger: LedgerClient) {
    this.#keys = keys;
    this.#amount = amount;
    this.#ledger = ledger;
  }

  static async open(options: { readonly wal: number }, dev: DevProcess, ledger: LedgerClient): Promise<StakeMover> {
    const keys = new Ed25519Keypair();
    const portions = Math.ceil((STAKES_AT_ONCE * options.wal) / PORTION_WAL) + 1;
    for (let portion = 0; portion < portions; portion += 1) await dev.fund(keys.toSuiAddress());
    return new StakeMover(keys, (BigInt(options.wal) * FROST_PER_WAL) as Frost, ledger);
  }

  /** From the next epoch on, all of the account's stake is with this node. */
  async moveTo(nodeId: NodeId): Promise<void> {
    const owner = parseObjectId(this.#keys.toSuiAddress());
    const target = await this.#ledger.systemState({ fresh: true });
    const stakes: layouts.StakedWal[] = [];
    for await (const stake of this.#ledger.ownedStakes(owner)) stakes.push(stake);
    const transaction = transactionOf((t) => {
      for (const { id, state } of stakes) {
        const { Withdrawing: back } = state;
        if (back === undefined) requestWithdrawal(t, target, { stake: id });
        else if (back.withdrawEpoch <= target.epoch) withdrawStake(t, target, { stake: id, owner });
      }
      stakeWithNode(t, target, { nodeId, amount: this.#amount, owner });
    });
    await this.#ledger.execute(transaction, this.#keys);
  }
}
