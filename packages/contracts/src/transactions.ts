/**
 * Builders of the transactions that clients and nodes send. Each adds its commands to a `Transaction`, so several fit in
 * one. Objects are given by id: the ledger resolves their versions, and whether shared ones are taken mutably.
 *
 * WAL is paid exactly: the price is split off the sender's coins when the transaction is built, and what is left of the
 * split coin must be zero, so a price that rose or fell meanwhile aborts the transaction instead of costing more.
 */
import {
  type BlobId,
  blobIdBytes,
  type Certificate,
  type Epoch,
  type Frost,
  type ObjectId,
  type SuiAddress,
  signersBitmap,
  storageUnits,
} from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import { coinWithBalance, type Transaction, type TransactionObjectArgument } from '@mysten/sui/transactions';
import { ledgerErrors } from './errors.ts';
import { MAX_ATTRIBUTES_PER_TRANSACTION, MAX_BLOBS_PER_TRANSACTION } from './limits.ts';
import { SUI_TYPE } from './type-names.ts';

/** RS2, the one encoding type there is. */
export const ENCODING_TYPE_RS2 = 1;

/** Where the calls go; a `SystemInfo` is one. */
export interface SystemTarget {
  /** Package that is called: the newest version, from the System object. */
  readonly packageId: ObjectId;
  readonly systemObjectId: ObjectId;
  readonly walType: string;
}

/** What the buyer pays per unit of 1 MiB of encoded length. */
export interface Prices {
  readonly storagePrice: bigint;
  readonly writePrice: bigint;
}

export interface BlobRegistration {
  readonly blobId: BlobId;
  /** 32 bytes: Merkle root over the sliver pairs. */
  readonly rootHash: Uint8Array;
  /** Of the blob before encoding. */
  readonly sizeBytes: number;
  /** Bytes to reserve: `encodedLength(geometry, sizeBytes)`. */
  readonly encodedSizeBytes: number;
  readonly deletable: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** An object by id, or as a command's result. */
export type ObjectArgument = string | TransactionObjectArgument;

/** What registering these blobs for `epochs` epochs costs: space bought at once for all, a write fee for each. */
export function registrationCost(prices: Prices, epochs: number, encodedSizesBytes: readonly number[]): Frost {
  const total = encodedSizesBytes.reduce((sum, size) => sum + size, 0);
  const storage = storageUnits(total) * prices.storagePrice * BigInt(epochs);
  const write = encodedSizesBytes.reduce((sum, size) => sum + storageUnits(size) * prices.writePrice, 0n);
  return (storage + write) as Frost;
}

/** What extending a blob with that reservation by `epochs` costs; there is no write fee. */
export function extensionCost(
  prices: Pick<Prices, 'storagePrice'>,
  epochs: number,
  storageSizeBytes: number | bigint,
): Frost {
  return (storageUnits(storageSizeBytes) * prices.storagePrice * BigInt(epochs)) as Frost;
}

/**
 * Reserves space for all blobs from the current epoch on, registers each, and gives the blob objects to `owner`.
 *
 * @returns the registered blobs' objects, in order, for further commands; they are `owner`'s when the transaction ends
 * @throws TOO_MANY_BLOBS, TOO_MANY_ATTRIBUTES
 */
export function registerBlobs(
  transaction: Transaction,
  system: SystemTarget & Prices,
  order: { readonly blobs: readonly BlobRegistration[]; readonly epochs: number; readonly owner: SuiAddress },
): TransactionObjectArgument[] {
  checkBlobCount(order.blobs.length);
  checkAttributeCount(order.blobs.reduce((sum, blob) => sum + Object.keys(blob.attributes ?? {}).length, 0));
  const sizes = order.blobs.map((blob) => blob.encodedSizeBytes);
  const cost = registrationCost(system, order.epochs, sizes);
  const payment = transaction.add(coinWithBalance({ type: system.walType, balance: cost }));
  const space = reserveSpace(transaction, system, {
    sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
    epochs: order.epochs,
    payment,
  });
  const objects = splitSpace(transaction, system, space, sizes).map((storage, i) => {
    const blob = order.blobs[i] as BlobRegistration;
    const object = registerBlob(transaction, system, { blob, storage, payment });
    if (blob.attributes !== undefined) addAttributes(transaction, system, object, blob.attributes);
    return object;
  });
  destroyZero(transaction, system.walType, payment);
  transaction.transferObjects(objects, order.owner);
  return objects;
}

/** Buys space from the current epoch on, out of `payment`. */
export function reserveSpace(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly sizeBytes: number | bigint; readonly epochs: number; readonly payment: TransactionObjectArgument },
): TransactionObjectArgument {
  return transaction.moveCall({
    target: `${system.packageId}::system::reserve_space`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.pure.u64(order.sizeBytes),
      transaction.pure.u32(order.epochs),
      order.payment,
    ],
  });
}

