/**
 * How much may still be written to an LMDB environment. LMDB's own bound, the size of its map, is none: the binding makes the map larger
 * whenever it is full. So what would be written is counted before it is.
 *
 * Invariants:
 * - What is counted is never less than what LMDB takes: whole pages, and for each put the page that it may split.
 * - Removals are never refused; the pages that they free count as room as soon as they are committed, and LMDB takes them before it makes
 *   its file larger.
 */

const PAGE_BYTES = 4096;
/** What LMDB puts before a row, and the store before a value. */
const ROW_HEAD_BYTES = 32;

export class LmdbRoom {
  readonly #maxBytes: number;
  readonly #usedBytes: () => number;
  /** At least this much is left. */
  #leftBytes = 0;
  /** Counted, and not committed for all that is known. */
  #underWayBytes = 0;

  /** `usedBytes` counts the pages that hold something; it is asked only when what it said last is used up. */
  constructor(maxBytes: number, usedBytes: () => number) {
    this.#maxBytes = maxBytes;
    this.#usedBytes = usedBytes;
  }

  /** Counts a write of `bytes`, if as much as `reserveBytes` is left behind it; whoever gets true calls {@link settled} when it has ended. */
  take(bytes: number, reserveBytes: number): boolean {
    if (bytes === 0) return true;
    if (this.#leftBytes < bytes + reserveBytes) {
      this.#leftBytes = this.#maxBytes - this.#usedBytes() - this.#underWayBytes;
      if (this.#leftBytes < bytes + reserveBytes) return false;
    }
    this.#leftBytes -= bytes;
    this.#underWayBytes += bytes;
    return true;
  }

  settled(bytes: number): void {
    this.#underWayBytes -= bytes;
  }
}

/** The most that a row may add to an environment. */
export function rowBytes(keyBytes: number, valueBytes: number): number {
  const size = ROW_HEAD_BYTES + keyBytes + valueBytes;
  // A long value has pages of its own, besides that of its key.
  return (size > PAGE_BYTES / 2 ? Math.ceil(size / PAGE_BYTES) + 1 : 1) * PAGE_BYTES;
}
