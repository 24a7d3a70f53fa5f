/**
 * Faults of nodes at random, overlapping, never of more shards at once than allowed. A node counts as faulty until it is whole again: one
 * that was only silent as soon as it answers, one that lost its disk when the caller says so.
 */
import type { Rng } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import type { ActionLog } from './action-log.ts';
import type { ProxyMode } from './faulty-proxy.ts';
import type { NetworkNode } from './process-network.ts';

export type Fault = 'kill' | 'pause' | Exclude<ProxyMode, 'pass'>;
export const FAULTS: readonly Fault[] = ['kill', 'pause', 'black-hole', 'stall', 'reset'];

export interface FaultOptions {
  /** Shards of all faulty nodes together, at most. */
  readonly maxShards: number;
  /** How long a fault lasts, and the pause before the next begins: by chance up to these. */
  readonly maxFaultMs: number;
  readonly maxPauseMs: number;
}

export interface FaultModules {
  readonly nodes: readonly NetworkNode[];
  /** Shards of a node, by its name. */
  readonly shardsOf: (name: string) => number;
  readonly rng: Rng;
  readonly log: ActionLog;
}

export class FaultInjector {
  /** How often each fault was made. */
  readonly counts: Record<Fault, number> = { kill: 0, pause: 0, 'black-hole': 0, stall: 0, reset: 0 };
  /** Most shards that were faulty at once, and how often more than one node was. */
  mostShards = 0;
  overlaps = 0;
  readonly #options: FaultOptions;
  readonly #modules: FaultModules;
  readonly #faulty = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: FaultOptions, modules: FaultModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get faultyShards(): number {
    return [...this.#faulty].reduce((sum, name) => sum + this.#modules.shardsOf(name), 0);
  }

  /** Makes faults until the signal aborts, then mends them all. */
  async run(signal: AbortSignal): Promise<void> {
    const { rng } = this.#modules;
    const problems: unknown[] = [];
    while (!signal.aborted && problems.length === 0) {
      const fault = FAULTS[rng.below(FAULTS.length)] as Fault;
      const node = this.#choose();
      const lastsMs = 1 + rng.below(this.#options.maxFaultMs);
      if (node !== undefined) {
        const work = this.strike(node, fault, lastsMs, signal).catch((error: unknown) => void problems.push(error));
        this.#underWay.add(work);
        void work.then(() => this.#underWay.delete(work));
      }
      await systemScheduler.sleep(1 + rng.below(this.#options.maxPauseMs), signal).catch(() => undefined);
    }
    await Promise.all(this.#underWay);
    if (problems.length > 0) throw problems[0];
  }

  /** One fault of one node, mended after a time or when the signal aborts. */
  async strike(node: NetworkNode, fault: Fault, lastsMs: number, signal: AbortSignal): Promise<void> {
    const { log, shardsOf } = this.#modules;
    this.#faulty.add(node.name);
    this.counts[fault] += 1;
    this.mostShards = Math.max(this.mostShards, this.faultyShards);
    if (this.#faulty.size > 1) this.overlaps += 1;
    log.note(
      `${fault} ${node.name} (${shardsOf(node.name)} shards) for ${lastsMs} ms; faulty: ${[...this.#faulty].join(' ')}`,
    );
    try {
      await begin(node, fault);
      await systemScheduler.sleep(lastsMs, signal).catch(() => undefined);
    } finally {
      await mend(node, fault);
      this.#faulty.delete(node.name);
      log.note(`${node.name} is back`);
    }
  }

  #choose(): NetworkNode | undefined {
    const { nodes, shardsOf, rng } = this.#modules;
    const left = this.#options.maxShards - this.faultyShards;
    const candidates = nodes.filter(({ name }) => !this.#faulty.has(name) && shardsOf(name) <= left);
    return candidates[rng.below(Math.max(1, candidates.length))];
  }
}

/** Makes a node fail in one way. */
export async function begin(node: NetworkNode, fault: Fault): Promise<void> {
  if (fault === 'kill') await node.process.kill();
  else if (fault === 'pause') node.process.pause();
  else node.proxy.set(fault);
}

/** Undoes {@link begin}; resolves when the node serves. */
export async function mend(node: NetworkNode, fault: Fault): Promise<void> {
  if (fault === 'kill') await node.process.start();
  else if (fault === 'pause') node.process.resume();
  else node.proxy.set('pass');
}
