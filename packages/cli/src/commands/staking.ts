/** `floe stake`, `floe unstake`, `floe list-stake`. */
import {
  joinStakes,
  type layouts,
  requestWithdrawal,
  splitStake,
  stakeWithNode,
  typeNames,
  withdrawStake,
} from '@floe/contracts';
import { type Committees, type Frost, type NodeId, type ObjectId, parseObjectId } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import { Transaction } from '@mysten/sui/transactions';
import { cliErrors } from '../errors.ts';
import { formatCoin, type Output } from '../output.ts';
import {
  balanceChange,
  createdObject,
  execute,
  openWallet,
  receipt,
  type Session,
  withPayer,
  withSession,
} from '../session.ts';
import { timesOf, withdrawalOf } from '../withdrawals.ts';
import type { NetworkOptions } from './blob-options.ts';
import { findNode } from './nodes.ts';

type Stake = layouts.StakedWal;

export async function runStake(
  node: string,
  amount: Frost,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { nodeId, name } = await findNode(session, node, signal);
    const order = { nodeId, amount, owner: wallet.address };
    const executed = await execute(payer, (transaction) => stakeWithNode(transaction, system, order), signal);
    const stakeId = createdObject(executed, typeNames(system.originalPackageId).stakedWal);
    const { activationEpoch } = await ownedStake(session, wallet.address, stakeId, signal);
    output.line(`staked ${formatCoin(amount, 'WAL')} with ${name}; it counts from epoch ${activationEpoch} on`);
    output.line(`  stake ${stakeId}`);
    output.result({ stakeId, nodeId, node: name, amount, activationEpoch, ...receipt(executed) });
  });
}

export async function runUnstake(
  id: string,
  options: NetworkOptions & { readonly amount?: bigint },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const stakeId = parseObjectId(id);
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const stake = await ownedStake(session, wallet.address, stakeId, signal);
    const committees = await session.ledger.committees({ fresh: true, signal });
    const next = withdrawalOf(stake, timesOf(committees, stake.nodeId as NodeId));
    if (next.kind === 'wait') throw cliErrors.STAKE_NOT_FREE({ stakeId, epoch: next.epoch, now: system.epoch });
    const part = options.amount === undefined || options.amount === stake.principal ? undefined : options.amount;
    const executed = await execute(
      payer,
      (transaction) => {
        // What is taken out of a stake is split off first; the rest stays under its id.
        const taken =
          part === undefined
            ? transaction.object(stakeId)
            : splitStake(transaction, system, { stake: stakeId, amount: part as Frost });
        if (next.kind === 'withdraw') withdrawStake(transaction, system, { stake: taken, owner: wallet.address });
        else {
          requestWithdrawal(transaction, system, { stake: taken });
          if (part !== undefined) transaction.transferObjects([taken], wallet.address);
        }
      },
      signal,
    );
    const principal = part ?? stake.principal;
    if (next.kind === 'withdraw') {
      const paid = balanceChange(executed, wallet.address, system.walType);
      output.line(`withdrew ${formatCoin(paid, 'WAL')}, ${formatCoin(paid - principal, 'WAL')} of it earned`);
      output.result({ action: 'withdrawn', stakeId, principal, rewards: paid - principal, paid, ...receipt(executed) });
      return;
    }
    const requestedId =
      part === undefined ? stakeId : createdObject(executed, typeNames(system.originalPackageId).stakedWal);
    output.line(`asked for ${formatCoin(principal, 'WAL')}; it can be withdrawn from epoch ${next.epoch} on:`);
    output.line(`  floe unstake ${requestedId}`);
    output.result({
      action: 'requested',
      stakeId: requestedId,
      principal,
      withdrawEpoch: next.epoch,
      ...receipt(executed),
    });
  });
}

export async function runJoinStakes(
  ids: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const [into, ...others] = ids.map((id) => parseObjectId(id)) as [ObjectId, ...ObjectId[]];
  await withPayer(options, signal, async (payer) => {
    const executed = await execute(
      payer,
      (transaction) => joinStakes(transaction, payer.system, { into, others }),
      signal,
    );
    const { principal } = await ownedStake(payer.session, payer.wallet.address, into, signal);
    output.line(`stake ${into} now holds ${formatCoin(principal, 'WAL')}`);
    output.result({ stakeId: into, principal, ...receipt(executed) });
  });
}