/** Registers a blob in space that is already there; the write fee comes out of `payment`. */
export function registerBlob(
  transaction: Transaction,
  system: SystemTarget,
  order: {
    readonly blob: BlobRegistration;
    readonly storage: ObjectArgument;
    readonly payment: TransactionObjectArgument;
  },
): TransactionObjectArgument {
  return transaction.moveCall({
    target: `${system.packageId}::system::register_blob`,
    arguments: [
      transaction.object(system.systemObjectId),
      transaction.object(order.storage),
      transaction.pure(blobIdBytes(order.blob.blobId)),
      transaction.pure(order.blob.rootHash),
      transaction.pure.u64(order.blob.sizeBytes),
      transaction.pure.u8(ENCODING_TYPE_RS2),
      transaction.pure.bool(order.blob.deletable),
      order.payment,
    ],
  });
}

export interface BlobCertification {
  readonly blobObjectId: ObjectId;
  readonly certificate: Certificate;
  /** How many members the committee has that signed. */
  readonly memberCount: number;
}

/** Certifies registered blobs, each with its own certificate. @throws TOO_MANY_BLOBS */
export function certifyBlobs(
  transaction: Transaction,
  system: SystemTarget,
  certifications: readonly BlobCertification[],
): void {
  checkBlobCount(certifications.length);
  for (const { blobObjectId, certificate, memberCount } of certifications) {
    transaction.moveCall({
      target: `${system.packageId}::system::certify_blob`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.object(blobObjectId),
        ...certificateArguments(transaction, certificate, memberCount),
      ],
    });
  }
}

/** Marks a blob id as inconsistently encoded, for ever; needs a certificate of the matching kind. */
export function invalidateBlobId(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly certificate: Certificate; readonly memberCount: number },
): void {
  transaction.moveCall({
    target: `${system.packageId}::system::invalidate_blob_id`,
    arguments: [
      transaction.object(system.systemObjectId),
      ...certificateArguments(transaction, order.certificate, order.memberCount),
    ],
  });
}

export interface BlobExtension {
  readonly blobObjectId: ObjectId;
  /** Size of the blob's reservation, which may exceed its encoded length. */
  readonly storageSizeBytes: number | bigint;
  readonly epochs: number;
}

/** Extends certified blobs. @throws TOO_MANY_BLOBS */
export function extendBlobs(
  transaction: Transaction,
  system: SystemTarget & Pick<Prices, 'storagePrice'>,
  extensions: readonly BlobExtension[],
): void {
  checkBlobCount(extensions.length);
  const cost = extensions.reduce(
    (sum, { epochs, storageSizeBytes }) => sum + extensionCost(system, epochs, storageSizeBytes),
    0n,
  );
  const payment = transaction.add(coinWithBalance({ type: system.walType, balance: cost }));
  for (const { blobObjectId, epochs } of extensions) {
    transaction.moveCall({
      target: `${system.packageId}::system::extend_blob`,
      arguments: [
        transaction.object(system.systemObjectId),
        transaction.object(blobObjectId),
        transaction.pure.u32(epochs),
        payment,
      ],
    });
  }
  destroyZero(transaction, system.walType, payment);
}

