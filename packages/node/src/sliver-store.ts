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

/** One segment file of the store. */
export interface SegmentStatus {
  readonly id: number;
  /** When the slivers in it were to end, as far as was known when they were written. */
  readonly endEpoch: Epoch;
  readonly fileBytes: number;
  /** Bytes of the file that are needed, headers included. */
  readonly liveBytes: number;
  /** Nothing is appended to it any more. */
  readonly sealed: boolean;
}

export interface EmptyOptions {
  /** Until when a sliver is wanted; undefined when it is not. */
  readonly endEpochOf: (key: SliverKey) => Epoch | undefined;
  readonly signal?: AbortSignal;
}

export interface EmptiedSegment {
  /** Slivers written once more elsewhere. */
  readonly moved: number;
  /** Slivers that nobody wanted. */
  readonly dropped: number;
  /** Size of the file that was deleted; 0 when something live came into it meanwhile. */
  readonly freedBytes: number;
}

export interface SliverPage {
  readonly entries: readonly {
    readonly key: SliverKey;
    readonly entry: { readonly payloadSize: number; readonly endEpoch: Epoch };
  }[];
  /** Keys whose place is not known any more, as their row in the index is damaged. */
  readonly unreadable: readonly SliverKey[];
  /** Where the next page begins; undefined when this is the last one. */
  readonly next: SliverKey | undefined;
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
  /** Calls `listener` from now on with the blob of every sliver that is found damaged and set aside. */
  whenDamaged(listener: (blobId: BlobId) => void): void;
  /** Gives up the sliver held for a key, because its bytes are not what they should be; the key is free again. */
  setAside(key: SliverKey, why: string): Promise<void>;
  /** What is held, in key order, behind `after`. */
  page(options: { readonly after?: SliverKey; readonly limit: number }): SliverPage;
  segments(): readonly SegmentStatus[];
  /**
   * Moves what is wanted out of a segment, forgets the rest, and deletes the file. What is forgotten may come back when the
   * index is lost at the same time: whoever collects looks again.
   * @throws INSUFFICIENT_STORAGE when nothing can be moved; nothing is lost then.
   */
  empty(segmentId: number, options: EmptyOptions): Promise<EmptiedSegment>;
  status(): SliverStoreStatus;
  /** Finishes what was accepted; later calls reject. Can be called twice. */
  close(): Promise<void>;
}
