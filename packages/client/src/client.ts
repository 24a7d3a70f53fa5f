/**
 * The client of a Floe network: one object that stores, reads and looks after blobs.
 *
 * It trusts nobody: nodes' answers are checked against blob ids and signatures, and the ledger alone says who the nodes
 * are. It holds no state that outlives it, but uploads may go on after a store has returned: `close` waits for them.
 */
import type { Balances, BlobObject, ExecutedTransaction, SystemInfo } from '@floe/contracts';
import {
  type Clock,
  type HttpTransport,
  isFloeError,
  type Logger,
  type Rng,
  type Scheduler,
  silentLogger,
  withDeadline,
} from '@floe/platform';
import {
  type BlobId,
  type BlobStatus,
  type Bls,
  type CommitteeMember,
  type Epoch,
  type Committees,
  encodedLength,
  geometryOf,
  type NodeHealth,
  type NodeId,
  type ObjectId,
  type StoreCost,
  storeCost,
  type SuiAddress,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { BlobSource, Codec, QuiltPatch, QuiltPatchInput, ScratchSpace } from '@floe/redstuff';
import { auditBlob, type BlobAudit } from './blob-audit.ts';
import { deleteBlobs, extendBlob, type ExtendResult, type SignedCallOptions, writeAttributes } from './blob-objects.ts';
import { type BlobInput, type BlobStream, spoolBlob, type SpoolBlobOptions, SpooledBlob } from './blob-input.ts';
import type { BlobReader, BlobReadOptions } from './blob-reader.ts';
import { BlobFinder } from './blob-finder.ts';
import { agreeOnStatus } from './blob-status.ts';
import { rankedNodes } from './blob-view.ts';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import { type ClientLimits, DEFAULT_LIMITS } from './limits.ts';
import { type NetworkRedundancy, saidOfEpoch, sumRedundancy } from './network-redundancy.ts';
import { NodePool } from './node-pool.ts';
import {
  type PatchContents,
  quiltOfPatch,
  readPatchById,
  readPatches,
  readQuiltIndex,
  type StoredPatch,
  storeQuilt,
  type StoreQuiltResult,
} from './quilts.ts';
import { type PooledStoreOptions, type PooledStoreResult, storeInPool } from './pooled-store.ts';
import { type QuoteOptions, quoteStores, type StoreQuote } from './quote.ts';
import { StorageClaims } from './resources.ts';
import { storeBlob, type StoreModules } from './store.ts';
import type { StoreOptions, StoreResult } from './store-options.ts';
import { TailKeeper } from './upload-tails.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends BlobReadOptions {
  /** The whole read; default 60 s. */
  readonly timeoutMs?: number;
}

/** A blob whose metadata is verified: its size is known, its bytes not yet fetched. */
export interface OpenBlob {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  /** Too large to be held whole: what needs all of it goes through scratch space, and `read` alone holds its result. */
  readonly isLarge: boolean;
  read(options?: ReadOptions): Promise<Uint8Array>;
  /** The bytes in order as they come; see {@link BlobReader.stream}. Stopping early stops the fetching. */
  stream(options?: BlobReadOptions): AsyncIterable<Uint8Array>;
}

export interface NodeReport {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly networkAddress: string;
  /** Shards it holds in the current committee. */
  readonly weight: number;
  /** What it says of itself, or why it did not. */
  readonly health: { readonly ok: NodeHealth } | { readonly error: Error };
}

