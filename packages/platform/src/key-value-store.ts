/**
 * Port of a durable, ordered key-value store with named tables.
 *
 * Invariants: a `write` is atomic and durable once it resolves; reads see every resolved write, and nothing that is
 * not on disk; keys order as unsigned bytes; a value that does not match its stored checksum is never returned, it throws
 * `STORE_CORRUPT` (kind `integrity`).
 */
import { compareBytes } from './bytes.ts';
import { errorCatalogue, spec } from './errors.ts';
import { LIMITS } from './limits.ts';

export const storeErrors = errorCatalogue({
  STORE_CORRUPT: spec<{ store: string; table: string; key: string }>(
    'integrity',
    ({ store, table, key }) => `value of key ${key} in table ${table} of ${store} does not match its checksum`,
  ),
  STORE_CLOSED: spec<{ store: string }>('unavailable', ({ store }) => `store ${store} is closed`),
  STORE_KEY_SIZE: spec<{ table: string; sizeBytes: number; maxBytes: number }>(
    'invalid',
    ({ table, sizeBytes, maxBytes }) =>
      `key for table ${table} must have 1 to ${maxBytes} bytes, this one has ${sizeBytes}`,
  ),
  STORE_FULL: spec<{ store: string; reason: string }>(
    'exhausted',
    ({ store, reason }) => `no room to write to store ${store}: ${reason}`,
  ),
  STORE_FAILED: spec<{ store: string; operation: string; reason: string }>(
    'internal',
    ({ store, operation, reason }) => `${operation} of store ${store} failed: ${reason}`,
  ),
  TOO_MANY_TABLES: spec<{ store: string; table: string; maxTables: number }>(
    'exhausted',
    ({ store, table, maxTables }) => `table ${table} does not fit into ${store}, which has its maximum of ${maxTables}`,
  ),
});

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

export interface VerifyOptions {
  /** Default: as fast as it goes. */
  readonly bytesPerSecond?: number;
  readonly signal?: AbortSignal;
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
  /**
   * Looks at everything that is on the disk, while the store is in use, as fast as it may: what is wrong first of all, undefined when nothing is.
   * Rejects with the signal's reason.
   */
  verify(options?: VerifyOptions): Promise<string | undefined>;
  /** Waits for writes under way; later calls reject. Can be called twice. */
  close(): Promise<void>;
}

/** Throws `STORE_KEY_SIZE` unless the key has 1 to 256 bytes. */
export function checkKey(table: string, key: Uint8Array): void {
  if (key.length >= 1 && key.length <= LIMITS.keyBytes) return;
  throw storeErrors.STORE_KEY_SIZE({ table, sizeBytes: key.length, maxBytes: LIMITS.keyBytes });
}

/**
 * The bounds of a range as one interval: `prefix` folded into `from` and `to`. `to` undefined means no upper bound.
 */
export function rangeBounds(range: KeyRange): { readonly from: Uint8Array; readonly to: Uint8Array | undefined } {
  let from = range.from ?? new Uint8Array(0);
  let to = range.to;
  if (range.prefix !== undefined) {
    if (compareBytes(range.prefix, from) > 0) from = range.prefix;
    const end = afterPrefix(range.prefix);
    if (end !== undefined && (to === undefined || compareBytes(end, to) < 0)) to = end;
  }
  return { from, to };
}

/** The smallest key greater than every key that begins with `prefix`; undefined when there is none (all 0xff). */
function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return undefined;
  const end = prefix.slice(0, length);
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
