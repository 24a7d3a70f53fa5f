/** Builders of the votes on the contracts' next version (`upgrade`). */
import type { NodeId, ObjectId } from '@floe/protocol';
import type { Transaction } from '@mysten/sui/transactions';
import { type ActingAs, authenticate } from './authority-transactions.ts';
import type { StakingTarget } from './staking-transactions.ts';

/** A storage node's vote for an upgrade, cast by whom it has authorized to govern; good for the epoch under way. */
export function voteForUpgrade(
  transaction: Transaction,
  target: StakingTarget,
  order: {
    readonly upgradeManagerId: ObjectId;
    readonly nodeId: NodeId;
    readonly as: ActingAs;
    /** 32 bytes, see `upgradeDigest`. */
    readonly digest: Uint8Array;
  },
): void {
  const { upgradeManagerId, nodeId, as, digest } = order;
  transaction.moveCall({
    target: `${target.packageId}::upgrade::vote_for_upgrade`,
    arguments: [
      transaction.object(upgradeManagerId),
      transaction.object(target.stakingObjectId),
      authenticate(transaction, target, as),
      transaction.pure.id(nodeId),
      transaction.pure.vector('u8', digest),
    ],
  });
}