export interface FloeClient {
  /**
   * Stores a blob: bytes, a source that can be read again (such as a file), or a stream. Its bytes must not change before
   * the result or {@link FloeClient.close}, whichever is later. Large ones go through scratch space, never whole through
   * memory.
   */
  store(blob: BlobInput, options: StoreOptions): Promise<StoreResult>;
  /**
   * Takes a stream in, so that it can be stored more than once; close it in the end.
   * @throws SOURCE_TOO_LARGE, SCRATCH_FULL
   */
  spool(stream: BlobStream, options: SpoolBlobOptions): Promise<SpooledBlob>;
  /** Stores a blob in a storage pool, as {@link FloeClient.store} does. */
  storeInPool(blob: BlobInput, options: PooledStoreOptions): Promise<PooledStoreResult>;
  /** Stores many files as one blob, each readable alone. */
  storeQuilt(patches: readonly QuiltPatchInput[], options: StoreOptions): Promise<StoreQuiltResult>;
  /**
   * What storing these blobs, one after another, will charge the payer: WAL to the FROST, and gas.
   *
   * @throws INVALID_EPOCHS, BLOB_MARKED_INVALID, and what simulating the first registration throws
   */
  quoteStores(blobs: readonly VerifiedMetadata[], options: QuoteOptions): Promise<StoreQuote>;
  /** What a blob of these bytes would be known by here; nothing is stored. @throws BLOB_TOO_LARGE */
  metadataOf(blob: Uint8Array | BlobSource | SpooledBlob, options?: CallOptions): Promise<VerifiedMetadata>;
  /** What storing that many bytes costs in space that is bought, without gas. */
  quote(sizeBytes: number, epochs: number, options?: CallOptions): Promise<StoreCost & { encodedLength: number }>;
  /** @throws BLOB_NOT_FOUND, BLOB_FORBIDDEN, BLOB_MARKED_INVALID, SLIVERS_UNAVAILABLE, READ_TIMEOUT, INVALID_RANGE */
  read(blobId: BlobId, options?: ReadOptions): Promise<Uint8Array>;
  readStream(blobId: BlobId, options?: BlobReadOptions): AsyncIterable<Uint8Array>;
  open(blobId: BlobId, options?: CallOptions): Promise<OpenBlob>;
  metadata(blobId: BlobId, options?: CallOptions): Promise<VerifiedMetadata>;
  /** What the nodes agree on. @throws NO_STATUS_AGREEMENT */
  status(blobId: BlobId, options?: CallOptions): Promise<BlobStatus>;
  /** How many of its slivers nodes prove to have, now. Each node reads what it holds of the blob. @throws as {@link metadata} */
  audit(blobId: BlobId, options?: CallOptions): Promise<BlobAudit>;

  /** What a quilt holds. @throws INVALID_QUILT when the blob is none */
  quiltPatches(quiltId: BlobId, options?: CallOptions): Promise<StoredPatch[]>;
  /** @throws INVALID_QUILT_PATCH_ID, QUILT_PATCH_NOT_FOUND */
  readPatch(patchId: string, options?: CallOptions): Promise<PatchContents>;
  /** @throws QUILT_PATCH_NOT_FOUND */
  readPatchByIdentifier(quiltId: BlobId, identifier: string, options?: CallOptions): Promise<PatchContents>;
  readPatchesByTag(quiltId: BlobId, tag: string, value: string, options?: CallOptions): Promise<PatchContents[]>;

  /** Blob objects of an address, expired ones included. */
  listBlobs(owner: SuiAddress, options?: CallOptions): AsyncIterable<BlobObject>;
  blobObject(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined>;
  extend(objectId: ObjectId, options: SignedCallOptions & { readonly epochs: number }): Promise<ExtendResult>;
  deleteBlob(objectId: ObjectId, options: SignedCallOptions): Promise<ExecutedTransaction>;
  /** Several at once, in one transaction. */
  deleteBlobs(objectIds: readonly ObjectId[], options: SignedCallOptions): Promise<ExecutedTransaction>;
  attributes(objectId: ObjectId, options?: CallOptions): Promise<ReadonlyMap<string, string>>;
  /** Sets each attribute with a text, removes each with null; undefined when there was nothing to change. */
  writeAttributes(
    objectId: ObjectId,
    changes: Readonly<Record<string, string | null>>,
    options: SignedCallOptions,
  ): Promise<ExecutedTransaction | undefined>;

  systemState(options?: CallOptions): Promise<SystemInfo>;
  committees(options?: CallOptions & { readonly fresh?: boolean }): Promise<Committees>;
  balances(owner: SuiAddress, options?: CallOptions): Promise<Balances>;
  /** Asks every node of the current committee what it lacks of what it owes. */
  redundancy(options?: CallOptions): Promise<NetworkRedundancy>;
  /** Asks every node of the current committee how it is. */
  nodeReports(options?: CallOptions & { readonly detailed?: boolean }): Promise<NodeReport[]>;

  /** Waits for uploads that go on in the background, each within its time. Does not close the modules. Call it twice if you like. */
  close(): Promise<void>;
}

export interface ClientOptions {
  /** How storage nodes are reached; default https, as their addresses carry no scheme. */
  readonly nodeUrlScheme?: 'http' | 'https';
  readonly limits?: Partial<ClientLimits>;
}

export interface ClientModules {
  readonly transport: HttpTransport;
  readonly codec: Codec;
  readonly bls: Bls;
  readonly ledgerClient: LedgerPort;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  /** Where large blobs are put aside; without it they are held in memory, which bounds them. */
  readonly scratch?: ScratchSpace;
  readonly logger?: Logger;
}

/** A client on the given modules, which stay the caller's to close. */
export function createFloeClient(options: ClientOptions, modules: ClientModules): FloeClient {
  return new Client(options, modules);
}

class Client implements FloeClient {
  readonly #modules: StoreModules;
  readonly #finder: BlobFinder;
  readonly #logger: Logger;

