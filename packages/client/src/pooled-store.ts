/**
 * Storing a blob in a storage pool: like any store, but that the pool's reservation holds it, so only the write fee is
 * paid, and that it lives as long as the pool does.
 *
 * Invariants: nothing is paid before it is known that the blob fits; a store that was interrupted finds its registration
 * in the pool and pays no second time.
 */
import {
  certifyPooledBlob,
  isMoveAbort,
  pooledWriteCost,
  registerPooledBlob,
  type StoragePoolInfo,
  type SystemInfo,
} from '@floe/contracts';
import { assert, isFloeError, raceAbort, withDeadline } from '@floe/platform';
import {
  type BlobId,
  type Committee,
  encodedLength,
  type Epoch,
  type Frost,
  geometryOf,
  maxBlobSize,
  metadataRoot,
  type ObjectId,
  parseObjectId,
  type Persistence,
} from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { type BlobInput, encodeInput, openInput, type SpooledBlob } from './blob-input.ts';
import { collectCertificate, EpochMoved, type UploadTail } from './certificate-collection.ts';
import { clientErrors } from './errors.ts';
import type { Signer } from './ledger-port.ts';
import { checkCost } from './resources.ts';
import type { SliverSource } from './sliver-source.ts';
import type { StoreModules } from './store.ts';
import type { StoreProgress, StoreStage } from './store-options.ts';

export interface PooledStoreOptions {
  readonly poolId: ObjectId;
  /** Default: deletable, so that its place can be used again. */
  readonly permanent?: boolean;
  readonly signer: Signer;
  /** The most that may be paid, in FROST without gas. */
  readonly maxCost?: bigint;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: StoreProgress) => void;
}

export interface PooledStoreResult {
  readonly kind: 'newlyCreated' | 'alreadyCertified';
  readonly blobId: BlobId;
  /** Of the blob in the pool. */
  readonly objectId: ObjectId;
  readonly poolId: ObjectId;
  readonly sizeBytes: number;
  readonly encodedLength: number;
  readonly deletable: boolean;
  /** The pool's: extending it moves it. */
  readonly endEpoch: Epoch;
  /** FROST, without gas. */
  readonly cost: Frost;
}

/** @throws POOL_NOT_FOUND, POOL_EXPIRED, POOL_FULL, COST_ABOVE_MAXIMUM, and what a store throws */
export async function storeInPool(
  input: BlobInput,
  options: PooledStoreOptions,
  modules: StoreModules,
): Promise<PooledStoreResult> {
  const { scheduler, limits, ledger } = modules;
  const { nShards } = await ledger.systemState({ signal: options.signal });
  const maxBytes = maxBlobSize(geometryOf(nShards));
  const opened = await openInput(input, { maxBytes, signal: options.signal }, modules);
  const store = new PooledStore(opened, options, modules);
  const timeoutMs = limits.storeTimeoutMs + Math.ceil(opened.sizeBytes / limits.minStoreBytesPerMs);
  const onTimeout = () => clientErrors.STORE_TIMEOUT({ blobId: store.blobId ?? '', timeoutMs, stage: store.stage });
  try {
    return await withDeadline({ scheduler, timeoutMs, parent: options.signal, onTimeout }, (inTime) =>
      store.run(inTime),
    );
  } finally {
    // As any store: nothing has begun that would let go of it when the caller gave up while the stream came to its end.
    if (!store.hasBegun) await opened.close();
  }
}

class PooledStore {
  readonly #input: SpooledBlob;
  readonly #options: PooledStoreOptions;
  readonly #modules: StoreModules;
  stage: StoreStage = 'encoding';
  blobId: BlobId | undefined;
  hasBegun = false;
  #uploadStartMs = 0;

  constructor(input: SpooledBlob, options: PooledStoreOptions, modules: StoreModules) {
    this.#input = input;
    this.#options = options;
    this.#modules = modules;
  }

