/**
 * `subsidies`: a pool of WAL that gives part of a price back to the buyer and adds to what nodes get. Walrus contract
 * rules: subsidies.
 */
import type { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../../execution/call.ts';
import { asU64 } from '../../execution/integers.ts';
import { extendBlob } from '../blob.ts';
import { type Coin, coinIntoBalance, newCoin } from '../framework.ts';
import { reserveSpaceAhead } from '../reservation.ts';
import { addSubsidies, buyBlob } from '../system.ts';
import { type System, type SystemState, systemState } from '../system-state.ts';

type Subsidies = layouts.Subsidies;
type AdminCap = layouts.SubsidiesAdminCap;

const VERSION = 3n;
const MAX_RATE = 10_000;
const BASIS_POINTS = 10_000n;

function abort(call: Call, constant: string): never {
  return call.abort('subsidies', constant, 'subsidies');
}

function create(call: Call, terms: { packageId: ObjectId; buyer: number; system: number; funds: bigint }): AdminCap {
  checkRate(call, terms.buyer);
  checkRate(call, terms.system);
  const id = call.freshId();
  const subsidies: Subsidies = {
    id,
    buyerSubsidyRate: terms.buyer,
    systemSubsidyRate: terms.system,
    subsidyPool: terms.funds,
    packageId: terms.packageId,
    version: VERSION,
  };
  const cap = { id: call.freshId(), subsidiesId: id };
  call.transfer(`${call.addresses.subsidies}::subsidies::Subsidies`, subsidies, 'shared');
  return cap;
}

function checkRate(call: Call, rate: number): void {
  if (rate > MAX_RATE) abort(call, 'EInvalidSubsidyRate');
}

function checkVersion(call: Call, subsidies: Subsidies): void {
  if (subsidies.version !== VERSION) abort(call, 'EWrongVersion');
}

function requireAdmin(call: Call, subsidies: Subsidies, cap: AdminCap): void {
  if (cap.subsidiesId !== subsidies.id) abort(call, 'EUnauthorizedAdminCap');
  checkVersion(call, subsidies);
}

/** Runs a purchase and subsidises what it cost. */
function subsidised<T>(
  call: Call,
  subsidies: Ref<Subsidies>,
  inner: Ref<SystemState>,
  payment: Ref<Coin>,
  epochs: number,
  buy: () => T,
): T {
  checkVersion(call, subsidies.value);
  const before = payment.value.balance;
  const bought = buy();
  const cost = before - payment.value.balance;
  const { buyer, system } = partsOf(subsidies.value, cost);
  if (buyer + system === 0n) return bought;
  subsidies.value = { ...subsidies.value, subsidyPool: subsidies.value.subsidyPool - buyer - system };
  payment.value = { ...payment.value, balance: asU64(payment.value.balance + buyer) };
  if (system > 0n) addSubsidies(call, inner, system, epochs);
  return bought;
}

/** The buyer's and the system's part; when the pool has too little, it is shared by rate. */
function partsOf({ subsidyPool: pool, ...rates }: Subsidies, cost: bigint): { buyer: bigint; system: bigint } {
  const [buyerRate, systemRate] = [BigInt(rates.buyerSubsidyRate), BigInt(rates.systemSubsidyRate)];
  const parts = { buyer: (cost * buyerRate) / BASIS_POINTS, system: (cost * systemRate) / BASIS_POINTS };
  if (pool >= parts.buyer + parts.system) return parts;
  const total = buyerRate + systemRate;
  return { buyer: (pool * buyerRate) / total, system: (pool * systemRate) / total };
}

export const subsidiesNatives: Readonly<Record<string, Native>> = {
  admin_cap_subsidies_id: native((_call, cap: AdminCap) => [cap.subsidiesId]),
  subsidy_pool_value: native((_call, self: Subsidies) => [self.subsidyPool]),
  buyer_subsidy_rate: native((_call, self: Subsidies) => [self.buyerSubsidyRate]),
  system_subsidy_rate: native((_call, self: Subsidies) => [self.systemSubsidyRate]),
  // Made in the newest version: there is nothing to migrate.
  migrate: native((call) => abort(call, 'EWrongVersion')),
  new: native((call, packageId: ObjectId) => [create(call, { packageId, buyer: 0, system: 0, funds: 0n })]),
  new_with_initial_rates_and_funds: native((call, packageId: ObjectId, buyer: number, system: number, coin: Coin) => [
    create(call, { packageId, buyer, system, funds: coinIntoBalance(call, coin) }),
  ]),
  add_funds: native((call, self: Ref<Subsidies>, coin: Coin) => {
    checkVersion(call, self.value);
    self.value = { ...self.value, subsidyPool: asU64(self.value.subsidyPool + coinIntoBalance(call, coin)) };
  }),
  withdraw_balance: native((call, self: Ref<Subsidies>, cap: AdminCap, amount: bigint) => {
    requireAdmin(call, self.value, cap);
    if (self.value.subsidyPool < amount) call.abort('balance', 'ENotEnough', 'sui');
    self.value = { ...self.value, subsidyPool: self.value.subsidyPool - amount };
    return [newCoin(call, amount)];
  }),
  set_buyer_subsidy_rate: native((call, self: Ref<Subsidies>, cap: AdminCap, rate: number) => {
    requireAdmin(call, self.value, cap);
    checkRate(call, rate);
    self.value = { ...self.value, buyerSubsidyRate: rate };
  }),
  set_system_subsidy_rate: native((call, self: Ref<Subsidies>, cap: AdminCap, rate: number) => {
    requireAdmin(call, self.value, cap);
    checkRate(call, rate);
    self.value = { ...self.value, systemSubsidyRate: rate };
  }),
  reserve_space: native(
    (call, self: Ref<Subsidies>, system: Ref<System>, size: bigint, epochs: number, payment: Ref<Coin>) => {
      const inner = systemState(call, system.value);
      const buy = () => reserveSpaceAhead(call, inner, size, epochs, payment);
      return [subsidised(call, self, inner, payment, epochs, buy)];
    },
  ),
  extend_blob: native(
    (call, self: Ref<Subsidies>, system: Ref<System>, blob: Ref<layouts.Blob>, epochs: number, payment: Ref<Coin>) => {
      const inner = systemState(call, system.value);
      blob.value = subsidised(call, self, inner, payment, epochs, () =>
        extendBlob(call, inner, blob.value, epochs, payment),
      );
    },
  ),
  register_blob: native(
    (
      call,
      self: Ref<Subsidies>,
      system: Ref<System>,
      space: layouts.Storage,
      blobId: bigint,
      rootHash: bigint,
      size: bigint,
      encodingType: number,
      deletable: boolean,
      payment: Ref<Coin>,
    ) => {
      checkVersion(call, self.value);
      const terms = { space, blobId, rootHash, size, encodingType, deletable };
      return [buyBlob(call, systemState(call, system.value), terms, payment)];
    },
  ),
};
