/**
 * Storing a blob: take it in, encode, register on the ledger, upload, collect a certificate, certify.
 *
 * Invariants: nothing is paid before everything that can be refused was checked; a store that was interrupted and is
 * tried again pays no second time; the result is given only after the ledger has the certificate, from when on the
 * network owes the data; a store returns on a quorum, and what other nodes still lack is sent on for a bounded time.
 */
import {
  type BlobObject,
  certifyBlobs,
  changeAttributes,
  extendBlobs,
  extensionCost,
  isMoveAbort,
  type SystemInfo,
  transferObjects,
} from '@floe/contracts';
import { assert, type Clock, isFloeError, raceAbort, type Rng, type Scheduler, withDeadline } from '@floe/platform';
import {
  type BlobId,
  type BlobStatus,
  type Bls,
  type Certificate,
  type Committee,
  encodedLength,
  type Epoch,
  type Frost,
  geometryOf,
  isCertified,
  isQuorum,
  isValidity,
  maxBlobSize,
  metadataRoot,
  type ObjectId,
  type Persistence,
} from '@floe/protocol';
import type { Codec, ScratchSpace } from '@floe/redstuff';
import { Transaction } from '@mysten/sui/transactions';
import { writeAttributes } from './blob-objects.ts';
import { type BlobInput, encodeInput, openInput, type SpooledBlob } from './blob-input.ts';
import { agreeOnStatus } from './blob-status.ts';
import { rankedNodes } from './blob-view.ts';
import { collectCertificate, EpochMoved, type UploadTail } from './certificate-collection.ts';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import { MAX_REPLANS, type ClientLimits } from './limits.ts';
import type { NodePool } from './node-pool.ts';
import { QUILT_ATTRIBUTE } from './quilts.ts';
import {
  NO_RESOURCES,
  type OwnedResources,
  planRegistration,
  registerBlob,
  type RegistrationPlan,
  signerAddress,
  type StorePlan,
} from './registration.ts';
import { hasMoved } from './replan.ts';
import { checkCost, ownedResources, type ResourceOrder, type StorageClaims } from './resources.ts';
import type { SliverSource } from './sliver-source.ts';
import type {
  AlreadyCertified,
  NewlyCreated,
  StoredBlob,
  StoreOptions,
  StoreProgress,
  StoreRegistration,
  StoreResult,
  StoreStage,
} from './store-options.ts';
import type { TailKeeper } from './upload-tails.ts';

export interface StoreModules {
  readonly ledger: LedgerPort;
  readonly pool: NodePool;
  readonly codec: Codec;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly limits: ClientLimits;
  readonly tails: TailKeeper;
  readonly claims: StorageClaims;
  readonly scratch?: ScratchSpace;
}

/**
 * @throws INVALID_EPOCHS, BLOB_TOO_LARGE, BLOB_MARKED_INVALID, COST_ABOVE_MAXIMUM, NOT_ENOUGH_NODES, INSUFFICIENT_WAL,
 * INSUFFICIENT_SUI, NOT_ENOUGH_CONFIRMATIONS, EPOCH_CHANGED, STORE_TIMEOUT, and what the ledger reports
 */
export async function storeBlob(input: BlobInput, options: StoreOptions, modules: StoreModules): Promise<StoreResult> {
  const { scheduler, limits, ledger } = modules;
  const { signal, onProgress } = options;
  // Before a stream is taken in, which may take as long as its writer likes: the store's time begins after it.
  const system = await ledger.systemState({ signal });
  checkEpochs(options, system);
  const onBytes = (readBytes: number) => onProgress?.({ stage: 'reading', readBytes });
  const maxBytes = maxBlobSize(geometryOf(system.nShards));
  const opened = await openInput(input, { maxBytes, signal, onBytes }, modules);
  const store = new Store(opened, options, modules);
  const timeoutMs = limits.storeTimeoutMs + Math.ceil(opened.sizeBytes / limits.minStoreBytesPerMs);
  const onTimeout = () => clientErrors.STORE_TIMEOUT({ blobId: store.blobId ?? '', timeoutMs, stage: store.stage });
  try {
    return await withDeadline({ scheduler, timeoutMs, parent: signal, onTimeout }, (inTime) => store.run(inTime));
  } finally {
    store.release();
    // The caller may have given up while the stream came to its end: then nothing has begun that would let go of it.
    if (!store.hasBegun) await opened.close();
  }
}