  async run(signal: AbortSignal): Promise<PooledStoreResult> {
    this.hasBegun = true;
    let slivers: SliverSource | undefined;
    let tailHasSlivers = false;
    try {
      const place = await this.#place(signal);
      this.#enter('encoding');
      const onProgress = (fraction: number) => this.#report({ fraction });
      slivers = await encodeInput(this.#input, place.current.geometry, { signal, onProgress }, this.#modules);
      const { tail, result } = await this.#store(slivers, place, signal);
      if (tail !== undefined) {
        tailHasSlivers = true;
        await this.#finishTail(tail, slivers, signal);
      }
      return result;
    } finally {
      // What the slivers are in is given back once nobody sends them any more.
      if (slivers === undefined) await this.#input.close();
      else if (!tailHasSlivers) await slivers.release();
    }
  }

  async #place(signal: AbortSignal): Promise<{ pool: StoragePoolInfo; current: Committee }> {
    const { ledger } = this.#modules;
    const { poolId } = this.#options;
    const [{ epoch }, pool, { current }] = await Promise.all([
      ledger.systemState({ signal }),
      ledger.storagePool(poolId, { signal }),
      ledger.committees({ signal }),
    ]);
    if (pool === undefined) throw clientErrors.POOL_NOT_FOUND({ poolId });
    const { endEpoch } = pool;
    if (endEpoch <= epoch) throw clientErrors.POOL_EXPIRED({ poolId, endEpoch, epoch });
    return { pool, current };
  }

