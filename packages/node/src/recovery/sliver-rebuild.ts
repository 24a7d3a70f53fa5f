/**
 * Rebuilds slivers from recovery symbols: one from each of enough slivers of the other axis, cut from those that are here where there are
 * any, the others from peers in one request each for all slivers that are rebuilt together. Every symbol is checked against the metadata
 * before it counts.
 */
import { type Clock, isFloeError, type Scheduler } from '@floe/platform';
import {
  type Axis,
  type CommitteeMember,
  decodeSliverData,
  type Epoch,
  orthogonal,
  pairOfSliver,
  type RecoverySymbol,
  shardOfPair,
  type Sliver,
  type SliverIndex,
  symbolsPerSliver,
  type VerifiedMetadata,
} from '@floe/protocol';
import { type Codec, verifyRecoverySymbol } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import { gather } from '../peers/gather.ts';
import { type Peers, recoverySymbolBytes } from '../peers/peers.ts';
import type { SliverStore } from '../sliver-store.ts';
import type { Pace } from './pace.ts';
import { sliverSources } from './sources.ts';

export interface RebuildModules {
  readonly peers: Peers;
  readonly committees: CommitteeTracker;
  readonly slivers: SliverStore;
  readonly codec: Codec;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

export interface RebuildRequest {
  readonly verified: VerifiedMetadata;
  readonly axis: Axis;
  readonly targets: readonly SliverIndex[];
  /** Since when the blob is certified: decides whom to ask. */
  readonly since: Epoch;
  readonly signal: AbortSignal;
}

/** Good symbols that do not make the sliver that the metadata names: the blob was encoded wrongly. */
export interface InconsistentSliver {
  readonly axis: Axis;
  readonly index: SliverIndex;
  /** All of them proven. */
  readonly symbols: readonly RecoverySymbol[];
}

/** Symbols by the sliver that they help to rebuild, and by the sliver they were cut from. */
type Collected = ReadonlyMap<SliverIndex, Map<number, RecoverySymbol>>;

export class SliverRebuild {
  readonly #limits: Pick<NodeLimits, 'peerHedgeMs' | 'symbolsPerFetch' | 'healingBytes' | 'healingBlobs'>;
  readonly #modules: RebuildModules;

  constructor(
    limits: Pick<NodeLimits, 'peerHedgeMs' | 'symbolsPerFetch' | 'healingBytes' | 'healingBlobs'>,
    modules: RebuildModules,
  ) {
    this.#limits = limits;
    this.#modules = modules;
  }

  /** How many slivers of an axis are rebuilt together: their symbols are in memory at once. */
  batchSize(verified: VerifiedMetadata, axis: Axis): number {
    const share = this.#limits.healingBytes / this.#limits.healingBlobs;
    return Math.max(1, Math.min(64, Math.floor(share / this.sliverBytes(verified, axis))));
  }

  /** Memory that rebuilding one sliver takes: its symbols with their proofs, and itself. */
  sliverBytes(verified: VerifiedMetadata, axis: Axis): number {
    return symbolsPerSliver(verified.geometry, axis) * (recoverySymbolBytes(verified) + verified.symbolSize);
  }

  /**
   * The slivers, each as soon as it is rebuilt, handed to `keep`; stops at the first that shows the blob to be inconsistent.
   * @throws NOT_ENOUGH_PEERS and what `keep` throws
   */
  async rebuild(
    request: RebuildRequest,
    keep: (sliver: Sliver) => Promise<void>,
  ): Promise<InconsistentSliver | undefined> {
    const { verified, axis, targets, signal } = request;
    const { codec, pace } = this.#modules;
    const collected = await this.#collect(request);
    for (const index of targets) {
      const symbols = [...(collected.get(index)?.values() ?? [])];
      try {
        await pace.step(
          async () => keep(await codec.recoverSliver(verified, axis, index, symbols, { signal })),
          signal,
        );
      } catch (error) {
        if (isFloeError(error, 'INCONSISTENT_SLIVER')) return { axis, index, symbols };
        throw error;
      }
    }
    return undefined;
  }

