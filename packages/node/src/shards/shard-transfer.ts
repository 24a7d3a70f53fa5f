/**
 * Copies a shard from the node that had it before (Walrus node rules: shard sync): primary slivers, then secondary ones, in pages, each
 * sliver checked against its blob's metadata. Where the copy ends for want of a giver, recovery goes on.
 *
 * Invariant: progress is noted only after what it speaks of is durable.
 */
import {
  type Clock,
  compareBytes,
  isFloeError,
  type Logger,
  mapConcurrent,
  pause,
  type Scheduler,
} from '@floe/platform';
import {
  AXES,
  type Axis,
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  type CommitteeMember,
  encodeSliverData,
  encodeSyncShardRequest,
  memberOfShard,
  type NodeId,
  type ShardIndex,
  type Sliver,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { Peers } from '../peers/peers.ts';
import type { ProtocolKeys } from '../protocol-keys.ts';
import type { MetadataFetch } from '../recovery/metadata-fetch.ts';
import type { Pace } from '../recovery/pace.ts';
import { shardOfSliver } from '../recovery/sliver-rebuild.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { Uploads } from '../uploads.ts';
import type { TransferProgress } from './shard-states.ts';

const FIRST_BLOB = blobIdFromBytes(new Uint8Array(32));
/** Slivers of a page checked and stored at once: enough to share the store's syncs. */
const STORED_AT_ONCE = 32;
const RETRY_MS = 500;
/** Around each sliver of a page: blob id, axis, lengths, symbol size, index. */
const ENTRY_FRAMING_BYTES = 64;

export interface ShardTransferModules {
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly uploads: Uploads;
  readonly metadataFetch: MetadataFetch;
  readonly peers: Peers;
  readonly codec: Codec;
  readonly keys: ProtocolKeys;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export class ShardTransfer {
  readonly #options: { readonly nodeId: NodeId; readonly limits: NodeLimits };
  readonly #modules: ShardTransferModules;

  constructor(options: { readonly nodeId: NodeId; readonly limits: NodeLimits }, modules: ShardTransferModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Copies what the old owner gives, from where the last try ended. Resolves to whether it came to the end; false when the old owner is
   * gone or gave nothing for too long.
   */
  async copy(shard: ShardIndex, signal: AbortSignal): Promise<boolean> {
    const { committees, metrics, logger } = this.#modules;
    const { previous } = committees.committees;
    const source = previous === undefined ? undefined : memberOfShard(previous, shard);
    if (source === undefined || source.nodeId === this.#options.nodeId) return false;
    let progress: TransferProgress = committees.states.progress(shard) ?? { axis: 'primary' };
    for (const axis of AXES.slice(AXES.indexOf(progress.axis))) {
      if (progress.axis !== axis) progress = { axis };
      const ended = await this.#copyAxis(source, shard, axis, progress.after, signal);
      if (!ended) {
        metrics.shardSyncs.add(1, { status: 'failure' });
        logger.warn('a shard could not be copied; it is recovered', { shard, axis, from: source.name });
        return false;
      }
    }
    metrics.shardSyncs.add(1, { status: 'success' });
    return true;
  }

  async #copyAxis(
    source: CommitteeMember,
    shard: ShardIndex,
    axis: Axis,
    after: BlobId | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock, scheduler, committees, logger } = this.#modules;
    const { transferPatienceMs, shardPageSlivers } = this.#options.limits;
    let last = after;
    let count = shardPageSlivers;
    let untilMs = clock.monotonicMs() + transferPatienceMs;
    for (;;) {
      try {
        const entries = await this.#page(source, { shard, axis, count, after: last }, signal);
        const end = entries.at(-1);
        if (end === undefined) return true;
        if (!isAscending(last, entries)) {
          this.#modules.peers.lied(source, `a page of shard ${shard} that is out of order`);
          return false;
        }
        const good = await this.#store(source, shard, entries, signal);
        last = end.blobId;
        await committees.states.setProgress(shard, { axis, after: last });
        // Blob ids that nobody knows never run out.
        if (good > 0) untilMs = clock.monotonicMs() + transferPatienceMs;
        else if (clock.monotonicMs() >= untilMs) return false;
      } catch (error) {
        signal.throwIfAborted();
        if (!isWorthAnother(error)) return false;
        // An answer that is too large, or takes too long, may do in smaller parts.
        count = Math.max(1, Math.floor(count / 4));
        logger.debug('a page of a shard did not come', { shard, axis, from: source.name, reason: String(error) });
        if (clock.monotonicMs() >= untilMs) return false;
        await pause(scheduler, RETRY_MS, signal);
      }
    }
  }

  async #page(
    source: CommitteeMember,
    page: { shard: ShardIndex; axis: Axis; count: number; after: BlobId | undefined },
    signal: AbortSignal,
  ): Promise<{ blobId: BlobId; sliver: Sliver }[]> {
    const { committees, keys, peers } = this.#modules;
    const { limits } = this.#options;
    const { current } = committees.committees;
    const key = keys.in(current);
    const serializedMessage = encodeSyncShardRequest({
      epoch: current.epoch,
      shard: page.shard,
      axis: page.axis,
      startingBlobId: page.after === undefined ? FIRST_BLOB : successor(page.after),
      sliverCount: BigInt(page.count),
    });
    const signed = { serializedMessage, signature: key.sign(serializedMessage) };
    // A node of another make bounds the count alone.
    const maxBytes = 4 * limits.shardPageBytes + page.count * ENTRY_FRAMING_BYTES;
    return await peers.syncShard(source, { signed, publicKey: key.publicKey, maxBytes }, signal);
  }

  /** Stores what is good of a page, and says how much that was; the rest is recovered later. */
  async #store(
    source: CommitteeMember,
    shard: ShardIndex,
    entries: readonly { blobId: BlobId; sliver: Sliver }[],
    signal: AbortSignal,
  ): Promise<number> {
    const { registry, committees, uploads, metadataFetch, codec, peers, pace, metrics } = this.#modules;
    let good = 0;
    await mapConcurrent(entries, STORED_AT_ONCE, async ({ blobId, sliver }) => {
      const since = registry.certifiedSince(blobId, committees.epoch);
      if (since === undefined) return;
      const verified = await metadataFetch.ensure(blobId, since, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (verified === undefined) return;
      await pace.step(async () => {
        const isOfShard = sliver.index < verified.geometry.nShards && shardOfSliver(verified, sliver) === shard;
        const [verdict] = isOfShard ? await codec.verifySlivers(verified, [sliver], { signal }) : [];
        if (verdict !== 'ok') {
          peers.lied(source, `a sliver that is not of blob ${blobId} and shard ${shard}`);
          return;
        }
        good += 1;
        const bytes = encodeSliverData(sliver);
        const outcome = await uploads.storeVerified({ blobId, shard, axis: sliver.axis }, bytes).catch(failUnlessGone);
        if (outcome !== 'new') return;
        metrics.recoveredSlivers.add(1, { path: 'transfer' });
        metrics.recoveredBytes.add(bytes.length, { path: 'transfer' });
      }, signal);
    });
    return good;
  }
}

/** A blob that became invalid meanwhile is not wanted. */
function failUnlessGone(error: unknown): 'unwanted' {
  if (isFloeError(error, 'INVALID_BLOB')) return 'unwanted';
  throw error;
}

/** The least blob id behind `blobId`. */
function successor(blobId: BlobId): BlobId {
  const bytes = blobIdBytes(blobId).slice();
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    bytes[at] = ((bytes[at] as number) + 1) & 0xff;
    if (bytes[at] !== 0) break;
  }
  return blobIdFromBytes(bytes);
}

function isAscending(after: BlobId | undefined, entries: readonly { blobId: BlobId }[]): boolean {
  let last = after === undefined ? undefined : blobIdBytes(after);
  return entries.every(({ blobId }) => {
    const bytes = blobIdBytes(blobId);
    const isBehind = last === undefined || compareBytes(last, bytes) < 0;
    last = bytes;
    return isBehind;
  });
}

/** Unreachable, busy, behind this node in its epoch, or not yet aware that the shard has moved. */
function isWorthAnother(error: unknown): boolean {
  if (!isFloeError(error)) return false;
  if (error.code === 'INVALID_EPOCH') return Number(error.data['serverEpoch']) < Number(error.data['requestEpoch']);
  return error.kind === 'unavailable' || error.kind === 'exhausted' || error.code === 'REQUEST_UNAUTHORIZED';
}
