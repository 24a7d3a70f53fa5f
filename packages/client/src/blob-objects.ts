/** Blob objects on the ledger: extending, deleting, attributes. One transaction each; what cannot work is refused first. */
import {
  type BlobObject,
  changeAttributes,
  deleteBlobs as addDeletions,
  type ExecutedTransaction,
  extendBlobs,
  extensionCost,
} from '@floe/contracts';
import type { Epoch, Frost, ObjectId } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { clientErrors } from './errors.ts';
import type { LedgerPort, Signer } from './ledger-port.ts';
import { signerAddress } from './registration.ts';
import { replanning } from './replan.ts';

export interface SignedCallOptions {
  readonly signer: Signer;
  readonly signal?: AbortSignal;
}

export interface ExtendResult {
  readonly endEpoch: Epoch;
  /** FROST, without gas. */
  readonly cost: Frost;
  readonly transaction: ExecutedTransaction;
}

/** @throws BLOB_OBJECT_NOT_FOUND, BLOB_EXPIRED, INVALID_EPOCHS, INSUFFICIENT_WAL */
export async function extendBlob(
  ledger: LedgerPort,
  objectId: ObjectId,
  options: SignedCallOptions & { readonly epochs: number },
): Promise<ExtendResult> {
  const { signal, signer, epochs } = options;
  return replanning(ledger, signal, async (system) => {
    const { endEpoch, storage } = await existing(ledger, objectId, signal);
    if (endEpoch <= system.epoch) throw clientErrors.BLOB_EXPIRED({ objectId, endEpoch, epoch: system.epoch });
    const maxEpochs = system.epoch + system.maxEpochsAhead - endEpoch;
    if (!Number.isInteger(epochs) || epochs < 1 || epochs > maxEpochs) {
      throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs });
    }
    const build = () => {
      const transaction = new Transaction();
      extendBlobs(transaction, system, [{ blobObjectId: objectId, storageSizeBytes: storage.sizeBytes, epochs }]);
      return transaction;
    };
    const transaction = await ledger.execute(build, signer, { signal });
    return {
      endEpoch: (endEpoch + epochs) as Epoch,
      cost: extensionCost(system, epochs, storage.sizeBytes),
      transaction,
    };
  });
}

/** Deletes blob objects in one transaction; the storage they held is the signer's. @throws BLOB_NOT_DELETABLE */
export async function deleteBlobs(
  ledger: LedgerPort,
  objectIds: readonly ObjectId[],
  options: SignedCallOptions,
): Promise<ExecutedTransaction> {
  const { signal, signer } = options;
  const system = await ledger.systemState({ signal });
  for (const objectId of objectIds) {
    const { deletable, blobId } = await existing(ledger, objectId, signal);
    if (!deletable) throw clientErrors.BLOB_NOT_DELETABLE({ objectId, blobId });
  }
  const build = () => {
    const transaction = new Transaction();
    addDeletions(transaction, system, { blobObjectIds: objectIds, owner: signerAddress(signer) });
    return transaction;
  };
  return await ledger.execute(build, signer, { signal });
}

/** Sets the attributes with a text and removes those with null. */
export async function writeAttributes(
  ledger: LedgerPort,
  objectId: ObjectId,
  changes: Readonly<Record<string, string | null>>,
  options: SignedCallOptions,
): Promise<ExecutedTransaction | undefined> {
  const { signal, signer } = options;
  const system = await ledger.systemState({ signal });
  await existing(ledger, objectId, signal);
  const set: Record<string, string> = {};
  const removed: string[] = [];
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) removed.push(key);
    else set[key] = value;
  }
  // Removing from a blob without attributes would abort.
  const known = removed.length === 0 ? undefined : await ledger.attributes(objectId, { signal });
  const remove = removed.filter((key) => known?.has(key) === true);
  if (remove.length === 0 && Object.keys(set).length === 0) return undefined;
  const build = () => {
    const transaction = new Transaction();
    changeAttributes(transaction, system, { blobObjectId: objectId, set, remove });
    return transaction;
  };
  return await ledger.execute(build, signer, { signal });
}

async function existing(ledger: LedgerPort, objectId: ObjectId, signal: AbortSignal | undefined): Promise<BlobObject> {
  const object = await ledger.blobObject(objectId, { signal });
  if (object === undefined) throw clientErrors.BLOB_OBJECT_NOT_FOUND({ objectId });
  return object;
}