/** Deletes deletable blobs and gives what is left of their reservations to `owner`. @throws TOO_MANY_BLOBS */
export function deleteBlobs(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly blobObjectIds: readonly ObjectId[]; readonly owner: SuiAddress },
): void {
  checkBlobCount(order.blobObjectIds.length);
  const storages = order.blobObjectIds.map((blobObjectId) =>
    transaction.moveCall({
      target: `${system.packageId}::system::delete_blob`,
      arguments: [transaction.object(system.systemObjectId), transaction.object(blobObjectId)],
    }),
  );
  transaction.transferObjects(storages, order.owner);
}

/** Destroys blob objects; what they name stays stored until it expires. @throws TOO_MANY_BLOBS */
export function burnBlobs(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  blobObjectIds: readonly ObjectId[],
): void {
  checkBlobCount(blobObjectIds.length);
  for (const blobObjectId of blobObjectIds) {
    transaction.moveCall({
      target: `${system.packageId}::blob::burn`,
      arguments: [transaction.object(blobObjectId)],
    });
  }
}

/**
 * Sets and removes attributes of a blob; its first attribute creates the place for them. Removing one that is not there
 * does nothing, except that a blob that never had any attribute aborts with `EMissingMetadata`.
 *
 * @throws TOO_MANY_ATTRIBUTES
 */
export function changeAttributes(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  change: {
    readonly blobObjectId: ObjectId;
    readonly set?: Readonly<Record<string, string>>;
    readonly remove?: readonly string[];
  },
): void {
  const set = Object.entries(change.set ?? {});
  checkAttributeCount(set.length + (change.remove?.length ?? 0));
  const blob = transaction.object(change.blobObjectId);
  for (const key of change.remove ?? []) {
    transaction.moveCall({
      target: `${system.packageId}::blob::remove_metadata_pair_if_exists`,
      arguments: [blob, transaction.pure.string(key)],
    });
  }
  setPairs(transaction, system, blob, set);
}

/** Makes a blob everyone's, for good: it can be extended by anyone, and never deleted. */
export function shareBlob(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId' | 'walType'>,
  order: { readonly blobObjectId: ObjectId; readonly funds?: Frost },
): void {
  const blob = transaction.object(order.blobObjectId);
  if (order.funds === undefined || order.funds === 0n) {
    transaction.moveCall({ target: `${system.packageId}::shared_blob::new`, arguments: [blob] });
    return;
  }
  const funds = transaction.add(coinWithBalance({ type: system.walType, balance: order.funds }));
  transaction.moveCall({ target: `${system.packageId}::shared_blob::new_funded`, arguments: [blob, funds] });
}

/** Adds WAL to a shared blob. */
export function fundSharedBlob(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId' | 'walType'>,
  order: { readonly sharedBlobObjectId: ObjectId; readonly funds: Frost },
): void {
  const funds = transaction.add(coinWithBalance({ type: system.walType, balance: order.funds }));
  transaction.moveCall({
    target: `${system.packageId}::shared_blob::fund`,
    arguments: [transaction.object(order.sharedBlobObjectId), funds],
  });
}

/** Extends a shared blob out of its funds. */
export function extendSharedBlob(
  transaction: Transaction,
  system: SystemTarget,
  order: { readonly sharedBlobObjectId: ObjectId; readonly epochs: number },
): void {
  transaction.moveCall({
    target: `${system.packageId}::shared_blob::extend`,
    arguments: [
      transaction.object(order.sharedBlobObjectId),
      transaction.object(system.systemObjectId),
      transaction.pure.u32(order.epochs),
    ],
  });
}

/** Gives objects to another address. */
export function transferObjects(transaction: Transaction, objectIds: readonly ObjectId[], to: SuiAddress): void {
  transaction.transferObjects(
    objectIds.map((objectId) => transaction.object(objectId)),
    to,
  );
}

