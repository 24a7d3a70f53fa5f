/**
 * `system` from one epoch to the next: burning, the ring, rewards, the committee. Walrus contract rules: epoch state
 * machine, rewards and burning.
 */
import { extendedFieldId, fieldType, layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { Call, FieldRef, Ref } from '../execution/call.ts';
import type { Codec } from '../execution/datatypes.ts';
import { asU16 } from '../execution/integers.ts';
import { cachedId } from './field-ids.ts';
import { addSubsidy, advanceRing, ringEntry, takeReward } from './storage-accounting.ts';
import type { SystemState } from './system-state.ts';
import { burnWal, type ProtectedTreasury } from './wal.ts';

type BlsCommittee = layouts.BlsCommittee;
type DenyListSizes = typeof layouts.DenyListSizes.$inferType;

const BURNED_PERCENT = 3n;

/** Sizes of the members' deny lists. */
export function denyListSizes(call: Call, state: SystemState): FieldRef<DenyListSizes> {
  const { walrus, sui } = call.addresses;
  return call.field({
    parent: state.denyListSizes,
    fieldId: cachedId(`${state.denyListSizes} ${walrus}`, () => extendedFieldId(state.denyListSizes, walrus)),
    fieldType: fieldType(`${walrus}::extended_field::Key`, `${sui}::vec_map::VecMap<${sui}::object::ID,u64>`),
    layout: layouts.DenyListSizesField as unknown as Codec,
    name: { dummyField: false },
  });
}

/** Burns its part of what is kept for the epoch that ends. */
export function burnShare(call: Call, inner: Ref<SystemState>, treasury: Ref<ProtectedTreasury>): void {
  const { rewardsToDistribute } = ringEntry(call, inner.value.futureAccounting, 0);
  const burned = (rewardsToDistribute * BURNED_PERCENT) / 100n;
  takeReward(call, inner, burned);
  burnWal(call, treasury, burned);
}

/** The committee of the next epoch; members ascend by node id. */
export function blsCommittee(
  call: Call,
  epoch: SystemState['committee']['epoch'],
  members: readonly layouts.BlsCommitteeMember[],
): BlsCommittee {
  if (members.some(({ weight }) => weight === 0)) call.abort('bls_aggregate', 'EIncorrectCommittee');
  const nShards = asU16(members.reduce((sum, { weight }) => sum + weight, 0));
  const totalAggregatedKey = call.certificates.aggregate(members.map(({ publicKey }) => publicKey));
  return { members: [...members], nShards, epoch, totalAggregatedKey };
}

/**
 * Moves the system to the epoch of `committee`.
 * @returns rewards of the members of the committee before, in their order
 */
export function advanceSystem(
  call: Call,
  inner: Ref<SystemState>,
  committee: BlsCommittee,
  capacity: bigint,
): { nodeId: ObjectId; reward: bigint }[] {
  const before = inner.value;
  if (committee.epoch !== before.committee.epoch + 1) call.abort('system_state_inner', 'EIncorrectCommittee');
  const { ring, ended } = advanceRing(call, before.futureAccounting);
  if (ended.epoch !== before.committee.epoch) call.abort('system_state_inner', 'EInvalidAccountingEpoch');
  const usedCapacitySize = ringEntry(call, ring, 0).usedCapacity;
  inner.value = {
    ...before,
    committee,
    futureAccounting: ring,
    usedCapacitySize,
    totalCapacitySize: capacity > usedCapacitySize ? capacity : usedCapacitySize,
    eventBlobCertificationState: { ...before.eventBlobCertificationState, aggregateWeightPerBlob: [] },
  };
  const pot = ended.rewardsToDistribute;
  const rewards = shareRewards(before.committee, denyListSizes(call, before).value ?? [], ended.usedCapacity, pot);
  const leftover = rewards.reduce((left, { reward }) => left - reward, pot);
  addSubsidy(call, inner, 0, leftover);
  return rewards;
}

/** By shards and by what a node stores of the used capacity: all that is not on its deny list. */
function shareRewards(
  committee: BlsCommittee,
  denied: DenyListSizes,
  used: bigint,
  pot: bigint,
): { nodeId: ObjectId; reward: bigint }[] {
  const sizes = new Map(denied.map(({ key, value }) => [key, value]));
  const parts = committee.members.map(({ nodeId, weight }) => {
    const size = sizes.get(nodeId) ?? 0n;
    return { nodeId, part: BigInt(weight) * (used - (size < used ? size : used)) };
  });
  const total = parts.reduce((sum, { part }) => sum + part, 0n);
  return parts.map(({ nodeId, part }) => ({ nodeId, reward: (part * pot) / (total > 0n ? total : 1n) }));
}
