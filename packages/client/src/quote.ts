/**
 * What storing blobs will cost: WAL to the FROST, and gas. The plan is the one that the store will make, over what the
 * wallet owns, with blobs counted as stored and space as used up in their order.
 *
 * Invariant: a store that follows, with the same options and before prices, epoch or the wallet change, pays exactly
 * this. The amount of gas is left out where it cannot be told (a wallet that cannot pay), and marked where it is an
 * estimate (a ledger with another gas schedule).
 */
import type { BlobObject, SystemInfo } from '@floe/contracts';
import type { BlobId, BlobStatus, Epoch, Frost, SuiAddress, VerifiedMetadata } from '@floe/protocol';
import { encodedLength } from '@floe/protocol';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import type { ClientLimits } from './limits.ts';
import {
  NO_RESOURCES,
  type OwnedResources,
  planRegistration,
  type ResourceOperation,
  type StorePlan,
} from './registration.ts';
import { ownedResources } from './resources.ts';
import { type PlannedBlob, quoteGas, spaceCutOff, standIn } from './store-gas.ts';

/** Options of the stores that are quoted; a transfer to another owner and attributes are not part of a quote. */
export interface QuoteOptions {
  readonly epochs: number;
  /** Default: permanent. */
  readonly deletable?: boolean;
  readonly force?: boolean;
  readonly reuse?: boolean;
  /** Who will store and pay. */
  readonly payer: SuiAddress;
  readonly signal?: AbortSignal;
}

export interface BlobQuote {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly encodedLength: number;
  readonly operation: ResourceOperation | { readonly kind: 'alreadyCertified' };
  /** First epoch in which it will not be stored any more. */
  readonly endEpoch: Epoch;
  /** For space, bought now or as an extension. */
  readonly storage: Frost;
  /** Fee of the registration. */
  readonly write: Frost;
  readonly total: Frost;
  /** MIST of its transactions, less what is paid back for storage that they free; undefined where it cannot be told. */
  readonly gas?: bigint;
}

export interface StoreQuote {
  readonly epoch: Epoch;
  /** FROST per MiB of encoded length and epoch. */
  readonly storagePrice: Frost;
  /** FROST per MiB of encoded length. */
  readonly writePrice: Frost;
  /** In the order given. */
  readonly blobs: readonly BlobQuote[];
  readonly storage: Frost;
  readonly write: Frost;
  /** FROST that will be charged, gas apart. */
  readonly total: Frost;
  /** MIST; why it is not exact, or cannot be told, is in `gasNote`. */
  readonly gas?: bigint;
  readonly gasNote?: string;
}

export interface QuoteModules {
  readonly ledger: LedgerPort;
  readonly limits: ClientLimits;
  readonly status: (blobId: BlobId) => Promise<BlobStatus | undefined>;
}

/** @throws INVALID_EPOCHS, BLOB_MARKED_INVALID, MOVE_ABORT, LEDGER_* */
export async function quoteStores(
  blobs: readonly VerifiedMetadata[],
  options: QuoteOptions,
  modules: QuoteModules,
): Promise<StoreQuote> {
  const { ledger } = modules;
  const { signal, epochs } = options;
  const [system, { current }] = await Promise.all([
    ledger.systemState({ fresh: true, signal }),
    ledger.committees({ signal }),
  ]);
  if (!Number.isInteger(epochs) || epochs < 1 || epochs > system.maxEpochsAhead) {
    throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs: system.maxEpochsAhead });
  }
  const planned = await planAll(blobs, system, options, modules);
  const gas = await quoteGas(planned, { system, committee: current, options, ledger });
  const quotes = planned.map(({ verified, plan, endEpoch }, i): BlobQuote => {
    const { storage, write } = plan?.price ?? { storage: 0n as Frost, write: 0n as Frost };
    const blobGas = 'perBlob' in gas ? gas.perBlob[i] : undefined;
    return {
      blobId: verified.blobId,
      sizeBytes: verified.metadata.unencodedLength,
      encodedLength: lengthOf(verified),
      operation: plan?.operation ?? { kind: 'alreadyCertified' },
      endEpoch,
      storage,
      write,
      total: (storage + write) as Frost,
      ...(blobGas === undefined ? {} : { gas: blobGas }),
    };
  });
  const sum = (part: (quote: BlobQuote) => bigint) => quotes.reduce((total, quote) => total + part(quote), 0n) as Frost;
  return {
    epoch: system.epoch,
    storagePrice: system.storagePrice,
    writePrice: system.writePrice,
    blobs: quotes,
    storage: sum(({ storage }) => storage),
    write: sum(({ write }) => write),
    total: sum(({ total }) => total),
    ...('perBlob' in gas ? { gas: sum((quote) => quote.gas ?? 0n) as bigint } : {}),
    ...(gas.note === undefined ? {} : { gasNote: gas.note }),
  };
}

