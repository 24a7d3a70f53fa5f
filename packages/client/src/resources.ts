/** What a signer owns that a store may use, which of it other stores of this client are about to use, and what it may cost. */
import type { BlobObject, StorageResource } from '@floe/contracts';
import type { BlobId, ObjectId, SuiAddress } from '@floe/protocol';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import type { ClientLimits } from './limits.ts';
import { NO_RESOURCES, type OwnedResources } from './registration.ts';

/** Space that stores under way mean to use: two that plan at once do not take the same. */
export class StorageClaims {
  readonly #claimed = new Set<ObjectId>();

  /** Those that no store has claimed. */
  free(storages: readonly StorageResource[]): readonly StorageResource[] {
    return storages.filter(({ objectId }) => !this.#claimed.has(objectId));
  }

  claim(objectId: ObjectId): void {
    this.#claimed.add(objectId);
  }

  release(objectId: ObjectId): void {
    this.#claimed.delete(objectId);
  }
}

export interface ResourceOrder {
  readonly payer: SuiAddress;
  /** Who gets the blob object; default: the payer. */
  readonly owner?: SuiAddress;
  /** Default: yes. */
  readonly reuse?: boolean;
  /** Made by an earlier try of the same store; used without `reuse` too. */
  readonly registered?: ObjectId;
}

/**
 * The blob objects of that blob, and the space, that a store for `owner` may use; bounded by how many are looked at. What
 * an earlier try of the store registered, if it is there, is all that it needs.
 */
export async function ownedResources(
  blobId: BlobId,
  order: ResourceOrder,
  modules: { readonly ledger: LedgerPort; readonly limits: ClientLimits },
  signal: AbortSignal | undefined,
): Promise<OwnedResources> {
  const { payer, owner, reuse, registered } = order;
  const { ledger, limits } = modules;
  const isForOther = owner !== undefined && owner !== payer;
  // A certified one was stored for the signer itself; only what an interrupted store left behind goes to others.
  const isUsable = (object: BlobObject) =>
    object.blobId === blobId && (!isForOther || object.certifiedEpoch === undefined);
  const object = registered === undefined ? undefined : await ledger.blobObject(registered, { signal });
  if (object !== undefined && isUsable(object)) return { blobs: [object], storages: [] };
  if (reuse === false) return NO_RESOURCES;
  const limit = limits.maxOwnedBlobsScanned;
  const [blobs, storages] = await Promise.all([
    matching<BlobObject>(ledger.ownedBlobs(payer, { signal }), isUsable, limit),
    matching<StorageResource>(ledger.ownedStorages(payer, { signal }), () => true, limit),
  ]);
  return { blobs, storages };
}

/** Those of the first `limit` that `accept` takes. */
async function matching<T>(items: AsyncIterable<T>, accept: (item: T) => boolean, limit: number): Promise<T[]> {
  const accepted: T[] = [];
  let scanned = 0;
  for await (const item of items) {
    if (accept(item)) accepted.push(item);
    scanned += 1;
    if (scanned >= limit) break;
  }
  return accepted;
}

/** @throws COST_ABOVE_MAXIMUM */
export function checkCost(what: string, cost: bigint, maxCost: bigint | undefined): void {
  if (maxCost !== undefined && cost > maxCost) throw clientErrors.COST_ABOVE_MAXIMUM({ what, cost, maxCost });
}
