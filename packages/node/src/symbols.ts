/**
 * Symbols for those who rebuild slivers: recovery symbols with proofs for nodes, decoding symbols without for clients
 * (Walrus node rules: recovery endpoints).
 *
 * The symbol at row P, column S lies on primary sliver P and on secondary sliver S, and can be cut from either.
 */
import {
  type Axis,
  type BlobId,
  type DecodingSymbolsRoute,
  encodeDecodingSymbolMap,
  encodeGeneralRecoverySymbols,
  type EitherDecodingSymbol,
  type GeneralRecoverySymbol,
  nodeErrors,
  orthogonal,
  pairOfShard,
  pairOfSliver,
  protocolErrors,
  type RecoverySymbolsRoute,
  type ShardIndex,
  shardOfPair,
  type Sliver,
  type SliverIndex,
  sliverOfPair,
  sourceSymbols,
  type SymbolId,
  symbolIdText,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { NodeLimits } from './limits.ts';
import type { Reads } from './reads.ts';

interface SymbolModules {
  readonly committees: CommitteeTracker;
  readonly reads: Reads;
  readonly codec: Codec;
}

/** A symbol wanted: the sliver it helps to rebuild, and the one it is cut from. */
interface Wanted {
  readonly axis: Axis;
  readonly target: SliverIndex;
  readonly source: SliverIndex;
  readonly id: SymbolId;
}

export class Symbols {
  readonly #limits: Pick<NodeLimits, 'symbolsPerRequest' | 'symbolAnswerBytes'>;
  readonly #modules: SymbolModules;

  constructor(
    options: { limits: Pick<NodeLimits, 'symbolsPerRequest' | 'symbolAnswerBytes'> },
    modules: SymbolModules,
  ) {
    this.#limits = options.limits;
    this.#modules = modules;
  }

  /**
   * BCS list of recovery symbols: all that can be given, in the order asked; an error only when there is none.
   * @throws FORBIDDEN_BLOB, SLIVER_NOT_FOUND, METADATA_NOT_FOUND, NO_SYMBOLS_SPECIFIED, INVALID_FILTER, INDEX_OUT_OF_RANGE,
   *   SYMBOL_NOT_PRESENT_AT_SHARDS
   */
  async recovery(route: RecoverySymbolsRoute, signal: AbortSignal): Promise<Uint8Array> {
    const { blobId, proofAxis } = route;
    const alternatives = route.filter.kind === 'ids' ? this.#byIds(route.filter.ids) : this.#byTarget(route);
    this.#modules.reads.checkReadable(blobId);
    this.#modules.reads.verifiedMetadata(blobId);
    const found: (GeneralRecoverySymbol | undefined)[] = Array.from(alternatives, () => undefined);
    let failure: unknown = nodeErrors.SLIVER_NOT_FOUND({ blobId });
    // First those from primary slivers, then what is left from secondary ones.
    for (const sourceAxis of ['primary', 'secondary'] as const) {
      if (proofAxis !== undefined && proofAxis !== sourceAxis) continue;
      const bySource = new Map<SliverIndex, { wanted: Wanted; position: number }[]>();
      for (const [position, options] of alternatives.entries()) {
        const wanted = options.find(({ axis }) => orthogonal(axis) === sourceAxis);
        if (wanted === undefined || found[position] !== undefined) continue;
        const group = bySource.get(wanted.source) ?? [];
        bySource.set(wanted.source, [...group, { wanted, position }]);
      }
      for (const [source, group] of bySource) {
        const sliver = await this.#source(blobId, sourceAxis, source, group[0]?.wanted).catch((error: unknown) => {
          failure = error;
          return undefined;
        });
        if (sliver === undefined) continue;
        const symbols = await this.#cut(
          sliver,
          group.map(({ wanted }) => wanted),
          signal,
        );
        for (const [index, { position }] of group.entries()) found[position] = symbols[index];
      }
    }
    const symbols = found.filter((symbol) => symbol !== undefined);
    if (symbols.length === 0) throw failure;
    return encodeGeneralRecoverySymbols(symbols);
  }

  /**
   * BCS map from each target to the symbols that this node has for it; slivers it cannot read are left out.
   * @throws FORBIDDEN_BLOB, SLIVER_NOT_FOUND, METADATA_NOT_FOUND, NO_TARGET_SLIVERS_SPECIFIED, RECOVERY_SYMBOL_OUT_OF_RANGE, INVALID_FILTER
   */
  async decoding(route: DecodingSymbolsRoute): Promise<Uint8Array> {
    const { blobId, axis } = route;
    const { committees, reads } = this.#modules;
    const count = sourceSymbols(committees.geometry, axis);
    const targets = [...new Set(route.targets)];
    if (targets.length === 0) throw nodeErrors.NO_TARGET_SLIVERS_SPECIFIED({});
    const outside = targets.find((target) => target >= count);
    if (outside !== undefined) throw nodeErrors.RECOVERY_SYMBOL_OUT_OF_RANGE({ target: outside, count, axis });
    reads.checkReadable(blobId);
    const { symbolSize } = reads.verifiedMetadata(blobId);
    const keys = reads.ownKeys(blobId, orthogonal(axis), committees.ownShards);
    const maxSymbols = Math.floor(this.#limits.symbolAnswerBytes / symbolSize);
    if (keys.length * targets.length > maxSymbols) {
      const reason = `${targets.length} targets of ${keys.length} symbols each are more than ${maxSymbols} symbols`;
      throw nodeErrors.INVALID_FILTER({ reason });
    }
    const symbols = new Map<SliverIndex, EitherDecodingSymbol[]>();
    for (const key of keys) {
      const source = await reads.parsedSliver(key);
      if (source === undefined) continue;
      for (const target of targets) {
        // The symbols of a systematic target are the source sliver's own, not those of its expansion.
        const data = source.data.slice(target * symbolSize, (target + 1) * symbolSize);
        symbols.set(target, [...(symbols.get(target) ?? []), { axis, index: source.index, data }]);
      }
    }
    return encodeDecodingSymbolMap(symbols);
  }

  #byIds(ids: readonly SymbolId[]): Wanted[][] {
    const { nShards } = this.#modules.committees.geometry;
    const distinct = new Map(ids.map((id) => [symbolIdText(id), id]));
    if (distinct.size === 0) throw nodeErrors.NO_SYMBOLS_SPECIFIED({});
    if (distinct.size > this.#limits.symbolsPerRequest) {
      const reason = `${distinct.size} symbols, at most ${this.#limits.symbolsPerRequest} are given at once`;
      throw nodeErrors.INVALID_FILTER({ reason });
    }
    const sorted = [...distinct.values()].toSorted((a, b) => a.primary - b.primary || a.secondary - b.secondary);
    return sorted.map((id) => {
      this.#checkIndex(id.primary, nShards);
      this.#checkIndex(id.secondary, nShards);
      return [
        { axis: 'secondary', target: id.secondary, source: id.primary, id },
        { axis: 'primary', target: id.primary, source: id.secondary, id },
      ];
    });
  }

  #byTarget({ blobId, filter, proofAxis }: RecoverySymbolsRoute): Wanted[][] {
    if (filter.kind !== 'target') return [];
    const { committees } = this.#modules;
    const { geometry, ownShards } = committees;
    const { axis, index: target } = filter;
    this.#checkIndex(target, geometry.nShards);
    const sourceAxis = orthogonal(axis);
    if (proofAxis !== undefined && proofAxis !== sourceAxis) {
      throw nodeErrors.INVALID_FILTER({ reason: `symbols for a ${axis} sliver are proven by ${sourceAxis} slivers` });
    }
    return ownShards.map((shard) => {
      const source = sliverOfPair(geometry, sourceAxis, pairOfShard(geometry, blobId, shard));
      const id = axis === 'primary' ? { primary: target, secondary: source } : { primary: source, secondary: target };
      return [{ axis, target, source, id }];
    });
  }

  #checkIndex(index: number, count: number): void {
    if (index >= count) throw protocolErrors.INDEX_OUT_OF_RANGE({ what: 'sliver', index, count });
  }

  async #source(blobId: BlobId, axis: Axis, index: SliverIndex, wanted: Wanted | undefined): Promise<Sliver> {
    const { committees, reads } = this.#modules;
    const shard: ShardIndex = shardOfPair(committees.geometry, blobId, pairOfSliver(committees.geometry, axis, index));
    if (!committees.isStored(shard)) {
      throw nodeErrors.SYMBOL_NOT_PRESENT_AT_SHARDS({ symbol: wanted === undefined ? '' : symbolIdText(wanted.id) });
    }
    const sliver = await reads.parsedSliver({ blobId, shard, axis });
    if (sliver === undefined) throw nodeErrors.SLIVER_NOT_FOUND({ blobId });
    return sliver;
  }

  async #cut(source: Sliver, wanted: readonly Wanted[], signal: AbortSignal): Promise<GeneralRecoverySymbol[]> {
    const { codec, committees } = this.#modules;
    const targets = wanted.map(({ target }) => target);
    const symbols = await codec.recoverySymbols(committees.geometry, source, targets, { signal });
    return symbols.map((symbol, index) => ({
      ...symbol,
      axis: orthogonal(source.axis),
      targetIndex: targets[index] as SliverIndex,
    }));
  }
}
