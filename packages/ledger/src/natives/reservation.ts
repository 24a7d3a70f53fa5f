/** Buying space from the system. Walrus contract rules: storage resource. */
import type { layouts } from '@floe/contracts';
import type { Call, Ref } from '../execution/call.ts';
import { asU32 } from '../execution/integers.ts';
import type { Coin } from './framework.ts';
import { accountCapacity, maxEpochsAhead, payStorage } from './storage-accounting.ts';
import { createStorage } from './storage-resource.ts';
import { currentEpoch, type SystemState } from './system-state.ts';

type Storage = layouts.Storage;

/** Buys `size` bytes for `[start, end)`; a start in the past counts as now. */
export function reserveSpace(
  call: Call,
  inner: Ref<SystemState>,
  terms: { size: bigint; startEpoch: number; endEpoch: number },
  payment: Ref<Coin>,
): Storage {
  const current = currentEpoch(inner.value);
  const startEpoch = Math.max(terms.startEpoch, current);
  if (terms.endEpoch <= startEpoch || terms.endEpoch - current > maxEpochsAhead(inner.value)) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const range = { from: startEpoch - current, to: terms.endEpoch - current };
  payStorage(call, inner, range, terms.size, payment);
  if (terms.size === 0n) call.abort('system_state_inner', 'EInvalidResourceSize');
  accountCapacity(call, inner, range, terms.size);
  return createStorage(call, startEpoch, terms.endEpoch, terms.size);
}

/** Buys `size` bytes for `epochsAhead` epochs from the current one. */
export function reserveSpaceAhead(
  call: Call,
  inner: Ref<SystemState>,
  size: bigint,
  epochsAhead: number,
  payment: Ref<Coin>,
): Storage {
  if (epochsAhead === 0 || epochsAhead > maxEpochsAhead(inner.value)) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const startEpoch = currentEpoch(inner.value);
  return reserveSpace(call, inner, { size, startEpoch, endEpoch: asU32(startEpoch + epochsAhead) }, payment);
}
