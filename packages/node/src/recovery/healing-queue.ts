/** Blobs that wait for healing: each once, the urgent first, each not before its time. Bounded; what does not fit is refused. */
import type { BlobId } from '@floe/protocol';

/**
 * Why a blob is to be healed, the most urgent first: something of it was found damaged or missing; a shard that is being taken over lacks it;
 * it was just certified; a walk through the registry found it incomplete.
 */
const HEALING_REASONS = ['damaged', 'missing', 'shard', 'certified', 'walk'] as const;
export type HealingReason = (typeof HEALING_REASONS)[number];

/** After these a blob that could not be healed is tried at once. */
const NEW_FINDINGS: ReadonlySet<HealingReason> = new Set(['damaged', 'missing']);

export interface HealingEntry {
  readonly blobId: BlobId;
  readonly reason: HealingReason;
  /** On the monotonic clock. */
  readonly dueMs: number;
  /** How often it was tried already. */
  readonly attempts: number;
}

export class HealingQueue {
  readonly #capacity: number;
  readonly #entries = new Map<BlobId, HealingEntry>();
  /** Due ones, by urgency, first come, first served. Some were removed or replaced meanwhile. */
  readonly #ready: HealingEntry[][] = HEALING_REASONS.map(() => []);
  /** Not due yet, the first due first. Some were removed or replaced meanwhile. */
  readonly #waiting: HealingEntry[] = [];
  #readyCount = 0;

  constructor(options: { readonly capacity: number }) {
    this.#capacity = options.capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many are due; as of the last look at the clock. */
  get ready(): number {
    return this.#readyCount;
  }

  /**
   * `known`: it waits already, and no longer than it would now; or it was tried in vain, and waits for the time of its next try. That is not forgotten
   * because a walk comes by again, only when something was newly found damaged or missing.
   */
  add(entry: HealingEntry, nowMs: number): 'added' | 'known' | 'full' {
    const known = this.#entries.get(entry.blobId);
    if (known !== undefined) {
      if (known.attempts > 0 && !NEW_FINDINGS.has(entry.reason)) return 'known';
      const sooner = entry.dueMs < known.dueMs && known.dueMs > nowMs;
      if (!sooner && urgency(entry) >= urgency(known)) return 'known';
      this.remove(entry.blobId);
    } else if (this.#entries.size >= this.#capacity) {
      return 'full';
    }
    this.#entries.set(entry.blobId, entry);
    if (entry.dueMs <= nowMs) this.#makeReady(entry);
    else insertByDue(this.#waiting, entry);
    return 'added';
  }

  /** The most urgent entry that is due, taken out. */
  take(nowMs: number): HealingEntry | undefined {
    for (let first = this.#waiting[0]; first !== undefined && first.dueMs <= nowMs; first = this.#waiting[0]) {
      this.#waiting.shift();
      if (this.#entries.get(first.blobId) === first) this.#makeReady(first);
    }
    for (const line of this.#ready) {
      for (let entry = line.shift(); entry !== undefined; entry = line.shift()) {
        if (this.#entries.get(entry.blobId) !== entry) continue;
        this.#readyCount -= 1;
        this.#entries.delete(entry.blobId);
        return entry;
      }
    }
    return undefined;
  }

  /** When the next one is due that is not yet. */
  get nextDueMs(): number | undefined {
    return this.#waiting.find((entry) => this.#entries.get(entry.blobId) === entry)?.dueMs;
  }

  remove(blobId: BlobId): void {
    const entry = this.#entries.get(blobId);
    if (entry === undefined) return;
    this.#entries.delete(blobId);
    const at = this.#waiting.indexOf(entry);
    if (at === -1) this.#readyCount -= 1;
    else this.#waiting.splice(at, 1);
  }

  #makeReady(entry: HealingEntry): void {
    this.#readyCount += 1;
    this.#ready[urgency(entry)]?.push(entry);
  }
}

function urgency(entry: HealingEntry): number {
  return HEALING_REASONS.indexOf(entry.reason);
}

function insertByDue(waiting: HealingEntry[], entry: HealingEntry): void {
  let [low, high] = [0, waiting.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((waiting[middle] as HealingEntry).dueMs <= entry.dueMs) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, entry);
}