  async #store(
    slivers: SliverSource,
    { pool, current }: { readonly pool: StoragePoolInfo; readonly current: Committee },
    signal: AbortSignal,
  ): Promise<{ result: PooledStoreResult; tail: UploadTail | undefined }> {
    const { blobId } = slivers.verified;
    this.blobId = blobId;
    this.#enter('checking');
    const known = await this.#modules.ledger.pooledBlob(pool, blobId, { signal });
    const { poolId, permanent } = this.#options;
    const deletable = known?.deletable ?? permanent !== true;
    const common = { blobId, poolId, endEpoch: pool.endEpoch, deletable, ...this.#sizes(current) };
    if (known?.certifiedEpoch !== undefined) {
      const result = { ...common, kind: 'alreadyCertified', objectId: known.objectId, cost: 0n as Frost } as const;
      return { result, tail: undefined };
    }
    const placed = known ?? (await this.#register(slivers, pool, signal));
    const cost = 'cost' in placed ? placed.cost : (0n as Frost);
    const tail = await this.#certify(slivers, placed.objectId, deletable, signal);
    return { result: { ...common, kind: 'newlyCreated', objectId: placed.objectId, cost }, tail };
  }

  #sizes({ geometry }: Committee): { sizeBytes: number; encodedLength: number } {
    const { sizeBytes } = this.#input;
    return { sizeBytes, encodedLength: encodedLength(geometry, sizeBytes) };
  }

  /** The result waits while more uploads go on than may, since each keeps an encoded blob. */
  async #finishTail(tail: UploadTail, slivers: SliverSource, signal: AbortSignal): Promise<void> {
    const { tails, clock } = this.#modules;
    this.#enter('finishing');
    const finished = tail.finished.then(() => slivers.release());
    void tails.keep({ ...tail, finished }, clock.monotonicMs() - this.#uploadStartMs);
    await raceAbort(tails.room(), signal);
  }

  async #register(
    slivers: SliverSource,
    pool: StoragePoolInfo,
    signal: AbortSignal,
  ): Promise<{ objectId: ObjectId; cost: Frost }> {
    const { ledger } = this.#modules;
    const { signer, maxCost, poolId, permanent } = this.#options;
    const { blobId, geometry, metadata } = slivers.verified;
    const encodedSizeBytes = encodedLength(geometry, metadata.unencodedLength);
    const freeBytes = pool.capacityBytes - pool.usedBytes;
    const neededBytes = BigInt(encodedSizeBytes);
    if (neededBytes > freeBytes) throw clientErrors.POOL_FULL({ poolId, neededBytes, freeBytes });
    this.#enter('registering');
    const blob = {
      blobId,
      rootHash: metadataRoot(metadata),
      sizeBytes: metadata.unencodedLength,
      encodedSizeBytes,
      deletable: permanent !== true,
    };
    const attempt = async (system: SystemInfo): Promise<{ objectId: ObjectId; cost: Frost }> => {
      const cost = pooledWriteCost(system, [encodedSizeBytes]);
      checkCost(`blob ${blobId}`, cost, maxCost);
      const transaction = new Transaction();
      registerPooledBlob(transaction, system, { poolId, blob });
      const { events } = await ledger.execute(transaction, signer, { signal });
      const found = events.find(({ event }) => event.kind === 'PooledBlobRegistered' && event.blobId === blobId);
      assert(found?.event.kind === 'PooledBlobRegistered', 'a registration emits its event', { blobId });
      return { objectId: parseObjectId(found.event.objectId), cost };
    };
    const system = await ledger.systemState({ signal });
    try {
      return await attempt(system);
    } catch (error) {
      // The price may have changed since it was read: then once more with the new one.
      const fresh = await ledger.systemState({ fresh: true, signal });
      if (!isMoveAbort(error) || fresh.writePrice === system.writePrice) throw error;
      return await attempt(fresh);
    }
  }

  /** Uploads, collects the certificate and gives it to the ledger, in each new epoch again. */
  async #certify(
    source: SliverSource,
    objectId: ObjectId,
    deletable: boolean,
    signal: AbortSignal,
  ): Promise<UploadTail> {
    const { ledger, limits, pool } = this.#modules;
    const { poolId, signer } = this.#options;
    const { blobId } = source.verified;
    const persistence: Persistence = deletable ? { kind: 'deletable', objectId } : { kind: 'permanent' };
    for (let retries = 0; ; retries += 1) {
      const { current: committee } = await ledger.committees({ fresh: retries > 0, signal });
      let tail: UploadTail | undefined;
      try {
        this.#enter('uploading');
        const collected = await collectCertificate(
          {
            source,
            committee,
            persistence,
            confirmFirst: retries > 0,
            clientOf: pool.clientOf,
            signal,
            onProgress: (upload) => this.#report({ fraction: upload.confirmedWeight / upload.neededWeight, upload }),
          },
          this.#modules,
        );
        ({ tail } = collected);
        this.#enter('certifying');
        const system = await ledger.systemState({ signal });
        const transaction = new Transaction();
        const { certificate } = collected;
        certifyPooledBlob(transaction, system, { poolId, blobId, certificate, memberCount: committee.members.length });
        await ledger.execute(transaction, signer, { signal }).catch((error: unknown) => {
          // Another store of the same blob was quicker.
          if (!isMoveAbort(error, 'storage_pool', 'EAlreadyCertified')) throw error;
        });
        return tail;
      } catch (error) {
        tail?.cancel();
        const { current } = await ledger.committees({ fresh: true, signal });
        const moved = error instanceof EpochMoved || current.epoch !== committee.epoch;
        const passing =
          error instanceof EpochMoved || isMoveAbort(error) || isFloeError(error, 'NOT_ENOUGH_CONFIRMATIONS');
        if (!moved || !passing) throw error;
        if (retries >= limits.maxEpochRetries) {
          throw clientErrors.EPOCH_CHANGED({ blobId, epoch: current.epoch, retries }, error);
        }
        const delayMs = Math.min(limits.maxBackoffMs, limits.minBackoffMs * 2 ** retries);
        await this.#modules.scheduler.sleep(delayMs, signal);
      }
    }
  }

  #enter(stage: StoreStage): void {
    this.stage = stage;
    if (stage === 'uploading') this.#uploadStartMs = this.#modules.clock.monotonicMs();
    this.#report({});
  }

  #report(progress: Omit<StoreProgress, 'stage' | 'blobId'>): void {
    this.#options.onProgress?.({ stage: this.stage, blobId: this.blobId, ...progress });
  }
}
