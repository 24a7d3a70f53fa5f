/** Decides, from epoch to epoch, who joins, leaves, gets stake, sleeps, is killed or loses its disk; and counts it. */
import { setTimeout as pause } from 'node:timers/promises';
import { isMoveAbort, type LedgerClient } from '@floe/contracts';
import { type Rng, shuffled } from '@floe/platform';
import { type Committee, type Epoch, memberOfNode, type NodeId } from '@floe/protocol';
import type { Action } from '../epochs/accounts.ts';
import type { Gate } from '../epochs/gate.ts';
import type { Operator } from '../epochs/traffic.ts';
import type { Cluster, ClusterNode } from './cluster.ts';
import type { Fault, Outages } from './outages.ts';
import type { Restaking } from './restaking.ts';

/** What a new node registers with. */
const NEW_NODE = { commissionBasisPoints: 0, storagePrice: 100_000n, writePrice: 20_000n, capacity: 1n << 40n };
/** Fewer would make each of them too large a part. */
const FEWEST_MEMBERS = 7;

type Turn = 'shuffle' | 'join' | 'leave' | 'everyone';

export interface ChurnModules {
  readonly cluster: Cluster;
  readonly outages: Outages;
  readonly restaking: Restaking;
  readonly ledger: LedgerClient;
  readonly gate: Gate;
  readonly rng: Rng;
  readonly actions: Map<string, Action>;
  /** Those who vote; new ones are added. */
  readonly operators: Operator[];
  readonly log: (line: string) => void;
}

export class Churn {
  readonly counts = {
    registered: 0,
    joined: 0,
    left: 0,
    stopped: 0,
    returned: 0,
    restaked: 0,
    everyone: 0,
    midTransfer: 0,
  };
  readonly failures: string[] = [];
  /** Calls that the contracts refused because the epoch had turned on the way. */
  refused = 0;
  readonly #options: { readonly newcomers: readonly string[]; readonly epochMs: number };
  readonly #modules: ChurnModules;
  readonly #tasks = new Set<Promise<void>>();
  readonly #newcomers: string[];
  /** Until which epoch each sleeps. */
  readonly #asleep = new Map<NodeId, Epoch>();
  /** Since which epoch each has no stake. */
  readonly #left = new Map<NodeId, Epoch>();
  #turns = 0;
  #isRestaking = false;
  #isEnding = false;

  constructor(options: { readonly newcomers: readonly string[]; readonly epochMs: number }, modules: ChurnModules) {
    this.#options = options;
    this.#modules = modules;
    this.#newcomers = [...options.newcomers];
  }

