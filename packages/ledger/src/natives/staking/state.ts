/** Access to what hangs under the shared `Staking` object: inner state, pools, active set, next keys. */
import { extendedFieldId, fieldType, innerStateFieldId, layouts, objectTableFieldId, typeNames } from '@floe/contracts';
import { assert } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import type { Call, FieldPlace, FieldRef, Ref } from '../../execution/call.ts';
import type { Codec } from '../../execution/datatypes.ts';
import { updateActiveSet } from '../../staking/active-set.ts';
import { cachedId } from '../field-ids.ts';
import { CONTRACTS_VERSION } from '../../packages.ts';
import { type Pool, walAt } from './pool.ts';

export type Staking = layouts.Staking;
export type StakingState = layouts.StakingInnerV1;

/** Where the inner state of a `Staking` object stands. */
export function stakingStatePlace(
  staking: Pick<Staking, 'id' | 'version'>,
  walrus: Call['addresses']['walrus'],
): FieldPlace {
  return {
    parent: staking.id,
    fieldId: cachedId(`${staking.id} ${staking.version}`, () => innerStateFieldId(staking.id, staking.version)),
    fieldType: fieldType('u64', typeNames(walrus).stakingInner),
    layout: layouts.StakingInnerField as unknown as Codec,
    name: staking.version,
  };
}

/** The inner state, to read or replace. Every entry through `Staking` passes here. */
export function stakingState(call: Call, staking: Staking): Ref<StakingState> {
  if (staking.version !== CONTRACTS_VERSION) call.abort('staking', 'EWrongVersion');
  return present(call, call.field<StakingState>(stakingStatePlace(staking, call.addresses.walrus)));
}

/** Whether the next committee is known: stakes then take effect one epoch later. */
export function isCommitteeSelected(state: StakingState): boolean {
  return state.nextCommittee !== null;
}

/** A node's shards in the current committee; undefined when it is no member. */
export function shardsOf(committee: layouts.Committee, nodeId: ObjectId): readonly number[] | undefined {
  return committee.find(({ key }) => key === nodeId)?.value;
}

export function isMember(committee: layouts.Committee | null, nodeId: ObjectId): boolean {
  return committee !== null && shardsOf(committee, nodeId) !== undefined;
}

/** The pool of a node; undefined when there is none. */
export function findPool(call: Call, state: StakingState, nodeId: ObjectId): Ref<Pool> | undefined {
  const fieldId = cachedId(`${state.pools.id} ${nodeId}`, () => objectTableFieldId(state.pools.id, nodeId));
  const field = call.field<ObjectId>(poolFieldPlace(call, state, nodeId, fieldId));
  if (field.value === undefined) return undefined;
  const child = call.child<Pool>({
    owner: fieldId,
    id: nodeId,
    type: typeNames(call.addresses.walrus).stakingPool,
    layout: layouts.StakingPool as unknown as Codec,
  });
  assert(child.value !== undefined, 'the table of pools holds the pool', { nodeId });
  return child as Ref<Pool>;
}

/** The pool of a node, which must exist. */
export function poolOf(call: Call, state: StakingState, nodeId: ObjectId): Ref<Pool> {
  return findPool(call, state, nodeId) ?? call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
}

/** Puts a new pool into the table. */
export function addPool(call: Call, inner: Ref<StakingState>, pool: Pool): void {
  const { pools } = inner.value;
  const fieldId = objectTableFieldId(pools.id, pool.id);
  call.field<ObjectId>(poolFieldPlace(call, inner.value, pool.id, fieldId)).value = pool.id;
  const type = typeNames(call.addresses.walrus).stakingPool;
  const layout = layouts.StakingPool as unknown as Codec;
  call.child<Pool>({ owner: fieldId, id: pool.id, type, layout }).value = pool;
  inner.value = { ...inner.value, pools: { ...pools, size: pools.size + 1n } };
}

function poolFieldPlace(call: Call, state: StakingState, nodeId: ObjectId, fieldId: ObjectId): FieldPlace {
  const { sui } = call.addresses;
  return {
    parent: state.pools.id,
    fieldId,
    fieldType: fieldType(`${sui}::dynamic_object_field::Wrapper<${sui}::object::ID>`, `${sui}::object::ID`),
    layout: layouts.PoolField as unknown as Codec,
    name: nodeId,
  };
}

/** Brings a node's entry of the active set up to date with its stake at `epoch`. */
export function refreshActiveSet(call: Call, state: StakingState, pool: Pool, epoch: number): void {
  const set = activeSetOf(call, state);
  const next = updateActiveSet(set.value, pool.id, walAt(call, pool, epoch));
  if (next !== set.value) set.value = next;
}

/** As {@link refreshActiveSet}, for the epoch whose committee is chosen next. */
export function refreshForNextVote(call: Call, state: StakingState, pool: Pool): void {
  const isSelected = state.epochState.$kind === 'NextParamsSelected';
  refreshActiveSet(call, state, pool, state.epoch + (isSelected ? 2 : 1));
}

/** The active set, to read or replace. */
export function activeSetOf(call: Call, state: StakingState): Ref<layouts.ActiveSet> {
  const valueType = `${call.addresses.walrus}::active_set::ActiveSet`;
  return extended(call, state.activeSet, valueType, layouts.ActiveSetField as unknown as Codec);
}

/** Keys of the next committee, as they were at voting end. */
export function nextKeysOf(call: Call, state: StakingState): Ref<typeof layouts.NextEpochPublicKeys.$inferType> {
  const { sui } = call.addresses;
  const element = `${sui}::group_ops::Element<${sui}::bls12381::UncompressedG1>`;
  const valueType = `${sui}::vec_map::VecMap<${sui}::object::ID,${element}>`;
  return extended(call, state.nextEpochPublicKeys, valueType, layouts.NextEpochPublicKeysField as unknown as Codec);
}

/** The metadata of a node. */
export function nodeMetadataOf(call: Call, pool: Pool): Ref<layouts.NodeMetadata> {
  const valueType = `${call.addresses.walrus}::node_metadata::NodeMetadata`;
  return extended(call, pool.nodeInfo.metadata, valueType, layouts.NodeMetadataField as unknown as Codec);
}

/** The value of an extended field, there or not. */
export function extendedField<T>(call: Call, id: ObjectId, valueType: string, layout: Codec): FieldRef<T> {
  const { walrus } = call.addresses;
  return call.field<T>({
    parent: id,
    fieldId: cachedId(`${id} ${walrus}`, () => extendedFieldId(id, walrus)),
    fieldType: fieldType(`${walrus}::extended_field::Key`, valueType),
    layout,
    name: { dummyField: false },
  });
}

function extended<T>(call: Call, id: ObjectId, valueType: string, layout: Codec): Ref<T> {
  return present(call, extendedField<T>(call, id, valueType, layout));
}

function present<T>(call: Call, field: FieldRef<T>): Ref<T> {
  if (field.value === undefined) return call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
  return field as Ref<T>;
}
