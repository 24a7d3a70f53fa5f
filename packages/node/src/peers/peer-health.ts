/**
 * What this node remembers of its peers: which failed lately and which sent something false. Those are asked last, never left out, so
 * that a node which was cut off itself finds its way back.
 */
import type { Clock } from '@floe/platform';
import type { NodeId } from '@floe/protocol';
import type { NodeLimits } from '../limits.ts';

interface PeerRecord {
  failures: number;
  pausedUntilMs: number;
  distrustedUntilMs: number;
}

export class PeerHealth {
  readonly #limits: Pick<NodeLimits, 'peerPauseMinMs' | 'peerPauseMaxMs'>;
  readonly #clock: Clock;
  readonly #records = new Map<NodeId, PeerRecord>();

  constructor(limits: Pick<NodeLimits, 'peerPauseMinMs' | 'peerPauseMaxMs'>, modules: { clock: Clock }) {
    this.#limits = limits;
    this.#clock = modules.clock;
  }

  succeeded(nodeId: NodeId): void {
    const record = this.#records.get(nodeId);
    if (record !== undefined) [record.failures, record.pausedUntilMs] = [0, 0];
  }

  /** It did not answer, or not in time. Failures of requests that were under way together count once. */
  failed(nodeId: NodeId): void {
    const record = this.#record(nodeId);
    const now = this.#clock.monotonicMs();
    if (now < record.pausedUntilMs) return;
    const { peerPauseMinMs, peerPauseMaxMs } = this.#limits;
    record.pausedUntilMs = now + Math.min(peerPauseMaxMs, peerPauseMinMs * 2 ** Math.min(record.failures, 30));
    record.failures += 1;
  }

  /** It sent something that does not verify; whatever it answers meanwhile, that is remembered for the longest pause. */
  lied(nodeId: NodeId): void {
    this.#record(nodeId).distrustedUntilMs = this.#clock.monotonicMs() + this.#limits.peerPauseMaxMs;
  }

  isSuspect(nodeId: NodeId): boolean {
    const record = this.#records.get(nodeId);
    if (record === undefined) return false;
    return this.#clock.monotonicMs() < Math.max(record.pausedUntilMs, record.distrustedUntilMs);
  }

  /** Forgets peers that sit in no committee any more. */
  keep(nodeIds: ReadonlySet<NodeId>): void {
    for (const nodeId of this.#records.keys()) if (!nodeIds.has(nodeId)) this.#records.delete(nodeId);
  }

  #record(nodeId: NodeId): PeerRecord {
    const record = this.#records.get(nodeId) ?? { failures: 0, pausedUntilMs: 0, distrustedUntilMs: 0 };
    this.#records.set(nodeId, record);
    return record;
  }
}
