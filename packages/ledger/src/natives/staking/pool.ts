/**
 * One staking pool: the amounts behind a storage node. Walrus contract rules: stake and withdrawal, exchange rates, pool
 * epoch advance.
 *
 * `walBalance` and `numShares` count what is staked; WAL itself lies in the stakes (principal), in `rewardsPool` and in
 * `commission`. Exchange rates and blocked commission are dynamic fields of the pool's table and bag.
 */
import { dynamicFieldId, fieldType, layouts, moveValues } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import type { Call, FieldRef, Ref } from '../../execution/call.ts';
import type { Codec } from '../../execution/datatypes.ts';
import { asU64 } from '../../execution/integers.ts';
import { exchangeRate, type ExchangeRate, FLAT_RATE, toShares, toWal } from '../../staking/exchange-rate.ts';
import { duePending, laterPending, pendingBy } from '../../staking/pending-values.ts';
import { cachedId } from '../field-ids.ts';

export type Pool = layouts.StakingPool;

const BASIS_POINTS = 10_000n;

/** The rate stored for exactly `epoch`. */
export function rateField(call: Call, pool: Pool, epoch: number): FieldRef<ExchangeRate> {
  const parent = pool.exchangeRates.id;
  return call.field({
    parent,
    fieldId: cachedId(`${parent} u32 ${epoch}`, () =>
      dynamicFieldId(parent, 'u32', moveValues.epoch.serialize(epoch).toBytes()),
    ),
    fieldType: fieldType('u32', `${call.addresses.walrus}::pool_exchange_rate::PoolExchangeRate`),
    layout: layouts.ExchangeRateField as unknown as Codec,
    name: epoch,
  });
}

/**
 * The rate in force at `epoch`: that of the latest epoch up to it which has one. There are rates of the activation epoch
 * and of epochs that the pool was advanced to, none beyond: from there the search begins, whatever epoch is asked for.
 */
export function rateAt(call: Call, pool: Pool, epoch: number): ExchangeRate {
  const newest = Math.max(pool.latestEpoch, pool.activationEpoch);
  for (let at = Math.min(epoch, newest); at >= pool.activationEpoch; at -= 1) {
    const rate = rateField(call, pool, at).value;
    if (rate !== undefined) return rate;
  }
  return FLAT_RATE;
}

const EMPTY_NAME = { dummyField: false } as const;
const EMPTY_NAME_BYTES = Uint8Array.of(0);

function blockedField(call: Call, pool: Pool): FieldRef<bigint> {
  const parent = pool.extraFields.id;
  const nameType = `${call.addresses.walrus}::staking_pool::NewEpochCommissionBlockedForCollection`;
  return call.field({
    parent,
    fieldId: cachedId(`${parent} ${nameType}`, () => dynamicFieldId(parent, nameType, EMPTY_NAME_BYTES)),
    fieldType: fieldType(nameType, 'u64'),
    layout: layouts.BlockedCommissionField as unknown as Codec,
    name: EMPTY_NAME,
  });
}

/** Commission that cannot be collected before the next voting end. */
export function blockedCommission(call: Call, pool: Pool): bigint {
  return blockedField(call, pool).value ?? 0n;
}

/** Adds to what is blocked; from then on there is an entry, even of 0. */
function blockCommission(call: Call, pool: Ref<Pool>, amount: bigint): void {
  const field = blockedField(call, pool.value);
  if (field.value === undefined) resizeExtraFields(pool, 1n);
  field.value = asU64((field.value ?? 0n) + amount);
}

/** Frees all commission for collection. */
export function clearBlockedCommission(call: Call, pool: Ref<Pool>): void {
  const field = blockedField(call, pool.value);
  if (field.value === undefined) return;
  field.value = undefined;
  resizeExtraFields(pool, -1n);
}

function resizeExtraFields(pool: Ref<Pool>, by: bigint): void {
  const { extraFields } = pool.value;
  pool.value = { ...pool.value, extraFields: { ...extraFields, size: extraFields.size + by } };
}

