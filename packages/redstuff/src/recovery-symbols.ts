/**
 * Recovery symbols and inconsistency proofs (Walrus encoding rules: recovery symbols, inconsistency proofs).
 *
 * The symbol at row a and column b lies on primary sliver a and secondary sliver b, so it helps to rebuild either; its
 * Merkle proof is against the hash of the sliver it was taken from. If symbols that are all proven rebuild a sliver with
 * another hash than the metadata's, the writer cheated, and the symbols prove it to anyone who has the metadata.
 */
import { isFloeError } from '@floe/platform';
import {
  type Axis,
  type DecodingSymbol,
  type GeneralRecoverySymbol,
  type InconsistencyProof,
  type RecoverySymbol,
  type SliverIndex,
  type VerifiedMetadata,
  orthogonal,
  sliverHash,
  symbolsPerSliver,
  verifyMerkleProof,
} from '@floe/protocol';
import type { Codec, CodecOptions } from './codec.ts';
import { errors } from './errors.ts';

/** Whether `symbol` provably lies where sliver `targetIndex` of `axis` crosses the sliver that it was taken from. */
export function verifyRecoverySymbol(
  verified: VerifiedMetadata,
  axis: Axis,
  targetIndex: SliverIndex,
  symbol: RecoverySymbol,
): boolean {
  const { nShards } = verified.geometry;
  const isIndex = (index: number) => Number.isInteger(index) && index >= 0 && index < nShards;
  if (!isIndex(symbol.index) || !isIndex(targetIndex) || symbol.data.length !== verified.symbolSize) return false;
  return verifyMerkleProof({
    root: sliverHash(verified, orthogonal(axis), symbol.index),
    leaf: symbol.data,
    index: targetIndex,
    leafCount: nShards,
    proof: symbol.proof,
  });
}

/**
 * What a recovery symbol, which may have been made for the sliver that crosses the wanted one, gives for rebuilding
 * sliver `targetIndex` of `axis`; undefined when it lies elsewhere or its proof is wrong.
 */
export function decodingSymbolFor(
  verified: VerifiedMetadata,
  axis: Axis,
  targetIndex: SliverIndex,
  symbol: GeneralRecoverySymbol,
): DecodingSymbol | undefined {
  if (!verifyRecoverySymbol(verified, symbol.axis, symbol.targetIndex, symbol)) return undefined;
  if (symbol.axis === axis) {
    return symbol.targetIndex === targetIndex ? { index: symbol.index, data: symbol.data } : undefined;
  }
  return symbol.index === targetIndex ? { index: symbol.targetIndex, data: symbol.data } : undefined;
}

/**
 * The proof that a sliver is inconsistent, from symbols taken to recover it.
 *
 * @param symbols - at least as many proven symbols of distinct slivers as the sliver has; others are left out
 * @throws NOT_ENOUGH_SYMBOLS; INVALID_PROOF when the symbols rebuild the sliver of the metadata
 */
export async function makeInconsistencyProof(
  codec: Codec,
  verified: VerifiedMetadata,
  sliver: { readonly axis: Axis; readonly index: SliverIndex },
  symbols: readonly RecoverySymbol[],
  options?: CodecOptions,
): Promise<InconsistencyProof> {
  const { axis, index } = sliver;
  const needed = symbolsPerSliver(verified.geometry, axis);
  const proven = new Map<SliverIndex, RecoverySymbol>();
  for (const symbol of symbols) {
    if (proven.size === needed) break;
    if (proven.has(symbol.index) || !verifyRecoverySymbol(verified, axis, index, symbol)) continue;
    proven.set(symbol.index, symbol);
  }
  if (proven.size < needed) throw errors.NOT_ENOUGH_SYMBOLS({ axis, index, needed, came: proven.size });
  const proof: InconsistencyProof = { axis, targetIndex: index, symbols: [...proven.values()] };
  await refuseUnlessInconsistent(codec, verified, proof, options);
  return proof;
}

/**
 * Resolves when the proof shows that its sliver is inconsistent.
 * @throws INVALID_PROOF
 */
export async function checkInconsistencyProof(
  codec: Codec,
  verified: VerifiedMetadata,
  proof: InconsistencyProof,
  options?: CodecOptions,
): Promise<void> {
  const { axis, targetIndex, symbols } = proof;
  const { geometry } = verified;
  const refuse = (reason: string) => errors.INVALID_PROOF({ axis, index: targetIndex, reason });
  if (targetIndex >= geometry.nShards) throw refuse(`there are only ${geometry.nShards} slivers`);
  const needed = symbolsPerSliver(geometry, axis);
  if (symbols.length !== needed) throw refuse(`it must have exactly ${needed} symbols, ${symbols.length} came`);
  const indices = new Set(symbols.map((symbol) => symbol.index));
  if (indices.size !== needed) throw refuse('two of its symbols come from the same sliver');
  const unproven = symbols.find((symbol) => !verifyRecoverySymbol(verified, axis, targetIndex, symbol));
  if (unproven !== undefined) throw refuse(`its symbol of sliver ${unproven.index} does not fit the metadata`);
  await refuseUnlessInconsistent(codec, verified, proof, options);
}

async function refuseUnlessInconsistent(
  codec: Codec,
  verified: VerifiedMetadata,
  { axis, targetIndex, symbols }: InconsistencyProof,
  options?: CodecOptions,
): Promise<void> {
  try {
    await codec.recoverSliver(verified, axis, targetIndex, symbols, options);
  } catch (error) {
    if (isFloeError(error, 'INCONSISTENT_SLIVER')) return;
    throw error;
  }
  throw errors.INVALID_PROOF({
    axis,
    index: targetIndex,
    reason: 'its symbols rebuild the sliver that the metadata names',
  });
}
