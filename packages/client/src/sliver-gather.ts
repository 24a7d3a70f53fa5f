/**
 * Fetches verified slivers of one axis: the wanted ones, or else enough of any to decode the blob.
 *
 * The wanted slivers are asked of the nodes that hold them, one batch per node. One that fails, is slow, or sits on a
 * node that lately failed is made up for in the cheaper of two ways: other slivers of the axis, until enough are there
 * to decode, or recovery symbols from which exactly that sliver is rebuilt. Late answers still count.
 *
 * Invariants: only slivers that hash to the metadata come out; each index is asked for at most once per round, and
 * rounds are bounded; nothing waits for a node that is overtaken unless no other source is left.
 */
import { abortScope, isFloeError, onAbort, pause, type Scheduler } from '@floe/platform';
import { type Axis, isQuorum, type Sliver, type SliverIndex, sliverSize, sourceSymbols } from '@floe/protocol';
import { type Codec, redstuffErrors } from '@floe/redstuff';
import { isPassing, refusalReason } from './answers.ts';
import type { BlobView } from './blob-view.ts';
import { whenNotBusy } from './busy-codec.ts';
import { clientErrors } from './errors.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeClient } from './node-client.ts';
import { canRebuild, rebuildSliver, rebuildSize } from './sliver-rebuild.ts';

export interface GatherOptions {
  readonly view: BlobView;
  readonly axis: Axis;
  /** The slivers to fetch; undefined: any that decode the blob. */
  readonly wanted: readonly SliverIndex[] | undefined;
  /** Whether enough other slivers to decode the whole blob will do as well. */
  readonly allowDecode: boolean;
  /** How many of any make enough; default: those that decode the blob. */
  readonly count?: number;
  /** Not to be asked for; those that their nodes have not got are added. */
  readonly excluded?: Set<SliverIndex>;
  /** Slivers that may still be rebuilt from symbols, counted down; past them slow nodes are waited for. Default: all. */
  readonly rebuilds?: { left: number };
  /** `repair` asks for the wanted ones last, which shows that the others suffice. */
  readonly prefer: 'systematic' | 'repair';
  readonly signal: AbortSignal;
  /** Verified slivers so far, and how many are needed as things stand. */
  readonly onProgress?: (found: number, needed: number) => void;
}

export interface GatherModules {
  readonly codec: Codec;
  readonly scheduler: Scheduler;
  readonly limits: ClientLimits;
}

/** Verified slivers by index: all wanted ones, or (with `allowDecode`) at least as many as decode the blob. */
export async function gatherSlivers(options: GatherOptions, modules: GatherModules): Promise<Map<SliverIndex, Sliver>> {
  options.signal.throwIfAborted();
  return new SliverGather(options, modules).run();
}

/** For slivers that are all authentic and do not belong together: the writer cheated. */
export function inconsistentBlob({ verified }: BlobView, cause: Error): Error {
  const expected = 'slivers that belong together';
  return redstuffErrors.INCONSISTENT_BLOB({ blobId: verified.blobId, expected, came: cause.message }, cause);
}

/**
 * - idle: may be asked for. open: asked, within its time. overtaken: asked, too slow to count on.
 * - checking: here, its hash not yet compared. rebuilding: being made from symbols.
 * - retry: failed in a way that may pass. failed: will not come from its node. done: verified.
 */
type SliverState = 'idle' | 'open' | 'overtaken' | 'checking' | 'rebuilding' | 'retry' | 'failed' | 'done';

interface Batch {
  readonly node: NodeClient;
  readonly waiting: Set<SliverIndex>;
  progressed: boolean;
  overtaken: boolean;
}

/** Rebuilding takes symbols from a quorum of nodes; more at once would only queue there. */
const MAX_REBUILDS_AT_ONCE = 4;

class SliverGather {
  readonly #options: GatherOptions;
  readonly #modules: GatherModules;
  readonly #scope;
  readonly #threshold: number;
  readonly #sliverBytes: number;
  readonly #have = new Map<SliverIndex, Sliver>();
  readonly #states: SliverState[];
  readonly #batches = new Set<Batch>();
  readonly #failures = new Map<string, number>();
  readonly #unchecked: { node: NodeClient; sliver: Sliver }[] = [];
  readonly #rebuildQueue: SliverIndex[] = [];
  #started = false;
  #checking = false;
  #rebuilds = 0;
  #rebuildFailed = false;
  #round = 1;
  #pausing = false;
  #settled = false;
  #finish!: (error?: unknown) => void;

