/**
 * Builders of the transactions that turn epochs and move stake: what storage nodes, their operators and stakers send.
 * Each adds its commands to a `Transaction`, so several fit in one. Objects are given by id.
 */
import type { Epoch, Frost, NodeId, ObjectId, SuiAddress } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import { coinWithBalance, type Transaction, type TransactionObjectArgument } from '@mysten/sui/transactions';
import { type ActingAs, authenticate } from './authority-transactions.ts';
import type { SystemTarget } from './transactions.ts';

/** Where the calls go; a `SystemInfo` is one. */
export interface StakingTarget extends SystemTarget {
  readonly stakingObjectId: ObjectId;
}

/** Sui's clock. */
const CLOCK = '0x6';

type ObjectArgument = string | TransactionObjectArgument;

/** Chooses the next committee; anyone may, from half an epoch after its start on. */
export function votingEnd(transaction: Transaction, target: StakingTarget): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::voting_end`,
    arguments: [transaction.object(target.stakingObjectId), transaction.object(CLOCK)],
  });
}

/** Begins the next epoch; anyone may, once voting has ended and the epoch's time is over. */
export function initiateEpochChange(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly treasuryObjectId: ObjectId },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::initiate_epoch_change_v2`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.object(target.systemObjectId),
      transaction.object(order.treasuryObjectId),
      transaction.object(CLOCK),
    ],
  });
}

/** Attests that a member holds its shards of `epoch`; counts once for each epoch. */
export function epochSyncDone(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly nodeCapId: ObjectId; readonly epoch: Epoch },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::epoch_sync_done`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.object(order.nodeCapId),
      transaction.pure.u32(order.epoch),
      transaction.object(CLOCK),
    ],
  });
}

/** Puts the prices that the current committee votes for in force; anyone may, at any time. */
export function updatePrices(transaction: Transaction, target: StakingTarget): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::update_prices`,
    arguments: [transaction.object(target.stakingObjectId), transaction.object(target.systemObjectId)],
  });
}

/** A node's votes; what is left out stays as it is. */
export interface NodeVotes {
  /** FROST per MiB of encoded length and epoch. */
  readonly storagePrice?: bigint;
  /** FROST per MiB of encoded length. */
  readonly writePrice?: bigint;
  /** Encoded bytes that the node offers. */
  readonly capacity?: bigint;
}

/** Sets votes of a node. Prices follow with {@link updatePrices} or the next epoch, capacity with the next voting end. */
export function setNodeVotes(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly nodeCapId: ObjectId; readonly votes: NodeVotes },
): void {
  const { storagePrice, writePrice, capacity } = order.votes;
  const calls: [name: string, value: bigint | undefined][] = [
    ['set_storage_price_vote', storagePrice],
    ['set_write_price_vote', writePrice],
    ['set_node_capacity_vote', capacity],
  ];
  for (const [name, value] of calls) {
    if (value === undefined) continue;
    transaction.moveCall({
      target: `${target.packageId}::staking::${name}`,
      arguments: [
        transaction.object(target.stakingObjectId),
        transaction.object(order.nodeCapId),
        transaction.pure.u64(value),
      ],
    });
  }
}

/** Sets the commission that a node takes from the epoch after the next on. */
export function setNextCommission(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly nodeCapId: ObjectId; readonly basisPoints: number },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::set_next_commission`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.object(order.nodeCapId),
      transaction.pure.u16(order.basisPoints),
    ],
  });
}

/**
 * Pays out a node's commission, all that is not blocked until the next voting end.
 *
 * @param order `receiver`: the cap (or other object) that may receive it; the sender itself when left out
 */
export function collectCommission(
  transaction: Transaction,
  target: StakingTarget,
  order: {
    readonly nodeId: NodeId;
    readonly receiver?: ActingAs;
    readonly to: SuiAddress;
  },
): void {
  const authenticated = authenticate(transaction, target, order.receiver ?? 'sender');
  const coin = transaction.moveCall({
    target: `${target.packageId}::staking::collect_commission`,
    arguments: [transaction.object(target.stakingObjectId), transaction.pure.id(order.nodeId), authenticated],
  });
  transaction.transferObjects([coin], order.to);
}

/** Stakes WAL of the sender with a node; at least 1 WAL. The stake is `owner`'s. */
export function stakeWithNode(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly nodeId: NodeId; readonly amount: Frost; readonly owner: SuiAddress },
): void {
  const coin = transaction.add(coinWithBalance({ type: target.walType, balance: order.amount }));
  const stake = transaction.moveCall({
    target: `${target.packageId}::staking::stake_with_pool`,
    arguments: [transaction.object(target.stakingObjectId), coin, transaction.pure.id(order.nodeId)],
  });
  transaction.transferObjects([stake], order.owner);
}

/** Asks for a stake back; it can be withdrawn from the epoch that the stake then names on. */
export function requestWithdrawal(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly stake: ObjectArgument },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::request_withdraw_stake`,
    arguments: [transaction.object(target.stakingObjectId), transaction.object(order.stake)],
  });
}

