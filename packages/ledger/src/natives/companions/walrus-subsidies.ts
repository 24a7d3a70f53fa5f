/**
 * `walrus_subsidies`: a pool of WAL that adds to what nodes get: a fixed amount each epoch, and a part of what users pay.
 * Walrus contract rules: subsidies.
 *
 * What was subsidised is remembered for each epoch, so that no payment, and no subsidy, is subsidised twice.
 */
import { dynamicFieldId, fieldType, layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import { type Call, type FieldRef, type Native, native, type Ref } from '../../execution/call.ts';
import type { Codec } from '../../execution/datatypes.ts';
import { asU32, asU64 } from '../../execution/integers.ts';
import { type Coin, coinIntoBalance } from '../framework.ts';
import { amendmentsOf } from '../staking/amendments.ts';
import { addCommissions } from '../staking/nodes.ts';
import { type Staking, type StakingState, stakingState } from '../staking/state.ts';
import { maxEpochsAhead, ringEntry } from '../storage-accounting.ts';
import { addPerEpochSubsidies } from '../system.ts';
import { currentEpoch, type System, type SystemState, systemState } from '../system-state.ts';

type Subsidies = layouts.WalrusSubsidies;
type Inner = layouts.WalrusSubsidiesInnerV1;
type Ring = layouts.EpochBalanceRingBuffer;
type AdminCap = layouts.SubsidiesAdminCap;

const VERSION = 3n;
const MAX_RATE = 1_000_000;
const BASIS_POINTS = 10_000n;
const MAX_SHARDS = 1000n;

function abortInner(call: Call, constant: string): never {
  return call.abort('walrus_subsidies_inner', constant, 'walrus_subsidies');
}

function innerField(call: Call, { id }: Subsidies): FieldRef<Inner> {
  const address = call.addresses.walrus_subsidies;
  const nameType = `${address}::walrus_subsidies::SubsidiesInnerKey`;
  return call.field({
    parent: id,
    fieldId: dynamicFieldId(id, nameType, Uint8Array.of(0)),
    fieldType: fieldType(nameType, `${address}::walrus_subsidies_inner::WalrusSubsidiesInnerV1`),
    layout: layouts.WalrusSubsidiesInnerField as unknown as Codec,
    name: { dummyField: false },
  });
}

function innerOf(call: Call, subsidies: Subsidies): Ref<Inner> {
  if (subsidies.version !== VERSION) call.abort('walrus_subsidies', 'EWrongVersion', 'walrus_subsidies');
  const field = innerField(call, subsidies);
  if (field.value === undefined) return call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
  return field as Ref<Inner>;
}

function adminInner(call: Call, subsidies: Subsidies, cap: AdminCap): Ref<Inner> {
  if (cap.subsidiesId !== subsidies.id) {
    call.abort('walrus_subsidies', 'EUnauthorizedAdminCap', 'walrus_subsidies');
  }
  return innerOf(call, subsidies);
}

function checkRate(call: Call, rate: number): void {
  if (rate > MAX_RATE) abortInner(call, 'EInvalidSubsidyRate');
}

/** The most that one node can be given must be an amount. */
function checkFixed(base: bigint, perShard: bigint): void {
  asU64(base + MAX_SHARDS * perShard);
}

/** Takes `amount` out of the pool. */
function take(call: Call, inner: Ref<Inner>, amount: bigint): void {
  if (inner.value.subsidyPool < amount) abortInner(call, 'EInsufficientFundsInPool');
  inner.value = { ...inner.value, subsidyPool: inner.value.subsidyPool - amount };
}

/** The fixed subsidy of the epoch before, once. */
function payFixed(call: Call, inner: Ref<Inner>, state: StakingState): void {
  const { epoch, previousCommittee } = state;
  if (epoch === 0 || inner.value.latestEpoch >= epoch - 1) return;
  const { baseSubsidy, subsidyPerShard } = inner.value;
  const amounts = previousCommittee.map(({ value }) => asU64(baseSubsidy + BigInt(value.length) * subsidyPerShard));
  for (const amount of amounts) take(call, inner, amount);
  addCommissions(
    call,
    state,
    previousCommittee.map(({ key }) => key),
    amounts,
  );
  inner.value = { ...inner.value, latestEpoch: (epoch - 1) as Epoch };
}

/** The ring with its first entry for `epoch`. */
function advanceTo(ring: Ring, epoch: number): Ring {
  let { currentIndex } = ring;
  const ringBuffer = [...ring.ringBuffer];
  for (let first = ringBuffer[currentIndex]; first !== undefined && first.epoch < epoch;) {
    ringBuffer[currentIndex] = { epoch: asU32(first.epoch + ringBuffer.length) as Epoch, balance: 0n };
    currentIndex = (currentIndex + 1) % ringBuffer.length;
    first = ringBuffer[currentIndex];
  }
  return { currentIndex, ringBuffer };
}

/** What rounding left of the epoch before counts as subsidised: it was when it was paid. */
function withLeftover(ring: Ring, leftover: bigint): Ring {
  const first = ring.ringBuffer[ring.currentIndex];
  if (first === undefined || leftover === 0n) return ring;
  const ringBuffer = [...ring.ringBuffer];
  ringBuffer[ring.currentIndex] = { ...first, balance: asU64(first.balance + leftover) };
  return { ...ring, ringBuffer };
}

/** The subsidy on what was paid since the last time, for each epoch from now. */
function payUsage(call: Call, inner: Ref<Inner>, system: Ref<SystemState>, leftover: bigint): void {
  const before = inner.value.alreadySubsidizedBalances;
  const epoch = currentEpoch(system.value);
  const isFirstOfEpoch = (before.ringBuffer[before.currentIndex]?.epoch ?? epoch) < epoch;
  const moved = advanceTo(before, epoch);
  const ring = isFirstOfEpoch ? withLeftover(moved, leftover) : moved;
  const ringBuffer = [...ring.ringBuffer];
  const rate = BigInt(inner.value.systemSubsidyRate);
  const amounts: bigint[] = [];
  for (let offset = 0; offset < maxEpochsAhead(system.value); offset += 1) {
    const index = (ring.currentIndex + offset) % ringBuffer.length;
    const { rewardsToDistribute } = ringEntry(call, system.value.futureAccounting, offset);
    const entry = ringBuffer[index];
    if (entry === undefined) return call.abort('epoch_balance', 'EIndexOutOfBounds', 'walrus_subsidies');
    const amount = asU64((asU64(rewardsToDistribute - entry.balance) * rate) / BASIS_POINTS);
    ringBuffer[index] = { ...entry, balance: asU64(rewardsToDistribute + amount) };
    take(call, inner, amount);
    amounts.push(amount);
  }
  inner.value = { ...inner.value, alreadySubsidizedBalances: { ...ring, ringBuffer } };
  addPerEpochSubsidies(call, system, amounts);
}

function create(
  call: Call,
  system: SystemState,
  staking: StakingState,
  terms: { rate: number; base: bigint; perShard: bigint },
): AdminCap {
  checkRate(call, terms.rate);
  checkFixed(terms.base, terms.perShard);
  const subsidies: Subsidies = { id: call.freshId(), version: VERSION, packageId: call.addresses.walrus_subsidies };
  const extraFields = { id: call.freshId(), size: 0n };
  const cap = { id: call.freshId(), subsidiesId: subsidies.id };
  const ringBuffer = Array.from({ length: maxEpochsAhead(system) }, (_, offset) => {
    const { epoch, rewardsToDistribute } = ringEntry(call, system.futureAccounting, offset);
    return { epoch, balance: rewardsToDistribute };
  });
  innerField(call, subsidies).value = {
    systemSubsidyRate: terms.rate,
    subsidyPool: 0n,
    baseSubsidy: terms.base,
    subsidyPerShard: terms.perShard,
    latestEpoch: Math.max(0, staking.epoch - 1) as Epoch,
    alreadySubsidizedBalances: { currentIndex: 0, ringBuffer },
    lastSubsidizedTs: 0n,
    extraFields,
  };
  call.transfer(`${call.addresses.walrus_subsidies}::walrus_subsidies::WalrusSubsidies`, subsidies, 'shared');
  return cap;
}

function addFunds(inner: Ref<Inner>, amount: bigint): void {
  inner.value = { ...inner.value, subsidyPool: asU64(inner.value.subsidyPool + amount) };
}

export const walrusSubsidiesNatives: Readonly<Record<string, Native>> = {
  // Made in the newest version: there is nothing to migrate.
  migrate: native((call) => call.abort('walrus_subsidies', 'EInvalidMigration', 'walrus_subsidies')),
  new: native((call, system: System, staking: Staking, rate: number, base: bigint, perShard: bigint) => [
    create(call, systemState(call, system).value, stakingState(call, staking).value, { rate, base, perShard }),
  ]),
  add_coin: native((call, self: Ref<Subsidies>, coin: Coin) =>
    addFunds(innerOf(call, self.value), coinIntoBalance(call, coin)),
  ),
  add_balance: native((call, self: Ref<Subsidies>, amount: bigint) => addFunds(innerOf(call, self.value), amount)),
  process_subsidies: native(
    (
      call,
      self: Ref<Subsidies>,
      staking: Ref<Staking>,
      system: Ref<System>,
      clock: { readonly timestampMs: bigint },
    ) => {
      const inner = innerOf(call, self.value);
      payFixed(call, inner, stakingState(call, staking.value).value);
      payUsage(call, inner, systemState(call, system.value), amendmentsOf(call, staking.value)?.leftover ?? 0n);
      inner.value = { ...inner.value, lastSubsidizedTs: clock.timestampMs };
    },
  ),
  set_system_subsidy_rate: native((call, self: Ref<Subsidies>, cap: AdminCap, rate: number) => {
    const inner = adminInner(call, self.value, cap);
    checkRate(call, rate);
    inner.value = { ...inner.value, systemSubsidyRate: rate };
  }),
  set_base_subsidy: native((call, self: Ref<Subsidies>, cap: AdminCap, base: bigint) => {
    const inner = adminInner(call, self.value, cap);
    checkFixed(base, inner.value.subsidyPerShard);
    inner.value = { ...inner.value, baseSubsidy: base };
  }),
  set_per_shard_subsidy: native((call, self: Ref<Subsidies>, cap: AdminCap, perShard: bigint) => {
    const inner = adminInner(call, self.value, cap);
    checkFixed(inner.value.baseSubsidy, perShard);
    inner.value = { ...inner.value, subsidyPerShard: perShard };
  }),
};
