/**
 * Bounds on what requests do at once. A request takes what it needs before it reads its body, keeps it until its answer is sent, and is
 * refused with NODE_BUSY when too many wait already.
 *
 * Invariant: reads take nothing that an upload can take. How long an upload holds its share is up to its sender, so uploads may keep
 * each other waiting, and those that this node has no need of only each other.
 */
import { assert, concurrencyErrors, deferred, isFloeError, Semaphore } from '@floe/platform';
import { nodeErrors } from '@floe/protocol';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';

/**
 * - `small`: no body, a small answer. `metadata`: uploads of metadata.
 * - `reads`: slivers out. `symbols`: symbols out; these never wait. `pages`: pages of shards out.
 * - `writes`: slivers in, which this node lacks. `unsolicited`: bodies in that it has no need of, though it says what is wrong with them.
 */
export type RequestClass = 'small' | 'metadata' | 'reads' | 'symbols' | 'pages' | 'writes' | 'unsolicited';

type Memory = 'reads' | 'writes' | 'unsolicited';

/** Whose bytes a class takes. Bodies of the others are small enough to be bounded by their number. */
const MEMORY_OF: Readonly<Record<RequestClass, Memory | undefined>> = {
  small: undefined,
  metadata: undefined,
  reads: 'reads',
  symbols: 'reads',
  pages: 'reads',
  writes: 'writes',
  unsolicited: 'unsolicited',
};

/** What a request holds; given back once, together. */
export class Lease {
  readonly #releases: (() => void)[] = [];
  #released = false;

  add(release: () => void): void {
    if (this.#released) release();
    else this.#releases.push(release);
  }

  release(): void {
    this.#released = true;
    for (const release of this.#releases.splice(0)) release();
  }
}

/** A number of bytes that may be held at once, handed out first come, first served. */
export class ByteBudget {
  readonly #totalBytes: number;
  readonly #maxWaiting: number;
  readonly #waiting: { bytes: number; grant: () => void }[] = [];
  #freeBytes: number;

  constructor(options: { totalBytes: number; maxWaiting: number }) {
    this.#totalBytes = options.totalBytes;
    this.#freeBytes = options.totalBytes;
    this.#maxWaiting = options.maxWaiting;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** More than the whole budget counts as the whole: it is granted alone. @throws QUEUE_FULL */
  async acquire(sizeBytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const bytes = Math.min(sizeBytes, this.#totalBytes);
    if (this.#waiting.length === 0 && bytes <= this.#freeBytes) {
      this.#freeBytes -= bytes;
      return this.#releaser(bytes);
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      throw concurrencyErrors.QUEUE_FULL({ queue: 'memory for request bodies', limit: this.#maxWaiting });
    }
    const granted = deferred<void>();
    const entry = { bytes, grant: () => granted.resolve() };
    const abort = (): void => {
      const at = this.#waiting.indexOf(entry);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      granted.reject(signal.reason);
      this.#grantNext();
    };
    this.#waiting.push(entry);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await granted.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    return this.#releaser(bytes);
  }

  #releaser(bytes: number): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#freeBytes += bytes;
      this.#grantNext();
    };
  }

  #grantNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.grant();
    }
  }
}

export class Admission {
  readonly #classes: Readonly<Record<RequestClass, Semaphore>>;
  readonly #memory: Readonly<Record<Memory, ByteBudget>>;
  readonly #metrics: NodeMetrics;

  constructor(options: { limits: NodeLimits }, modules: { metrics: NodeMetrics }) {
    const { limits } = options;
    this.#metrics = modules.metrics;
    const semaphore = (name: string, permits: number, maxWaiting: number) =>
      new Semaphore({ name, permits, maxWaiting });
    this.#classes = {
      small: semaphore('small requests', limits.smallRequests, limits.smallRequestsWaiting),
      metadata: semaphore('metadata uploads', limits.metadataWrites, limits.metadataWritesWaiting),
      reads: semaphore('data reads', limits.dataReads, limits.dataReadsWaiting),
      symbols: semaphore('symbol requests', limits.symbolRequests, 0),
      pages: semaphore('pages of shards', limits.shardPages, limits.shardPagesWaiting),
      writes: semaphore('data uploads', limits.dataWrites, limits.dataWritesWaiting),
      unsolicited: semaphore('uploads not needed', limits.unsolicitedWrites, limits.unsolicitedWritesWaiting),
    };
    this.#memory = {
      reads: new ByteBudget({ totalBytes: limits.readBytes, maxWaiting: limits.dataReadsWaiting }),
      writes: new ByteBudget({ totalBytes: limits.writeBytes, maxWaiting: limits.dataWritesWaiting }),
      unsolicited: new ByteBudget({
        totalBytes: limits.unsolicitedBytes,
        maxWaiting: limits.unsolicitedWritesWaiting,
      }),
    };
  }

  /** @throws NODE_BUSY */
  async enter(requestClass: RequestClass, lease: Lease, signal: AbortSignal): Promise<void> {
    await this.#take(requestClass, lease, () => this.#classes[requestClass].acquire(signal));
  }

  /** Memory for a body, of the budget of its class. @throws NODE_BUSY */
  async reserve(requestClass: RequestClass, sizeBytes: number, lease: Lease, signal: AbortSignal): Promise<void> {
    const memory = MEMORY_OF[requestClass];
    assert(memory !== undefined, 'only classes with large bodies reserve memory', { requestClass });
    await this.#take(`${memory} bytes`, lease, () => this.#memory[memory].acquire(sizeBytes, signal));
  }

  async #take(limit: string, lease: Lease, acquire: () => Promise<() => void>): Promise<void> {
    try {
      lease.add(await acquire());
    } catch (error) {
      if (!isFloeError(error, 'QUEUE_FULL')) throw error;
      this.#metrics.requestsRefused.add(1, { limit });
      throw nodeErrors.NODE_BUSY({ reason: error.message });
    }
  }
}
