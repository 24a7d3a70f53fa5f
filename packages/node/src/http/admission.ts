/**
 * Bounds on what requests do at once. A request takes what it needs before it reads its body, keeps it until its answer is sent, and is
 * refused with TOO_MANY_REQUESTS, and symbols with NODE_BUSY, when too many wait already.
 *
 * Invariants: no network address has more than half of anything at once, so one client that takes all it can leaves room for the
 * others; callers on this machine, such as a proxy, stand for many and are not counted. Reads take nothing that an upload can take. How long an upload holds its share is up to its sender, so uploads may keep
 * each other waiting, and those that this node has no need of only each other.
 */
import { assert, concurrencyErrors, deferred, isFloeError, Semaphore, sharingAddress } from '@floe/platform';
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
  /** Whose it is; undefined when that is not to be counted. */
  readonly address: string | undefined;
  readonly #releases: (() => void)[] = [];
  #released = false;

  /** @param address the network address that the request came from */
  constructor(address?: string) {
    this.address = sharingAddress(address);
  }

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

/** Something that is given out, to all together and in smaller parts to each address. */
class Gate<T> {
  readonly whole: T;
  readonly #makePart: () => T;
  /** Of addresses that have or wait for something. */
  readonly #parts = new Map<string, { readonly part: T; users: number }>();

  constructor(whole: T, makePart: () => T) {
    this.whole = whole;
    this.#makePart = makePart;
  }

  /** The part of an address, until the lease ends. */
  partOf(address: string, lease: Lease): T {
    const entry = this.#parts.get(address) ?? { part: this.#makePart(), users: 0 };
    entry.users += 1;
    this.#parts.set(address, entry);
    lease.add(() => {
      entry.users -= 1;
      if (entry.users === 0) this.#parts.delete(address);
    });
    return entry.part;
  }
}

const half = (count: number): number => Math.ceil(count / 2);

function semaphoreGate(name: string, permits: number, maxWaiting: number): Gate<Semaphore> {
  const whole = new Semaphore({ name, permits, maxWaiting });
  const part = { name: `${name} of one address`, permits: half(permits), maxWaiting: half(maxWaiting) };
  return new Gate(whole, () => new Semaphore(part));
}

function budgetGate(totalBytes: number, maxWaiting: number): Gate<ByteBudget> {
  const part = { totalBytes: half(totalBytes), maxWaiting: half(maxWaiting) };
  return new Gate(new ByteBudget({ totalBytes, maxWaiting }), () => new ByteBudget(part));
}

export class Admission {
  readonly #classes: Readonly<Record<RequestClass, Gate<Semaphore>>>;
  readonly #memory: Readonly<Record<Memory, Gate<ByteBudget>>>;
  readonly #metrics: NodeMetrics;

  constructor(options: { limits: NodeLimits }, modules: { metrics: NodeMetrics }) {
    const { limits } = options;
    this.#metrics = modules.metrics;
    this.#classes = {
      small: semaphoreGate('small requests', limits.smallRequests, limits.smallRequestsWaiting),
      metadata: semaphoreGate('metadata uploads', limits.metadataWrites, limits.metadataWritesWaiting),
      reads: semaphoreGate('data reads', limits.dataReads, limits.dataReadsWaiting),
      symbols: semaphoreGate('symbol requests', limits.symbolRequests, 0),
      pages: semaphoreGate('pages of shards', limits.shardPages, limits.shardPagesWaiting),
      writes: semaphoreGate('data uploads', limits.dataWrites, limits.dataWritesWaiting),
      unsolicited: semaphoreGate('uploads not needed', limits.unsolicitedWrites, limits.unsolicitedWritesWaiting),
    };
    this.#memory = {
      reads: budgetGate(limits.readBytes, limits.dataReadsWaiting),
      writes: budgetGate(limits.writeBytes, limits.dataWritesWaiting),
      unsolicited: budgetGate(limits.unsolicitedBytes, limits.unsolicitedWritesWaiting),
    };
  }

  /** @throws TOO_MANY_REQUESTS, NODE_BUSY */
  async enter(requestClass: RequestClass, lease: Lease, signal: AbortSignal): Promise<void> {
    await this.#take(requestClass, requestClass, this.#classes[requestClass], lease, (gate) => gate.acquire(signal));
  }

  /** Memory for a body, of the budget of its class. @throws TOO_MANY_REQUESTS, NODE_BUSY */
  async reserve(requestClass: RequestClass, sizeBytes: number, lease: Lease, signal: AbortSignal): Promise<void> {
    const memory = MEMORY_OF[requestClass];
    assert(memory !== undefined, 'only classes with large bodies reserve memory', { requestClass });
    const acquire = (budget: ByteBudget): Promise<() => void> => budget.acquire(sizeBytes, signal);
    await this.#take(requestClass, `${memory} bytes`, this.#memory[memory], lease, acquire);
  }

  /** First of what is the address's own: who waits there keeps nobody else waiting. */
  async #take<T>(
    requestClass: RequestClass,
    limit: string,
    gate: Gate<T>,
    lease: Lease,
    acquire: (from: T) => Promise<() => void>,
  ): Promise<void> {
    try {
      if (lease.address !== undefined) lease.add(await acquire(gate.partOf(lease.address, lease)));
      lease.add(await acquire(gate.whole));
    } catch (error) {
      if (!isFloeError(error, 'QUEUE_FULL')) throw error;
      this.#metrics.requestsRefused.add(1, { limit });
      const { message: reason } = error;
      // Walrus nodes answer 503 where symbols are asked for.
      throw requestClass === 'symbols' ? nodeErrors.NODE_BUSY({ reason }) : nodeErrors.TOO_MANY_REQUESTS({ reason });
    }
  }
}
