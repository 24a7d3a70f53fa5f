/** The transactions of stores that are planned, and what they cost in gas. */
import {
  type BlobObject,
  buySpace,
  certifyBlobs,
  extendBlobs,
  type SimulatedTransaction,
  type StorageResource,
  type SystemInfo,
  transferObjects,
} from '@floe/contracts';
import { isFloeError } from '@floe/platform';
import {
  type Committee,
  type Epoch,
  metadataRoot,
  type ObjectId,
  parseObjectId,
  type SuiAddress,
  type VerifiedMetadata,
} from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { type GasFootprint, GasQuote, type ObjectKind } from './gas-quote.ts';
import type { LedgerPort } from './ledger-port.ts';
import { type NewRegistration, registrationTransaction, type StorePlan } from './registration.ts';

/** A blob, and what its store will do; without a plan, nothing. */
export interface PlannedBlob {
  readonly verified: VerifiedMetadata;
  readonly plan: StorePlan | undefined;
  readonly endEpoch: Epoch;
}

/** What is cut off the space that a plan uses, as it will be owned. @param place of the plan, for ids that stand in */
export function spaceCutOff({ storage, operation }: StorePlan, target: Epoch, place: number): StorageResource[] {
  if (storage === undefined) return [];
  const needed = BigInt(operation.encodedLength);
  const rests: StorageResource[] = [];
  if (storage.sizeBytes > needed) {
    rests.push({ ...storage, objectId: standIn(place, 2), sizeBytes: storage.sizeBytes - needed });
  }
  if (storage.endEpoch > target) {
    rests.push({ ...storage, objectId: standIn(place, 3), sizeBytes: needed, startEpoch: target });
  }
  return rests;
}

/** The id of an object that is not there yet; no object of a ledger has so short a one. */
export function standIn(place: number, what: number): ObjectId {
  return parseObjectId(`0xf10e${(place * 4 + what).toString(16).padStart(8, '0')}`);
}

/** What the gas of a sequence of stores depends on. */
export interface GasContext {
  readonly system: SystemInfo;
  readonly committee: Committee;
  readonly options: {
    readonly payer: SuiAddress;
    readonly epochs: number;
    readonly deletable?: boolean;
    readonly signal?: AbortSignal;
  };
  readonly ledger: LedgerPort;
}

/** MIST by blob, and what to know of it; or why it cannot be told. */
export type GasResult = { readonly perBlob: readonly bigint[]; readonly note?: string } | { readonly note: string };

/** What the planned stores cost in gas, one after another. @throws what simulating one of them throws */
export async function quoteGas(planned: readonly PlannedBlob[], context: GasContext): Promise<GasResult> {
  const steps = planned.map(({ verified, plan }) => (plan === undefined ? [] : footprintsOf(verified, plan, context)));
  if (steps.flat().length === 0) return { perBlob: planned.map(() => 0n) };
  let ran: SimulatedTransaction;
  const probe = probeFor(planned, steps, context);
  try {
    ran = await context.ledger.simulate(probe.transaction, context.options.payer, { signal: context.options.signal });
  } catch (error) {
    // The price can be told to who cannot pay it yet.
    if (isFloeError(error, 'INSUFFICIENT_WAL') || isFloeError(error, 'INSUFFICIENT_SUI'))
      return { note: error.message };
    throw error;
  }
  const gas = new GasQuote(context.system, { footprint: probe, ran });
  const perBlob = steps.map((footprints) => footprints.reduce((sum, footprint) => sum + gas.next(footprint), 0n));
  return gas.isExact ? { perBlob } : { perBlob, note: 'an estimate: this ledger charges gas by rules of its own' };
}

/** What is run without effect: the first registration, else an extension's payment, else a transfer to oneself. */
function probeFor(
  planned: readonly PlannedBlob[],
  steps: readonly (readonly GasFootprint[])[],
  { system, options }: GasContext,
): GasFootprint {
  const isNew = planned.findIndex(({ plan }) => plan !== undefined && plan.object === undefined);
  const [registration] = steps[isNew] ?? [];
  if (registration !== undefined) return registration;
  const none = { creates: [], consumes: [], rewrites: [] };
  const transaction = new Transaction();
  const extended = planned.find(({ plan }) => plan !== undefined && plan.price.storage > 0n);
  if (extended?.plan?.object !== undefined && 'epochsExtended' in extended.plan.operation) {
    const { endEpoch, storage } = extended.plan.object;
    const until = (endEpoch + extended.plan.operation.epochsExtended) as Epoch;
    const order = { sizeBytes: storage.sizeBytes, startEpoch: endEpoch, endEpoch: until, owner: options.payer };
    buySpace(transaction, system, order);
    return { ...none, transaction, paysWal: true, creates: ['storage'] };
  }
  const object = planned.find(({ plan }) => plan?.object !== undefined)?.plan?.object as BlobObject;
  transferObjects(transaction, [object.objectId], options.payer);
  const kind = kindOf(object);
  return { ...none, transaction, paysWal: false, rewrites: [{ before: kind, after: kind }] };
}

function kindOf({ certifiedEpoch }: BlobObject): ObjectKind {
  return certifiedEpoch === undefined ? 'blob' : 'certifiedBlob';
}

/** The transactions of one store, as they will be built. */
function footprintsOf(verified: VerifiedMetadata, plan: StorePlan, context: GasContext): GasFootprint[] {
  const { system, options } = context;
  const { epochs, payer, deletable = false } = options;
  const certification = certificationOf(plan, context);
  if (plan.object !== undefined) return [certification];
  const blob = {
    blobId: verified.blobId,
    rootHash: metadataRoot(verified.metadata),
    sizeBytes: verified.metadata.unencodedLength,
    encodedSizeBytes: plan.operation.encodedLength,
    deletable,
  };
  const order: NewRegistration = { blob, epochs, owner: payer, storage: plan.storage };
  const rests = spaceCutOff(plan, (system.epoch + epochs) as Epoch, 0);
  const registration: GasFootprint = {
    transaction: registrationTransaction(system, order),
    paysWal: true,
    creates: ['blob', ...rests.map(() => 'storage' as const)],
    consumes: plan.storage === undefined ? [] : ['storage'],
    rewrites: [],
  };
  return [registration, certification];
}

/** The certificate is not there yet: one of its size stands in for it. */
function certificationOf(plan: StorePlan, { system, committee, options }: GasContext): GasFootprint {
  const transaction = new Transaction();
  const blobObjectId = plan.object?.objectId ?? standIn(0, 0);
  const before = plan.object === undefined ? 'blob' : kindOf(plan.object);
  const checksCertificate = before === 'blob';
  if (checksCertificate) {
    const message = new Uint8Array(options.deletable === true ? 72 : 40);
    const certificate = { signers: [0], signature: new Uint8Array(96), message };
    certifyBlobs(transaction, system, [{ blobObjectId, certificate, memberCount: committee.members.length }]);
  }
  const { object, operation } = plan;
  const isExtended = object !== undefined && 'epochsExtended' in operation;
  if (isExtended) {
    const storageSizeBytes = object.storage.sizeBytes;
    extendBlobs(transaction, system, [{ blobObjectId, storageSizeBytes, epochs: operation.epochsExtended }]);
  }
  const rewrites = [{ before, after: 'certifiedBlob' as const }] as const;
  return { transaction, paysWal: isExtended, creates: [], consumes: [], rewrites, checksCertificate };
}
