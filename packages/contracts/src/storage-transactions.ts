/**
 * Builders of transactions about space: buying it for epochs of one's choice, cutting it up, putting it together, and
 * extending blobs with it. Cutting and joining cost no WAL; what is cut off is the result, still to be given to someone.
 */
import type { Epoch, Frost, ObjectId, SuiAddress } from '@floe/protocol';
import { storageUnits } from '@floe/protocol';
import { coinWithBalance, type Transaction, type TransactionObjectArgument } from '@mysten/sui/transactions';
import {
  addAttributes,
  type BlobRegistration,
  destroyZero,
  type ObjectArgument,
  type Prices,
  registerBlob,
  type SystemTarget,
} from './transactions.ts';

/** What space from `startEpoch` (counted from the current epoch on) to `endEpoch` costs. */
export function spaceCost(
  prices: Pick<Prices, 'storagePrice'>,
  order: { readonly sizeBytes: number | bigint; readonly epochs: number },
): Frost {
  return (storageUnits(order.sizeBytes) * prices.storagePrice * BigInt(order.epochs)) as Frost;
}

/** Buys space from `startEpoch` up to `endEpoch`, which need not begin now, and gives it to `owner`. */
export function buySpace(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'storagePrice'>,
  order: {
    readonly sizeBytes: number | bigint;
    readonly startEpoch: Epoch;
    readonly endEpoch: Epoch;
    readonly owner: SuiAddress;
  },
): void {
  const { sizeBytes, startEpoch, endEpoch } = order;
  const cost = spaceCost(system, { sizeBytes, epochs: endEpoch - startEpoch });
  const payment = transaction.add(coinWithBalance({ type: system.walType, balance: cost }));
  const storage = transaction.moveCall({
    target: `${system.packageId}::system::reserve_space_for_epochs`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.pure.u64(sizeBytes),
      transaction.pure.u32(startEpoch),
      transaction.pure.u32(endEpoch),
      payment,
    ],
  });
  destroyZero(transaction, system.walType, payment);
  transaction.transferObjects([storage], order.owner);
}

/** Leaves `sizeBytes` in a storage resource. @returns the rest */
export function splitStorageBySize(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  order: { readonly storage: ObjectArgument; readonly sizeBytes: number | bigint },
): TransactionObjectArgument {
  return transaction.moveCall({
    target: `${system.packageId}::storage_resource::split_by_size`,
    arguments: [transaction.object(order.storage), transaction.pure.u64(order.sizeBytes)],
  });
}

/** Ends a storage resource with `epoch`. @returns the rest, from `epoch` on */
export function splitStorageByEpoch(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  order: { readonly storage: ObjectArgument; readonly epoch: Epoch },
): TransactionObjectArgument {
  return transaction.moveCall({
    target: `${system.packageId}::storage_resource::split_by_epoch`,
    arguments: [transaction.object(order.storage), transaction.pure.u32(order.epoch)],
  });
}

/** Puts storage together: of the same epochs, the sizes add up; of the same size and adjacent epochs, the epochs do. */
export function fuseStorage(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  order: { readonly into: ObjectArgument; readonly other: ObjectArgument },
): void {
  transaction.moveCall({
    target: `${system.packageId}::storage_resource::fuse`,
    arguments: [transaction.object(order.into), transaction.object(order.other)],
  });
}

/** Ends storage for good; nothing is paid back. */
export function destroyStorage(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  storage: ObjectArgument,
): void {
  transaction.moveCall({
    target: `${system.packageId}::storage_resource::destroy`,
    arguments: [transaction.object(storage)],
  });
}

/** Extends a certified blob with storage of exactly its size that begins where the blob's ends; nothing is paid. */
export function extendBlobWithStorage(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly blobObjectId: ObjectId; readonly storage: ObjectArgument },
): void {
  transaction.moveCall({
    target: `${system.packageId}::system::extend_blob_with_resource`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.blobObjectId),
      transaction.object(order.storage),
    ],
  });
}

/** A storage resource to register a blob in, and what of it the blob needs. */
export interface StorageUse {
  readonly objectId: ObjectId;
  readonly sizeBytes: bigint;
  readonly endEpoch: Epoch;
}

/**
 * Registers a blob in storage that the sender has; only the write fee is paid. What the blob does not need, in size or
 * in epochs, is cut off first and stays the owner's.
 */
export function registerBlobInStorage(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'writePrice'>,
  order: {
    readonly blob: BlobRegistration;
    readonly storage: StorageUse;
    /** First epoch in which the blob need not be stored any more. */
    readonly endEpoch: Epoch;
    readonly owner: SuiAddress;
  },
): TransactionObjectArgument {
  const { blob, owner, endEpoch } = order;
  const storage = transaction.object(order.storage.objectId);
  const rests: TransactionObjectArgument[] = [];
  if (order.storage.sizeBytes > BigInt(blob.encodedSizeBytes)) {
    rests.push(splitStorageBySize(transaction, system, { storage, sizeBytes: blob.encodedSizeBytes }));
  }
  if (order.storage.endEpoch > endEpoch) {
    rests.push(splitStorageByEpoch(transaction, system, { storage, epoch: endEpoch }));
  }
  const fee = storageUnits(blob.encodedSizeBytes) * system.writePrice;
  const payment = transaction.add(coinWithBalance({ type: system.walType, balance: fee }));
  const object = registerBlob(transaction, system, { blob, storage, payment });
  if (blob.attributes !== undefined) addAttributes(transaction, system, object, blob.attributes);
  destroyZero(transaction, system.walType, payment);
  transaction.transferObjects([object, ...rests], owner);
  return object;
}