function checkEpochs({ epochs }: StoreOptions, { maxEpochsAhead }: SystemInfo): void {
  if (Number.isInteger(epochs) && epochs >= 1 && epochs <= maxEpochsAhead) return;
  throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs: maxEpochsAhead });
}

/** What the ledger says when space that was to be used is not there any more, or not as it was. */
const SPACE_GONE: ReadonlySet<string> = new Set(['LEDGER_REJECTED', 'STALE_OBJECT', 'TRANSACTION_FAILED']);

class Store {
  readonly #input: SpooledBlob;
  readonly #options: StoreOptions;
  readonly #modules: StoreModules;
  readonly #timings: Partial<Record<StoreStage, number>> = {};
  #stage: StoreStage = 'encoding';
  #stageStartMs: number;
  #blobId: BlobId | undefined;
  /** Of an earlier try. */
  #registration: StoreRegistration | undefined;
  /** Space of the signer that this store means to use; no other store of this client plans with it meanwhile. */
  #claimed: ObjectId | undefined;
  #owned: OwnedResources = NO_RESOURCES;
  /** What it came to, which others may have made less than was planned; `cost` in FROST. */
  #extension: { readonly epochs: number; readonly cost: Frost } | undefined;
  /** What the slivers are in is given back once nobody sends them any more: by the store, or by its tail. */
  #slivers: SliverSource | undefined;
  #tailHasSlivers = false;
  #hasBegun = false;

  constructor(input: SpooledBlob, options: StoreOptions, modules: StoreModules) {
    this.#input = input;
    this.#options = options;
    this.#modules = modules;
    this.#stageStartMs = modules.clock.monotonicMs();
  }

  get stage(): StoreStage {
    return this.#stage;
  }

