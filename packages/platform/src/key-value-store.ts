/**
 * Port of a durable, ordered key-value store with named tables.
 *
 * Invariants: a `write` is atomic and durable once it resolves; reads see every resolved write and no unresolved one;
 * keys order as unsigned bytes; a value that does not match its stored checksum is never returned, it throws
 * `STORE_CORRUPT` (kind `integrity`).
 */

export type KeyValueOperation =
  | { readonly kind: 'put'; readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'remove'; readonly table: string; readonly key: Uint8Array };

export interface KeyRange {
  /** First key, inclusive. */
  readonly from?: Uint8Array;
  /** Last key, exclusive. */
  readonly to?: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface KeyValueStore {
  /** The value, or undefined. Key: 1 to 256 bytes. The returned array is the caller's. */
  get(table: string, key: Uint8Array): Uint8Array | undefined;
  /** Entries in key order. Do not write while iterating; take what you need first. */
  entries(table: string, range?: KeyRange): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]>;
  /** How many entries a table has. */
  count(table: string): number;
  /** Applies all operations in order or none; resolves when they are on disk. Concurrent calls are grouped. */
  write(operations: readonly KeyValueOperation[]): Promise<void>;
  /** Waits for writes under way; later calls reject. Can be called twice. */
  close(): Promise<void>;
}
