/**
 * What the client remembers of each storage node: how fast it answers and whether it failed lately, so that a dead
 * or silent node costs one hedge once and not a timeout on every read.
 *
 * A node is *suspect* from its failure until its pause is over; then one request may probe it again. Suspect nodes are
 * asked last, never left out: when the client itself was offline, all nodes are suspect and all are asked.
 */
import type { Clock } from '@floe/platform';
import type { NodeId } from '@floe/protocol';
import type { ClientLimits } from './limits.ts';

/** Weight of a new sample; 0.2 follows a change within some ten requests. */
const SMOOTHING = 0.2;
/** Ask elsewhere after this many times the usual duration: rare when all is well, soon when one is slow. */
const HEDGE_FACTOR = 3;

/** What throughput is taken for while none has been seen: 8 Mbit/s. */
const UNKNOWN_BYTES_PER_MS = 1_000;

/** How fast a node is thought to read what it is to send, 64 MB/s, while nothing is known: large slivers are late by that. */
const UNKNOWN_DISK_BYTES_PER_MS = 64_000;

interface NodeRecord {
  latencyMs: number | undefined;
  failures: number;
  suspectUntilMs: number;
  /** A lie is remembered whatever else the node answers. */
  distrustedUntilMs: number;
}

type HealthLimits = Pick<
  ClientLimits,
  'initialHedgeMs' | 'minHedgeMs' | 'maxHedgeMs' | 'suspectMinMs' | 'suspectMaxMs' | 'maxRememberedNodes'
>;

export class NodeHealth {
  readonly #clock: Clock;
  readonly #limits: HealthLimits;
  /** In order of last use. */
  readonly #records = new Map<NodeId, NodeRecord>();
  #typicalLatencyMs: number | undefined;
  #typicalBytesPerMs: number | undefined;

  constructor(limits: HealthLimits, modules: { clock: Clock }) {
    this.#limits = limits;
    this.#clock = modules.clock;
  }

  /** A request answered: `latencyMs` until its headers (undefined: not measured), then `sizeBytes` in `bodyMs`. */
  succeeded(nodeId: NodeId, sample: { latencyMs: number | undefined; sizeBytes: number; bodyMs: number }): void {
    const record = this.#record(nodeId);
    record.failures = 0;
    record.suspectUntilMs = 0;
    if (sample.latencyMs !== undefined) {
      record.latencyMs = smooth(record.latencyMs, sample.latencyMs);
      this.#typicalLatencyMs = smooth(this.#typicalLatencyMs, sample.latencyMs);
    }
    // Small bodies say nothing about throughput.
    if (sample.sizeBytes >= 65_536) {
      this.#typicalBytesPerMs = smooth(this.#typicalBytesPerMs, sample.sizeBytes / Math.max(1, sample.bodyMs));
    }
  }

  /** A request failed, stalled, or was answered with something false. */
  failed(nodeId: NodeId): void {
    const record = this.#record(nodeId);
    const now = this.#clock.monotonicMs();
    // Requests that were under way together fail together: they count once.
    if (now < record.suspectUntilMs) return;
    const pauseMs = Math.min(this.#limits.suspectMaxMs, this.#limits.suspectMinMs * 2 ** record.failures);
    record.failures += 1;
    record.suspectUntilMs = now + pauseMs;
  }

  /** The node sent something false: asked last for the longest pause, even if it answers well meanwhile. */
  lied(nodeId: NodeId): void {
    this.#record(nodeId).distrustedUntilMs = this.#clock.monotonicMs() + this.#limits.suspectMaxMs;
  }

  isSuspect(nodeId: NodeId): boolean {
    const record = this.#records.get(nodeId);
    if (record === undefined) return false;
    return this.#clock.monotonicMs() < Math.max(record.suspectUntilMs, record.distrustedUntilMs);
  }

  /** Smaller is better to ask; suspect nodes come after all others. */
  rank(nodeId: NodeId): number {
    const record = this.#records.get(nodeId);
    if (record === undefined) return this.#typicalLatencyMs ?? 0;
    const latencyMs = record.latencyMs ?? this.#typicalLatencyMs ?? 0;
    return this.isSuspect(nodeId) ? latencyMs + 1e9 : latencyMs;
  }

  /** How long to wait for `sizeBytes` before asking elsewhere too. */
  hedgeDelayMs(sizeBytes: number): number {
    const { initialHedgeMs, minHedgeMs, maxHedgeMs } = this.#limits;
    if (this.#typicalLatencyMs === undefined) return initialHedgeMs + sizeBytes / UNKNOWN_DISK_BYTES_PER_MS;
    const bodyMs = this.#typicalBytesPerMs === undefined ? 0 : sizeBytes / this.#typicalBytesPerMs;
    return Math.min(maxHedgeMs, Math.max(minHedgeMs, HEDGE_FACTOR * (this.#typicalLatencyMs + bodyMs)));
  }

  /**
   * How long an answer of so many bytes may take in all, however evenly it comes: a node that sends a little before each
   * hedge delay is over would otherwise hold a read up for as long as it has something to send.
   */
  answerTimeMs(sizeBytes: number): number {
    const { initialHedgeMs, minHedgeMs } = this.#limits;
    const latencyMs = this.#typicalLatencyMs ?? initialHedgeMs / HEDGE_FACTOR;
    const bodyMs = sizeBytes / (this.#typicalBytesPerMs ?? UNKNOWN_BYTES_PER_MS);
    return 2 * minHedgeMs + HEDGE_FACTOR * (latencyMs + bodyMs);
  }

  #record(nodeId: NodeId): NodeRecord {
    const record = this.#records.get(nodeId) ?? {
      latencyMs: undefined,
      failures: 0,
      suspectUntilMs: 0,
      distrustedUntilMs: 0,
    };
    this.#records.delete(nodeId);
    this.#records.set(nodeId, record);
    if (this.#records.size > this.#limits.maxRememberedNodes) {
      for (const oldest of this.#records.keys()) {
        this.#records.delete(oldest);
        break;
      }
    }
    return record;
  }
}

function smooth(before: number | undefined, sample: number): number {
  return before === undefined ? sample : before + SMOOTHING * (sample - before);
}
