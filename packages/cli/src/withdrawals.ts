/** What can be done with a stake in an epoch, by the contracts' rules for withdrawals. */
import type { layouts } from '@floe/contracts';
import type { Committees, NodeId } from '@floe/protocol';

/** Who is in the committees, and when. */
export interface StakingTimes {
  readonly epoch: number;
  /** Whether the stake's node has shards now, and in the next epoch as far as that is decided. */
  readonly inCurrent: boolean;
  readonly inNext: boolean;
}

export type Withdrawal =
  /** Its WAL can be had at once. */
  | { readonly kind: 'withdraw' }
  /** It must be asked for, and can be had from `epoch` on. */
  | { readonly kind: 'request'; readonly epoch: number }
  /** It was asked for, and can be had from `epoch` on. */
  | { readonly kind: 'wait'; readonly epoch: number };

/**
 * Not yet counted on by a chosen committee, or of a node outside of all committees: at once. Else it stays to the end of
 * the last epoch for which a committee that counts on it is chosen.
 */
export function withdrawalOf(
  stake: Pick<layouts.StakedWal, 'state' | 'activationEpoch'>,
  times: StakingTimes,
): Withdrawal {
  const { epoch, inCurrent, inNext } = times;
  const { state, activationEpoch } = stake;
  if (state.$kind === 'Withdrawing') {
    const { withdrawEpoch } = state.Withdrawing;
    return withdrawEpoch <= epoch ? { kind: 'withdraw' } : { kind: 'wait', epoch: withdrawEpoch };
  }
  const early = activationEpoch === epoch + 2 || (activationEpoch === epoch + 1 && !inNext);
  if (early || (!inCurrent && !inNext)) return { kind: 'withdraw' };
  return { kind: 'request', epoch: epoch + (inNext ? 2 : 1) };
}

/** When a stake with that node is looked at. */
export function timesOf({ current, next }: Committees, nodeId: NodeId): StakingTimes {
  const isMember = (committee: Committees['next']) =>
    committee?.members.some((member) => member.nodeId === nodeId && member.shards.length > 0) === true;
  return { epoch: current.epoch, inCurrent: isMember(current), inNext: isMember(next) };
}