  /** Stake beside that of the operators, and the first new node. */
  begin(): void {
    const { cluster, restaking, rng } = this.#modules;
    const raise = shuffled(cluster.nodes, rng).slice(0, 4);
    this.#do(async () => {
      await this.#alone(() => restaking.carryOut({ leave: [], raise, lowered: 0 }));
      await this.#alone(() => this.#turn('join'));
    });
  }

  /** The next committee is known: nobody may be out who has too many shards there. */
  selected(): void {
    const { outages } = this.#modules;
    this.#do(async () => {
      await outages.look();
      for (const nodeId of outages.sleepersToWake()) this.#wake(nodeId);
    });
  }

  /** A change has begun: some of those that move shards are killed in the middle of it. */
  changing(epoch: Epoch): void {
    const { outages, cluster, rng, log } = this.#modules;
    this.#do(async () => {
      const { current, previous } = await outages.look();
      for (const [nodeId, until] of this.#asleep) if (until <= epoch) this.#wake(nodeId);
      const moving = cluster.nodes.filter(({ nodeId }) => shardsOf(current, nodeId) !== shardsOf(previous, nodeId));
      log(`epoch ${epoch} begins: ${moving.length} nodes move shards`);
      const victims = shuffled(moving, rng).slice(0, 1 + rng.below(2));
      await Promise.all(
        victims.map(async (node) => {
          await pause(rng.below(this.#options.epochMs / 10));
          if (await outages.strike(node, 'crash')) {
            this.counts.midTransfer += 1;
            await pause(rng.below(this.#options.epochMs / 6));
            await outages.restore(node);
          }
        }),
      );
    });
  }

  /** The epoch is open: stake moves, which decides the next committee; and something fails. */
  opened(epoch: Epoch): void {
    this.#do(async () => {
      const { current } = await this.#modules.outages.look();
      const first: readonly Turn[] = ['leave', 'everyone', 'join'];
      const any: readonly Turn[] = ['shuffle', 'shuffle', 'shuffle', 'join', 'join', 'leave', 'leave', 'everyone'];
      const turn = first[this.#turns] ?? any[this.#modules.rng.below(any.length)];
      this.#turns += 1;
      await this.#alone(() => this.#turn(turn as Turn));
      await this.#stopSome(epoch, current);
      await this.#fail(epoch);
    });
  }

  /** Everybody comes back; resolves when all are whole. */
  async end(): Promise<void> {
    this.#isEnding = true;
    while (this.#tasks.size > 0 || this.#asleep.size > 0) {
      for (const nodeId of this.#asleep.keys()) this.#wake(nodeId);
      await Promise.all(this.#tasks);
    }
  }

  async #turn(turn: Turn): Promise<void> {
    const { restaking, ledger, rng, log } = this.#modules;
    const { current } = await ledger.committees({ fresh: true });
    const { epoch } = current;
    const steady = shuffled(this.#steady(current), rng);
    const leave = turn === 'leave' && current.members.length > FEWEST_MEMBERS ? steady.splice(0, 1) : [];
    const joining = turn === 'join' ? await this.#joining() : undefined;
    const [lowered, raised] = turn === 'everyone' ? [8, 6] : [2, 2];
    const raise = [...(joining ? [joining] : []), ...steady.slice(0, raised)];
    log(`${turn}: leave ${names(leave)}, raise ${names(raise)}, lower ${lowered}`);
    await restaking.carryOut({ leave, raise, lowered });
    for (const { nodeId } of leave) this.#left.set(nodeId, epoch);
    this.counts.restaked += 1;
    if (leave.length > 0) this.counts.left += 1;
    if (turn === 'everyone') this.counts.everyone += 1;
  }

  /** Members that nothing was done to. */
  #steady({ members }: Committee): ClusterNode[] {
    const { cluster, outages } = this.#modules;
    return members
      .filter(({ nodeId }) => !outages.isOut(nodeId) && !this.#left.has(nodeId))
      .map(({ nodeId }) => cluster.of(nodeId));
  }

  /** One that has never been a member, or left long enough ago. */
  async #joining(): Promise<ClusterNode | undefined> {
    const { cluster, restaking, ledger, gate, actions, operators } = this.#modules;
    const name = this.#newcomers.shift();
    if (name !== undefined) {
      const node = await gate.pass(async () => {
        const registered = await cluster.register(name, ledger);
        actions.set(registered.digest, { kind: 'register', nodeId: registered.node.nodeId, ...NEW_NODE });
        return registered.node;
      });
      operators.push(node);
      this.counts.registered += 1;
      await cluster.start(node.nodeId);
      this.counts.joined += 1;
      return node;
    }
    const { current, previous } = await ledger.committees({ fresh: true });
    const back = [...this.#left.keys()].find(
      (nodeId) =>
        memberOfNode(current, nodeId) === undefined &&
        (previous === undefined || memberOfNode(previous, nodeId) === undefined),
    );
    if (back === undefined) return undefined;
    const node = cluster.of(back);
    await cluster.start(back);
    await restaking.comeBack(node);
    this.#left.delete(back);
    this.counts.returned += 1;
    return node;
  }

  /** Of nodes that nobody reads from any more some are switched off. */
  async #stopSome(epoch: Epoch, current: Committee): Promise<void> {
    const { cluster, rng, log } = this.#modules;
    for (const [nodeId, since] of this.#left) {
      const node = cluster.of(nodeId);
      if (epoch < since + 2 || memberOfNode(current, nodeId) !== undefined || !node.isRunning || rng.below(2) === 0)
        continue;
      log(`switched off ${node.name}`);
      await cluster.kill(nodeId);
      this.counts.stopped += 1;
    }
  }

  /** Somebody sleeps through two epochs, loses its disk, is killed or stopped for a while. */
  async #fail(epoch: Epoch): Promise<void> {
    const { cluster, outages, rng } = this.#modules;
    const faults: readonly Fault[] = this.#turns % 2 === 1 ? ['wipe', 'sleep', 'pause'] : ['sleep', 'wipe', 'crash'];
    for (const fault of faults) {
      if (this.#isEnding) return;
      if ([...outages.out.values()].includes(fault) && fault !== 'crash') continue;
      const node = shuffled(cluster.nodes, rng).find(({ nodeId, isRunning }) => {
        return isRunning && !this.#left.has(nodeId) && outages.bears(nodeId);
      });
      if (node === undefined || !(await outages.strike(node, fault))) continue;
      if (fault === 'sleep') this.#asleep.set(node.nodeId, (epoch + 2) as Epoch);
      else {
        this.#do(async () => {
          await pause(fault === 'wipe' ? 0 : rng.below(this.#options.epochMs / 2));
          await outages.restore(node);
        });
      }
    }
  }

  #wake(nodeId: NodeId): void {
    const { cluster, outages } = this.#modules;
    if (this.#asleep.delete(nodeId)) this.#do(() => outages.restore(cluster.of(nodeId)));
  }

  /** One change of stakes at a time; what would have to wait for another is left to the next epoch. */
  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#isRestaking) return;
    this.#isRestaking = true;
    try {
      await work();
    } catch (error) {
      if (!isMoveAbort(error)) throw error;
      this.refused += 1;
    } finally {
      this.#isRestaking = false;
    }
  }

  #do(work: () => Promise<void>): void {
    const task = work().catch((error: unknown) => {
      this.#modules.log(`failed: ${error instanceof Error ? error.stack : String(error)}`);
      this.failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
    const tracked = task.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }
}

function names(nodes: readonly ClusterNode[]): string {
  return nodes.map(({ name }) => name).join(' ') || '-';
}

function shardsOf(committee: Committee | undefined, nodeId: NodeId): string | undefined {
  return committee === undefined ? undefined : memberOfNode(committee, nodeId)?.shards.join();
}