export async function runListStakes(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const { address } = await openWallet(session, options, { fund: false });
    const stakes: Stake[] = [];
    for await (const stake of session.ledger.ownedStakes(address, { signal })) stakes.push(stake);
    const [rewards, committees] = await Promise.all([
      rewardsOf(session, address, stakes, signal),
      session.ledger.committees({ fresh: true, signal }),
    ]);
    const names = new Map(
      [
        ...(await session.ledger.stakingPools(
          stakes.map(({ nodeId }) => nodeId as NodeId),
          { signal },
        )),
      ].map(([nodeId, pool]) => [nodeId, pool.nodeInfo.name] as const),
    );
    if (stakes.length === 0) output.line(`${address} has no stake`);
    const listed = stakes.map((stake, i) => describe(stake, rewards[i] ?? 0n, names, committees));
    for (const each of listed) output.line(stakeLine(each));
    output.result(listed);
  });
}

interface ListedStake {
  readonly stakeId: string;
  readonly nodeId: string;
  readonly node: string;
  readonly state: 'staked' | 'withdrawing';
  readonly principal: bigint;
  /** FROST earned so far, or in all when it has ended. */
  readonly rewards: bigint;
  readonly value: bigint;
  readonly activationEpoch: number;
  readonly withdrawEpoch?: number;
  /** What `floe unstake` would do now. */
  readonly next: string;
}

function describe(
  stake: Stake,
  rewards: bigint,
  names: ReadonlyMap<NodeId, string>,
  committees: Committees,
): ListedStake {
  const { id, nodeId, principal, state, activationEpoch } = stake;
  const withdrawEpoch = state.$kind === 'Withdrawing' ? state.Withdrawing.withdrawEpoch : undefined;
  return {
    stakeId: id,
    nodeId,
    node: names.get(nodeId as NodeId) ?? '',
    state: withdrawEpoch === undefined ? 'staked' : 'withdrawing',
    principal,
    rewards,
    value: principal + rewards,
    activationEpoch,
    ...(withdrawEpoch === undefined ? {} : { withdrawEpoch }),
    next: withdrawalOf(stake, timesOf(committees, nodeId as NodeId)).kind,
  };
}

function stakeLine(stake: ListedStake): string {
  const { node, principal, rewards, activationEpoch, withdrawEpoch, stakeId } = stake;
  const since = withdrawEpoch === undefined ? `from epoch ${activationEpoch} on` : `until epoch ${withdrawEpoch}`;
  return `${node}  ${formatCoin(principal, 'WAL')} + ${formatCoin(rewards, 'WAL')} earned  ${since}  ${stakeId}`;
}

/** What each stake has earned, as the contracts compute it. */
async function rewardsOf(
  session: Session,
  owner: ObjectId,
  stakes: readonly Stake[],
  signal: AbortSignal,
): Promise<bigint[]> {
  const system = await session.ledger.systemState({ fresh: true, signal });
  const earning = stakes.filter(({ activationEpoch }) => activationEpoch <= system.epoch);
  if (earning.length === 0) return stakes.map(() => 0n);
  const transaction = new Transaction();
  for (const { nodeId, principal, activationEpoch, state } of earning) {
    const until =
      state.$kind === 'Withdrawing' ? Math.min(state.Withdrawing.withdrawEpoch, system.epoch) : system.epoch;
    transaction.moveCall({
      target: `${system.packageId}::staking::calculate_rewards`,
      arguments: [
        transaction.object(system.stakingObjectId),
        transaction.pure.id(nodeId),
        transaction.pure.u64(principal),
        transaction.pure.u32(activationEpoch),
        transaction.pure.u32(until),
      ],
    });
  }
  const returned = await session.ledger.inspect(transaction, owner, { signal });
  const earned = new Map(
    earning.map((stake, i) => [stake, BigInt(bcs.u64().parse(returned[i]?.[0] ?? new Uint8Array(8)))]),
  );
  return stakes.map((stake) => earned.get(stake) ?? 0n);
}

async function ownedStake(session: Session, owner: ObjectId, stakeId: ObjectId, signal: AbortSignal): Promise<Stake> {
  for await (const stake of session.ledger.ownedStakes(owner, { signal })) if (stake.id === stakeId) return stake;
  throw cliErrors.STAKE_NOT_OWNED({ stakeId, owner });
}
