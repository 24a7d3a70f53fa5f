/** `floe epoch`, `floe committee`, `floe prices`: how the network stands. */
import type { Committee, CommitteeMember } from '@floe/protocol';
import type { layouts } from '@floe/contracts';
import { systemClock } from '@floe/platform/node';
import { formatDuration } from '../durations.ts';
import { cliErrors } from '../errors.ts';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import { type Session, withSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

const PHASES = {
  sync: 'nodes take over their shards',
  done: 'the committee is complete; voting has not ended',
  selected: 'the next committee is chosen',
} as const;

export async function runEpoch(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const schedule = await session.ledger.epochSchedule({ fresh: true, signal });
    const system = await session.ledger.systemState({ signal });
    const { epoch, phase, epochDurationMs, startMs, votingEndMs, changeMs, attestedShards } = schedule;
    const now = systemClock.nowMs();
    const at = (timeMs: number) =>
      `${new Date(timeMs).toISOString()} (${timeMs > now ? `in ${formatDuration(timeMs - now)}` : 'due'})`;
    output.line(`epoch        ${epoch}: ${PHASES[phase]}`);
    output.line(`length       ${formatDuration(epochDurationMs)}`);
    if (attestedShards !== undefined) output.line(`attested     ${attestedShards} of ${system.nShards} shards`);
    if (startMs !== undefined) output.line(`began        ${new Date(startMs).toISOString()}`);
    if (votingEndMs !== undefined) output.line(`voting ends  ${at(votingEndMs)}`);
    if (changeMs !== undefined) output.line(`next epoch   ${at(changeMs)}`);
    output.line(`storage can be bought up to the start of epoch ${epoch + system.maxEpochsAhead}`);
    output.result({ ...schedule, nShards: system.nShards, maxEpochsAhead: system.maxEpochsAhead });
  });
}

export interface CommitteeOptions extends NetworkOptions {
  readonly next?: boolean;
  readonly previous?: boolean;
}

export async function runCommittee(options: CommitteeOptions, output: Output, signal: AbortSignal): Promise<void> {
  if (options.next === true && options.previous === true) {
    throw cliErrors.USAGE({ detail: '--next and --previous exclude each other' });
  }
  await withSession(options, async (session) => {
    const { current, next, previous } = await session.ledger.committees({ fresh: true, signal });
    const which = options.next === true ? 'next' : options.previous === true ? 'previous' : 'current';
    const committee = { current, next, previous }[which];
    if (committee === undefined) throw cliErrors.NO_COMMITTEE({ which, epoch: current.epoch });
    const pools = await session.ledger.stakingPools(
      committee.members.map(({ nodeId }) => nodeId),
      { signal },
    );
    output.line(`the ${which} committee, of epoch ${committee.epoch}: ${committee.geometry.nShards} shards`);
    for (const member of committee.members) output.line(memberLine(member, pools.get(member.nodeId)));
    output.result(committeeJson(which, committee, pools));
  });
}

function memberLine({ name, shards, nodeId, networkAddress }: CommitteeMember, pool?: layouts.StakingPool): string {
  const stake = pool === undefined ? '' : `  ${formatCoin(pool.walBalance, 'WAL')} staked`;
  const commission = pool === undefined ? '' : `  ${pool.commissionRate / 100}% commission`;
  return `${name}  ${shards.length} shards${stake}${commission}  ${networkAddress}  ${nodeId}`;
}

function committeeJson(
  which: string,
  { epoch, geometry, members }: Committee,
  pools: ReadonlyMap<string, layouts.StakingPool>,
): unknown {
  return {
    committee: which,
    epoch,
    nShards: geometry.nShards,
    members: members.map(({ nodeId, name, networkAddress, shards }) => {
      const pool = pools.get(nodeId);
      return {
        nodeId,
        name,
        networkAddress,
        shards,
        ...(pool === undefined
          ? {}
          : { stake: pool.walBalance, commissionBasisPoints: pool.commissionRate, votes: votesOf(pool) }),
      };
    }),
  };
}

function votesOf({ votingParams }: layouts.StakingPool): unknown {
  const { storagePrice, writePrice, nodeCapacity } = votingParams;
  return { storagePrice, writePrice, capacityBytes: nodeCapacity };
}

export async function runPrices(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const [prices, votes] = await Promise.all([session.ledger.prices({ signal }), readVotes(session, signal)]);
    const { storagePrice, writePrice, voted } = prices;
    output.line(`storage  ${storagePrice} FROST per encoded MiB and epoch`);
    output.line(`write    ${writePrice} FROST per encoded MiB`);
    if (voted.storagePrice !== storagePrice || voted.writePrice !== writePrice) {
      output.line(
        `voted    ${voted.storagePrice} and ${voted.writePrice}: in force when anyone has the prices updated`,
      );
    }
    for (const { node, shards, storagePrice: storage, writePrice: write, capacityBytes } of votes) {
      output.line(`vote     ${node} (${shards} shards): ${storage}, ${write}, ${formatBytes(Number(capacityBytes))}`);
    }
    output.result({ storagePrice, writePrice, voted, votes });
  });
}

interface Vote {
  readonly nodeId: string;
  readonly node: string;
  readonly shards: number;
  readonly storagePrice: bigint;
  readonly writePrice: bigint;
  readonly capacityBytes: bigint;
}

async function readVotes(session: Session, signal: AbortSignal): Promise<Vote[]> {
  const { current } = await session.ledger.committees({ signal });
  const pools = await session.ledger.stakingPools(
    current.members.map(({ nodeId }) => nodeId),
    { signal },
  );
  return current.members.flatMap(({ nodeId, name, shards }) => {
    const params = pools.get(nodeId)?.votingParams;
    if (params === undefined) return [];
    const { storagePrice, writePrice, nodeCapacity: capacityBytes } = params;
    return [{ nodeId, node: name, shards: shards.length, storagePrice, writePrice, capacityBytes }];
  });
}
