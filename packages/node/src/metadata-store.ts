/** Metadata of registered blobs: verified before it is stored, durable when `put` resolves, the last used kept parsed. */
import { type FileSystem, fromHex, isFloeError, type KeyValueStore } from '@floe/platform';
import {
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  decodeBlobMetadata,
  encodeBlobMetadata,
  type Geometry,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import { errors } from './errors.ts';
import type { NodeLimits } from './limits.ts';
import { tables } from './tables.ts';

export class MetadataStore {
  readonly #options: { directory: string; limits: Pick<NodeLimits, 'metadataCacheBytes' | 'reserveBytes'> };
  readonly #store: KeyValueStore;
  readonly #fileSystem: FileSystem;
  /** In order of use. */
  readonly #cache = new Map<BlobId, VerifiedMetadata>();
  #cachedBytes = 0;
  /** What is being removed counts as gone: a put that comes now is written behind the removal. */
  readonly #leaving = new Set<BlobId>();

  constructor(
    options: { directory: string; limits: Pick<NodeLimits, 'metadataCacheBytes' | 'reserveBytes'> },
    modules: { store: KeyValueStore; fileSystem: FileSystem },
  ) {
    this.#options = options;
    this.#store = modules.store;
    this.#fileSystem = modules.fileSystem;
  }

  has(blobId: BlobId): boolean {
    return this.#cache.has(blobId) || this.#row(blobId) !== undefined;
  }

  /** @throws ROW_DAMAGED when what is stored is not this blob's metadata. */
  get(blobId: BlobId, geometry: Geometry): VerifiedMetadata | undefined {
    const cached = this.#cache.get(blobId);
    if (cached !== undefined) return this.#remember(cached);
    const bytes = this.#row(blobId);
    if (bytes === undefined) return undefined;
    return this.#remember(parse(bytes, blobId, geometry));
  }

  /** @throws INSUFFICIENT_STORAGE when it would go below the reserve. */
  async put(verified: VerifiedMetadata): Promise<void> {
    const { directory, limits } = this.#options;
    const value = encodeBlobMetadata(verified.metadata);
    const data = { directory, neededBytes: value.length, reserveBytes: limits.reserveBytes };
    const freeBytes = await this.#fileSystem.freeBytes(directory);
    if (freeBytes - value.length < limits.reserveBytes) throw errors.INSUFFICIENT_STORAGE({ ...data, freeBytes });
    try {
      await this.#store.write([{ kind: 'put', table: tables.metadata, key: blobIdBytes(verified.blobId), value }]);
    } catch (error) {
      if (isFloeError(error, 'STORE_FULL')) throw errors.INSUFFICIENT_STORAGE({ ...data, freeBytes: 0 }, error);
      throw error;
    }
    this.#remember(verified);
  }

  async remove(blobIds: readonly BlobId[]): Promise<void> {
    for (const blobId of blobIds) {
      const cached = this.#cache.get(blobId);
      if (cached !== undefined) this.#forget(cached);
      this.#leaving.add(blobId);
    }
    try {
      const keys = blobIds.map(blobIdBytes);
      await this.#store.write(keys.map((key) => ({ kind: 'remove', table: tables.metadata, key })));
    } finally {
      for (const blobId of blobIds) this.#leaving.delete(blobId);
    }
  }

  /** Ids of blobs whose metadata are stored, in order, behind `after`. */
  page(options: { readonly after?: BlobId; readonly limit: number }): BlobId[] {
    const { after, limit } = options;
    const range = { limit, ...(after && { from: new Uint8Array([...blobIdBytes(after), 0]) }) };
    const blobIds: BlobId[] = [];
    try {
      for (const [key] of this.#store.entries(tables.metadata, range)) blobIds.push(blobIdFromBytes(key));
    } catch (error) {
      const corrupt = isFloeError(error, 'STORE_CORRUPT') ? fromHex(String(error.data['key'])) : undefined;
      if (corrupt === undefined) throw error;
      blobIds.push(blobIdFromBytes(corrupt));
    }
    return blobIds;
  }

  /** A row that is damaged counts as none: the metadata can be stored again. */
  #row(blobId: BlobId): Uint8Array | undefined {
    if (this.#leaving.has(blobId)) return undefined;
    try {
      return this.#store.get(tables.metadata, blobIdBytes(blobId));
    } catch (error) {
      if (isFloeError(error, 'STORE_CORRUPT')) return undefined;
      throw error;
    }
  }

  #remember(verified: VerifiedMetadata): VerifiedMetadata {
    if (this.#cache.delete(verified.blobId)) this.#cachedBytes -= sizeOf(verified);
    this.#cache.set(verified.blobId, verified);
    this.#cachedBytes += sizeOf(verified);
    for (const oldest of this.#cache.values()) {
      if (this.#cachedBytes <= this.#options.limits.metadataCacheBytes) break;
      this.#forget(oldest);
    }
    return verified;
  }

  #forget(verified: VerifiedMetadata): void {
    this.#cache.delete(verified.blobId);
    this.#cachedBytes -= sizeOf(verified);
  }
}

/** It was verified before it was stored: a failure now is the node's, not the asker's. */
function parse(bytes: Uint8Array, blobId: BlobId, geometry: Geometry): VerifiedMetadata {
  try {
    return verifyMetadata(geometry, blobId, decodeBlobMetadata(bytes));
  } catch (error) {
    if (!isFloeError(error)) throw error;
    throw errors.ROW_DAMAGED({ table: tables.metadata, why: error.message }, error);
  }
}

function sizeOf(verified: VerifiedMetadata): number {
  return verified.metadata.pairHashes.length;
}
