/**
 * Which way of rebuilding lost slivers moves fewer bytes (Walrus encoding rules: single sliver recovery).
 *
 * - By symbols: a primary sliver takes S symbols, a secondary one P, each with its proof. Slivers of the other axis that are here give
 *   theirs for nothing, and so do secondaries just rebuilt for the primaries that follow: k pairs take k(S + P - k). In this order it works
 *   with any n - f slivers in the network, those just rebuilt included; the other way round S other nodes' slivers would have to be there.
 * - Whole: any P primary slivers, without proofs, are the blob, from which all of its slivers follow.
 *
 * Without proofs the first is never dearer while k <= P; proofs make it dearer where symbols are small.
 */
import {
  type Axis,
  sliverDataSize,
  sliverSize,
  sourceSymbols,
  symbolsPerSliver,
  type VerifiedMetadata,
} from '@floe/protocol';
import { recoverySymbolBytes } from '../peers/peers.ts';

/** How many slivers of an axis are lost, and how many are here. */
export type AxisCounts = Readonly<Record<Axis, { readonly lost: number; readonly held: number }>>;

export interface RecoveryPlan {
  readonly path: 'symbols' | 'whole';
  /** Bytes that it should move, without the overhead of requests. */
  readonly bytes: number;
}

export function planRecovery(
  verified: VerifiedMetadata,
  counts: AxisCounts,
  limits: { readonly wholeBlobBytes: number },
): RecoveryPlan {
  const { geometry, symbolSize } = verified;
  const { primary, secondary } = counts;
  const remote = (axis: Axis, lost: number, local: number): number =>
    lost * Math.max(0, symbolsPerSliver(geometry, axis) - local);
  const symbols =
    remote('secondary', secondary.lost, primary.held) +
    remote('primary', primary.lost, secondary.held + secondary.lost);
  const bySymbols = symbols * recoverySymbolBytes(verified);
  const slivers = Math.max(0, sourceSymbols(geometry, 'primary') - primary.held);
  const whole = slivers * sliverDataSize(sliverSize(geometry, 'primary', symbolSize));
  const encodedBytes = sourceSymbols(geometry, 'primary') * sliverSize(geometry, 'primary', symbolSize);
  if (whole < bySymbols && encodedBytes <= limits.wholeBlobBytes) return { path: 'whole', bytes: whole };
  return { path: 'symbols', bytes: bySymbols };
}