/** Sends an amount of a coin; SUI comes out of the coin that pays for gas. */
export function sendCoin(
  transaction: Transaction,
  order: { readonly coinType: string; readonly amount: bigint; readonly to: SuiAddress },
): void {
  const coin =
    order.coinType === SUI_TYPE
      ? transaction.splitCoins(transaction.gas, [order.amount])
      : transaction.add(coinWithBalance({ type: order.coinType, balance: order.amount }));
  transaction.transferObjects([coin], order.to);
}

/** Merges coins of one type into the first. */
export function mergeCoins(transaction: Transaction, into: ObjectId, others: readonly ObjectId[]): void {
  if (others.length === 0) return;
  transaction.mergeCoins(
    transaction.object(into),
    others.map((coin) => transaction.object(coin)),
  );
}

/** Ends a coin that must hold nothing; aborts if it holds anything. */
export function destroyZero(transaction: Transaction, coinType: string, coin: TransactionObjectArgument): void {
  transaction.moveCall({ target: '0x2::coin::destroy_zero', typeArguments: [coinType], arguments: [coin] });
}

/** End epoch of a reservation for `epochs` bought in `epoch`. */
export function endEpochOf(epoch: Epoch, epochs: number): Epoch {
  return (epoch + epochs) as Epoch;
}

function splitSpace(
  transaction: Transaction,
  system: SystemTarget,
  space: TransactionObjectArgument,
  sizes: readonly number[],
): TransactionObjectArgument[] {
  const parts: TransactionObjectArgument[] = [];
  let rest = space;
  // `split_by_size` leaves the asked size in its argument and returns the remainder, so the last part needs no split.
  for (const size of sizes.slice(0, -1)) {
    parts.push(rest);
    rest = transaction.moveCall({
      target: `${system.packageId}::storage_resource::split_by_size`,
      arguments: [rest, transaction.pure.u64(size)],
    });
  }
  return [...parts, rest];
}

/** Gives a new blob its attributes. */
export function addAttributes(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  blob: TransactionObjectArgument,
  attributes: Readonly<Record<string, string>>,
): void {
  const pairs = Object.entries(attributes);
  if (pairs.length === 0) return;
  const metadata = transaction.moveCall({ target: `${system.packageId}::metadata::new` });
  transaction.moveCall({ target: `${system.packageId}::blob::add_metadata`, arguments: [blob, metadata] });
  setPairs(transaction, system, blob, pairs);
}

function setPairs(
  transaction: Transaction,
  system: Pick<SystemTarget, 'packageId'>,
  blob: TransactionObjectArgument,
  pairs: readonly (readonly [string, string])[],
): void {
  for (const [key, value] of pairs) {
    transaction.moveCall({
      target: `${system.packageId}::blob::insert_or_update_metadata_pair`,
      arguments: [blob, transaction.pure.string(key), transaction.pure.string(value)],
    });
  }
}

/** A certificate as the contracts take it: signature, bitmap of the signers, message. */
export function certificateArguments(transaction: Transaction, certificate: Certificate, memberCount: number) {
  const bytes = (value: Uint8Array) => transaction.pure(bcs.byteVector().serialize(value));
  return [
    bytes(certificate.signature),
    bytes(signersBitmap(certificate.signers, memberCount)),
    bytes(certificate.message),
  ];
}

function checkBlobCount(blobs: number): void {
  if (blobs >= 1 && blobs <= MAX_BLOBS_PER_TRANSACTION) return;
  throw ledgerErrors.TOO_MANY_BLOBS({ blobs, limit: MAX_BLOBS_PER_TRANSACTION });
}

function checkAttributeCount(attributes: number): void {
  if (attributes <= MAX_ATTRIBUTES_PER_TRANSACTION) return;
  throw ledgerErrors.TOO_MANY_ATTRIBUTES({ attributes, limit: MAX_ATTRIBUTES_PER_TRANSACTION });
}