  async #collect(request: RebuildRequest): Promise<Collected> {
    const { verified, axis, targets, since, signal } = request;
    const { peers, committees, scheduler } = this.#modules;
    const needed = symbolsPerSliver(verified.geometry, axis);
    const collected: Collected = new Map(targets.map((target) => [target, new Map()]));
    const local = await this.#cutLocal(request, collected, needed);
    if (local.size >= needed) return collected;
    const sources = { verified, axis: orthogonal(axis), since, known: local };
    const candidates = sliverSources(sources, { committees: committees.committees, peers });
    const what = `${targets.length} ${axis} slivers of blob ${verified.blobId}, by symbols`;
    const fetch = (member: CommitteeMember, items: readonly number[], until: AbortSignal) =>
      this.#fetch(member, { ...request, signal: until }, items as SliverIndex[], collected);
    const hedgeMs = this.#limits.peerHedgeMs;
    await gather({ what, needed: needed - local.size, candidates, hedgeMs, signal }, fetch, { scheduler });
    return collected;
  }

  /** Symbols from slivers of the other axis that are stored here. */
  async #cutLocal(request: RebuildRequest, collected: Collected, needed: number): Promise<Set<number>> {
    const { verified, axis, targets, signal } = request;
    const { committees, slivers, codec } = this.#modules;
    const { geometry, blobId } = verified;
    const sourceAxis = orthogonal(axis);
    const cut = new Set<number>();
    for (const key of slivers.keysOf(blobId)) {
      if (cut.size >= needed) break;
      if (key.axis !== sourceAxis || !committees.isStored(key.shard)) continue;
      // A damaged one counts as none; it is healed in its turn.
      const bytes = await slivers.get(key).catch(() => undefined);
      if (bytes === undefined) continue;
      const source = decodeSliverData(bytes, sourceAxis);
      const symbols = await codec.recoverySymbols(geometry, source, targets, { signal });
      for (const [at, target] of targets.entries()) {
        collected.get(target)?.set(source.index, symbols[at] as RecoverySymbol);
      }
      cut.add(source.index);
    }
    return cut;
  }

  /** Asks a peer for the symbols on its slivers `items`; resolves to those slivers that gave a good one for every target. */
  async #fetch(
    member: CommitteeMember,
    request: RebuildRequest,
    items: readonly SliverIndex[],
    collected: Collected,
  ): Promise<number[]> {
    const { verified, axis, targets, signal } = request;
    const { peers } = this.#modules;
    const sourceAxis = orthogonal(axis);
    const ids = items.flatMap((item) =>
      targets.map((target) =>
        axis === 'primary' ? { primary: target, secondary: item } : { primary: item, secondary: target },
      ),
    );
    const asked = new Set<number>(items);
    for (let at = 0; at < ids.length; at += this.#limits.symbolsPerFetch) {
      const wanted = { verified, sourceAxis, ids: ids.slice(at, at + this.#limits.symbolsPerFetch) };
      for (const symbol of await peers.recoverySymbols(member, wanted, signal)) {
        const bySource = symbol.axis === axis ? collected.get(symbol.targetIndex) : undefined;
        const isGood =
          bySource !== undefined &&
          asked.has(symbol.index) &&
          verifyRecoverySymbol(verified, axis, symbol.targetIndex, symbol);
        if (isGood) bySource.set(symbol.index, { index: symbol.index, data: symbol.data, proof: symbol.proof });
        else {
          peers.lied(member, `a symbol that is not of ${axis} sliver ${symbol.targetIndex} of blob ${verified.blobId}`);
          break;
        }
      }
    }
    return items.filter((item) => targets.every((target) => collected.get(target)?.has(item) === true));
  }
}

/** The shard that a sliver belongs to. */
export function shardOfSliver({ geometry, blobId }: VerifiedMetadata, sliver: Pick<Sliver, 'axis' | 'index'>) {
  return shardOfPair(geometry, blobId, pairOfSliver(geometry, sliver.axis, sliver.index));
}
