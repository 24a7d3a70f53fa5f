/**
 * Port of the store that holds slivers.
 *
 * Invariants every implementation keeps:
 * - `put` resolves only when the sliver survives a crash at any later instant.
 * - `get` returns exactly the bytes that were put, or throws; never a torn, stale or rotten byte.
 * - The first put of a key wins; later ones change nothing.
 * - `remove` resolves only when the removal survives a crash, also one that loses the index.
 */
import type { Axis, BlobId, Epoch, ShardIndex } from '@floe/protocol';

/** Which sliver: the one of this blob and axis that belongs to this shard. */
export interface SliverKey {
  readonly blobId: BlobId;
  readonly shard: ShardIndex;
  readonly axis: Axis;
}

export interface SliverStoreStatus {
  readonly slivers: number;
  /** Bytes of payloads that are live. */
  readonly liveBytes: number;
  /** Bytes of all segment files. */
  readonly fileBytes: number;
  readonly segments: number;
  /** Records found damaged since the store was made. */
  readonly damaged: number;
}

export interface SliverStore {
  /**
   * Stores the sliver's BCS bytes (`SliverData`), waiting while too much waits for the disk already. The array belongs to
   * the store until the call settles.
   * @throws INSUFFICIENT_STORAGE, STORE_CLOSED; file-system errors.
   */
  put(key: SliverKey, payload: Uint8Array, endEpoch: Epoch): Promise<'stored' | 'existing'>;
  /** Whether the sliver is held durably. */
  has(key: SliverKey): boolean;
  /** Size of what `get` would return; undefined when there is nothing. */
  sizeOf(key: SliverKey): number | undefined;
  /**
   * The bytes that were put; undefined when there are none.
   * @throws SLIVER_DAMAGED; the damaged record is set aside and the key is free again.
   */
  get(key: SliverKey): Promise<Uint8Array | undefined>;
  /** The keys held for a blob, by shard, then axis. */
  keysOf(blobId: BlobId): SliverKey[];
  /** Removes what is held of `keys`; resolves to how many were. */
  remove(keys: readonly SliverKey[]): Promise<number>;
  status(): SliverStoreStatus;
  /** Finishes what was accepted; later calls reject. Can be called twice. */
  close(): Promise<void>;
}
