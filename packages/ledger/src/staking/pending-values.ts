/** Amounts that take effect at an epoch, in insertion order. Walrus contract rules: layouts, order-sensitive containers. */
import type { layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import type { Call } from '../execution/call.ts';
import { asU64 } from '../execution/integers.ts';

type PendingValues = layouts.PendingValues;

/** `amount` more at `epoch`; a new epoch comes last. */
export function addPending(values: PendingValues, epoch: number, amount: bigint): PendingValues {
  const before = values.find(({ key }) => key === epoch)?.value ?? 0n;
  return setPending(values, epoch, asU64(before + amount));
}

/** The amount at `epoch`, whatever it was. */
export function setPending(values: PendingValues, epoch: number, value: bigint): PendingValues {
  const entry = { key: epoch as Epoch, value };
  const isKnown = values.some(({ key }) => key === epoch);
  return isKnown ? values.map((existing) => (existing.key === epoch ? entry : existing)) : [...values, entry];
}

/** `amount` less at `epoch`; the entry stays even when nothing is left. */
export function reducePending(call: Call, values: PendingValues, epoch: number, amount: bigint): PendingValues {
  const before = values.find(({ key }) => key === epoch)?.value;
  if (before === undefined) return call.abort('pending_values', 'EMissingEpochValue');
  if (before < amount) call.abort('pending_values', 'EReduceValueTooLarge');
  return setPending(values, epoch, before - amount);
}

/** All that takes effect by `epoch`. */
export function pendingBy(values: PendingValues, epoch: number): bigint {
  return duePending(values, epoch).reduce((sum, { value }) => asU64(sum + value), 0n);
}

/** The entries that take effect by `epoch`. */
export function duePending(values: PendingValues, epoch: number): PendingValues {
  return values.filter(({ key }) => key <= epoch);
}

/** The entries that take effect after `epoch`. */
export function laterPending(values: PendingValues, epoch: number): PendingValues {
  return values.filter(({ key }) => key > epoch);
}
