/**
 * `floe node drain`: a storage node leaves. The contracts know one way out of the committee: its stake goes. So its
 * operator's stake is asked back; the committee that is chosen next gives its shards to others, and when those hold
 * them the node can be stopped. Can be repeated, and goes on from where the network is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type layouts, type LedgerClient, requestWithdrawal, withdrawStake } from '@floe/contracts';
import { connectFloe } from '@floe/client/node';
import type { FloeClient } from '@floe/client';
import type { NodeId, ObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { DRAIN_LONGEST_PAUSE_MS, DRAIN_SHORTEST_PAUSE_MS } from '../limits.ts';
import type { NodeSettings } from '../node-config.ts';
import { type DrainState, membershipOf, newOwners } from '../node-leaving.ts';
import { formatCoin, type Output } from '../output.ts';
import { execute } from '../session.ts';
import { readWallet, type Wallet } from '../wallet.ts';
import { timesOf, withdrawalOf } from '../withdrawals.ts';
import { type NodeOptions, namedNode } from './node-care.ts';

export interface NodeDrainOptions extends NodeOptions {
  /** False: only ask for the stake, and say how far it is. */
  readonly wait: boolean;
}

interface Drain {
  readonly nodeId: NodeId;
  readonly ledger: LedgerClient;
  readonly client: FloeClient;
  readonly signal: AbortSignal;
}

export async function runNodeDrain(options: NodeDrainOptions, output: Output, signal: AbortSignal): Promise<void> {
  const settings = await namedNode(options);
  const { nodeId, path } = settings;
  if (nodeId === undefined) throw cliErrors.NODE_NOT_REGISTERED({ path });
  const wallet = await operatorOf(settings);
  const connection = await connectFloe({
    ledger: settings.ledger,
    nodeUrlScheme: settings.plainHttpPeers ? 'http' : 'https',
  });
  try {
    const ledger = connection.ledgerClient;
    const drain: Drain = { nodeId, ledger, client: connection.client, signal };
    const asked = await askStakeBack(drain, wallet);
    for (const { stakeId, principal, action } of asked) {
      output.line(
        `${action === 'withdrawn' ? 'withdrew' : 'asked for'} ${formatCoin(principal, 'WAL')} of stake ${stakeId}`,
      );
    }
    await warnOfOthers(drain, wallet, output);
    const state = options.wait ? await untilDrained(drain, settings, output) : await stateOf(drain);
    output.line(describe(state));
    output.result({ nodeId, stakes: asked, state });
  } finally {
    await connection.close();
  }
}

async function operatorOf({ path, operatorKeyFile }: NodeSettings): Promise<Wallet> {
  if (operatorKeyFile === undefined) throw cliErrors.CONFIG_INVALID({ path, problems: ['operatorKeyFile is missing'] });
  const wallet = await readWallet(operatorKeyFile);
  if (wallet === undefined) throw cliErrors.WALLET_NOT_FOUND({ path: operatorKeyFile });
  return wallet;
}

interface AskedBack {
  readonly stakeId: string;
  readonly principal: bigint;
  readonly action: 'requested' | 'withdrawn';
}

/** Asks for all that the operator has staked with the node, and takes at once what can be had at once. */
async function askStakeBack({ nodeId, ledger, signal }: Drain, wallet: Wallet): Promise<AskedBack[]> {
  const asked: AskedBack[] = [];
  for (const stake of await stakesWith(nodeId, ledger, wallet.address, signal)) {
    const committees = await ledger.committees({ fresh: true, signal });
    const { kind } = withdrawalOf(stake, timesOf(committees, nodeId));
    // What was asked for already comes by itself when its epoch does.
    if (kind === 'wait' || (kind === 'withdraw' && stake.state.$kind === 'Withdrawing')) continue;
    const system = await ledger.systemState({ fresh: true, signal });
    await execute(
      { session: { ledger }, wallet },
      (transaction) => {
        const object = transaction.object(stake.id);
        if (kind === 'withdraw') withdrawStake(transaction, system, { stake: object, owner: wallet.address });
        else requestWithdrawal(transaction, system, { stake: object });
      },
      signal,
    );
    asked.push({
      stakeId: stake.id,
      principal: stake.principal,
      action: kind === 'withdraw' ? 'withdrawn' : 'requested',
    });
  }
  return asked;
}

