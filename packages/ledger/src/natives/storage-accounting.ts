/**
 * The ring of future epochs: capacity used and payments kept for each. Walrus contract rules: pricing primitives and
 * accounting helpers.
 *
 * Entry of epoch `current + i` stands at `ringBuffer[(currentIndex + i) mod length]`. Capacity is counted in bytes,
 * payments per started unit of 1 MiB; nothing ever lowers the capacity used.
 */
import type { layouts } from '@floe/contracts';
import { type Epoch, storageUnits } from '@floe/protocol';
import { type Call, type Ref } from '../execution/call.ts';
import { asU32, asU64 } from '../execution/integers.ts';
import { type Coin, payFrom } from './framework.ts';

type SystemState = layouts.SystemStateInnerV1;
type Ring = layouts.FutureAccountingRingBuffer;
type Entry = layouts.FutureAccounting;

/** Longest reservation, in epochs from the current one. */
export function maxEpochsAhead(state: SystemState): number {
  return state.futureAccounting.length;
}

/** The entry of epoch `current + offset`. */
export function ringEntry(call: Call, ring: Ring, offset: number): Entry {
  return ring.ringBuffer[ringIndex(call, ring, offset)] as Entry;
}

/** Adds `amount` FROST to the payments kept for epoch `current + offset`. */
function addReward(call: Call, ring: Ring, offset: number, amount: bigint): Ring {
  return changeEntry(call, ring, offset, (entry) => ({
    ...entry,
    rewardsToDistribute: asU64(entry.rewardsToDistribute + amount),
  }));
}

/** Pays for `size` bytes over epochs `current + [from, to)`. */
export function payStorage(
  call: Call,
  inner: Ref<SystemState>,
  range: { from: number; to: number },
  size: bigint,
  payment: Ref<Coin>,
): void {
  const due = asU64(inner.value.storagePricePerUnitSize * storageUnits(size));
  let ring = inner.value.futureAccounting;
  for (let offset = range.from; offset < range.to; offset += 1) {
    payFrom(call, payment, due);
    ring = addReward(call, ring, offset, due);
  }
  inner.value = { ...inner.value, futureAccounting: ring };
}

/** Counts `size` bytes as used over epochs `current + [from, to)`; more than the capacity aborts. */
export function accountCapacity(
  call: Call,
  inner: Ref<SystemState>,
  range: { from: number; to: number },
  size: bigint,
): void {
  for (let offset = range.from; offset < range.to; offset += 1) {
    const used = addUsed(call, inner, offset, size);
    if (used > inner.value.totalCapacitySize) call.abort('system_state_inner', 'EStorageExceeded');
  }
}

/** What epoch `current + offset` then uses. */
function addUsed(call: Call, inner: Ref<SystemState>, offset: number, size: bigint): bigint {
  const { futureAccounting: ring, usedCapacitySize } = inner.value;
  const used = asU64(ringEntry(call, ring, offset).usedCapacity + size);
  inner.value = {
    ...inner.value,
    futureAccounting: changeEntry(call, ring, offset, (entry) => ({ ...entry, usedCapacity: used })),
    usedCapacitySize: offset === 0 ? used : usedCapacitySize,
  };
  return used;
}

/** Pays the fee for writing `encodedLength` bytes into the current epoch. */
export function payWriteFee(call: Call, inner: Ref<SystemState>, encodedLength: bigint, payment: Ref<Coin>): void {
  const fee = asU64(inner.value.writePricePerUnitSize * storageUnits(encodedLength));
  payFrom(call, payment, fee);
  inner.value = { ...inner.value, futureAccounting: addReward(call, inner.value.futureAccounting, 0, fee) };
}

/** Gives `amount` FROST, paid for elsewhere, to epoch `current + offset`. */
export function addSubsidy(call: Call, inner: Ref<SystemState>, offset: number, amount: bigint): void {
  inner.value = { ...inner.value, futureAccounting: addReward(call, inner.value.futureAccounting, offset, amount) };
}

/** Counts `size` bytes as used over epochs `current + [from, to)`, beyond the capacity if need be. */
export function accountWithoutLimit(
  call: Call,
  inner: Ref<SystemState>,
  range: { from: number; to: number },
  size: bigint,
): void {
  for (let offset = range.from; offset < range.to; offset += 1) addUsed(call, inner, offset, size);
}

/** Takes what is kept for the current epoch out of the ring, or part of it. */
export function takeReward(call: Call, inner: Ref<SystemState>, amount: bigint): void {
  const ring = changeEntry(call, inner.value.futureAccounting, 0, (entry) => ({
    ...entry,
    rewardsToDistribute: asU64(entry.rewardsToDistribute - amount),
  }));
  inner.value = { ...inner.value, futureAccounting: ring };
}

/** The ring one epoch on, and the entry of the epoch that ended; its slot takes the epoch after the last. */
export function advanceRing(call: Call, ring: Ring): { ring: Ring; ended: Entry } {
  const ended = ringEntry(call, ring, 0);
  const ringBuffer = [...ring.ringBuffer];
  ringBuffer[ring.currentIndex] = {
    epoch: asU32(ended.epoch + ring.length) as Epoch,
    usedCapacity: 0n,
    rewardsToDistribute: 0n,
  };
  return { ring: { ...ring, ringBuffer, currentIndex: (ring.currentIndex + 1) % ring.length }, ended };
}

function ringIndex(call: Call, ring: Ring, offset: number): number {
  if (offset >= ring.length) call.abort('storage_accounting', 'ETooFarInFuture');
  return (ring.currentIndex + offset) % ring.length;
}

function changeEntry(call: Call, ring: Ring, offset: number, change: (entry: Entry) => Entry): Ring {
  const ringBuffer = [...ring.ringBuffer];
  const index = ringIndex(call, ring, offset);
  ringBuffer[index] = change(ringBuffer[index] as Entry);
  return { ...ring, ringBuffer };
}
