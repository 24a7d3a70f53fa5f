/** Commands on who may act for a storage node, and with which key: builders on `Transaction` of `@mysten/sui`. */
import type { NodeId, ObjectId, SuiAddress } from '@floe/protocol';
import type { Transaction, TransactionResult } from '@mysten/sui/transactions';
import type { StakingTarget } from './staking-transactions.ts';

/** Who acts: the sender, or whoever holds an object. */
export type ActingAs = 'sender' | { readonly objectId: ObjectId; readonly type: string };

/** Who may act from then on. */
export type Allowed = { readonly address: SuiAddress } | { readonly objectId: ObjectId };

/** `collect`: who collects the commission. `govern`: who votes on slashing and upgrades in the node's name. */
export type Authority = 'collect' | 'govern';

export function authenticate(
  transaction: Transaction,
  { packageId }: Pick<StakingTarget, 'packageId'>,
  as: ActingAs,
): TransactionResult {
  if (as === 'sender') return transaction.moveCall({ target: `${packageId}::auth::authenticate_sender` });
  return transaction.moveCall({
    target: `${packageId}::auth::authenticate_with_object`,
    typeArguments: [as.type],
    arguments: [transaction.object(as.objectId)],
  });
}

/** Hands an authority over a node on; who holds it now must be the one acting. */
export function setAuthority(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly authority: Authority; readonly nodeId: NodeId; readonly as: ActingAs; readonly to: Allowed },
): void {
  const { authority, nodeId, as, to } = order;
  const { packageId } = target;
  const allowed =
    'address' in to
      ? transaction.moveCall({
          target: `${packageId}::auth::authorized_address`,
          arguments: [transaction.pure.address(to.address)],
        })
      : transaction.moveCall({
          target: `${packageId}::auth::authorized_object`,
          arguments: [transaction.pure.id(to.objectId)],
        });
  const name = authority === 'collect' ? 'set_commission_receiver' : 'set_governance_authorized';
  transaction.moveCall({
    target: `${packageId}::staking::${name}`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.pure.id(nodeId),
      authenticate(transaction, target, as),
      allowed,
    ],
  });
}

/** Sets the BLS key that the node signs with from the committee on that is chosen next. */
export function setNextPublicKey(
  transaction: Transaction,
  target: StakingTarget,
  order: {
    readonly nodeCapId: ObjectId;
    /** 48 bytes. */
    readonly blsPublicKey: Uint8Array;
    /** 96 bytes: over the proof-of-possession message of the current epoch and the sender. */
    readonly proofOfPossession: Uint8Array;
  },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::set_next_public_key`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.object(order.nodeCapId),
      transaction.pure.vector('u8', order.blsPublicKey),
      transaction.pure.vector('u8', order.proofOfPossession),
    ],
  });
}
