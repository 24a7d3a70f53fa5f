/** `staking` for storage nodes: registration, keys, votes, commission. Walrus contract rules: node registration. */
import { layouts } from '@floe/contracts';
import { utf8 } from '@floe/platform';
import { encodeProofOfPossession, type Epoch, type ObjectId } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../../execution/call.ts';
import { asU32 } from '../../execution/integers.ts';
import { FLAT_RATE } from '../../staking/exchange-rate.ts';
import { setPending } from '../../staking/pending-values.ts';
import { type Authenticated, type Authorized, authorizedAddress, authorizedObject, isAuthorized } from '../auth.ts';
import { newCoin } from '../framework.ts';
import { addCommission, blockedCommission, type Pool, rateField } from './pool.ts';
import {
  addPool,
  extendedField,
  isCommitteeSelected,
  nodeMetadataOf,
  poolOf,
  type Staking,
  type StakingState,
  stakingState,
} from './state.ts';

type Cap = layouts.StorageNodeCap;
type Info = layouts.StorageNodeInfo;

const PUBLIC_KEY_BYTES = 48;
const NETWORK_KEY_BYTES = 33;
const MAX_NAME_BYTES = 100;
const MAX_ADDRESS_BYTES = 259;
const MAX_COMMISSION_RATE = 10_000;
/** Units of computation for checking a proof of possession, a pairing. */
const POSSESSION_UNITS = 1000n;

/** What a node registers with. */
interface Candidate {
  readonly name: string;
  readonly networkAddress: string;
  readonly metadata: layouts.NodeMetadata;
  readonly publicKey: Uint8Array;
  readonly networkPublicKey: Uint8Array;
  readonly possession: Uint8Array;
  readonly commissionRate: number;
  readonly votes: layouts.VotingParams;
}

/** The key of 96 bytes, if its holder signed for `sender` in this epoch. */
function provenKey(call: Call, state: StakingState, publicKey: Uint8Array, possession: Uint8Array): Uint8Array {
  if (publicKey.length !== PUBLIC_KEY_BYTES) call.abort('messages', 'EInvalidKeyLength');
  const message = encodeProofOfPossession({ epoch: state.epoch, address: call.sender, publicKey });
  call.work(POSSESSION_UNITS);
  const key = call.certificates.verifyPossession(publicKey, message, possession);
  return key ?? call.abort('staking_pool', 'EInvalidProofOfPossession');
}

function checkName(call: Call, name: string): void {
  if (utf8(name).length > MAX_NAME_BYTES) call.abort('staking_pool', 'EInvalidNameLength');
}

function checkAddress(call: Call, address: string): void {
  if (utf8(address).length > MAX_ADDRESS_BYTES) call.abort('staking_pool', 'EInvalidNetworkAddressLength');
}

function checkCommission(call: Call, rate: number): void {
  if (rate > MAX_COMMISSION_RATE) call.abort('staking_pool', 'EIncorrectCommissionRate');
}

function checkNetworkKey(call: Call, key: Uint8Array): void {
  if (key.length !== NETWORK_KEY_BYTES) call.abort('storage_node', 'EInvalidNetworkPublicKey');
}

/** Adds a node with its pool; who holds the cap speaks for it. */
function registerCandidate(call: Call, inner: Ref<StakingState>, candidate: Candidate): Cap {
  const state = inner.value;
  const publicKey = provenKey(call, state, candidate.publicKey, candidate.possession);
  checkName(call, candidate.name);
  checkAddress(call, candidate.networkAddress);
  checkCommission(call, candidate.commissionRate);
  checkNetworkKey(call, candidate.networkPublicKey);
  const [nodeId, ratesId, metadataId, extraFieldsId] = [
    call.freshId(),
    call.freshId(),
    call.freshId(),
    call.freshId(),
  ] as const;
  const capId = call.freshId();
  const pool: Pool = {
    id: nodeId,
    state: { $kind: 'Active', Active: true },
    votingParams: candidate.votes,
    nodeInfo: {
      name: candidate.name,
      nodeId,
      networkAddress: candidate.networkAddress,
      publicKey,
      nextEpochPublicKey: null,
      networkPublicKey: candidate.networkPublicKey,
      metadata: metadataId,
    },
    activationEpoch: asU32(state.epoch + (isCommitteeSelected(state) ? 1 : 0)) as Epoch,
    latestEpoch: state.epoch,
    walBalance: 0n,
    numShares: 0n,
    pendingSharesWithdraw: [],
    preActiveWithdrawals: [],
    pendingCommissionRate: [],
    commissionRate: candidate.commissionRate,
    exchangeRates: { id: ratesId, size: 1n },
    pendingStake: [],
    rewardsPool: 0n,
    commission: 0n,
    commissionReceiver: authorizedObject(capId),
    governanceAuthorized: authorizedAddress(call.sender),
    extraFields: { id: extraFieldsId, size: 0n },
  };
  rateField(call, pool, pool.activationEpoch).value = FLAT_RATE;
  const metadataType = `${call.addresses.walrus}::node_metadata::NodeMetadata`;
  extendedField(call, metadataId, metadataType, layouts.NodeMetadataField as never).value = candidate.metadata;
  addPool(call, inner, pool);
  return {
    id: capId,
    nodeId,
    lastEpochSyncDone: 0 as Epoch,
    lastEventBlobAttestation: null,
    denyListRoot: 0n,
    denyListSequence: 0n,
    denyListSize: 0n,
  };
}

