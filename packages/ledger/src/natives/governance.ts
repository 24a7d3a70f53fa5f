/** What votes for upgrades and for slashing have in common: who may vote, and a proposal's count. */
import type { Epoch, ObjectId } from '@floe/protocol';
import type { Call } from '../execution/call.ts';
import { asU16 } from '../execution/integers.ts';
import { type Authenticated, isAuthorized } from './auth.ts';
import { poolOf, shardsOf, type StakingState } from './staking/state.ts';

/** The part of a proposal that counts votes; it lasts for one epoch. */
export interface Tally {
  readonly epoch: Epoch;
  readonly votingWeight: number;
  readonly voters: ObjectId[];
}

/** Shards of a member that votes; aborts as `module` does unless `who` speaks for the node. */
export function votingWeightOf(
  call: Call,
  state: StakingState,
  module: 'upgrade' | 'slashing',
  who: Authenticated,
  nodeId: ObjectId,
): number {
  const pool = poolOf(call, state, nodeId).value;
  if (!isAuthorized(who, pool.governanceAuthorized)) call.abort(module, 'ENotAuthorized');
  const shards = shardsOf(state.committee, nodeId);
  return shards === undefined ? call.abort('staking_inner', 'ENotInCommittee') : shards.length;
}

/** The proposal with one more vote. */
export function withVote<T extends Tally>(
  call: Call,
  module: 'upgrade' | 'slashing',
  proposal: T,
  nodeId: ObjectId,
  weight: number,
): T {
  if (proposal.voters.includes(nodeId)) call.abort(module, 'EDuplicateVote');
  const votingWeight = asU16(proposal.votingWeight + weight);
  return { ...proposal, votingWeight, voters: [...proposal.voters, nodeId] };
}