  constructor(options: GatherOptions, modules: GatherModules) {
    const { geometry, symbolSize } = options.view.verified;
    this.#options = options;
    this.#modules = modules;
    this.#scope = abortScope(options.signal);
    this.#threshold = options.count ?? sourceSymbols(geometry, options.axis);
    this.#sliverBytes = sliverSize(geometry, options.axis, symbolSize);
    this.#states = Array.from({ length: geometry.nShards }, (_, index) =>
      options.excluded?.has(index as SliverIndex) === true ? 'failed' : 'idle',
    );
  }

  async run(): Promise<Map<SliverIndex, Sliver>> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#finish = (error) => {
          if (this.#settled) return;
          this.#settled = true;
          if (error === undefined) resolve();
          else reject(error as Error);
        };
        onAbort(this.#scope.signal, (reason) => this.#finish(reason));
        this.#advance();
      });
    } finally {
      // Whoever was overtaken and still owes something at the end would have held the read up.
      for (const batch of this.#batches) if (batch.overtaken && batch.waiting.size > 0) batch.node.reportStall();
      this.#scope.end();
    }
    return this.#have;
  }

  /** Decides what to do next; called after everything that happens. A throwing `onProgress` ends the gathering. */
  #advance(): void {
    if (this.#settled) return;
    try {
      this.#step();
    } catch (error) {
      this.#finish(error);
    }
  }

  #step(): void {
    const missing = this.#options.wanted?.filter((index) => !this.#have.has(index));
    this.#options.onProgress?.(this.#have.size, this.#needed(missing));
    const decodable = this.#options.allowDecode && this.#have.size >= this.#threshold;
    if (decodable || missing?.length === 0) return this.#finish();
    if (!this.#started) {
      this.#started = true;
      if (missing !== undefined && this.#options.prefer === 'systematic') {
        this.#ask(missing.filter((index) => !this.#nodeOf(index).isSuspect()));
      }
    }
    const uncovered = missing?.filter((index) => !['open', 'checking', 'rebuilding'].includes(this.#state(index)));
    if (uncovered?.length === 0) return;
    const underWay = this.#count('open') + this.#count('checking');
    const needMore = this.#options.allowDecode ? this.#threshold - this.#have.size - underWay : Infinity;
    if (needMore <= 0) return;
    if (uncovered !== undefined && this.#rebuildIsCheaper(uncovered, needMore)) return this.#rebuild(uncovered);
    this.#askForOthers(uncovered, needMore);
  }

  #askForOthers(uncovered: readonly SliverIndex[] | undefined, needMore: number): void {
    const candidates = this.#candidates(uncovered).slice(0, needMore);
    this.#ask(candidates);
    if (candidates.length >= needMore || (uncovered !== undefined && candidates.length >= uncovered.length)) return;
    if (uncovered !== undefined && this.#mayRebuild(uncovered)) return this.#rebuild(uncovered);
    const underWay = ['open', 'checking', 'overtaken', 'rebuilding'] as const;
    if (this.#pausing || underWay.some((state) => this.#count(state) > 0)) return;
    const retry = this.#indices().filter((index) => this.#state(index) === 'retry');
    if (retry.length > 0 && this.#round < this.#modules.limits.maxAttempts) return this.#retryLater(retry);
    this.#finish(this.#failure());
  }

  /** What may still be asked for: nodes in good standing first, then (unless repairing) wanted ones, then fast nodes. */
  #candidates(uncovered: readonly SliverIndex[] | undefined): SliverIndex[] {
    const pool = this.#options.allowDecode ? this.#indices() : (uncovered ?? []);
    const { view, axis, prefer } = this.#options;
    const wanted = new Set(this.#options.wanted);
    const wantedCost = prefer === 'repair' ? 1 : -1;
    const systematic = sourceSymbols(view.verified.geometry, axis);
    const isPreferred = (index: SliverIndex) =>
      this.#options.wanted === undefined ? index < systematic : wanted.has(index);
    return pool
      .filter((index) => this.#state(index) === 'idle')
      .map((index) => {
        const node = this.#nodeOf(index);
        return {
          index,
          suspect: node.isSuspect() ? 1 : 0,
          cost: isPreferred(index) ? wantedCost : 0,
          // Some of many: in their order, which spreads them over the nodes.
          rank: this.#options.count === undefined ? node.rank() : index,
        };
      })
      .sort((a, b) => a.suspect - b.suspect || a.cost - b.cost || a.rank - b.rank)
      .map(({ index }) => index);
  }

  #ask(indices: readonly SliverIndex[]): void {
    const perBatch = Math.max(1, Math.floor(this.#modules.limits.readBatchBytes / this.#sliverBytes));
    const byNode = new Map<NodeClient, SliverIndex[]>();
    for (const index of indices) {
      const node = this.#nodeOf(index);
      byNode.set(node, [...(byNode.get(node) ?? []), index]);
    }
    for (const [node, all] of byNode) {
      for (let at = 0; at < all.length; at += perBatch) void this.#fetch(node, all.slice(at, at + perBatch));
    }
  }

  async #fetch(node: NodeClient, indices: readonly SliverIndex[]): Promise<void> {
    const { view, axis } = this.#options;
    const batch: Batch = { node, waiting: new Set(indices), progressed: false, overtaken: false };
    for (const index of indices) this.#states[index] = 'open';
    this.#batches.add(batch);
    const timer = abortScope(this.#scope.signal);
    this.#watch(batch, timer.signal).catch(() => undefined);
    let failure: unknown = clientErrors.NODE_MISBEHAVED({ node: node.name, reason: 'slivers missing from its answer' });
    try {
      await node.slivers(view.verified, axis, indices, {
        signal: this.#scope.signal,
        onSliver: (sliver) => this.#received(batch, sliver),
        onMissing: (index, error) => this.#missing(batch, index, error),
        // A sliver may be 43.7 MB: one that is on its way is no silence.
        onBytes: () => (batch.progressed = true),
      });
    } catch (error) {
      failure = error;
    } finally {
      timer.end();
    }
    if (this.#settled) return;
    this.#batches.delete(batch);
    for (const index of batch.waiting) this.#failed(index, failure);
    this.#advance();
  }

  /**
   * A batch from which nothing came for the hedge delay, or that takes too long altogether, is overtaken: others are
   * asked, it may still answer.
   */
  async #watch(batch: Batch, signal: AbortSignal): Promise<void> {
    const silenceMs = batch.node.hedgeDelayMs(this.#sliverBytes);
    let leftMs = batch.node.answerTimeMs(this.#sliverBytes * batch.waiting.size);
    do {
      batch.progressed = false;
      const delayMs = Math.min(silenceMs, leftMs);
      await this.#modules.scheduler.sleep(delayMs, signal);
      leftMs -= delayMs;
    } while (batch.progressed && leftMs > 0);
    batch.overtaken = true;
    for (const index of batch.waiting) this.#states[index] = 'overtaken';
    this.#advance();
  }

  #received(batch: Batch, sliver: Sliver): void {
    if (this.#settled || !batch.waiting.delete(sliver.index)) return;
    batch.progressed = true;
    if (this.#have.has(sliver.index)) return;
    this.#states[sliver.index] = 'checking';
    this.#unchecked.push({ node: batch.node, sliver });
    if (!this.#checking) void this.#check();
  }

  #missing(batch: Batch, index: SliverIndex, error: unknown): void {
    if (this.#settled || !batch.waiting.delete(index)) return;
    batch.progressed = true;
    this.#failed(index, error);
    this.#advance();
  }

  /** Verifies what has arrived, all of it at once: what comes meanwhile makes the next lot. */
  async #check(): Promise<void> {
    this.#checking = true;
    try {
      while (this.#unchecked.length > 0 && !this.#settled) {
        const lot = this.#unchecked.splice(0);
        const verdicts = await this.#verify(lot.map(({ sliver }) => sliver));
        lot.forEach(({ node, sliver }, i) => {
          const verdict = verdicts[i];
          if (verdict === 'ok') this.#accept(sliver);
          else {
            node.reportMisbehaviour(`${sliver.axis} sliver ${sliver.index} does not match the metadata`);
            this.#failed(sliver.index, verdict);
          }
        });
        this.#advance();
      }
    } catch (error) {
      if (!this.#settled) this.#finish(error);
    } finally {
      this.#checking = false;
    }
  }

  async #verify(slivers: readonly Sliver[]): Promise<('ok' | Error)[]> {
    const { signal } = this.#scope;
    return await whenNotBusy(signal, this.#modules, () =>
      this.#modules.codec.verifySlivers(this.#options.view.verified, slivers, { signal }),
    );
  }

  #accept(sliver: Sliver): void {
    this.#states[sliver.index] = 'done';
    this.#have.set(sliver.index, sliver);
  }

  #failed(index: SliverIndex, error: unknown): void {
    if (this.#state(index) === 'rebuilding' || this.#state(index) === 'done') return;
    const reason = refusalReason(error);
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    this.#states[index] = isPassing(error) ? 'retry' : 'failed';
    if (!isPassing(error)) this.#options.excluded?.add(index);
  }

  #mayRebuild(slivers: readonly SliverIndex[]): boolean {
    if (this.#rebuildFailed) return false;
    this.#rebuildFailed = slivers.length > (this.#options.rebuilds?.left ?? Infinity);
    return !this.#rebuildFailed;
  }

  #rebuildIsCheaper(slivers: readonly SliverIndex[], needMore: number): boolean {
    if (this.#options.wanted === undefined || this.#options.prefer === 'repair' || !this.#mayRebuild(slivers))
      return false;
    const { view, axis, allowDecode } = this.#options;
    if (allowDecode && !canRebuild(view, axis)) return false;
    return slivers.length * rebuildSize(view.verified, axis) < needMore * this.#sliverBytes;
  }

  #rebuild(indices: readonly SliverIndex[]): void {
    if (this.#options.rebuilds !== undefined) this.#options.rebuilds.left -= indices.length;
    for (const index of indices) this.#states[index] = 'rebuilding';
    this.#rebuildQueue.push(...indices);
    while (this.#rebuilds < MAX_REBUILDS_AT_ONCE && this.#rebuildQueue.length > 0) {
      this.#rebuilds += 1;
      void this.#rebuildLane();
    }
  }

  async #rebuildLane(): Promise<void> {
    const { view, axis } = this.#options;
    for (let index = this.#rebuildQueue.shift(); index !== undefined; index = this.#rebuildQueue.shift()) {
      if (this.#settled) return;
      if (this.#have.has(index)) continue;
      try {
        this.#accept(await rebuildSliver(view, axis, index, { ...this.#modules, signal: this.#scope.signal }));
      } catch (error) {
        if (this.#settled) return;
        // Symbols with good proofs that rebuild to something else: the writer cheated, no other source can help.
        if (isFloeError(error, 'INCONSISTENT_SLIVER')) return this.#finish(error);
        this.#rebuildFailed = true;
        for (const each of [index, ...this.#rebuildQueue.splice(0)]) this.#states[each] = this.#stateAtNode(each);
      }
      if (this.#rebuildQueue.length === 0) break;
      this.#advance();
    }
    this.#rebuilds -= 1;
    this.#advance();
  }

  /** A sliver whose rebuilding failed is again what its node makes of it. */
  #stateAtNode(index: SliverIndex): SliverState {
    for (const batch of this.#batches) if (batch.waiting.has(index)) return batch.overtaken ? 'overtaken' : 'open';
    return this.#round < this.#modules.limits.maxAttempts ? 'retry' : 'failed';
  }

  #retryLater(indices: readonly SliverIndex[]): void {
    const { minBackoffMs, maxBackoffMs } = this.#modules.limits;
    const delayMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** (this.#round - 1));
    this.#round += 1;
    this.#pausing = true;
    pause(this.#modules.scheduler, delayMs, this.#scope.signal).then(
      () => {
        this.#pausing = false;
        for (const index of indices) if (this.#state(index) === 'retry') this.#states[index] = 'idle';
        this.#advance();
      },
      () => undefined,
    );
  }

  #failure(): Error {
    const { blobId, geometry } = this.#options.view.verified;
    // One sliver of an axis per shard: counting slivers is counting weight.
    if (isQuorum(geometry, this.#failures.get('FORBIDDEN_BLOB') ?? 0)) return clientErrors.BLOB_FORBIDDEN({ blobId });
    if (isQuorum(geometry, this.#failures.get('SLIVER_NOT_FOUND') ?? 0)) return clientErrors.BLOB_NOT_FOUND({ blobId });
    const missing = this.#options.wanted?.filter((index) => !this.#have.has(index));
    return clientErrors.SLIVERS_UNAVAILABLE({
      blobId,
      found: this.#have.size,
      needed: this.#needed(missing),
      answers: [...this.#failures].map(([reason, count]) => `${reason} ×${count}`).join(', '),
    });
  }

  #needed(missing: readonly SliverIndex[] | undefined): number {
    const toHaveWanted = missing === undefined ? Infinity : this.#have.size + missing.length;
    return this.#options.allowDecode ? Math.min(this.#threshold, toHaveWanted) : toHaveWanted;
  }

  #nodeOf(index: SliverIndex): NodeClient {
    return this.#options.view.nodeOf(this.#options.axis, index);
  }

  #state(index: SliverIndex): SliverState {
    return this.#states[index] as SliverState;
  }

  #count(state: SliverState): number {
    return this.#states.reduce((count, each) => (each === state ? count + 1 : count), 0);
  }

  #indices(): SliverIndex[] {
    return this.#states.map((_state, index) => index as SliverIndex);
  }
}
