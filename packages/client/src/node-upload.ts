/**
 * One node's part of a store: its metadata and slivers, then its signed confirmation.
 *
 * Invariants: a node that does not know the registration yet is asked again until the registration's deadline (it reads
 * the ledger on its own time); slivers it already has are not sent twice; every other failure is tried a bounded number
 * of times and then fails this node alone.
 */
import type { Scheduler } from '@floe/platform';
import {
  AXES,
  type Axis,
  encodeBlobMetadata,
  pairOfShard,
  type Persistence,
  type SignedMessage,
  type SliverPairIndex,
  sliverOfPair,
  sliverSize,
} from '@floe/protocol';
import { isPassing, refusalReason } from './answers.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeClient } from './node-client.ts';
import { retry } from './retry.ts';
import { sizeOfSliver, type SliverName, type SliverSource } from './sliver-source.ts';

/** Below this many bytes sending a sliver again costs no more than asking whether it is there. */
const STATUS_CHECK_BYTES = 5_560;

export interface NodeUploadOptions {
  readonly node: NodeClient;
  readonly source: SliverSource;
  readonly persistence: Persistence;
  /** The blob is known to be certified already: ask for the confirmation before sending anything. */
  readonly confirmFirst: boolean;
  /** Bytes of slivers in one request. */
  readonly batchBytes: number;
  readonly signal: AbortSignal;
  readonly onSent: (sizeBytes: number) => void;
  readonly onUploaded: () => void;
}

export interface NodeUploadModules {
  readonly scheduler: Scheduler;
  readonly clock: { monotonicMs(): number };
  readonly limits: ClientLimits;
}

/** The node's confirmation, whose signature is not verified yet. Rejects with the node's last refusal. */
export async function uploadToNode(options: NodeUploadOptions, modules: NodeUploadModules): Promise<SignedMessage> {
  return new NodeUpload(options, modules).run();
}

class NodeUpload {
  readonly #options: NodeUploadOptions;
  readonly #modules: NodeUploadModules;
  readonly #registrationDeadlineMs: number;

  constructor(options: NodeUploadOptions, modules: NodeUploadModules) {
    this.#options = options;
    this.#modules = modules;
    this.#registrationDeadlineMs = modules.clock.monotonicMs() + modules.limits.registrationTimeoutMs;
  }

  async run(): Promise<SignedMessage> {
    const { confirmFirst, onUploaded } = this.#options;
    let attempt = 0;
    for (let send = !confirmFirst; ; send = true) {
      if (send) {
        await this.#sendAll(attempt > 0 || confirmFirst);
        onUploaded();
      }
      try {
        return await this.#confirmation();
      } catch (error) {
        const lacking = refusalReason(error) === 'MISSING_SLIVERS' || (confirmFirst && !send);
        if (!lacking || attempt >= this.#modules.limits.maxConfirmationRounds) throw error;
        attempt += 1;
      }
    }
  }

  /** Metadata, then slivers: those the node has not got, when it may have some. */
  async #sendAll(checkAll: boolean): Promise<void> {
    const { node, source, signal } = this.#options;
    const { blobId, metadata } = source.verified;
    const body = encodeBlobMetadata(metadata);
    const outcome = await this.#retried(() => node.putMetadata(blobId, body, signal));
    let slivers = this.#slivers();
    if (checkAll || outcome === 'present') slivers = await this.#lacking(slivers);
    await this.#sendSlivers(slivers);
  }

  /** The slivers of the node's shards; large ones first, so that small ones fill the end. */
  #slivers(): (SliverName & { pair: SliverPairIndex })[] {
    const { node, source } = this.#options;
    const { geometry, blobId } = source.verified;
    return AXES.flatMap((axis) =>
      node.member.shards.map((shard) => {
        const pair = pairOfShard(geometry, blobId, shard);
        return { pair, axis, index: sliverOfPair(geometry, axis, pair) };
      }),
    );
  }

  async #lacking<T extends { pair: SliverPairIndex; axis: Axis }>(slivers: readonly T[]): Promise<T[]> {
    const { node, source, signal } = this.#options;
    const { geometry, symbolSize, blobId } = source.verified;
    const held = await Promise.all(
      slivers.map(async ({ pair, axis }) => {
        if (sliverSize(geometry, axis, symbolSize) < STATUS_CHECK_BYTES) return false;
        // Not knowing is no reason to fail: the sliver is sent, and the node says that it has it.
        const status = await node.sliverStatus(blobId, pair, axis, signal).catch(() => 'nonexistent' as const);
        return status !== 'nonexistent';
      }),
    );
    return slivers.filter((_, i) => held[i] !== true);
  }

  async #sendSlivers(slivers: readonly SliverName[]): Promise<void> {
    const { source, batchBytes } = this.#options;
    let batch: SliverName[] = [];
    let bytes = 0;
    for (const sliver of slivers) {
      const sizeBytes = sizeOfSliver(source.verified, sliver);
      if (batch.length > 0 && bytes + sizeBytes > batchBytes) {
        await this.#sendBatch(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(sliver);
      bytes += sizeBytes;
    }
    if (batch.length > 0) await this.#sendBatch(batch);
  }

  async #sendBatch(batch: readonly SliverName[]): Promise<void> {
    const { node, source, signal, onSent } = this.#options;
    let rest = batch;
    await this.#retried(async () => {
      const failed: SliverName[] = [];
      let failure: unknown;
      const answered = new Set<SliverName>();
      try {
        await node.putSlivers(source, rest, {
          signal,
          onStored(sliver) {
            answered.add(sliver);
            onSent(sizeOfSliver(source.verified, sliver));
          },
          onRefused(sliver, error) {
            answered.add(sliver);
            failed.push(sliver);
            failure = error;
          },
        });
      } catch (error) {
        failure = error;
      }
      rest = [...failed, ...rest.filter((sliver) => !answered.has(sliver))];
      if (rest.length > 0) throw failure;
    });
  }

  async #confirmation(): Promise<SignedMessage> {
    const { node, source, persistence, signal } = this.#options;
    return await this.#retried(() => node.confirmation(source.verified.blobId, persistence, signal));
  }

  #retried<T>(work: () => Promise<T>): Promise<T> {
    const { limits, scheduler, clock } = this.#modules;
    const again = (error: unknown, failures: number): boolean => {
      if (refusalReason(error) === 'NOT_REGISTERED') return clock.monotonicMs() < this.#registrationDeadlineMs;
      return failures < limits.maxAttempts && isPassing(error);
    };
    const { minBackoffMs, maxBackoffMs } = limits;
    return retry({ scheduler, signal: this.#options.signal, minBackoffMs, maxBackoffMs, again }, work);
  }
}