/** Adds commission to a pool; `isBlocked`: not to be collected before the next voting end. */
export function addCommission(call: Call, pool: Ref<Pool>, amount: bigint, isBlocked: boolean): void {
  pool.value = { ...pool.value, commission: asU64(pool.value.commission + amount) };
  if (isBlocked) blockCommission(call, pool, amount);
}

/** What stakes that leave before they were active for more than an epoch are worth in shares. */
function preActiveShares(call: Call, pool: Pool, epoch: number): bigint {
  return duePending(pool.preActiveWithdrawals, epoch).reduce(
    (sum, { key, value }) => asU64(sum + toShares(rateAt(call, pool, key - 1), value)),
    0n,
  );
}

/** What the pool will have staked at `epoch`, as far as is known. */
export function walAt(call: Call, pool: Pool, epoch: number): bigint {
  const expected = asU64(pool.walBalance + pendingBy(pool.pendingStake, epoch));
  const shares = asU64(pendingBy(pool.pendingSharesWithdraw, epoch) + preActiveShares(call, pool, epoch));
  const rate = exchangeRate(call, pool.walBalance, pool.numShares);
  return asU64(expected - toWal(rate, shares));
}

/** What a stake of `principal` earned between two epochs. */
export function rewardsOf(call: Call, pool: Pool, principal: bigint, activation: number, withdraw: number): bigint {
  const shares = toShares(rateAt(call, pool, activation), principal);
  const worth = toWal(rateAt(call, pool, withdraw), shares);
  return worth > principal ? worth - principal : 0n;
}

/**
 * Moves the pool to `epoch` with its reward of the epoch before: commission, next commission rate, exchange rate, then
 * the stakes that come and go.
 */
export function advancePool(call: Call, pool: Ref<Pool>, reward: bigint, epoch: Epoch): void {
  if (epoch <= pool.value.latestEpoch) call.abort('staking_pool', 'EPoolAlreadyUpdated');
  if (reward !== 0n && pool.value.walBalance === 0n) call.abort('staking_pool', 'EIncorrectEpochAdvance');
  const commission = (reward * BigInt(pool.value.commissionRate)) / BASIS_POINTS;
  addCommission(call, pool, commission, true);
  const toStakers = reward - commission;
  const due = duePending(pool.value.pendingCommissionRate, epoch);
  const latest = due.reduce<(typeof due)[number] | undefined>(
    (last, entry) => (last === undefined || entry.key > last.key ? entry : last),
    undefined,
  );
  pool.value = {
    ...pool.value,
    commissionRate: latest === undefined ? pool.value.commissionRate : Number(latest.value),
    pendingCommissionRate: laterPending(pool.value.pendingCommissionRate, epoch),
    rewardsPool: asU64(pool.value.rewardsPool + toStakers),
    walBalance: asU64(pool.value.walBalance + toStakers),
    latestEpoch: epoch,
  };
  settlePending(call, pool, epoch);
}

function settlePending(call: Call, pool: Ref<Pool>, epoch: Epoch): void {
  const rate = exchangeRate(call, pool.value.walBalance, pool.value.numShares);
  const field = rateField(call, pool.value, epoch);
  if (field.value !== undefined) call.abort('dynamic_field', 'EFieldAlreadyExists', 'sui');
  field.value = rate;
  const { exchangeRates, pendingStake, pendingSharesWithdraw, preActiveWithdrawals } = pool.value;
  const staked = asU64(pool.value.walBalance + pendingBy(pendingStake, epoch));
  const leaving = asU64(preActiveShares(call, pool.value, epoch) + pendingBy(pendingSharesWithdraw, epoch));
  const out = toWal(rate, leaving);
  if (staked < out) call.abort('staking_pool', 'ECalculationError');
  const walBalance = staked - out;
  pool.value = {
    ...pool.value,
    exchangeRates: { ...exchangeRates, size: exchangeRates.size + 1n },
    pendingStake: laterPending(pendingStake, epoch),
    pendingSharesWithdraw: laterPending(pendingSharesWithdraw, epoch),
    preActiveWithdrawals: laterPending(preActiveWithdrawals, epoch),
    walBalance,
    numShares: toShares(rate, walBalance),
  };
}