  constructor(options: ClientOptions, modules: ClientModules) {
    const { transport, clock, scheduler, ledgerClient } = modules;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#logger = modules.logger ?? silentLogger;
    const scheme = options.nodeUrlScheme ?? 'https';
    const pool = new NodePool({ scheme, limits }, { transport, clock, logger: this.#logger });
    const tails = new TailKeeper(limits, { scheduler });
    this.#modules = { ...modules, ledger: ledgerClient, pool, limits, tails, claims: new StorageClaims() };
    this.#finder = new BlobFinder(this.#modules);
  }

  async store(blob: BlobInput, options: StoreOptions): Promise<StoreResult> {
    const result = await storeBlob(blob, options, this.#modules);
    const { kind, blobId, sizeBytes, timings } = result;
    this.#logger.info('blob stored', { kind, blobId, sizeBytes, timings });
    return result;
  }

  async spool(stream: BlobStream, options: SpoolBlobOptions): Promise<SpooledBlob> {
    return await spoolBlob(stream, options, this.#modules);
  }

  async storeInPool(blob: BlobInput, options: PooledStoreOptions): Promise<PooledStoreResult> {
    const result = await storeInPool(blob, options, this.#modules);
    const { kind, blobId, poolId, sizeBytes } = result;
    this.#logger.info('blob stored in a pool', { kind, blobId, poolId, sizeBytes });
    return result;
  }

  async storeQuilt(patches: readonly QuiltPatchInput[], options: StoreOptions): Promise<StoreQuiltResult> {
    const { current } = await this.#finder.committees({ signal: options.signal });
    return await storeQuilt(patches, current, options, (blob, withMark) => this.store(blob, withMark));
  }

  async quote(
    sizeBytes: number,
    epochs: number,
    options: CallOptions = {},
  ): Promise<StoreCost & { encodedLength: number }> {
    const system = await this.#modules.ledger.systemState(options);
    if (!Number.isInteger(epochs) || epochs < 1 || epochs > system.maxEpochsAhead) {
      throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs: system.maxEpochsAhead });
    }
    const length = encodedLength(geometryOf(system.nShards), sizeBytes);
    const { storagePrice, writePrice } = system;
    return { encodedLength: length, ...storeCost({ encodedLength: length, epochs, storagePrice, writePrice }) };
  }

  async quoteStores(blobs: readonly VerifiedMetadata[], options: QuoteOptions): Promise<StoreQuote> {
    const { ledger, limits } = this.#modules;
    const { signal } = options;
    const status = (blobId: BlobId) =>
      this.status(blobId, { signal }).catch((error: unknown) => {
        // A store takes it for one that is not stored, or is refused for want of nodes.
        if (isFloeError(error, 'NO_STATUS_AGREEMENT')) return undefined;
        throw error;
      });
    return await quoteStores(blobs, options, { ledger, limits, status });
  }

  async metadataOf(blob: Uint8Array | BlobSource | SpooledBlob, options: CallOptions = {}): Promise<VerifiedMetadata> {
    const { codec, ledger, scratch } = this.#modules;
    const { geometry } = (await ledger.committees(options)).current;
    const content = blob instanceof SpooledBlob ? blob.content : blob;
    if (content instanceof Uint8Array) return await codec.computeMetadata(geometry, content, options);
    try {
      return await codec.computeMetadataOf(geometry, content, { ...options, scratch });
    } catch (error) {
      // With half the blob put aside it is read twice; where there is no room for that, more often.
      if (!isFloeError(error, 'SCRATCH_FULL')) throw error;
      return await codec.computeMetadataOf(geometry, content, options);
    }
  }

  async read(blobId: BlobId, options: ReadOptions = {}): Promise<Uint8Array> {
    return await this.#read(blobId, options, (reader, signal) => reader.read({ ...options, signal }));
  }

  async *readStream(blobId: BlobId, options: BlobReadOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const opened = await this.open(blobId, options);
    yield* opened.stream(options);
  }

  async open(blobId: BlobId, options: CallOptions = {}): Promise<OpenBlob> {
    const reader = await this.#read(blobId, options, async (opened) => opened);
    return {
      blobId,
      sizeBytes: reader.sizeBytes,
      isLarge: reader.isLarge,
      read: (readOptions) => this.read(blobId, readOptions),
      stream: (streamOptions) => this.#finder.stream(blobId, reader, streamOptions),
    };
  }

  async metadata(blobId: BlobId, options: CallOptions = {}): Promise<VerifiedMetadata> {
    return await this.#read(blobId, options, async ({ verified }) => verified);
  }

  async status(blobId: BlobId, options: CallOptions = {}): Promise<BlobStatus> {
    const { pool, scheduler, limits } = this.#modules;
    const { current } = await this.#finder.committees(options);
    const nodes = rankedNodes(current, pool.clientOf);
    return await agreeOnStatus(blobId, current, nodes, { scheduler, limits, signal: options.signal });
  }

  async audit(blobId: BlobId, options: CallOptions = {}): Promise<BlobAudit> {
    const { rng, scheduler, limits } = this.#modules;
    const view = await this.#read(blobId, options, async (reader) => reader.view);
    return await auditBlob(view, { rng, scheduler, limits, signal: options.signal });
  }

  async quiltPatches(quiltId: BlobId, options: CallOptions = {}): Promise<StoredPatch[]> {
    return await this.#read(quiltId, options, readQuiltIndex);
  }

  async readPatch(patchId: string, options: CallOptions = {}): Promise<PatchContents> {
    return await this.#read(quiltOfPatch(patchId), options, (reader, signal) => readPatchById(reader, patchId, signal));
  }

  async readPatchByIdentifier(quiltId: BlobId, identifier: string, options: CallOptions = {}): Promise<PatchContents> {
    const accept = (patch: QuiltPatch) => patch.identifier === identifier;
    const [patch] = await this.#read(quiltId, options, (reader, signal) => readPatches(reader, accept, signal));
    if (patch === undefined) throw clientErrors.QUILT_PATCH_NOT_FOUND({ quiltId, patch: identifier });
    return patch;
  }

  async readPatchesByTag(
    quiltId: BlobId,
    tag: string,
    value: string,
    options: CallOptions = {},
  ): Promise<PatchContents[]> {
    const accept = ({ tags }: QuiltPatch) => Object.hasOwn(tags, tag) && tags[tag] === value;
    return await this.#read(quiltId, options, (reader, signal) => readPatches(reader, accept, signal));
  }

  listBlobs(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<BlobObject> {
    return this.#modules.ledger.ownedBlobs(owner, options);
  }

  async blobObject(objectId: ObjectId, options: CallOptions = {}): Promise<BlobObject | undefined> {
    return await this.#modules.ledger.blobObject(objectId, options);
  }

  async extend(objectId: ObjectId, options: SignedCallOptions & { readonly epochs: number }): Promise<ExtendResult> {
    return await extendBlob(this.#modules.ledger, objectId, options);
  }

  async deleteBlob(objectId: ObjectId, options: SignedCallOptions): Promise<ExecutedTransaction> {
    return await deleteBlobs(this.#modules.ledger, [objectId], options);
  }

  async deleteBlobs(objectIds: readonly ObjectId[], options: SignedCallOptions): Promise<ExecutedTransaction> {
    return await deleteBlobs(this.#modules.ledger, objectIds, options);
  }

  async attributes(objectId: ObjectId, options: CallOptions = {}): Promise<ReadonlyMap<string, string>> {
    return await this.#modules.ledger.attributes(objectId, options);
  }

  async writeAttributes(
    objectId: ObjectId,
    changes: Readonly<Record<string, string | null>>,
    options: SignedCallOptions,
  ): Promise<ExecutedTransaction | undefined> {
    return await writeAttributes(this.#modules.ledger, objectId, changes, options);
  }

  async systemState(options: CallOptions = {}): Promise<SystemInfo> {
    return await this.#modules.ledger.systemState(options);
  }

  async committees(options: CallOptions & { readonly fresh?: boolean } = {}): Promise<Committees> {
    return await this.#finder.committees(options);
  }

  async balances(owner: SuiAddress, options: CallOptions = {}): Promise<Balances> {
    return await this.#modules.ledger.balances(owner, options);
  }

  async nodeReports(options: CallOptions & { readonly detailed?: boolean } = {}): Promise<NodeReport[]> {
    const { clientOf } = this.#modules.pool;
    const answers = await this.#askAll(options.signal, (member, signal) =>
      clientOf(member).health(options.detailed === true, signal),
    );
    return answers.map(({ member, answer }) => {
      const { nodeId, name, networkAddress, shards } = member;
      return { nodeId, name, networkAddress, weight: shards.length, health: answer };
    });
  }

  async redundancy(options: CallOptions = {}): Promise<NetworkRedundancy> {
    const { clientOf } = this.#modules.pool;
    const answers = await this.#askAll(options.signal, (member, signal) => clientOf(member).redundancy(signal));
    return sumRedundancy(
      answers.map(({ member: { nodeId, name, shards }, epoch, answer }) => {
        const redundancy = 'ok' in answer ? saidOfEpoch(answer.ok, epoch) : answer;
        return { nodeId, name, shards: shards.length, redundancy };
      }),
    );
  }

  /** Every node of the current committee, each within the time for small answers. */
  async #askAll<T>(
    parent: AbortSignal | undefined,
    ask: (member: CommitteeMember, signal: AbortSignal) => Promise<T>,
  ): Promise<
    {
      readonly member: CommitteeMember;
      /** Of the committee that was asked. */
      readonly epoch: Epoch;
      readonly answer: { readonly ok: T } | { readonly error: Error };
    }[]
  > {
    const { current } = await this.#finder.committees({ fresh: true, signal: parent });
    const { epoch } = current;
    const { scheduler, limits } = this.#modules;
    const timeoutMs = limits.statusTimeoutMs;
    return await Promise.all(
      current.members.map(async (member) => {
        // A node that answers byte by byte is never silent.
        const reason = `no whole answer within ${timeoutMs} ms`;
        const onTimeout = () => clientErrors.NODE_UNREACHABLE({ node: member.name, reason });
        try {
          const inTime = { scheduler, timeoutMs, parent, onTimeout };
          return { member, epoch, answer: { ok: await withDeadline(inTime, (signal) => ask(member, signal)) } };
        } catch (error) {
          parent?.throwIfAborted();
          return { member, epoch, answer: { error: error as Error } };
        }
      }),
    );
  }

  async close(): Promise<void> {
    await this.#modules.tails.settled();
  }

  /** Runs `work` on the blob's reader within the read's time; past it the error tells how far it had come. */
  async #read<T>(
    blobId: BlobId,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
    work: (reader: BlobReader, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { scheduler, limits } = this.#modules;
    const timeoutMs = options.timeoutMs ?? limits.readTimeoutMs;
    let reader: BlobReader | undefined;
    const onTimeout = () => {
      const { found, needed } = reader?.progress ?? { found: 0, needed: 0 };
      return clientErrors.READ_TIMEOUT({ blobId, timeoutMs, found, needed });
    };
    return await withDeadline({ scheduler, timeoutMs, parent: options.signal, onTimeout }, (signal) =>
      this.#finder.withReader(blobId, signal, (opened) => {
        reader = opened;
        return work(opened, signal);
      }),
    );
  }
}