/** Pays out the commission that is not blocked. */
function collectCommission(call: Call, pool: Ref<Pool>, who: Authenticated): bigint {
  requireAuthorized(call, who, pool.value.commissionReceiver);
  const { commission } = pool.value;
  const blocked = blockedCommission(call, pool.value);
  const paid = commission > blocked ? commission - blocked : 0n;
  pool.value = { ...pool.value, commission: commission - paid };
  return paid;
}

function requireAuthorized(call: Call, who: Authenticated, allowed: Authorized): void {
  if (!isAuthorized(who, allowed)) call.abort('staking_pool', 'EAuthorizationFailure');
}

/** The commission rate from the epoch after the next. */
function setNextCommission(call: Call, pool: Ref<Pool>, epoch: Epoch, rate: number): void {
  checkCommission(call, rate);
  const pendingCommissionRate = setPending(pool.value.pendingCommissionRate, asU32(epoch + 2), BigInt(rate));
  pool.value = { ...pool.value, pendingCommissionRate };
}

/** A setter of a cap's holder: changes the pool after checking the value. */
function setter<T>(change: (call: Call, pool: Pool, value: T) => Pool): Native {
  return native((call, staking: Ref<Staking>, cap: Cap, value: T) => {
    const pool = poolOf(call, stakingState(call, staking.value).value, cap.nodeId);
    pool.value = change(call, pool.value, value);
  });
}

function withInfo(pool: Pool, info: Partial<Info>): Pool {
  return { ...pool, nodeInfo: { ...pool.nodeInfo, ...info } };
}

function withVotes(pool: Pool, votes: Partial<layouts.VotingParams>): Pool {
  return { ...pool, votingParams: { ...pool.votingParams, ...votes } };
}

const setters: Readonly<Record<string, Native>> = {
  set_storage_price_vote: setter((_call, pool, storagePrice: bigint) => withVotes(pool, { storagePrice })),
  set_write_price_vote: setter((_call, pool, writePrice: bigint) => withVotes(pool, { writePrice })),
  set_node_capacity_vote: setter((_call, pool, nodeCapacity: bigint) => withVotes(pool, { nodeCapacity })),
  set_name: setter((call, pool, name: string) => {
    checkName(call, name);
    return withInfo(pool, { name });
  }),
  set_network_address: setter((call, pool, networkAddress: string) => {
    checkAddress(call, networkAddress);
    return withInfo(pool, { networkAddress });
  }),
  set_network_public_key: setter((call, pool, networkPublicKey: Uint8Array) => {
    checkNetworkKey(call, networkPublicKey);
    return withInfo(pool, { networkPublicKey });
  }),
  set_next_commission: native((call, staking: Ref<Staking>, cap: Cap, rate: number) => {
    const state = stakingState(call, staking.value).value;
    setNextCommission(call, poolOf(call, state, cap.nodeId), state.epoch, rate);
  }),
  set_next_public_key: native(
    (call, staking: Ref<Staking>, cap: Cap, publicKey: Uint8Array, possession: Uint8Array) => {
      const state = stakingState(call, staking.value).value;
      const pool = poolOf(call, state, cap.nodeId);
      pool.value = withInfo(pool.value, { nextEpochPublicKey: provenKey(call, state, publicKey, possession) });
    },
  ),
  set_node_metadata: native((call, staking: Ref<Staking>, cap: Cap, metadata: layouts.NodeMetadata) => {
    const pool = poolOf(call, stakingState(call, staking.value).value, cap.nodeId);
    nodeMetadataOf(call, pool.value).value = metadata;
  }),
};

