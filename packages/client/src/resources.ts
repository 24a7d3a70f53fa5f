/** What a signer owns that a store may use, which of it other stores of this client are about to use, and what it may cost. */
import type { BlobObject, StorageResource } from '@floe/contracts';
import type { BlobId, ObjectId, SuiAddress } from '@floe/protocol';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import type { ClientLimits } from './limits.ts';
import type { OwnedResources } from './registration.ts';

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

/** The blob objects of that blob, and the space, that a store for `owner` may use; bounded by how many are looked at. */
export async function ownedResources(
  blobId: BlobId,
  order: { readonly payer: SuiAddress; readonly owner?: SuiAddress; readonly reuse?: boolean },
  modules: { readonly ledger: LedgerPort; readonly limits: ClientLimits },
  signal: AbortSignal | undefined,
): Promise<OwnedResources> {
  const { payer, owner, reuse } = order;
  if (reuse === false) return { blobs: [], storages: [] };
  const { ledger, limits } = modules;
  const isForOther = owner !== undefined && owner !== payer;
  const limit = limits.maxOwnedBlobsScanned;
  const [blobs, storages] = await Promise.all([
    // A certified one was stored for the signer itself; only what an interrupted store left behind goes to others.
    matching<BlobObject>(
      ledger.ownedBlobs(payer, { signal }),
      (object) => object.blobId === blobId && (!isForOther || object.certifiedEpoch === undefined),
      limit,
    ),
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