/** Turns a stake back into WAL, with what it earned; `owner` gets the coin. */
export function withdrawStake(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly stake: ObjectArgument; readonly owner: SuiAddress },
): void {
  const coin = transaction.moveCall({
    target: `${target.packageId}::staking::withdraw_stake`,
    arguments: [transaction.object(target.stakingObjectId), transaction.object(order.stake)],
  });
  transaction.transferObjects([coin], order.owner);
}

/** Splits `amount` off a stake; both parts hold at least 1 WAL. @returns the new stake, still to be given to someone */
export function splitStake(
  transaction: Transaction,
  target: Pick<StakingTarget, 'packageId'>,
  order: { readonly stake: ObjectArgument; readonly amount: Frost },
): TransactionObjectArgument {
  return transaction.moveCall({
    target: `${target.packageId}::staked_wal::split`,
    arguments: [transaction.object(order.stake), transaction.pure.u64(order.amount)],
  });
}

/** Puts stakes of one node, activation and state together into the first. */
export function joinStakes(
  transaction: Transaction,
  target: Pick<StakingTarget, 'packageId'>,
  order: { readonly into: ObjectArgument; readonly others: readonly ObjectArgument[] },
): void {
  for (const other of order.others) {
    transaction.moveCall({
      target: `${target.packageId}::staked_wal::join`,
      arguments: [transaction.object(order.into), transaction.object(other)],
    });
  }
}

/** What a node proves to hold on its connections from now on: a compressed P-256 point of 33 bytes. */
export function setNetworkPublicKey(
  transaction: Transaction,
  target: StakingTarget,
  order: { readonly nodeCapId: ObjectArgument; readonly networkPublicKey: Uint8Array },
): void {
  transaction.moveCall({
    target: `${target.packageId}::staking::set_network_public_key`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.object(order.nodeCapId),
      transaction.pure(bcs.byteVector().serialize(order.networkPublicKey)),
    ],
  });
}

export interface NodeRegistration {
  readonly name: string;
  /** `host:port` */
  readonly networkAddress: string;
  readonly imageUrl?: string;
  readonly projectUrl?: string;
  readonly description?: string;
  /** 48 bytes. */
  readonly blsPublicKey: Uint8Array;
  /** 33 bytes. */
  readonly networkPublicKey: Uint8Array;
  /** 96 bytes: over the proof-of-possession message of the current epoch and the sender. */
  readonly proofOfPossession: Uint8Array;
  readonly commissionBasisPoints: number;
  readonly votes: Required<NodeVotes>;
  /** Gets the node's cap. */
  readonly owner: SuiAddress;
}

/** Registers a storage node; stake then decides whether it joins a committee. */
export function registerNode(transaction: Transaction, target: StakingTarget, node: NodeRegistration): void {
  const bytes = (value: Uint8Array) => transaction.pure(bcs.byteVector().serialize(value));
  const metadata = transaction.moveCall({
    target: `${target.packageId}::node_metadata::new`,
    arguments: [node.imageUrl, node.projectUrl, node.description].map((text) => transaction.pure.string(text ?? '')),
  });
  const cap = transaction.moveCall({
    target: `${target.packageId}::staking::register_candidate`,
    arguments: [
      transaction.object(target.stakingObjectId),
      transaction.pure.string(node.name),
      transaction.pure.string(node.networkAddress),
      metadata,
      bytes(node.blsPublicKey),
      bytes(node.networkPublicKey),
      bytes(node.proofOfPossession),
      transaction.pure.u16(node.commissionBasisPoints),
      transaction.pure.u64(node.votes.storagePrice),
      transaction.pure.u64(node.votes.writePrice),
      transaction.pure.u64(node.votes.capacity),
    ],
  });
  transaction.transferObjects([cap], node.owner);
}