/** What each store will do, each seeing what those before it leave. */
async function planAll(
  blobs: readonly VerifiedMetadata[],
  system: SystemInfo,
  options: QuoteOptions,
  { ledger, limits, status }: QuoteModules,
): Promise<PlannedBlob[]> {
  const { epochs, deletable = false, force = false, signal } = options;
  const target = (system.epoch + epochs) as Epoch;
  const planned: PlannedBlob[] = [];
  const made: BlobObject[] = [];
  let storages: OwnedResources['storages'] | undefined;
  for (const verified of blobs) {
    const { blobId } = verified;
    const known = force ? undefined : await status(blobId);
    if (known?.kind === 'invalid') throw clientErrors.BLOB_MARKED_INVALID({ blobId, ...known.event });
    if (known?.kind === 'permanent' && known.isCertified && !deletable && known.endEpoch >= target) {
      planned.push({ verified, plan: undefined, endEpoch: known.endEpoch });
      continue;
    }
    const owned = force ? NO_RESOURCES : await ownedResources(blobId, options, { ledger, limits }, signal);
    storages ??= owned.storages;
    const order = { blobId, encodedLength: lengthOf(verified), epochs, deletable };
    const own = [...owned.blobs.filter((blob) => !made.some(({ objectId }) => objectId === blob.objectId)), ...made];
    const plan = planRegistration(order, system, { blobs: force ? [] : own, storages: force ? [] : storages });
    if (plan.kind === 'alreadyCertified') {
      planned.push({ verified, plan: undefined, endEpoch: plan.object.endEpoch });
      continue;
    }
    const endEpoch = (plan.object === undefined ? target : Math.max(target, plan.object.endEpoch)) as Epoch;
    planned.push({ verified, plan, endEpoch });
    made.push(objectAfter(verified, plan, { system, deletable, endEpoch, place: planned.length }));
    // What a plan cuts off is there for those after it.
    const used = plan.storage?.objectId;
    const rests = spaceCutOff(plan, target, planned.length);
    storages = [...storages.filter(({ objectId }) => objectId !== used), ...rests];
  }
  return planned;
}

/** The blob object that a store leaves. */
function objectAfter(
  verified: VerifiedMetadata,
  plan: StorePlan,
  to: { system: SystemInfo; deletable: boolean; endEpoch: Epoch; place: number },
): BlobObject {
  const { system, deletable, endEpoch, place } = to;
  const kept = plan.object;
  return {
    objectId: kept?.objectId ?? standIn(place, 0),
    version: 0n,
    blobId: verified.blobId,
    sizeBytes: verified.metadata.unencodedLength,
    encodingType: 1,
    registeredEpoch: kept?.registeredEpoch ?? system.epoch,
    certifiedEpoch: kept?.certifiedEpoch ?? system.epoch,
    startEpoch: kept?.startEpoch ?? system.epoch,
    endEpoch,
    storage: kept?.storage ?? { objectId: standIn(place, 1), sizeBytes: BigInt(lengthOf(verified)) },
    deletable,
  };
}

function lengthOf({ geometry, metadata }: VerifiedMetadata): number {
  return encodedLength(geometry, metadata.unencodedLength);
}