  get blobId(): BlobId | undefined {
    return this.#blobId;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Lets other stores have the space that this one claimed. */
  release(): void {
    if (this.#claimed !== undefined) this.#modules.claims.release(this.#claimed);
    this.#claimed = undefined;
  }

  async run(signal: AbortSignal): Promise<StoreResult> {
    this.#hasBegun = true;
    try {
      return await this.#run(signal);
    } finally {
      if (this.#slivers === undefined) await this.#input.close();
      else if (!this.#tailHasSlivers) await this.#slivers.release();
    }
  }

  async #run(signal: AbortSignal): Promise<StoreResult> {
    const { ledger } = this.#modules;
    const [system, { current }] = await Promise.all([ledger.systemState({ signal }), ledger.committees({ signal })]);
    this.#enter('encoding');
    const onProgress = (fraction: number) => this.#report({ fraction });
    const slivers = await encodeInput(this.#input, current.geometry, { signal, onProgress }, this.#modules);
    this.#slivers = slivers;
    this.#blobId = slivers.verified.blobId;
    const { registration } = this.#options;
    this.#registration = typeof registration === 'function' ? registration(this.#blobId) : registration;
    this.#enter('checking');
    const { status, plan } = await this.#check(slivers, system, current, signal);
    if (status !== undefined && this.#isStored(status, system)) return this.#alreadyPermanent(status, slivers);
    if (plan.kind === 'alreadyCertified') return await this.#alreadyOwned(plan.object, slivers, signal);
    return await this.#storeAnew(slivers, plan, status, signal);
  }

  /** What the nodes say of the blob, and what the signer owns of it. */
  async #check(
    slivers: SliverSource,
    system: SystemInfo,
    committee: Committee,
    signal: AbortSignal,
  ): Promise<{ status: BlobStatus | undefined; plan: RegistrationPlan }> {
    const { blobId } = slivers.verified;
    if (this.#options.force === true && this.#registration === undefined)
      return { status: undefined, plan: this.#plan(slivers, system, NO_RESOURCES) };
    const [status, owned] = await Promise.all([
      this.#status(blobId, committee, signal),
      ownedResources(blobId, this.#resourceOrder(), this.#modules, signal),
    ]);
    if (status?.kind === 'invalid') throw clientErrors.BLOB_MARKED_INVALID({ blobId, ...status.event });
    this.#owned = owned;
    return { status, plan: this.#plan(slivers, system, owned) };
  }

  /**
   * What the nodes say of the blob; undefined when they do not agree. Who does not answer now will not confirm either, and it is better to learn
   * that before paying; but while most of the network is there, the others get time to come back.
   *
   * @throws NOT_ENOUGH_NODES
   */
  async #status(blobId: BlobId, committee: Committee, signal: AbortSignal): Promise<BlobStatus | undefined> {
    const { pool, scheduler, clock, limits } = this.#modules;
    const { geometry } = committee;
    const nodes = rankedNodes(committee, pool.clientOf);
    const deadlineMs = clock.monotonicMs() + limits.returnTimeoutMs;
    for (;;) {
      try {
        return await agreeOnStatus(blobId, committee, nodes, { scheduler, limits, signal });
      } catch (error) {
        if (!isFloeError(error, 'NO_STATUS_AGREEMENT')) throw error;
        const answered = Number(error.data['answered']);
        // Not knowing costs an upload that was not needed, or a registration that the signer's own objects rule out.
        if (isQuorum(geometry, answered)) return undefined;
        if (!isValidity(geometry, answered) || clock.monotonicMs() >= deadlineMs) {
          const need = geometry.nShards - geometry.maxFaulty;
          throw clientErrors.NOT_ENOUGH_NODES({ blobId, answered, need }, error);
        }
      }
      await scheduler.sleep(limits.maxBackoffMs, signal);
    }
  }

  #resourceOrder(): ResourceOrder {
    const { owner, reuse, signer } = this.#options;
    return { payer: signerAddress(signer), owner, reuse, registered: this.#registration?.objectId };
  }

  #plan(slivers: SliverSource, system: SystemInfo, owned: OwnedResources): RegistrationPlan {
    const { claims } = this.#modules;
    const { geometry, blobId } = slivers.verified;
    const { epochs, deletable = false } = this.#options;
    const order = { blobId, encodedLength: encodedLength(geometry, this.#input.sizeBytes), epochs, deletable };
    this.release();
    const plan = planRegistration(order, system, { ...owned, storages: claims.free(owned.storages) });
    if (plan.kind === 'proceed') this.#claimed = plan.storage?.objectId;
    if (this.#claimed !== undefined) claims.claim(this.#claimed);
    return plan;
  }

  /**
   * Attributes lie on an object of the signer's: with any, that another's object keeps the blob is not enough. A quilt's
   * mark is none of them, as its bytes show what it is. What an earlier try paid for is certified, whoever else has it.
   */
  #isStored(status: BlobStatus, system: SystemInfo): status is Extract<BlobStatus, { kind: 'permanent' }> {
    return (
      this.#registration === undefined &&
      this.#options.deletable !== true &&
      Object.keys(this.#options.attributes ?? {}).every((key) => key === QUILT_ATTRIBUTE.key) &&
      status.kind === 'permanent' &&
      status.isCertified &&
      status.endEpoch >= system.epoch + this.#options.epochs
    );
  }

  async #storeAnew(
    slivers: SliverSource,
    plan: StorePlan,
    status: BlobStatus | undefined,
    signal: AbortSignal,
  ): Promise<StoreResult> {
    const { ledger } = this.#modules;
    checkCost(`blob ${slivers.verified.blobId}`, plan.cost, this.#options.maxCost);
    let registered = plan;
    let objectId = plan.object?.objectId;
    if (objectId === undefined) {
      this.#enter('registering');
      ({ objectId, plan: registered } = await this.#register(slivers, signal));
    }
    const certified = plan.object?.certifiedEpoch !== undefined;
    const tail = await this.#certify(slivers, objectId, registered, {
      skipUpload: certified,
      confirmFirst: status !== undefined && isCertified(status),
      signal,
    });
    let blobObject: BlobObject | undefined;
    try {
      blobObject = await ledger.blobObject(objectId, { signal });
      if (blobObject === undefined) throw clientErrors.BLOB_OBJECT_NOT_FOUND({ objectId });
    } catch (error) {
      // Nobody would bound it, nor wait for it, once the store has failed.
      tail?.cancel();
      throw error;
    }
    if (tail !== undefined) await this.#finishTail(tail, signal);
    return {
      kind: 'newlyCreated',
      ...this.#stored(slivers, blobObject.endEpoch),
      objectId,
      blobObject,
      ...this.#paid(registered, objectId),
    };
  }

  /** By this try, and by an earlier one whose object it is. */
  #paid({ operation, cost }: StorePlan, objectId: ObjectId): Pick<NewlyCreated, 'operation' | 'cost'> {
    const registration = this.#registration;
    const { epochs: epochsExtended, cost: paidNow } = this.#extension ?? { cost };
    const done =
      'epochsExtended' in operation && epochsExtended !== undefined ? { ...operation, epochsExtended } : operation;
    if (registration?.objectId !== objectId) return { operation: done, cost: paidNow };
    const told = operation.kind === 'reuseRegistration' ? registration.operation : done;
    return { operation: told, cost: (registration.cost + paidNow) as Frost };
  }

  /** Prices and epoch may have changed since they were read, space may be gone: then the plan is made anew. */
  async #register(slivers: SliverSource, signal: AbortSignal): Promise<{ objectId: ObjectId; plan: StorePlan }> {
    const { ledger } = this.#modules;
    let system = await ledger.systemState({ signal });
    let resources = this.#owned;
    for (let replans = 0; ; replans += 1) {
      const plan = this.#planNew(slivers, system, resources);
      try {
        const objectId = await this.#registerBy(slivers, plan, system, signal);
        this.#options.onRegistered?.({ objectId, operation: plan.operation, cost: plan.cost });
        return { objectId, plan };
      } catch (error) {
        const spaceGone = plan.storage !== undefined && isFloeError(error) && SPACE_GONE.has(error.code);
        if ((!isMoveAbort(error) && !spaceGone) || replans >= MAX_REPLANS) throw error;
        const fresh = await ledger.systemState({ fresh: true, signal });
        if (!hasMoved(system, fresh) && plan.storage === undefined) throw error;
        system = fresh;
        resources = NO_RESOURCES;
      }
    }
  }

  /** The plan of a registration by the prices and in the epoch that it will be made with. @throws COST_ABOVE_MAXIMUM */
  #planNew(slivers: SliverSource, system: SystemInfo, { storages }: OwnedResources): StorePlan {
    const plan = this.#plan(slivers, system, { blobs: [], storages });
    assert(plan.kind === 'proceed', 'without an object to use again a plan is to register');
    checkCost(`blob ${slivers.verified.blobId}`, plan.cost, this.#options.maxCost);
    return plan;
  }

  async #registerBy(
    slivers: SliverSource,
    plan: StorePlan,
    system: SystemInfo,
    signal: AbortSignal,
  ): Promise<ObjectId> {
    const { epochs, signer, deletable = false } = this.#options;
    const { blobId, metadata } = slivers.verified;
    const blob = {
      blobId,
      rootHash: metadataRoot(metadata),
      sizeBytes: this.#input.sizeBytes,
      encodedSizeBytes: plan.operation.encodedLength,
      deletable,
    };
    const owner = signerAddress(signer);
    const order = { blob, epochs, owner, storage: plan.storage, signer };
    return await registerBlob(this.#modules.ledger, system, order, signal);
  }

  /** Uploads, collects the certificate and gives it to the ledger, in each new epoch again. */
  async #certify(
    slivers: SliverSource,
    objectId: ObjectId,
    plan: StorePlan,
    how: { skipUpload: boolean; confirmFirst: boolean; signal: AbortSignal },
  ): Promise<UploadTail | undefined> {
    const { ledger, limits } = this.#modules;
    const { signal } = how;
    let { confirmFirst } = how;
    for (let retries = 0; ; retries += 1) {
      const { current: committee } = await ledger.committees({ fresh: retries > 0, signal });
      let tail: UploadTail | undefined;
      try {
        let certificate: Certificate | undefined;
        if (!how.skipUpload) {
          const collected = await this.#collect(slivers, objectId, committee, { confirmFirst, signal });
          ({ certificate, tail } = collected);
        }
        await this.#executeCertify(objectId, certificate, committee, plan, signal);
        return tail;
      } catch (error) {
        tail?.cancel();
        const { current } = await ledger.committees({ fresh: true, signal }).catch((second: unknown) => {
          // Whether the epoch moved cannot be learned: what failed first says more.
          throw error instanceof EpochMoved ? second : error;
        });
        const moved = error instanceof EpochMoved || current.epoch !== committee.epoch;
        const passing =
          error instanceof EpochMoved || isMoveAbort(error) || isFloeError(error, 'NOT_ENOUGH_CONFIRMATIONS');
        if (!moved || !passing) throw error;
        if (retries >= limits.maxEpochRetries) {
          throw clientErrors.EPOCH_CHANGED({ blobId: slivers.verified.blobId, epoch: current.epoch, retries }, error);
        }
        confirmFirst = true;
        // The ledger may not have come to the epoch that a node is already in.
        const delayMs = Math.min(limits.maxBackoffMs, limits.minBackoffMs * 2 ** retries);
        await this.#modules.scheduler.sleep(delayMs, signal);
      }
    }
  }

  async #collect(
    slivers: SliverSource,
    objectId: ObjectId,
    committee: Committee,
    how: { confirmFirst: boolean; signal: AbortSignal },
  ): Promise<{ certificate: Certificate; tail: UploadTail }> {
    this.#enter('uploading');
    const persistence: Persistence =
      this.#options.deletable === true ? { kind: 'deletable', objectId } : { kind: 'permanent' };
    return await collectCertificate(
      {
        source: slivers,
        committee,
        persistence,
        ...how,
        clientOf: this.#modules.pool.clientOf,
        onProgress: (upload) => this.#report({ fraction: upload.confirmedWeight / upload.neededWeight, upload }),
      },
      this.#modules,
    );
  }

  async #executeCertify(
    objectId: ObjectId,
    certificate: Certificate | undefined,
    committee: Committee,
    plan: StorePlan,
    signal: AbortSignal,
  ): Promise<void> {
    this.#enter('certifying');
    const { ledger } = this.#modules;
    const { signer } = this.#options;
    const system = await ledger.systemState({ signal });
    const memberCount = committee.members.length;
    const execute = async (given: Certificate | undefined): Promise<void> => {
      const certified = given && { blobObjectId: objectId, certificate: given, memberCount };
      let isEmpty = false;
      const build = async (): Promise<Transaction> => {
        const transaction = await this.#certification(objectId, certified, plan, { system, signal });
        isEmpty = transaction.getData().commands.length === 0;
        if (isEmpty) throw new Error('nothing is left to do');
        return transaction;
      };
      await ledger.execute(build, signer, { signal }).catch((error: unknown) => {
        if (!isEmpty) throw error;
      });
    };
    try {
      await execute(certificate);
    } catch (error) {
      // Another holder of the key certified this very object meanwhile: what is left to do is the rest.
      if (!isMoveAbort(error, 'blob', 'EAlreadyCertified')) throw error;
      await execute(undefined);
    }
  }

  /**
   * Made when its turn among the signer's transactions has come: what another store of theirs has done to an object that
   * was there already is not done, nor paid for, again. Empty when nothing is left to do.
   *
   * @throws COST_ABOVE_MAXIMUM
   */
  async #certification(
    objectId: ObjectId,
    certified: Parameters<typeof certifyBlobs>[2][number] | undefined,
    { object: planned, operation }: StorePlan,
    { system, signal }: { readonly system: SystemInfo; readonly signal: AbortSignal },
  ): Promise<Transaction> {
    const { owner, attributes, signer, maxCost } = this.#options;
    const now = planned && ((await this.#modules.ledger.blobObject(objectId, { signal })) ?? planned);
    const transaction = new Transaction();
    if (certified !== undefined && now?.certifiedEpoch === undefined) certifyBlobs(transaction, system, [certified]);
    if ('epochsExtended' in operation && planned !== undefined && now !== undefined) {
      const storageSizeBytes = planned.storage.sizeBytes;
      const epochs = Math.max(0, planned.endEpoch + operation.epochsExtended - now.endEpoch);
      // Its price may have risen since the plan was made.
      const cost = extensionCost(system, epochs, storageSizeBytes);
      checkCost(`blob ${planned.blobId}`, cost, maxCost);
      this.#extension = { epochs, cost };
      if (epochs > 0) extendBlobs(transaction, system, [{ blobObjectId: objectId, storageSizeBytes, epochs }]);
    }
    if (attributes !== undefined && Object.keys(attributes).length > 0) {
      changeAttributes(transaction, system, { blobObjectId: objectId, set: attributes });
    }
    if (owner !== undefined && owner !== signerAddress(signer)) transferObjects(transaction, [objectId], owner);
    return transaction;
  }

  async #finishTail(tail: UploadTail, signal: AbortSignal): Promise<void> {
    const { tails, clock } = this.#modules;
    const elapsedMs = clock.monotonicMs() - this.#stageStartMs + (this.#timings.uploading ?? 0);
    const how = this.#options.tail ?? 'background';
    if (how === 'cancel') return tail.cancel();
    this.#enter('finishing');
    this.#tailHasSlivers = true;
    const slivers = this.#slivers;
    const finished = tail.finished.then(() => slivers?.release());
    const ended = tails.keep({ ...tail, finished }, elapsedMs);
    if (how === 'wait') await raceAbort(ended, signal);
    else await raceAbort(tails.room(), signal);
  }

  #alreadyPermanent(status: Extract<BlobStatus, { kind: 'permanent' }>, slivers: SliverSource): AlreadyCertified {
    return {
      kind: 'alreadyCertified',
      ...this.#stored(slivers, status.endEpoch),
      proof: { event: status.statusEvent },
    };
  }

  async #alreadyOwned(object: BlobObject, slivers: SliverSource, signal: AbortSignal): Promise<AlreadyCertified> {
    await this.#writeMissingAttributes(object.objectId, signal);
    const proof = { objectId: object.objectId };
    return { kind: 'alreadyCertified', ...this.#stored(slivers, object.endEpoch), proof };
  }

  /** Attributes that the object has already cost no transaction. */
  async #writeMissingAttributes(objectId: ObjectId, signal: AbortSignal): Promise<void> {
    const { ledger } = this.#modules;
    const { attributes = {}, signer } = this.#options;
    if (Object.keys(attributes).length === 0) return;
    const there = await ledger.attributes(objectId, { signal });
    const missing = Object.entries(attributes).filter(([key, value]) => there.get(key) !== value);
    if (missing.length === 0) return;
    await writeAttributes(ledger, objectId, Object.fromEntries(missing), { signer, signal });
  }

  #stored(slivers: SliverSource, endEpoch: Epoch): StoredBlob {
    this.#leave();
    return {
      blobId: slivers.verified.blobId,
      sizeBytes: this.#input.sizeBytes,
      encodedLength: encodedLength(slivers.verified.geometry, this.#input.sizeBytes),
      endEpoch,
      timings: { ...this.#timings },
    };
  }

  #enter(stage: StoreStage): void {
    this.#leave();
    this.#stage = stage;
    this.#report({});
  }

  #leave(): void {
    const now = this.#modules.clock.monotonicMs();
    this.#timings[this.#stage] = (this.#timings[this.#stage] ?? 0) + now - this.#stageStartMs;
    this.#stageStartMs = now;
  }

  #report(progress: Omit<StoreProgress, 'stage' | 'blobId'>): void {
    this.#options.onProgress?.({ stage: this.#stage, blobId: this.#blobId, ...progress });
  }
}
