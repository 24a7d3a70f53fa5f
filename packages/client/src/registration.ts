/**
 * The place of a blob on the ledger: a blob object that the signer owns already, or a new one.
 *
 * Invariant: a store that was interrupted finds its own registration again, so nothing is paid for twice.
 */
import {
  type BlobObject,
  type BlobRegistration,
  extensionCost,
  registerBlobs,
  registrationCost,
  type SystemInfo,
} from '@floe/contracts';
import { assert } from '@floe/platform';
import { type BlobId, type Frost, type ObjectId, parseObjectId, type SuiAddress } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import type { LedgerPort, Signer } from './ledger-port.ts';

/** What a store does on the ledger, under the names that Walrus publishers report. */
export type ResourceOperation =
  | { readonly kind: 'registerFromScratch'; readonly encodedLength: number; readonly epochsAhead: number }
  | { readonly kind: 'reuseRegistration'; readonly encodedLength: number }
  | { readonly kind: 'reuseAndExtend'; readonly encodedLength: number; readonly epochsExtended: number }
  | { readonly kind: 'reuseAndExtendNonCertified'; readonly encodedLength: number; readonly epochsExtended: number };

export type RegistrationPlan =
  | { readonly kind: 'alreadyCertified'; readonly object: BlobObject }
  | {
      readonly kind: 'proceed';
      /** The object to use again; undefined: a new one is registered. */
      readonly object: BlobObject | undefined;
      readonly operation: ResourceOperation;
      /** FROST, without gas. */
      readonly cost: Frost;
    };

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
  owned: readonly BlobObject[],
): RegistrationPlan {
  const target = system.epoch + order.epochs;
  const matches = owned.filter(
    (object) =>
      object.blobId === order.blobId &&
      object.deletable === order.deletable &&
      object.shared === undefined &&
      object.endEpoch > system.epoch,
  );
  const [object] = matches.sort((a, b) => reuseCost(a, target) - reuseCost(b, target));
  const { encodedLength, epochs } = order;
  if (object === undefined) {
    const operation = { kind: 'registerFromScratch', encodedLength, epochsAhead: epochs } as const;
    return { kind: 'proceed', object, operation, cost: registrationCost(system, epochs, [encodedLength]) };
  }
  const certified = object.certifiedEpoch !== undefined;
  const epochsExtended = Math.max(0, target - object.endEpoch);
  if (epochsExtended === 0) {
    if (certified) return { kind: 'alreadyCertified', object };
    const operation = { kind: 'reuseRegistration', encodedLength } as const;
    return { kind: 'proceed', object, operation, cost: 0n as Frost };
  }
  const kind = certified ? 'reuseAndExtend' : 'reuseAndExtendNonCertified';
  const cost = extensionCost(system, epochsExtended, object.storage.sizeBytes);
  return { kind: 'proceed', object, operation: { kind, encodedLength, epochsExtended }, cost };
}

/** Registers a blob for its signer. Resolves to the new blob object's id. */
export async function registerBlob(
  ledger: LedgerPort,
  system: SystemInfo,
  order: { readonly registration: BlobRegistration; readonly epochs: number; readonly signer: Signer },
  signal: AbortSignal,
): Promise<ObjectId> {
  const { registration, epochs, signer } = order;
  const transaction = new Transaction();
  registerBlobs(transaction, system, { blobs: [registration], epochs, owner: signerAddress(signer) });
  const { events } = await ledger.execute(transaction, signer, { signal });
  const { blobId } = registration;
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
