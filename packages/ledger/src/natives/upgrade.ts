/**
 * `upgrade`: votes of the committee on the contracts' next version. Walrus contract rules: init, upgrade, migration.
 *
 * Votes are recorded, reported and turned into tickets, which the `Upgrade` command redeems. Code that is built into a
 * ledger is not replaced by that: what was agreed, of which version, stands in the manager.
 */
import { dynamicFieldId, fieldType, layouts, moveValues } from '@floe/contracts';
import { type ObjectId, parseObjectId } from '@floe/protocol';
import { type Call, type FieldRef, type Native, native, type Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';
import type { UpgradeReceipt, UpgradeTicket } from '../execution/upgrade-command.ts';
import { isQuorumOf } from '../staking/votes.ts';
import type { Authenticated } from './auth.ts';
import { votingWeightOf, withVote } from './governance.ts';
import { type Staking, type StakingState, stakingState } from './staking/state.ts';
import type { System } from './system-state.ts';

type Manager = layouts.UpgradeManager;
type Proposal = layouts.UpgradeProposal;

const DIGEST_BYTES = 32;

function proposalField(call: Call, manager: Manager, digest: Uint8Array): FieldRef<Proposal> {
  const parent = manager.upgradeProposals.id;
  const nameType = `${call.addresses.walrus}::upgrade::PackageDigest`;
  return call.field({
    parent,
    fieldId: dynamicFieldId(parent, nameType, moveValues.bytes.serialize(digest).toBytes()),
    fieldType: fieldType(nameType, `${call.addresses.walrus}::upgrade::UpgradeProposal`),
    layout: layouts.UpgradeProposalField as unknown as Codec,
    name: digest,
  });
}

function setProposal(call: Call, manager: Ref<Manager>, digest: Uint8Array, proposal: Proposal | undefined): void {
  const field = proposalField(call, manager.value, digest);
  const change = (proposal === undefined ? 0n : 1n) - (field.value === undefined ? 0n : 1n);
  field.value = proposal;
  if (change === 0n) return;
  const { upgradeProposals } = manager.value;
  manager.value = {
    ...manager.value,
    upgradeProposals: { ...upgradeProposals, size: upgradeProposals.size + change },
  };
}

function vote(
  call: Call,
  manager: Ref<Manager>,
  state: StakingState,
  digest: Uint8Array,
  voter: { nodeId: ObjectId; weight: number },
): void {
  if (digest.length !== DIGEST_BYTES) call.abort('upgrade', 'EInvalidPackageDigest');
  const version = manager.value.cap.version + 1n;
  const known = proposalField(call, manager.value, digest).value;
  const isCurrent = known?.epoch === state.epoch && known.version === version;
  const proposal: Proposal = isCurrent ? known : { epoch: state.epoch, digest, version, votingWeight: 0, voters: [] };
  if (!isCurrent) call.emit({ kind: 'ContractUpgradeProposed', epoch: state.epoch, packageDigest: digest });
  const counted = withVote(call, 'upgrade', proposal, voter.nodeId, voter.weight);
  setProposal(call, manager, digest, counted);
  if (isQuorumOf(counted.votingWeight, state.nShards)) {
    call.emit({ kind: 'ContractUpgradeQuorumReached', epoch: state.epoch, packageDigest: digest });
  }
}

/** While an upgrade is under way its cap names no package. */
const NO_PACKAGE: ObjectId = parseObjectId('0x0');

function authorize(call: Call, manager: Ref<Manager>, digest: Uint8Array): UpgradeTicket {
  const { cap } = manager.value;
  if (cap.package === NO_PACKAGE) call.abort('package', 'EAlreadyAuthorized', 'sui');
  manager.value = { ...manager.value, cap: { ...cap, package: NO_PACKAGE } };
  return { cap: cap.id, package: cap.package, policy: cap.policy, digest };
}

function authorizeByVotes(call: Call, manager: Ref<Manager>, state: StakingState, digest: Uint8Array): UpgradeTicket {
  if (digest.length !== DIGEST_BYTES) call.abort('upgrade', 'EInvalidPackageDigest');
  const proposal = proposalField(call, manager.value, digest).value;
  if (proposal === undefined) return call.abort('upgrade', 'ENoProposalForDigest');
  setProposal(call, manager, digest, undefined);
  if (proposal.epoch !== state.epoch) call.abort('upgrade', 'EWrongEpoch');
  if (!isQuorumOf(proposal.votingWeight, state.nShards)) call.abort('upgrade', 'ENotEnoughVotes');
  if (proposal.version !== manager.value.cap.version + 1n) call.abort('upgrade', 'EWrongVersion');
  return authorize(call, manager, digest);
}

function commit(call: Call, manager: Ref<Manager>, receipt: UpgradeReceipt): void {
  const { cap } = manager.value;
  if (receipt.cap !== cap.id) call.abort('package', 'EWrongUpgradeCap', 'sui');
  if (cap.package !== NO_PACKAGE) call.abort('package', 'ENotAuthorized', 'sui');
  manager.value = { ...manager.value, cap: { ...cap, package: receipt.package, version: cap.version + 1n } };
}

export const upgradeNatives: Readonly<Record<string, Native>> = {
  vote_for_upgrade: native(
    (call, manager: Ref<Manager>, staking: Staking, who: Authenticated, nodeId: ObjectId, digest: Uint8Array) => {
      const state = stakingState(call, staking).value;
      const weight = votingWeightOf(call, state, 'upgrade', who, nodeId);
      vote(call, manager, state, digest, { nodeId, weight });
    },
  ),
  authorize_upgrade: native((call, manager: Ref<Manager>, staking: Staking, digest: Uint8Array) => [
    authorizeByVotes(call, manager, stakingState(call, staking).value, digest),
  ]),
  authorize_emergency_upgrade: native(
    (call, manager: Ref<Manager>, cap: layouts.EmergencyUpgradeCap, digest: Uint8Array) => {
      if (cap.upgradeManagerId !== manager.value.id) call.abort('upgrade', 'EInvalidUpgradeManager');
      return [authorize(call, manager, digest)];
    },
  ),
  commit_upgrade: native(
    (call, manager: Ref<Manager>, staking: Ref<Staking>, system: Ref<System>, receipt: UpgradeReceipt) => {
      staking.value = { ...staking.value, newPackageId: receipt.package };
      system.value = { ...system.value, newPackageId: receipt.package };
      commit(call, manager, receipt);
    },
  ),
  cleanup_upgrade_proposals: native((call, manager: Ref<Manager>, staking: Staking, digests: readonly Uint8Array[]) => {
    const { epoch } = stakingState(call, staking).value;
    call.elements(digests.length);
    for (const digest of digests) {
      if (digest.length !== DIGEST_BYTES) call.abort('upgrade', 'EInvalidPackageDigest');
      const proposal = proposalField(call, manager.value, digest).value;
      if (proposal === undefined) continue;
      if (proposal.version <= manager.value.cap.version || proposal.epoch < epoch) {
        setProposal(call, manager, digest, undefined);
      }
    }
  }),
  burn_emergency_upgrade_cap: native((call, cap: layouts.EmergencyUpgradeCap) => call.deleteId(cap.id)),
};
