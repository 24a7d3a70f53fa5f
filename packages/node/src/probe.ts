/**
 * Proves that the node can store: a record goes through the sliver log and its index to the disk, is read back, compared and
 * removed. What a node answers from memory can be fine for long after its disk is not.
 *
 * Invariants: one probe at a time, and none again before `probePauseMs` passed, however many ask; it is never of a blob that
 * exists, and what a crash leaves of it is garbage that collection drops with its segment.
 */
import { type Clock, equalBytes, type Metrics, type Rng, type Scheduler, withDeadline } from '@floe/platform';
import { blobIdFromBytes, type Epoch, type ProbeResult, type ShardIndex } from '@floe/protocol';
import { errors } from './errors.ts';
import type { NodeLimits } from './limits.ts';
import type { SliverKey, SliverStore } from './sliver-store.ts';

/** A page of the disk and a little: the record does not end where a sector does. */
const PAYLOAD_BYTES = 4_111;
/** Whose slivers are records of probes: no committee has so many. */
export const PROBE_SHARD = 0xffff as ShardIndex;

export interface ProbeModules {
  readonly slivers: Pick<SliverStore, 'put' | 'get' | 'remove'>;
  readonly committees: { readonly epoch: Epoch };
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: Metrics;
}

export class Probe {
  readonly #limits: Pick<NodeLimits, 'probePauseMs' | 'probeTimeoutMs'>;
  readonly #modules: ProbeModules;
  readonly #outcome;
  #last: { readonly atMs: number; readonly result: Omit<ProbeResult, 'ageMs'> } | undefined;
  #underWay: Promise<void> | undefined;
  /** Something that was asked of the disk has not ended. */
  #stuck = false;

  constructor(limits: Pick<NodeLimits, 'probePauseMs' | 'probeTimeoutMs'>, modules: ProbeModules) {
    this.#limits = limits;
    this.#modules = modules;
    const { metrics } = modules;
    this.#outcome = {
      healthy: metrics.gauge({
        name: 'floe_node_probe_healthy',
        help: 'Whether what the last probe stored was read back: 1 or 0.',
      }),
      seconds: metrics.gauge({ name: 'floe_node_probe_seconds', help: 'How long the last probe took.' }),
    };
  }

  /** The last result; undefined before the first probe ended. */
  get last(): ProbeResult | undefined {
    if (this.#last === undefined) return undefined;
    const { atMs, result } = this.#last;
    return { ...result, ageMs: Math.round(this.#modules.clock.monotonicMs() - atMs) };
  }

  /** A result that is no older than the pause between two probes; never rejects. */
  async result(): Promise<ProbeResult> {
    const { last } = this;
    if (last === undefined || last.ageMs >= this.#limits.probePauseMs) {
      this.#underWay ??= this.#run().finally(() => (this.#underWay = undefined));
      await this.#underWay;
    }
    return this.last as ProbeResult;
  }

  async #run(): Promise<void> {
    const { clock, scheduler } = this.#modules;
    const { probeTimeoutMs: timeoutMs } = this.#limits;
    const startedMs = clock.monotonicMs();
    let problem: string | undefined;
    try {
      // One that does not end goes on behind the deadline; another one would only wait behind it.
      const onTimeout = (): Error => errors.PROBE_FAILED({ why: `the disk took longer than ${timeoutMs} ms` });
      await withDeadline({ scheduler, timeoutMs, parent: undefined, onTimeout }, () => {
        if (this.#stuck) throw errors.PROBE_FAILED({ why: 'the disk has not answered the last one yet' });
        this.#stuck = true;
        return this.#storeAndRead().finally(() => (this.#stuck = false));
      });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const atMs = clock.monotonicMs();
    const tookMs = Math.round(atMs - startedMs);
    this.#last = { atMs, result: { ok: problem === undefined, tookMs, ...(problem !== undefined && { problem }) } };
    this.#outcome.healthy.set(problem === undefined ? 1 : 0);
    this.#outcome.seconds.set(tookMs / 1000);
  }

  async #storeAndRead(): Promise<void> {
    const { slivers, committees, rng } = this.#modules;
    const key: SliverKey = { blobId: blobIdFromBytes(rng.bytes(32)), shard: PROBE_SHARD, axis: 'primary' };
    const payload = rng.bytes(PAYLOAD_BYTES);
    // The log may keep the array that it was given.
    await slivers.put(key, payload.slice(), (committees.epoch + 1) as Epoch);
    const read = await slivers.get(key);
    if (read === undefined) throw errors.PROBE_FAILED({ why: 'what was stored is not there' });
    if (!equalBytes(read, payload)) throw errors.PROBE_FAILED({ why: 'what was read is not what was stored' });
    if ((await slivers.remove([key])) !== 1) throw errors.PROBE_FAILED({ why: 'what was stored was not removed' });
  }
}
