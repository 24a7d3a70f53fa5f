/** `slashing`: a quorum burns a node's commission. Walrus contract rules: slashing. */
import { dynamicFieldId, fieldType, layouts, moveValues } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { type Call, type FieldRef, type Native, native, type Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';
import { isQuorumOf } from '../staking/votes.ts';
import type { Authenticated } from './auth.ts';
import { votingWeightOf, withVote } from './governance.ts';
import { clearBlockedCommission } from './staking/pool.ts';
import { poolOf, type Staking, stakingState } from './staking/state.ts';
import { burnWal, type ProtectedTreasury } from './wal.ts';

type Manager = layouts.SlashingManager;
type Proposal = layouts.SlashingProposal;

function proposalField(call: Call, manager: Manager, candidate: ObjectId): FieldRef<Proposal> {
  const parent = manager.slashingCandidates.id;
  const nameType = `${call.addresses.sui}::object::ID`;
  return call.field({
    parent,
    fieldId: dynamicFieldId(parent, nameType, moveValues.id.serialize(candidate).toBytes()),
    fieldType: fieldType(nameType, `${call.addresses.walrus}::slashing::SlashingProposal`),
    layout: layouts.SlashingProposalField as unknown as Codec,
    name: candidate,
  });
}

function setProposal(call: Call, manager: Ref<Manager>, candidate: ObjectId, proposal: Proposal | undefined): void {
  const field = proposalField(call, manager.value, candidate);
  const change = (proposal === undefined ? 0n : 1n) - (field.value === undefined ? 0n : 1n);
  field.value = proposal;
  if (change === 0n) return;
  const { slashingCandidates } = manager.value;
  const size = slashingCandidates.size + change;
  manager.value = { ...manager.value, slashingCandidates: { ...slashingCandidates, size } };
}

export const slashingNatives: Readonly<Record<string, Native>> = {
  vote_for_slashing: native(
    (call, manager: Ref<Manager>, staking: Staking, who: Authenticated, voter: ObjectId, candidate: ObjectId) => {
      const state = stakingState(call, staking).value;
      const weight = votingWeightOf(call, state, 'slashing', who, voter);
      const known = proposalField(call, manager.value, candidate).value;
      const proposal =
        known?.epoch === state.epoch ? known : { epoch: state.epoch, nodeId: candidate, votingWeight: 0, voters: [] };
      setProposal(call, manager, candidate, withVote(call, 'slashing', proposal, voter, weight));
    },
  ),
  execute_slashing: native(
    (call, manager: Ref<Manager>, staking: Ref<Staking>, treasury: Ref<ProtectedTreasury>, candidate: ObjectId) => {
      const state = stakingState(call, staking.value).value;
      const proposal = proposalField(call, manager.value, candidate).value;
      if (proposal === undefined) return call.abort('slashing', 'ENoProposalForNode');
      setProposal(call, manager, candidate, undefined);
      if (proposal.epoch !== state.epoch) call.abort('slashing', 'EWrongEpoch');
      if (!isQuorumOf(proposal.votingWeight, state.nShards)) call.abort('slashing', 'ENotEnoughVotes');
      const pool = poolOf(call, state, candidate);
      clearBlockedCommission(call, pool);
      const { commission } = pool.value;
      pool.value = { ...pool.value, commission: 0n };
      burnWal(call, treasury, commission);
    },
  ),
  cleanup_slashing_proposals: native(
    (call, manager: Ref<Manager>, staking: Staking, candidates: readonly ObjectId[]) => {
      const { epoch } = stakingState(call, staking).value;
      call.elements(candidates.length);
      for (const candidate of candidates) {
        const proposal = proposalField(call, manager.value, candidate).value;
        if (proposal !== undefined && proposal.epoch < epoch) setProposal(call, manager, candidate, undefined);
      }
    },
  ),
};
