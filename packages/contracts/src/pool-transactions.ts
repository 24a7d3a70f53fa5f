/**
 * Builders of transactions about storage pools: one reservation that many blobs share, bought, extended and resized as a
 * whole. Whoever owns the pool object may do all of it. A blob that leaves frees its encoded size for the next.
 */
import {
  type BlobId,
  blobIdBytes,
  type Certificate,
  type Frost,
  type ObjectId,
  storageUnits,
  type SuiAddress,
} from '@floe/protocol';
import { coinWithBalance, type Transaction, type TransactionObjectArgument } from '@mysten/sui/transactions';
import { spaceCost } from './storage-transactions.ts';
import {
  type BlobRegistration,
  certificateArguments,
  destroyZero,
  ENCODING_TYPE_RS2,
  type ObjectArgument,
  type Prices,
  type SystemTarget,
} from './transactions.ts';

/** Buys a pool of `capacityBytes` of encoded blobs from the current epoch on, and gives it to `owner`. */
export function createStoragePool(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'storagePrice'>,
  order: { readonly capacityBytes: number | bigint; readonly epochs: number; readonly owner: SuiAddress },
): void {
  const { capacityBytes, epochs, owner } = order;
  const cost = spaceCost(system, { sizeBytes: capacityBytes, epochs });
  const pool = paying(transaction, system, cost, (payment) =>
    transaction.moveCall({
      target: `${system.packageId}::system::create_storage_pool`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.pure.u64(capacityBytes),
        transaction.pure.u32(epochs),
        payment,
      ],
    }),
  );
  transaction.transferObjects([pool], owner);
}

/** Makes a pool of storage that the sender has. */
export function createStoragePoolFrom(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly storage: ObjectArgument; readonly owner: SuiAddress },
): void {
  const pool = transaction.moveCall({
    target: `${system.packageId}::system::create_storage_pool_with_storage`,
    arguments: [transaction.object(system.systemObjectId), transaction.object(order.storage)],
  });
  transaction.transferObjects([pool], order.owner);
}

/** What registering blobs of these encoded sizes in a pool costs: their write fees. */
export function pooledWriteCost(prices: Pick<Prices, 'writePrice'>, encodedSizesBytes: readonly number[]): Frost {
  return encodedSizesBytes.reduce((sum, size) => sum + storageUnits(size) * prices.writePrice, 0n) as Frost;
}

/** Registers a blob in a pool; only the write fee is paid. */
export function registerPooledBlob(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'writePrice'>,
  order: { readonly poolId: ObjectId; readonly blob: Omit<BlobRegistration, 'attributes'> },
): void {
  const { blob, poolId } = order;
  paying(transaction, system, pooledWriteCost(system, [blob.encodedSizeBytes]), (payment) =>
    transaction.moveCall({
      target: `${system.packageId}::system::register_pooled_blob`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.object(poolId),
        transaction.pure(blobIdBytes(blob.blobId)),
        transaction.pure(blob.rootHash),
        transaction.pure.u64(blob.sizeBytes),
        transaction.pure.u8(ENCODING_TYPE_RS2),
        transaction.pure.bool(blob.deletable),
        payment,
      ],
    }),
  );
}

/** Certifies a blob of a pool. */
export function certifyPooledBlob(
  transaction: Transaction,
  system: SystemTarget,
  order: {
    readonly poolId: ObjectId;
    readonly blobId: BlobId;
    readonly certificate: Certificate;
    readonly memberCount: number;
  },
): void {
  transaction.moveCall({
    target: `${system.packageId}::system::certify_pooled_blob`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.poolId),
      transaction.pure(blobIdBytes(order.blobId)),
      ...certificateArguments(transaction, order.certificate, order.memberCount),
    ],
  });
}

/** Takes a deletable blob out of a pool that has not expired; its place is free. */
export function deletePooledBlob(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly poolId: ObjectId; readonly blobId: BlobId },
): void {
  callWithBlob(transaction, system, 'delete_pooled_blob', order);
}

/** Takes any blob out of a pool that has expired. */
export function burnExpiredPooledBlob(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly poolId: ObjectId; readonly blobId: BlobId },
): void {
  callWithBlob(transaction, system, 'burn_expired_pooled_blob', order);
}

/** Extends a pool, and with it every blob in it. */
export function extendStoragePool(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'storagePrice'>,
  order: { readonly poolId: ObjectId; readonly capacityBytes: bigint; readonly epochs: number },
): void {
  const { poolId, capacityBytes, epochs } = order;
  const cost = spaceCost(system, { sizeBytes: capacityBytes, epochs });
  paying(transaction, system, cost, (payment) =>
    transaction.moveCall({
      target: `${system.packageId}::system::extend_storage_pool`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.object(poolId),
        transaction.pure.u32(epochs),
        payment,
      ],
    }),
  );
}

/** Buys more capacity for a pool, for the `epochs` that it has left. */
export function growStoragePool(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'storagePrice'>,
  order: { readonly poolId: ObjectId; readonly additionalBytes: number | bigint; readonly epochs: number },
): void {
  const { poolId, additionalBytes, epochs } = order;
  const cost = spaceCost(system, { sizeBytes: additionalBytes, epochs });
  paying(transaction, system, cost, (payment) =>
    transaction.moveCall({
      target: `${system.packageId}::system::increase_storage_pool_capacity`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.object(poolId),
        transaction.pure.u64(additionalBytes),
        payment,
      ],
    }),
  );
}

/** Puts storage that ends when the pool does into it. */
export function growStoragePoolWith(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly poolId: ObjectId; readonly storage: ObjectArgument },
): void {
  transaction.moveCall({
    target: `${system.packageId}::system::increase_storage_pool_capacity_with_storage`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.poolId),
      transaction.object(order.storage),
    ],
  });
}

/** Takes capacity that no blob uses out of a pool; `owner` gets it as storage. */
export function shrinkStoragePool(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly poolId: ObjectId; readonly sizeBytes: number | bigint; readonly owner: SuiAddress },
): void {
  const storage = transaction.moveCall({
    target: `${system.packageId}::system::decrease_storage_pool_capacity_by_size`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.poolId),
      transaction.pure.u64(order.sizeBytes),
    ],
  });
  transaction.transferObjects([storage], order.owner);
}

/** Ends an empty pool; `owner` gets its reservation as storage. */
export function destroyStoragePool(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  order: { readonly poolId: ObjectId; readonly owner: SuiAddress },
): void {
  const storage = transaction.moveCall({
    target: `${system.packageId}::storage_pool::destroy`,
    arguments: [transaction.object(order.poolId)],
  });
  transaction.transferObjects([storage], order.owner);
}

function callWithBlob(
  transaction: Transaction,
  system: SystemTarget,
  name: string,
  order: { readonly poolId: ObjectId; readonly blobId: BlobId },
): void {
  transaction.moveCall({
    target: `${system.packageId}::system::${name}`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.poolId),
      transaction.pure(blobIdBytes(order.blobId)),
    ],
  });
}

/** Pays exactly `cost`: a price that changed meanwhile aborts the transaction. */
function paying(
  transaction: Transaction,
  system: Pick<SystemTarget, 'walType'>,
  cost: Frost,
  call: (payment: TransactionObjectArgument) => TransactionObjectArgument,
): TransactionObjectArgument {
  const payment = transaction.add(coinWithBalance({ type: system.walType, balance: cost }));
  const result = call(payment);
  destroyZero(transaction, system.walType, payment);
  return result;
}
