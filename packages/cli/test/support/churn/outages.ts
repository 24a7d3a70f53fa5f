/**
 * What the test does to nodes, never to more of them at once than the network promises to bear: those that are down, and those that came
 * back and do not hold everything again yet, have at most f shards together, in every committee that somebody reads from or writes to.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerClient } from '@floe/contracts';
import {
  type BlobId,
  type Committees,
  type Geometry,
  memberOfNode,
  type NodeId,
  type NodeRedundancy,
} from '@floe/protocol';
import type { Cluster, ClusterNode } from './cluster.ts';

/** Shards that each node that is out may gain from one epoch to the next. */
const MARGIN = 3;
const LOOK_EVERY_MS = 500;
const ASK_MS = 5_000;

export type Fault = 'crash' | 'sleep' | 'wipe' | 'pause';

export interface OutageModules {
  readonly cluster: Cluster;
  readonly ledger: LedgerClient;
  readonly log: (line: string) => void;
}

export class Outages {
  readonly counts = { crash: 0, sleep: 0, wipe: 0, pause: 0 };
  /** Times at which more than f shards were out; the test must not let it happen. */
  readonly excesses: string[] = [];
  /** From coming back to holding everything that was missing then. */
  readonly wholeAfterMs: number[] = [];
  readonly #modules: OutageModules;
  readonly #geometry: Geometry;
  readonly #out = new Map<NodeId, Fault>();
  readonly #stop = new AbortController();
  #committees: Committees;

  constructor(options: { readonly committees: Committees }, modules: OutageModules) {
    this.#committees = options.committees;
    this.#geometry = options.committees.current.geometry;
    this.#modules = modules;
  }

  isOut(nodeId: NodeId): boolean {
    return this.#out.has(nodeId);
  }

  get out(): ReadonlyMap<NodeId, Fault> {
    return this.#out;
  }

  /** Takes note of the ledger's committees, and of whether too many shards are out in them. */
  async look(): Promise<Committees> {
    this.#committees = await this.#modules.ledger.committees({ fresh: true });
    const most = Math.max(...this.#weights(this.#relevant(), this.#out.keys()));
    if (most > this.#geometry.maxFaulty) {
      this.excesses.push(`epoch ${this.#committees.current.epoch}: ${most} shards of ${[...this.#out.keys()].join()}`);
    }
    return this.#committees;
  }

  /** Whether the node may fail too: also in a next committee that is not known yet, with what it may bring. */
  bears(nodeId: NodeId): boolean {
    if (this.#out.has(nodeId)) return false;
    const { next } = this.#committees;
    const out = [...this.#out.keys(), nodeId];
    const bound = this.#geometry.maxFaulty - (next === undefined ? MARGIN * out.length : 0);
    return this.#weights([...this.#relevant(), ...(next ? [next] : [])], out).every((weight) => weight <= bound);
  }

  /** Those that sleep come back before a committee begins in which they would have too many shards. */
  sleepersToWake(): NodeId[] {
    const { next } = this.#committees;
    if (next === undefined) return [];
    const [weight = 0] = this.#weights([next], this.#out.keys());
    return weight > this.#geometry.maxFaulty
      ? [...this.#out].flatMap(([id, fault]) => (fault === 'sleep' ? [id] : []))
      : [];
  }

  /** Breaks the node; it counts as out from now on. False when that would be too much. */
  async strike(node: ClusterNode, fault: Fault): Promise<boolean> {
    if (!this.#modules.cluster.of(node.nodeId).isRunning || !this.bears(node.nodeId)) return false;
    this.#out.set(node.nodeId, fault);
    this.counts[fault] += 1;
    const { cluster, log } = this.#modules;
    log(`${fault} ${node.name}`);
    if (fault === 'pause') cluster.pause(node.nodeId);
    else if (fault === 'wipe') await cluster.wipe(node.nodeId);
    else await cluster.kill(node.nodeId);
    return true;
  }

  /** Lets the node come back, and counts it as out until it holds everything that it lacks when it is back. */
  async restore(node: ClusterNode): Promise<void> {
    const { cluster, log } = this.#modules;
    await cluster.start(node.nodeId);
    const startMs = performance.now();
    log(`back ${node.name}`);
    const { latestCheckpoint } = await this.#modules.ledger.chain();
    await this.#untilWhole(node, Number(latestCheckpoint));
    this.#out.delete(node.nodeId);
    this.wholeAfterMs.push(performance.now() - startMs);
    log(`whole ${node.name} after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  }

  stop(): void {
    this.#stop.abort();
  }

  #relevant(): Committees['current'][] {
    const { current, previous, phase } = this.#committees;
    return phase === 'sync' && previous !== undefined ? [current, previous] : [current];
  }

  #weights(committees: readonly Committees['current'][], nodes: Iterable<NodeId>): number[] {
    const ids = [...nodes];
    return committees.map((committee) =>
      ids.reduce((sum, id) => sum + (memberOfNode(committee, id)?.shards.length ?? 0), 0),
    );
  }

  /**
   * What it lacks is asked once it knows all that happened up to `checkpoint`. A blob that was seen whole once since is not missing any
   * more, even where a new shard makes it incomplete again.
   */
  async #untilWhole(node: ClusterNode, checkpoint: number): Promise<void> {
    let missing: ReadonlySet<BlobId> | undefined;
    for (;;) {
      const [health, redundancy] = await Promise.all([healthOf(node), redundancyOf(node)]);
      const count = redundancy?.count;
      if (health !== undefined && count !== undefined && (health.latestCheckpointSequenceNumber ?? -1) >= checkpoint) {
        const now = new Set(count.sample);
        missing = new Set([...(missing ?? now)].filter((blobId) => now.has(blobId)));
        const { owned, ownedShardStatus } = health.shardSummary;
        if (missing.size === 0 && ownedShardStatus.ready === owned && health.epoch >= this.#committees.current.epoch)
          return;
      }
      await pause(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal });
    }
  }
}

export interface HealthAnswer {
  readonly epoch: number;
  readonly latestCheckpointSequenceNumber?: number;
  readonly shardSummary: {
    readonly owned: number;
    readonly readOnly: number;
    readonly ownedShardStatus: { readonly ready: number; readonly inTransfer: number; readonly inRecovery: number };
  };
}

/** Undefined: it does not answer. */
export function healthOf(node: ClusterNode): Promise<HealthAnswer | undefined> {
  return ask<HealthAnswer>(`${node.url}/v1/health?detailed=true`);
}

export function redundancyOf(node: ClusterNode): Promise<NodeRedundancy | undefined> {
  return ask<NodeRedundancy>(`${node.url}/v1/redundancy`);
}

async function ask<T>(url: string): Promise<T | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
    return ((await response.json()) as { success?: { data: T } }).success?.data;
  } catch {
    return undefined;
  }
}
