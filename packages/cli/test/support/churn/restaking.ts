/** Moves stake so that shards move: nodes join, leave, grow and shrink at every change of the committee. */
import {
  type layouts,
  type LedgerClient,
  requestWithdrawal,
  stakeWithNode,
  type SystemInfo,
  transactionOf,
  withdrawStake,
} from '@floe/contracts';
import { type Rng, shuffled } from '@floe/platform';
import { type Committee, type Epoch, type Frost, memberOfNode, type NodeId, parseObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import type { Action } from '../epochs/accounts.ts';
import type { Gate } from '../epochs/gate.ts';
import type { ClusterNode } from './cluster.ts';

interface Context {
  readonly target: SystemInfo;
  readonly current: Committee;
}

const WAL = 1_000_000_000n;
const GRAIN = 1_000_000n;

export interface RestakingModules {
  readonly ledger: LedgerClient;
  readonly gate: Gate;
  readonly rng: Rng;
  readonly actions: Map<string, Action>;
}

export interface StakePlan {
  /** All stake with these is asked back: they have no shards in the next epoch. */
  readonly leave: readonly ClusterNode[];
  /** These get stake worth some shards, of the account that moves it. */
  readonly raise: readonly ClusterNode[];
  /** So many of the stakes that were moved there before are asked back. */
  readonly lowered: number;
}

export class Restaking {
  readonly #mover: Ed25519Keypair;
  readonly #modules: RestakingModules;

  constructor(options: { readonly mover: Ed25519Keypair }, modules: RestakingModules) {
    this.#mover = options.mover;
    this.#modules = modules;
  }

  /** One transaction of each account, so that all of it counts from the same epoch on. */
  async carryOut({ leave, raise, lowered }: StakePlan): Promise<void> {
    const { ledger, gate, rng } = this.#modules;
    await gate.pass(async () => {
      const context = await this.#context();
      const stakes = await this.#stakesOf(this.#mover);
      const isLeaving = (nodeId: NodeId) => leave.some((node) => node.nodeId === nodeId);
      const staying = stakes.filter((stake) => !isLeaving(stake.nodeId) && canBeAskedBack(stake, context.target.epoch));
      const chosen = shuffled(staying, rng).slice(0, lowered);
      const moved = stakes.filter(
        (stake) => isLeaving(stake.nodeId) || chosen.includes(stake) || isDue(stake, context),
      );
      let { wal } = await ledger.balances(parseObjectId(this.#mover.toSuiAddress()));
      const orders = raise.flatMap(({ nodeId }) => {
        const amount = 2500n * WAL + BigInt(rng.below(3_000_000)) * GRAIN;
        wal = (wal - amount) as Frost;
        return wal > 0n ? [{ nodeId, amount }] : [];
      });
      await this.#execute(this.#mover, context, moved, orders);
      for (const node of leave) await this.#execute(node.keys, context, await this.#stakesOf(node.keys), []);
    });
  }

  /** A node that left before stakes all that it got back with itself. */
  async comeBack({ keys, nodeId }: ClusterNode): Promise<void> {
    const { ledger, gate } = this.#modules;
    await gate.pass(async () => {
      const context = await this.#context();
      await this.#execute(keys, context, await this.#stakesOf(keys), []);
      const { wal } = await ledger.balances(parseObjectId(keys.toSuiAddress()));
      if (wal >= WAL) await this.#execute(keys, context, [], [{ nodeId, amount: wal }]);
    });
  }

  async #context(): Promise<Context> {
    const { ledger } = this.#modules;
    const [target, { current }] = await Promise.all([
      ledger.systemState({ fresh: true }),
      ledger.committees({ fresh: true }),
    ]);
    return { target, current };
  }

  async #stakesOf(keys: Ed25519Keypair): Promise<layouts.StakedWal[]> {
    const stakes: layouts.StakedWal[] = [];
    for await (const stake of this.#modules.ledger.ownedStakes(parseObjectId(keys.toSuiAddress()))) stakes.push(stake);
    return stakes;
  }

  /** Takes `back` what can be taken back, asks for the rest, and stakes anew. */
  async #execute(
    keys: Ed25519Keypair,
    context: Context,
    back: readonly layouts.StakedWal[],
    orders: readonly { readonly nodeId: NodeId; readonly amount: bigint }[],
  ): Promise<void> {
    const { target, current } = context;
    const owner = parseObjectId(keys.toSuiAddress());
    const open = back.filter((stake) => stake.state.Withdrawing === undefined || isDue(stake, context));
    let actions: Action[] = [];
    const transaction = transactionOf((t) => {
      actions = [];
      for (const stake of open) {
        const { id, state, activationEpoch, nodeId } = stake;
        const isMember = memberOfNode(current, nodeId) !== undefined;
        if (state.Withdrawing !== undefined || activationEpoch > target.epoch || !isMember) {
          withdrawStake(t, target, { stake: id, owner });
          actions.push({ kind: 'withdraw', stakeId: id });
        } else {
          requestWithdrawal(t, target, { stake: id });
          actions.push({ kind: 'request', stakeId: id });
        }
      }
      for (const { nodeId, amount } of orders) {
        stakeWithNode(t, target, { nodeId, amount: amount as Frost, owner });
      }
    });
    if (open.length === 0 && orders.length === 0) return;
    const { digest, created } = await this.#modules.ledger.execute(transaction, keys);
    const fresh = new Set(created.map(({ objectId }) => objectId));
    const made = orders.length === 0 ? [] : (await this.#stakesOf(keys)).filter(({ id }) => fresh.has(id));
    for (const { nodeId, amount } of orders) {
      const at = made.findIndex((stake) => stake.nodeId === nodeId && stake.principal === amount);
      const [stake] = made.splice(at, 1);
      actions.push({ kind: 'stake', nodeId, amount, stakeId: (stake as layouts.StakedWal).id });
    }
    this.#modules.actions.set(digest, { kind: 'several', actions });
  }
}

function isDue({ state }: layouts.StakedWal, { target }: Context): boolean {
  return state.Withdrawing !== undefined && state.Withdrawing.withdrawEpoch <= target.epoch;
}

function canBeAskedBack({ state, activationEpoch }: layouts.StakedWal, epoch: Epoch): boolean {
  return state.Withdrawing === undefined && activationEpoch <= epoch;
}