async function stakesWith(
  nodeId: NodeId,
  ledger: LedgerClient,
  owner: ObjectId,
  signal: AbortSignal,
): Promise<layouts.StakedWal[]> {
  const stakes: layouts.StakedWal[] = [];
  for await (const stake of ledger.ownedStakes(owner, { signal })) if (stake.nodeId === nodeId) stakes.push(stake);
  return stakes;
}

/** Others' stake keeps the node in the committee as long as it is enough for a shard, and only they can take it back. */
async function warnOfOthers({ nodeId, ledger, signal }: Drain, wallet: Wallet, output: Output): Promise<void> {
  const pool = (await ledger.stakingPools([nodeId], { signal })).get(nodeId);
  const stakes = await stakesWith(nodeId, ledger, wallet.address, signal);
  const system = await ledger.systemState({ signal });
  // What is active earns, so that a pool is worth more than what was put into it; a share of a hundredth is told from that.
  const own = stakes
    .filter(({ activationEpoch }) => activationEpoch <= system.epoch)
    .reduce((sum, { principal }) => sum + principal, 0n);
  const whole = pool?.walBalance ?? 0n;
  if (whole > own + own / 100n) {
    output.warn(
      `of ${formatCoin(whole, 'WAL')} staked with the node its operator put in ${formatCoin(own, 'WAL')}; ` +
        'who put in the rest must take that back, or the node may keep shards',
    );
  }
}

/** Where the node stands. */
async function stateOf({ nodeId, ledger, client, signal }: Drain): Promise<DrainState> {
  const committees = await ledger.committees({ fresh: true, signal });
  const state = membershipOf(committees, nodeId);
  if (state.kind !== 'moving') return state;
  const reports = new Map((await client.nodeReports({ signal })).map((report) => [report.nodeId, report]));
  const waitingFor = newOwners(committees, nodeId).filter((owner) => {
    const health = reports.get(owner)?.health;
    if (health === undefined || 'error' in health || health.ok.epoch !== committees.current.epoch) return true;
    const { owned, ownedShardStatus } = health.ok.shardSummary;
    return ownedShardStatus.ready < owned;
  });
  const names = waitingFor.map((owner) => reports.get(owner)?.name ?? owner);
  return names.length === 0 && committees.phase !== 'sync' ? { kind: 'drained' } : { ...state, waitingFor: names };
}

async function untilDrained(drain: Drain, settings: NodeSettings, output: Output): Promise<DrainState> {
  const { epochDurationMs } = await drain.ledger.systemState({ signal: drain.signal });
  const pauseMs = Math.min(DRAIN_LONGEST_PAUSE_MS, Math.max(DRAIN_SHORTEST_PAUSE_MS, epochDurationMs / 100));
  const progress = output.progress(`draining ${settings.name}`);
  try {
    for (;;) {
      const state = await stateOf(drain);
      if (state.kind === 'drained') return state;
      progress.update(describe(state));
      // A timer that keeps the process: between two looks nothing else does.
      await sleep(pauseMs, undefined, { signal: drain.signal });
    }
  } finally {
    progress.done();
  }
}

function describe(state: DrainState): string {
  if (state.kind === 'drained') return 'others hold its shards: the node can be stopped';
  if (state.kind === 'member') {
    const next =
      state.nextShards === undefined
        ? 'the next committee is not chosen yet'
        : state.nextShards === 0
          ? 'it is not in the next committee, which begins with the next epoch'
          : `the next committee gives it ${state.nextShards}`;
    return `it has ${state.shards} shards; ${next}`;
  }
  const waiting = state.waitingFor.length === 0 ? 'the epoch to begin' : state.waitingFor.join(', ');
  return `its ${state.shards} shards go to others; waiting for ${waiting}`;
}
