/**
 * Metadata and slivers coming in: what is accepted, what is buffered until the blob is registered, what is refused, in the order of
 * checks that clients rely on (Walrus node rules: metadata and sliver endpoints).
 *
 * Invariants:
 * - Metadata is stored only for a registered blob, a sliver only after it matched that metadata.
 * - `stored` means that it survives a crash from now on.
 */
import { type FloeError, isFloeError, type Logger, mapConcurrent } from '@floe/platform';
import {
  type Axis,
  type BlobId,
  type BlobMetadata,
  decodeSliverData,
  nodeErrors,
  protocolErrors,
  shardOfPair,
  type Sliver,
  sliverDataSize,
  type SliverPairIndex,
  sliverOfPair,
  sliverSize,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { MetadataStore } from './metadata-store.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { PendingSliver, PendingUploads } from './pending-uploads.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { SliverKey, SliverStore } from './sliver-store.ts';

/** Slivers of a flush that wait for the store at once: enough to share its syncs. */
const FLUSHED_AT_ONCE = 32;

/** `new`: not held before, now stored, or buffered when only its upload is ahead of the registration. */
export type UploadOutcome = 'new' | 'existing';

export interface UploadModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly pending: PendingUploads;
  readonly codec: Codec;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/** A sliver as it was sent: by pair, as BCS `SliverData`. */
export interface SentSliver {
  readonly pair: SliverPairIndex;
  readonly axis: Axis;
  readonly bytes: Uint8Array;
}

interface CheckedSliver {
  readonly key: SliverKey;
  readonly sliver: Sliver;
  readonly bytes: Uint8Array;
}

export class Uploads {
  readonly #modules: UploadModules;
  /** Flushes under way, one per blob. */
  readonly #flushes = new Map<BlobId, Promise<void>>();

  constructor(modules: UploadModules) {
    this.#modules = modules;
  }

  /** @throws INVALID_BLOB, INVALID_METADATA, NOT_REGISTERED, CACHE_SATURATED, INSUFFICIENT_STORAGE */
  async putMetadata(blobId: BlobId, sent: BlobMetadata, pending: boolean): Promise<UploadOutcome> {
    const { registry, committees, metadata, pending: buffer } = this.#modules;
    if (registry.isInvalid(blobId)) throw nodeErrors.INVALID_BLOB({ blobId });
    if (metadata.has(blobId)) return 'existing';
    if (buffer.has(blobId)) {
      // Of a blob that is registered meanwhile, it is acknowledged only when it is stored.
      await this.#flushIfRegistered(blobId);
      return 'existing';
    }
    const verified = verifyMetadata(committees.geometry, blobId, sent);
    if (this.#isRegistered(blobId)) {
      await this.#storeMetadata(verified);
      return 'new';
    }
    if (!pending) throw nodeErrors.NOT_REGISTERED({ blobId, epoch: committees.epoch });
    if (!buffer.addMetadata(verified)) throw nodeErrors.CACHE_SATURATED({ blobId });
    this.#reportPending();
    await this.#flushIfRegistered(blobId);
    return 'new';
  }

  /**
   * The metadata that slivers of this blob are checked against, stored or buffered.
   * @throws METADATA_REQUIRED, NOT_REGISTERED
   */
  metadataForSlivers(blobId: BlobId, pending: boolean): VerifiedMetadata {
    const { committees, metadata, pending: buffer } = this.#modules;
    const known = metadata.get(blobId, committees.geometry) ?? buffer.metadata(blobId);
    if (known !== undefined) return known;
    if (pending || this.#isRegistered(blobId)) throw nodeErrors.METADATA_REQUIRED({ blobId });
    throw nodeErrors.NOT_REGISTERED({ blobId, epoch: committees.epoch });
  }

  /**
   * The size of a sliver that could be new here; 0 when none could: its blob is not known, its shard is another's, or it is held.
   * Known without its bytes, but no refusal: malformed ones are refused for what they are first.
   */
  awaitedBytes(blobId: BlobId, pair: SliverPairIndex, axis: Axis): number {
    const { committees, metadata, slivers, pending: buffer } = this.#modules;
    const { geometry } = committees;
    if (pair >= geometry.nShards) return 0;
    const key = { blobId, shard: shardOfPair(geometry, blobId, pair), axis };
    if (!committees.takesWrites(key.shard) || slivers.has(key)) return 0;
    const verified = metadata.get(blobId, geometry) ?? buffer.metadata(blobId);
    return verified === undefined ? 0 : sliverDataSize(sliverSize(geometry, axis, verified.symbolSize));
  }

  /** @throws INVALID_BCS, INDEX_OUT_OF_RANGE, SLIVER_INDEX_MISMATCH and what {@link putSlivers} answers for one. */
  async putSliver(blobId: BlobId, sent: SentSliver, pending: boolean, signal: AbortSignal): Promise<UploadOutcome> {
    // Malformed slivers are refused before it is asked whether the blob is known.
    this.#decode(blobId, sent);
    const [outcome] = await this.putSlivers(this.metadataForSlivers(blobId, pending), [sent], signal);
    if (typeof outcome === 'string') return outcome;
    throw outcome as FloeError;
  }

  /**
   * Verifies and stores slivers of one blob together; the outcome of each stands at its place.
   * Outcomes: INVALID_BCS, INDEX_OUT_OF_RANGE, SLIVER_INDEX_MISMATCH, SHARD_NOT_ASSIGNED, INVALID_SLIVER, CACHE_SATURATED,
   * INSUFFICIENT_STORAGE.
   */
  async putSlivers(
    verified: VerifiedMetadata,
    sent: readonly SentSliver[],
    signal: AbortSignal,
  ): Promise<(UploadOutcome | Error)[]> {
    const outcomes: (UploadOutcome | Error | undefined)[] = [];
    const checked: (CheckedSliver & { position: number })[] = [];
    for (const [position, sliver] of sent.entries()) {
      try {
        const admitted = this.#admit(verified.blobId, sliver);
        if (admitted === 'existing') outcomes[position] = 'existing';
        else checked.push({ ...admitted, position });
      } catch (error) {
        outcomes[position] = error as Error;
      }
    }
    const slivers = checked.map(({ sliver }) => sliver);
    const verdicts = await this.#verify(verified, slivers, signal);
    await Promise.all(
      checked.map(async (sliver, index) => {
        const verdict = verdicts[index] as 'ok' | FloeError;
        outcomes[sliver.position] =
          verdict === 'ok' ? await this.#keep(sliver).catch((error: unknown) => error as Error) : verdict;
      }),
    );
    return outcomes as (UploadOutcome | Error)[];
  }

  /** Stores what was buffered for a blob that is registered now. Concurrent calls for a blob share one run. */
  flush(blobId: BlobId): Promise<void> {
    const running = this.#flushes.get(blobId);
    if (running !== undefined) return running;
    const run = this.#flush(blobId).finally(() => {
      this.#flushes.delete(blobId);
      this.#reportPending();
    });
    this.#flushes.set(blobId, run);
    return run;
  }

  /** Waits for flushes under way. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#flushes.values());
  }

  /** Forgets everything of an invalid blob. */
  async discard(blobId: BlobId): Promise<void> {
    const { pending, metadata, slivers } = this.#modules;
    pending.drop(blobId);
    await this.#flushes.get(blobId)?.catch(() => undefined);
    await metadata.remove([blobId]);
    await slivers.remove(slivers.keysOf(blobId));
  }

  #isRegistered(blobId: BlobId): boolean {
    return this.#modules.registry.isRegistered(blobId, this.#modules.committees.epoch);
  }

  #decode(blobId: BlobId, sent: SentSliver): CheckedSliver {
    const { geometry } = this.#modules.committees;
    const { pair, axis, bytes } = sent;
    const sliver = decodeSliverData(bytes, axis);
    if (pair >= geometry.nShards) {
      throw protocolErrors.INDEX_OUT_OF_RANGE({ what: 'sliver pair', index: pair, count: geometry.nShards });
    }
    const expected = sliverOfPair(geometry, axis, pair);
    if (sliver.index !== expected) {
      throw nodeErrors.SLIVER_INDEX_MISMATCH({ pair, axis, expected, came: sliver.index });
    }
    return { key: { blobId, shard: shardOfPair(geometry, blobId, pair), axis }, sliver, bytes };
  }

  #admit(blobId: BlobId, sent: SentSliver): CheckedSliver | 'existing' {
    const { committees, slivers } = this.#modules;
    const checked = this.#decode(blobId, sent);
    const { shard } = checked.key;
    if (!committees.takesWrites(shard)) throw nodeErrors.SHARD_NOT_ASSIGNED({ shard, epoch: committees.epoch });
    return slivers.has(checked.key) ? 'existing' : checked;
  }

  /** Each sliver's verdict; a codec that is too busy refuses each of them. */
  async #verify(
    verified: VerifiedMetadata,
    slivers: readonly Sliver[],
    signal: AbortSignal,
  ): Promise<('ok' | FloeError)[]> {
    if (slivers.length === 0) return [];
    try {
      return await this.#modules.codec.verifySlivers(verified, slivers, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isFloeError(error)) throw error;
      return slivers.map(() => error);
    }
  }

  async #keep({ key, bytes }: CheckedSliver): Promise<UploadOutcome> {
    const { metadata, pending } = this.#modules;
    if (metadata.has(key.blobId)) return this.#storeSliver(key, bytes);
    // A copy: the bytes may be a small part of a large buffer that would stay in memory with them.
    const outcome = pending.addSliver({ key, payload: bytes.slice() });
    if (outcome === 'saturated') throw nodeErrors.CACHE_SATURATED({ blobId: key.blobId });
    this.#reportPending();
    await this.#flushIfRegistered(key.blobId);
    return outcome === 'added' ? 'new' : 'existing';
  }

  /**
   * Stores a sliver that was found to match its blob's metadata; one of a shard that is no longer this node's is left out.
   * @throws INSUFFICIENT_STORAGE
   */
  async storeVerified(key: SliverKey, bytes: Uint8Array): Promise<UploadOutcome | 'unwanted'> {
    return this.#modules.committees.takesWrites(key.shard) ? await this.#storeSliver(key, bytes) : 'unwanted';
  }

  async #storeSliver(key: SliverKey, bytes: Uint8Array): Promise<UploadOutcome> {
    const { slivers, registry, metrics } = this.#modules;
    const outcome = await slivers.put(key, bytes, registry.endEpoch(key.blobId));
    if (registry.isInvalid(key.blobId)) {
      // It became invalid meanwhile, and what was held of it then is gone.
      await slivers.remove([key]);
      throw nodeErrors.INVALID_BLOB({ blobId: key.blobId });
    }
    if (outcome === 'existing') return 'existing';
    metrics.sliversStored.add(1, { sliver_type: key.axis });
    return 'new';
  }

  async #storeMetadata(verified: VerifiedMetadata): Promise<void> {
    const { metadata, registry } = this.#modules;
    const { blobId } = verified;
    await metadata.put(verified);
    if (registry.isInvalid(blobId)) {
      await metadata.remove([blobId]);
      throw nodeErrors.INVALID_BLOB({ blobId });
    }
    this.#modules.metrics.metadataStored.add();
  }

  async #flushIfRegistered(blobId: BlobId): Promise<void> {
    if (this.#isRegistered(blobId)) await this.flush(blobId);
  }

  /** Metadata first; what could not be stored stays buffered. */
  async #flush(blobId: BlobId): Promise<void> {
    const { pending, metadata, committees } = this.#modules;
    const waiting = pending.peek(blobId);
    if (waiting === undefined || !this.#isRegistered(blobId)) return;
    if (!metadata.has(blobId)) await this.#storeMetadata(waiting.metadata);
    const store = async ({ key, payload }: PendingSliver): Promise<void> => {
      if (committees.takesWrites(key.shard)) await this.#storeSliver(key, payload);
      pending.settle(key);
    };
    await mapConcurrent(waiting.slivers, FLUSHED_AT_ONCE, store);
    // Those that came meanwhile found the metadata stored and went past the buffer, or are still in it.
    if (pending.peek(blobId)?.slivers.length === 0) pending.drop(blobId);
    else await this.#flush(blobId);
  }

  #reportPending(): void {
    const { metrics, pending } = this.#modules;
    const { blobs, slivers, bytes } = pending.counts;
    metrics.pendingSlivers.set(slivers);
    metrics.pendingBytes.set(bytes);
    metrics.pendingMetadata.set(blobs);
  }
}
