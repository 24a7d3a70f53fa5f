/** Builders of transactions with a pool of subsidies (`walrus_subsidies`): what nodes get besides what users pay. */
import type { ObjectId } from '@floe/protocol';
import type { Transaction } from '@mysten/sui/transactions';
import type { StakingTarget } from './staking-transactions.ts';

/** Sui's clock. */
const CLOCK = '0x6';

/**
 * Pays what is due: the fixed subsidy of the epoch before, once, and a share of what users have paid since the last
 * time. Anyone may, at any time.
 */
export function processSubsidies(
  transaction: Transaction,
  target: Pick<StakingTarget, 'stakingObjectId' | 'systemObjectId'>,
  subsidies: { readonly objectId: ObjectId; readonly packageId: ObjectId },
): void {
  transaction.moveCall({
    target: `${subsidies.packageId}::walrus_subsidies::process_subsidies`,
    arguments: [
      transaction.object(subsidies.objectId),
      transaction.object(target.stakingObjectId),
      transaction.object(target.systemObjectId),
      transaction.object(CLOCK),
    ],
  });
}
