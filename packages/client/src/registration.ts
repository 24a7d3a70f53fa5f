/**
 * The place of a blob on the ledger: a blob object that the signer owns already, or a new one, in space that the signer
 * has or that is bought.
 *
 * Invariant: a store that was interrupted finds its own registration again, so nothing is paid for twice.
 */
import {
  type BlobObject,
  type BlobRegistration,
  extensionCost,
  registerBlobInStorage,
  registerBlobs,
  type StorageResource,
  type SystemInfo,
} from '@floe/contracts';
import { assert } from '@floe/platform';
import {
  type BlobId,
  type Epoch,
  type Frost,
  type ObjectId,
  parseObjectId,
  storeCost,
  type SuiAddress,
} from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import type { LedgerPort, Signer } from './ledger-port.ts';

/** What a store does on the ledger, under the names that Walrus publishers report. */
export type ResourceOperation =
  | { readonly kind: 'registerFromScratch'; readonly encodedLength: number; readonly epochsAhead: number }
  | { readonly kind: 'reuseStorage'; readonly encodedLength: number }
  | { readonly kind: 'reuseRegistration'; readonly encodedLength: number }
  | { readonly kind: 'reuseAndExtend'; readonly encodedLength: number; readonly epochsExtended: number }
  | { readonly kind: 'reuseAndExtendNonCertified'; readonly encodedLength: number; readonly epochsExtended: number };

/** What a store pays to the contracts, in FROST. */
export interface ItemisedCost {
  /** For space: bought, or an extension. */
  readonly storage: Frost;
  /** Fee of a registration. */
  readonly write: Frost;
}

export interface StorePlan {
  readonly kind: 'proceed';
  /** The object to use again; undefined: a new one is registered. */
  readonly object: BlobObject | undefined;
  /** The space to register in; undefined: it is bought. */
  readonly storage: StorageResource | undefined;
  readonly operation: ResourceOperation;
  readonly price: ItemisedCost;
  /** FROST, without gas: the sum of `price`. */
  readonly cost: Frost;
}

export type RegistrationPlan = { readonly kind: 'alreadyCertified'; readonly object: BlobObject } | StorePlan;

/** What the signer has that a store may use. */
export interface OwnedResources {
  readonly blobs: readonly BlobObject[];
  readonly storages: readonly StorageResource[];
}

export const NO_RESOURCES: OwnedResources = Object.freeze({ blobs: [], storages: [] });

export interface RegistrationOrder {
  readonly blobId: BlobId;
  readonly encodedLength: number;
  readonly epochs: number;
  readonly deletable: boolean;
}

/** Decides from what is owned; prefers what costs least. */
export function planRegistration(
  order: RegistrationOrder,
  system: SystemInfo,
  owned: OwnedResources,
): RegistrationPlan {
  const target = system.epoch + order.epochs;
  const matches = owned.blobs.filter(
    (object) =>
      object.blobId === order.blobId &&
      object.deletable === order.deletable &&
      object.shared === undefined &&
      object.endEpoch > system.epoch,
  );
  const [object] = matches.sort((a, b) => reuseCost(a, target) - reuseCost(b, target));
  if (object === undefined) return planNew(order, system, owned.storages);
  const { encodedLength } = order;
  const certified = object.certifiedEpoch !== undefined;
  const epochsExtended = Math.max(0, target - object.endEpoch);
  if (epochsExtended === 0) {
    if (certified) return { kind: 'alreadyCertified', object };
    return proceed({ object, operation: { kind: 'reuseRegistration', encodedLength }, storage: 0n, write: 0n });
  }
  const kind = certified ? 'reuseAndExtend' : 'reuseAndExtendNonCertified';
  const storage = extensionCost(system, epochsExtended, object.storage.sizeBytes);
  return proceed({ object, operation: { kind, encodedLength, epochsExtended }, storage, write: 0n });
}

/** In space that is there, of which only a fee is due, else in space that is bought. */
function planNew(order: RegistrationOrder, system: SystemInfo, storages: readonly StorageResource[]): StorePlan {
  const { encodedLength, epochs } = order;
  const { storage, write } = storeCost({ ...system, encodedLength, epochs });
  const space = bestFit(order, system.epoch, storages);
  if (space !== undefined) {
    return proceed({ space, operation: { kind: 'reuseStorage', encodedLength }, storage: 0n, write });
  }
  return proceed({ operation: { kind: 'registerFromScratch', encodedLength, epochsAhead: epochs }, storage, write });
}

/** The smallest space that is large and long enough, then the one that ends first: so little is cut off. */
function bestFit(
  { encodedLength, epochs }: RegistrationOrder,
  epoch: Epoch,
  storages: readonly StorageResource[],
): StorageResource | undefined {
  const [best] = storages
    .filter(
      ({ sizeBytes, startEpoch, endEpoch }) =>
        sizeBytes >= BigInt(encodedLength) && startEpoch <= epoch && endEpoch >= epoch + epochs,
    )
    .sort((a, b) => compare(a.sizeBytes, b.sizeBytes) || a.endEpoch - b.endEpoch);
  return best;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function proceed(plan: {
  readonly object?: BlobObject;
  readonly space?: StorageResource;
  readonly operation: ResourceOperation;
  readonly storage: bigint;
  readonly write: bigint;
}): StorePlan {
  const { object, space, operation, storage, write } = plan;
  const price = { storage: storage as Frost, write: write as Frost };
  return { kind: 'proceed', object, storage: space, operation, price, cost: (storage + write) as Frost };
}

export interface NewRegistration {
  readonly blob: BlobRegistration;
  readonly epochs: number;
  readonly owner: SuiAddress;
  /** Space to register in; undefined: it is bought. */
  readonly storage: StorageResource | undefined;
}

/** The transaction that registers a blob; the same for a quote and for the store that follows it. */
export function registrationTransaction(system: SystemInfo, order: NewRegistration): Transaction {
  const { blob, epochs, owner, storage } = order;
  const transaction = new Transaction();
  if (storage === undefined) registerBlobs(transaction, system, { blobs: [blob], epochs, owner });
  else {
    const endEpoch = (system.epoch + epochs) as Epoch;
    registerBlobInStorage(transaction, system, { blob, storage, endEpoch, owner });
  }
  return transaction;
}

/** Registers a blob for its signer. Resolves to the new blob object's id. */
export async function registerBlob(
  ledger: LedgerPort,
  system: SystemInfo,
  order: NewRegistration & { readonly signer: Signer },
  signal: AbortSignal,
): Promise<ObjectId> {
  const { blobId } = order.blob;
  const { events } = await ledger.execute(registrationTransaction(system, order), order.signer, { signal });
  const registered = events.find(({ event }) => event.kind === 'BlobRegistered' && event.blobId === blobId);
  assert(registered?.event.kind === 'BlobRegistered', 'a registration emits its event', { blobId });
  return parseObjectId(registered.event.objectId);
}

export function signerAddress(signer: Signer): SuiAddress {
  return parseObjectId(signer.toSuiAddress());
}

/** Certified and long enough first, then what needs only a certificate, then what needs time too. */
function reuseCost(object: BlobObject, target: number): number {
  return (object.endEpoch >= target ? 0 : 2) + (object.certifiedEpoch === undefined ? 1 : 0);
}
