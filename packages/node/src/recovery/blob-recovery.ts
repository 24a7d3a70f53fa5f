/**
 * Makes one certified blob whole on this node: metadata first, then each lost sliver the cheapest way there is.
 *
 * 1. From a node that has the same shard, because it moved: the sliver itself.
 * 2. From the whole blob, where that moves fewer bytes than 3.
 * 3. From recovery symbols of any sufficient set of other slivers.
 *
 * Invariant: nothing is stored that does not hash to the blob's metadata, and nothing of a blob that is not certified any more.
 */
import type { Logger, Scheduler } from '@floe/platform';
import {
  type Axis,
  AXES,
  type BlobId,
  type CommitteeMember,
  encodeSliverData,
  type Epoch,
  type NodeId,
  pairOfShard,
  type Sliver,
  type SliverIndex,
  sliverOfPair,
  sliverSize,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import { ByteBudget } from '../http/admission.ts';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { Peers } from '../peers/peers.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { SliverKey, SliverStore } from '../sliver-store.ts';
import type { Uploads } from '../uploads.ts';
import type { Holdings } from './holdings.ts';
import type { MetadataFetch } from './metadata-fetch.ts';
import type { Pace } from './pace.ts';
import { planRecovery } from './recovery-plan.ts';
import { type InconsistentSliver, shardOfSliver, type SliverRebuild } from './sliver-rebuild.ts';
import { otherHolder } from './sources.ts';
import { encodeWhole, wholeBlobMemory } from './whole-blob.ts';

/** `gone`: not certified any more. `inconsistent`: proved to be wrongly encoded, and reported. */
export type RecoveryOutcome = 'whole' | 'restored' | 'gone' | 'inconsistent';

/** How slivers came back, for the metrics. */
type Path = 'copy' | 'whole' | 'symbols';

/** Whether a wrongly encoded blob could be made invalid on the ledger. */
export interface InconsistencyReporter {
  /** Resolves when the ledger has been told. */
  report(verified: VerifiedMetadata, sliver: InconsistentSliver, signal: AbortSignal): Promise<void>;
}

export interface BlobRecoveryModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly holdings: Holdings;
  readonly slivers: SliverStore;
  readonly uploads: Uploads;
  readonly metadataFetch: MetadataFetch;
  readonly rebuild: SliverRebuild;
  readonly inconsistencies: InconsistencyReporter;
  readonly peers: Peers;
  readonly codec: Codec;
  readonly pace: Pace;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/** A blob under recovery. */
interface Subject {
  readonly verified: VerifiedMetadata;
  readonly since: Epoch;
  readonly signal: AbortSignal;
}

export class BlobRecovery {
  readonly #nodeId: NodeId;
  readonly #limits: NodeLimits;
  readonly #modules: BlobRecoveryModules;
  readonly #memory: ByteBudget;

  constructor(options: { readonly nodeId: NodeId; readonly limits: NodeLimits }, modules: BlobRecoveryModules) {
    this.#nodeId = options.nodeId;
    this.#limits = options.limits;
    this.#modules = modules;
    this.#memory = new ByteBudget({ totalBytes: options.limits.healingBytes, maxWaiting: Number.POSITIVE_INFINITY });
  }

  /** @throws NOT_ENOUGH_PEERS, INSUFFICIENT_STORAGE and others, to be tried again; the signal's reason */
  async recover(blobId: BlobId, signal: AbortSignal): Promise<RecoveryOutcome> {
    const { registry, committees, holdings, metadataFetch } = this.#modules;
    const since = registry.certifiedSince(blobId, committees.epoch);
    if (since === undefined) return 'gone';
    const before = holdings.missing(blobId, committees.shardsToHeal(since));
    if (!before.metadata && before.slivers.length === 0) return 'whole';
    const subject = { verified: await metadataFetch.ensure(blobId, since, signal), since, signal };
    await this.#copy(subject, before.slivers);
    const lost = holdings.missing(blobId, committees.shardsToHeal(since)).slivers;
    if (lost.length === 0) return 'restored';
    return await this.#rebuild(subject, lost);
  }

  /** From the nodes that have the same shards. What cannot be had from them is no failure. */
  async #copy(subject: Subject, keys: readonly SliverKey[]): Promise<void> {
    const { committees, peers, logger } = this.#modules;
    const byHolder = new Map<CommitteeMember, SliverKey[]>();
    for (const key of keys) {
      const member = otherHolder(committees.committees, key.shard, this.#nodeId);
      if (member === undefined || peers.health.isSuspect(member.nodeId)) continue;
      byHolder.set(member, [...(byHolder.get(member) ?? []), key]);
    }
    for (const [member, held] of byHolder) {
      try {
        await this.#copyFrom(member, subject, held);
      } catch (error) {
        subject.signal.throwIfAborted();
        logger.debug('slivers could not be copied', { peer: member.name, reason: String(error) });
      }
    }
  }

  async #copyFrom(member: CommitteeMember, { verified, signal }: Subject, keys: readonly SliverKey[]): Promise<void> {
    const { peers, codec, pace } = this.#modules;
    const { geometry, symbolSize, blobId } = verified;
    const largest = Math.max(...AXES.map((axis) => sliverSize(geometry, axis, symbolSize)));
    const atOnce = Math.max(1, Math.floor(this.#limits.healingBytes / this.#limits.healingBlobs / largest));
    for (let at = 0; at < keys.length; at += atOnce) {
      const wanted = keys.slice(at, at + atOnce).map(({ shard, axis }) => ({
        axis,
        index: sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard)),
      }));
      await this.#holding(wanted.length * largest, signal, async () => {
        const came = await peers.slivers(member, verified, wanted, signal);
        await pace.step(async () => {
          const verdicts = await codec.verifySlivers(verified, came, { signal });
          if (verdicts.some((verdict) => verdict !== 'ok'))
            peers.lied(member, `slivers that are not of blob ${blobId}`);
          const good = came.filter((_, position) => verdicts[position] === 'ok');
          await Promise.all(good.map((sliver) => this.#keep(verified, sliver, 'copy')));
        }, signal);
      });
    }
  }

  async #rebuild(subject: Subject, lost: readonly SliverKey[]): Promise<RecoveryOutcome> {
    const { verified } = subject;
    const held = this.#modules.slivers.keysOf(verified.blobId);
    const countsOf = (axis: Axis) => ({
      lost: lost.filter((key) => key.axis === axis).length,
      held: held.filter((key) => key.axis === axis).length,
    });
    const counts = { primary: countsOf('primary'), secondary: countsOf('secondary') };
    const plan = planRecovery(verified, counts, this.#limits);
    if (plan.path === 'whole' && (await this.#fromWhole(subject, lost))) return 'restored';
    return await this.#fromSymbols(subject, lost);
  }

  /** Whether the blob is consistent, and so the slivers are here now. */
  async #fromWhole({ verified, since, signal }: Subject, lost: readonly SliverKey[]): Promise<boolean> {
    const { pace } = this.#modules;
    return await this.#holding(wholeBlobMemory(verified), signal, async () => {
      const encoded = await encodeWhole({ verified, since, limits: this.#limits, signal }, this.#modules);
      if (encoded === undefined) return false;
      try {
        const { geometry, blobId } = verified;
        const keep = ({ shard, axis }: SliverKey): Promise<void> =>
          this.#keep(
            verified,
            encoded.sliver(axis, sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard))),
            'whole',
          );
        await pace.step(() => Promise.all(lost.map(keep)), signal);
      } finally {
        encoded.release();
      }
      return true;
    });
  }

  /** Secondary slivers first: they need fewer symbols, and each one rebuilt gives one to every primary sliver. */
  async #fromSymbols(subject: Subject, lost: readonly SliverKey[]): Promise<RecoveryOutcome> {
    const { rebuild, inconsistencies } = this.#modules;
    const { verified, since, signal } = subject;
    const { geometry, blobId } = verified;
    for (const axis of ['secondary', 'primary'] as const) {
      const targets = lost
        .filter((key) => key.axis === axis)
        .map(({ shard }): SliverIndex => sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard)));
      const atOnce = rebuild.batchSize(verified, axis);
      for (let at = 0; at < targets.length; at += atOnce) {
        const batch = targets.slice(at, at + atOnce);
        const bytes = batch.length * rebuild.sliverBytes(verified, axis);
        const request = { verified, axis, targets: batch, since, signal };
        const wrong = await this.#holding(bytes, signal, () =>
          rebuild.rebuild(request, (sliver) => this.#keep(verified, sliver, 'symbols')),
        );
        if (wrong === undefined) continue;
        await inconsistencies.report(verified, wrong, signal);
        return 'inconsistent';
      }
    }
    return 'restored';
  }

  async #keep(verified: VerifiedMetadata, sliver: Sliver, path: Path): Promise<void> {
    const { uploads, metrics } = this.#modules;
    const { blobId } = verified;
    const key = { blobId, shard: shardOfSliver(verified, sliver), axis: sliver.axis };
    const bytes = encodeSliverData(sliver);
    if ((await uploads.storeVerified(key, bytes)) !== 'new') return;
    metrics.recoveredSlivers.add(1, { path });
    metrics.recoveredBytes.add(bytes.length, { path });
  }

  async #holding<T>(bytes: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const release = await this.#memory.acquire(bytes, signal);
    try {
      return await work();
    } finally {
      release();
    }
  }
}