const authority: Readonly<Record<string, Native>> = {
  collect_commission: native((call, staking: Ref<Staking>, nodeId: ObjectId, who: Authenticated) => {
    const pool = poolOf(call, stakingState(call, staking.value).value, nodeId);
    return [newCoin(call, collectCommission(call, pool, who))];
  }),
  set_commission_receiver: native(
    (call, staking: Ref<Staking>, nodeId: ObjectId, who: Authenticated, commissionReceiver: Authorized) => {
      const pool = poolOf(call, stakingState(call, staking.value).value, nodeId);
      requireAuthorized(call, who, pool.value.commissionReceiver);
      pool.value = { ...pool.value, commissionReceiver };
    },
  ),
  set_governance_authorized: native(
    (call, staking: Ref<Staking>, nodeId: ObjectId, who: Authenticated, governanceAuthorized: Authorized) => {
      const pool = poolOf(call, stakingState(call, staking.value).value, nodeId);
      requireAuthorized(call, who, pool.value.governanceAuthorized);
      pool.value = { ...pool.value, governanceAuthorized };
    },
  ),
};

/** Adds commissions to pools; blocked like a reward, unless the next committee is being waited for. */
export function addCommissions(
  call: Call,
  state: StakingState,
  nodeIds: readonly ObjectId[],
  amounts: readonly bigint[],
): void {
  // A vector that runs out stops Move's loop like an overflow.
  if (nodeIds.length !== amounts.length) asU32(-1);
  const isBlocked = state.epochState.$kind !== 'NextParamsSelected';
  for (const [i, nodeId] of nodeIds.entries()) {
    addCommission(call, poolOf(call, state, nodeId), amounts[i] as bigint, isBlocked);
  }
}

export const nodeNatives: Readonly<Record<string, Native>> = {
  ...setters,
  ...authority,
  register_candidate: native(
    (
      call,
      staking: Ref<Staking>,
      name: string,
      networkAddress: string,
      metadata: layouts.NodeMetadata,
      publicKey: Uint8Array,
      networkPublicKey: Uint8Array,
      possession: Uint8Array,
      commissionRate: number,
      storagePrice: bigint,
      writePrice: bigint,
      nodeCapacity: bigint,
    ) => [
      registerCandidate(call, stakingState(call, staking.value), {
        name,
        networkAddress,
        metadata,
        publicKey,
        networkPublicKey,
        possession,
        commissionRate,
        votes: { storagePrice, writePrice, nodeCapacity },
      }),
    ],
  ),
  node_metadata: native((call, staking: Staking, nodeId: ObjectId) => [
    nodeMetadataOf(call, poolOf(call, stakingState(call, staking).value, nodeId).value).value,
  ]),
  add_commission_to_pools: native(
    (call, staking: Ref<Staking>, nodeIds: readonly ObjectId[], amounts: readonly bigint[]) => {
      call.elements(nodeIds.length);
      addCommissions(call, stakingState(call, staking.value).value, nodeIds, amounts);
    },
  ),
};

const metadataSetter = (field: 'imageUrl' | 'projectUrl' | 'description') =>
  native((_call, self: Ref<layouts.NodeMetadata>, value: string) => {
    self.value = { ...self.value, [field]: value };
  });

export const nodeMetadataNatives: Readonly<Record<string, Native>> = {
  new: native((_call, imageUrl: string, projectUrl: string, description: string) => [
    { imageUrl, projectUrl, description, extraFields: [] } satisfies layouts.NodeMetadata,
  ]),
  image_url: native((_call, self: layouts.NodeMetadata) => [self.imageUrl]),
  project_url: native((_call, self: layouts.NodeMetadata) => [self.projectUrl]),
  description: native((_call, self: layouts.NodeMetadata) => [self.description]),
  set_image_url: metadataSetter('imageUrl'),
  set_project_url: metadataSetter('projectUrl'),
  set_description: metadataSetter('description'),
  set_extra_fields: native(
    (_call, self: Ref<layouts.NodeMetadata>, extraFields: layouts.NodeMetadata['extraFields']) => {
      self.value = { ...self.value, extraFields };
    },
  ),
};
