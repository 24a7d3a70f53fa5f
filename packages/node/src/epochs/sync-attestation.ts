/**
 * Attests once in each epoch that this node holds the shards which the epoch's committee assigns to it. When members
 * with a quorum of shards have attested, the epoch is open.
 *
 * Invariants:
 * - Nothing is attested before the start of the epoch was handled and its shards are in place.
 * - The cap on the ledger says which epoch was attested last, so a restart neither forgets nor repeats.
 */
import { epochSyncDone, isMoveAbort, type layouts, transactionOf } from '@floe/contracts';
import type { Logger, Scheduler } from '@floe/platform';
import { type Epoch, type NodeId, parseObjectId } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { Operator } from '../ledger-port.ts';
import {
  ATTEST_BACKOFF_FIRST_MS,
  ATTEST_BACKOFF_LONGEST_MS,
  JITTER_EPOCH_SHARE,
  SCHEDULE_RECHECK_MS,
} from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { EpochChanges } from './epoch-changes.ts';
import { backoffMs, reasonOf, sleepUntilChange, untilAnswered } from './waiting.ts';

/**
 * Resolves when every shard that the committee of `epoch` assigns to this node is in place; rejects with the signal's
 * reason only.
 */
export type ShardsInPlace = (epoch: Epoch, signal: AbortSignal) => Promise<void>;

export interface AttestationModules {
  readonly operator: Operator;
  readonly changes: EpochChanges;
  readonly committees: CommitteeTracker;
  readonly shardsInPlace: ShardsInPlace;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/** Attests until `signal` aborts, then rejects with its reason. */
export async function attestSyncs(
  options: { readonly nodeId: NodeId; readonly signal: AbortSignal },
  modules: AttestationModules,
): Promise<never> {
  const { signal } = options;
  const { changes, committees, metrics } = modules;
  const attestation = new Attestation(options, modules);
  for (;;) {
    const { change } = changes;
    const { epoch } = committees;
    if (committees.isMember && changes.hasHandled(epoch) && attestation.attested < epoch) {
      const scope = new AbortController();
      const isOver = changes.until(() => committees.epoch !== epoch, scope.signal);
      isOver.then(
        () => scope.abort(new EpochOver()),
        () => undefined,
      );
      try {
        await attestation.attest(epoch, AbortSignal.any([signal, scope.signal]));
        metrics.attestedEpoch.set(epoch);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof EpochOver)) throw error;
      } finally {
        scope.abort(new EpochOver());
      }
      continue;
    }
    await sleepUntilChange(SCHEDULE_RECHECK_MS, change, { ...modules, signal });
  }
}

class EpochOver extends Error {}

class Attestation {
  /** The last epoch that the ledger knows attested, or wants no attestation of. */
  attested: Epoch = 0 as Epoch;
  readonly #nodeId: NodeId;
  readonly #modules: AttestationModules;

  constructor({ nodeId }: { readonly nodeId: NodeId }, modules: AttestationModules) {
    this.#nodeId = nodeId;
    this.#modules = modules;
  }

  /** Returns when the ledger knows, or does not want it any more. */
  async attest(epoch: Epoch, signal: AbortSignal): Promise<void> {
    const { operator, shardsInPlace, scheduler, logger } = this.#modules;
    const { epochDurationMs } = await this.#ask(() => operator.ledger.epochSchedule({ signal }), signal);
    const longestMs = Math.min(ATTEST_BACKOFF_LONGEST_MS, Math.max(1, epochDurationMs * JITTER_EPOCH_SHARE));
    const bounds = { firstMs: Math.min(ATTEST_BACKOFF_FIRST_MS, longestMs), longestMs };
    for (let failures = 1; ; failures += 1) {
      try {
        const cap = await this.#cap(signal);
        if (cap !== undefined && cap.lastEpochSyncDone >= epoch) return this.#done(epoch);
        if (cap !== undefined) {
          await shardsInPlace(epoch, signal);
          await this.#submit(cap, epoch, signal);
          return this.#done(epoch);
        }
        logger.error('the operator has no StorageNodeCap of this node, so it cannot attest', {
          operator: operator.signer.toSuiAddress(),
          nodeId: this.#nodeId,
        });
      } catch (error) {
        signal.throwIfAborted();
        if (isMoveAbort(error, 'staking_inner', 'EDuplicateSyncDone')) return this.#done(epoch);
        if (isMoveAbort(error, 'staking_inner', 'ENotInCommittee')) return this.#done(epoch);
        this.#modules.metrics.epochCalls.add(1, { call: 'epoch_sync_done', outcome: 'failed' });
        logger.warn('could not attest; trying again', { epoch, reason: reasonOf(error) });
        const now = await this.#ask(() => operator.ledger.epochSchedule({ fresh: true, signal }), signal);
        if (now.epoch > epoch) return this.#done(epoch);
      }
      await scheduler.sleep(backoffMs(failures, bounds), signal);
    }
  }

  #done(epoch: Epoch): void {
    this.attested = epoch;
  }

  async #submit({ id }: layouts.StorageNodeCap, epoch: Epoch, signal: AbortSignal): Promise<void> {
    const { operator, metrics, logger } = this.#modules;
    const target = await operator.ledger.systemState({ signal });
    const source = transactionOf((transaction) => epochSyncDone(transaction, target, { nodeCapId: id, epoch }));
    await operator.ledger.execute(source, operator.signer, { signal });
    metrics.epochCalls.add(1, { call: 'epoch_sync_done', outcome: 'done' });
    logger.info('attested that the shards of the epoch are in place', { epoch });
  }

  async #cap(signal: AbortSignal): Promise<layouts.StorageNodeCap | undefined> {
    const { operator } = this.#modules;
    return findNodeCap(operator, this.#nodeId, signal);
  }

  #ask<T>(question: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return untilAnswered(question, { ...this.#modules, signal });
  }
}

/** The cap among the operator's that belongs to the node. */
export async function findNodeCap(
  { ledger, signer }: Operator,
  nodeId: NodeId,
  signal: AbortSignal,
): Promise<layouts.StorageNodeCap | undefined> {
  for await (const cap of ledger.nodeCaps(parseObjectId(signer.toSuiAddress()), { signal })) {
    if (cap.nodeId === nodeId) return cap;
  }
  return undefined;
}
