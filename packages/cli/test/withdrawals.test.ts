import type { Epoch } from '@floe/protocol';
import { expect, it } from 'vitest';
import { withdrawalOf, type StakingTimes } from '../src/withdrawals.ts';

const staked = (activationEpoch: number) => ({
  state: { $kind: 'Staked', Staked: true } as const,
  activationEpoch: activationEpoch as Epoch,
});
const withdrawing = (withdrawEpoch: number) => ({
  state: { $kind: 'Withdrawing', Withdrawing: { withdrawEpoch: withdrawEpoch as Epoch } } as const,
  activationEpoch: 3 as Epoch,
});
const times = (inCurrent: boolean, inNext: boolean): StakingTimes => ({ epoch: 5, inCurrent, inNext });

it('a stake that no committee counts on is withdrawn at once', () => {
  expect(withdrawalOf(staked(7), times(true, true))).toEqual({ kind: 'withdraw' });
  expect(withdrawalOf(staked(6), times(true, false))).toEqual({ kind: 'withdraw' });
  expect(withdrawalOf(staked(3), times(false, false))).toEqual({ kind: 'withdraw' });
});

it('one that a committee counts on is asked for, and had when that committee’s epoch is over', () => {
  expect(withdrawalOf(staked(3), times(true, false))).toEqual({ kind: 'request', epoch: 6 });
  expect(withdrawalOf(staked(3), times(true, true))).toEqual({ kind: 'request', epoch: 7 });
  expect(withdrawalOf(staked(6), times(false, true))).toEqual({ kind: 'request', epoch: 7 });
});

it('one that was asked for is had from its epoch on', () => {
  expect(withdrawalOf(withdrawing(5), times(true, true))).toEqual({ kind: 'withdraw' });
  expect(withdrawalOf(withdrawing(6), times(false, false))).toEqual({ kind: 'wait', epoch: 6 });
});
