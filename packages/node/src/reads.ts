/**
 * Metadata and slivers going out, and what the node holds of them (Walrus node rules: metadata and sliver endpoints). Only blobs that are
 * registered in the current epoch are served; a sliver that is damaged on disk counts as missing.
 */
import { isFloeError, type Logger } from '@floe/platform';
import {
  type Axis,
  type BlobId,
  type BlobStatus,
  decodeSliverData,
  encodeMetadataWithId,
  nodeErrors,
  protocolErrors,
  type ShardIndex,
  shardOfPair,
  type Sliver,
  type SliverPairIndex,
  type StoredStatus,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { DenyList } from './deny-list.ts';
import type { MetadataStore } from './metadata-store.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { PendingUploads } from './pending-uploads.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { SliverKey, SliverStore } from './sliver-store.ts';

export interface ReadModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly pending: PendingUploads;
  readonly denyList: DenyList;
  /** Told of what is found damaged. */
  readonly healing: { request(blobId: BlobId, reason: 'damaged'): void };
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export class Reads {
  readonly #modules: ReadModules;

  constructor(modules: ReadModules) {
    this.#modules = modules;
  }

  isRegistered(blobId: BlobId): boolean {
    return this.#modules.registry.isRegistered(blobId, this.#modules.committees.epoch);
  }

  blobStatus(blobId: BlobId): BlobStatus {
    return this.#modules.registry.status(blobId, this.#modules.committees.epoch);
  }

  /** BCS `BlobMetadataWithId`. @throws FORBIDDEN_BLOB, METADATA_NOT_FOUND */
  metadata(blobId: BlobId): Uint8Array {
    const verified = this.verifiedMetadata(blobId);
    this.#modules.metrics.metadataRetrieved.add();
    return encodeMetadataWithId(blobId, verified.metadata);
  }

  /** @throws FORBIDDEN_BLOB, METADATA_NOT_FOUND */
  verifiedMetadata(blobId: BlobId): VerifiedMetadata {
    const { metadata, committees } = this.#modules;
    this.checkAllowed(blobId);
    const verified = this.isRegistered(blobId) ? metadata.get(blobId, committees.geometry) : undefined;
    if (verified === undefined) throw nodeErrors.METADATA_NOT_FOUND({ blobId });
    return verified;
  }

  /** Bytes of a symbol of the blob; 0 when its metadata is not here. */
  symbolSize(blobId: BlobId): number {
    const { metadata, committees } = this.#modules;
    return metadata.get(blobId, committees.geometry)?.symbolSize ?? 0;
  }

  metadataStatus(blobId: BlobId): StoredStatus {
    const { metadata, pending } = this.#modules;
    if (metadata.has(blobId)) return 'stored';
    return pending.has(blobId) ? 'buffered' : 'nonexistent';
  }

  /** @throws FORBIDDEN_BLOB when the operator denies it. */
  checkAllowed(blobId: BlobId): void {
    if (this.#modules.denyList.has(blobId)) throw nodeErrors.FORBIDDEN_BLOB({ blobId });
  }

  /** @throws FORBIDDEN_BLOB; SLIVER_NOT_FOUND when the blob is not registered. */
  checkReadable(blobId: BlobId): void {
    this.checkAllowed(blobId);
    if (!this.isRegistered(blobId)) throw nodeErrors.SLIVER_NOT_FOUND({ blobId });
  }

  /**
   * Where a sliver of a readable blob is, after every check but that it is there.
   * @throws INDEX_OUT_OF_RANGE, FORBIDDEN_BLOB, SLIVER_NOT_FOUND, SHARD_NOT_ASSIGNED
   */
  locate(blobId: BlobId, pair: SliverPairIndex, axis: Axis): SliverKey {
    this.#checkPair(pair);
    this.checkReadable(blobId);
    return this.#keyOf(blobId, pair, axis);
  }

  /** Bytes of a sliver's payload; 0 when it is not here. */
  sizeOf(key: SliverKey): number {
    return this.#modules.slivers.sizeOf(key) ?? 0;
  }

  /** BCS `SliverData`. @throws SLIVER_NOT_FOUND */
  async sliver(key: SliverKey, pair: SliverPairIndex): Promise<Uint8Array> {
    const bytes = await this.sliverIfIntact(key);
    if (bytes === undefined) throw nodeErrors.SLIVER_NOT_FOUND({ blobId: key.blobId, pair, axis: key.axis });
    this.#modules.metrics.sliversRetrieved.add(1, { sliver_type: key.axis });
    return bytes;
  }

  /** A sliver's bytes, undefined when it is missing or damaged; damage is logged and counted by the store. */
  async sliverIfIntact(key: SliverKey): Promise<Uint8Array | undefined> {
    try {
      return await this.#modules.slivers.get(key);
    } catch (error) {
      if (!isFloeError(error, 'SLIVER_DAMAGED')) throw error;
      this.#modules.healing.request(key.blobId, 'damaged');
      return undefined;
    }
  }

  /** The same, parsed. */
  async parsedSliver(key: SliverKey): Promise<Sliver | undefined> {
    const bytes = await this.sliverIfIntact(key);
    return bytes === undefined ? undefined : decodeSliverData(bytes, key.axis);
  }

  /** @throws INDEX_OUT_OF_RANGE, SHARD_NOT_ASSIGNED */
  sliverStatus(blobId: BlobId, pair: SliverPairIndex, axis: Axis): StoredStatus {
    this.#checkPair(pair);
    const key = this.#keyOf(blobId, pair, axis);
    if (this.#modules.slivers.has(key)) return 'stored';
    return this.#modules.pending.hasSliver(key) ? 'buffered' : 'nonexistent';
  }

  /** Keys of one axis' slivers for every shard of this node's that has storage. */
  ownKeys(blobId: BlobId, axis: Axis, shards: readonly ShardIndex[]): SliverKey[] {
    const stored = shards.filter((shard) => this.#modules.committees.isStored(shard));
    return stored.map((shard) => ({ blobId, shard, axis }));
  }

  #checkPair(pair: SliverPairIndex): void {
    const { nShards } = this.#modules.committees.geometry;
    if (pair >= nShards) throw protocolErrors.INDEX_OUT_OF_RANGE({ what: 'sliver pair', index: pair, count: nShards });
  }

  #keyOf(blobId: BlobId, pair: SliverPairIndex, axis: Axis): SliverKey {
    const { committees } = this.#modules;
    const shard = shardOfPair(committees.geometry, blobId, pair);
    if (!committees.isStored(shard)) throw nodeErrors.SHARD_NOT_ASSIGNED({ shard, epoch: committees.epoch });
    return { blobId, shard, axis };
  }
}
