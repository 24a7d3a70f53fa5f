/**
 * The aggregate row of a blob id: what all of its on-ledger objects together mean for this node. Pure functions.
 *
 * Invariants (Walrus node rules: blob info):
 * - `invalid` is terminal: no later event changes the row.
 * - Deletable objects are counted by end epoch, so an expired one stops counting in the epoch it ends, whether or not it
 *   was collected yet, and collecting it changes no answer.
 * - References from storage pools live exactly as long as their pool, which one event extends for all of them: so the row keeps
 *   them by pool and asks for the pool's end.
 */
import type { Epoch, EventId, ObjectId } from '@floe/protocol';

export interface PermanentReferences {
  readonly count: number;
  /** The latest end over all permanent objects. */
  readonly endEpoch: Epoch;
  /** The event that first set that end. */
  readonly event: EventId;
}

/** The deletable objects that end in the same epoch. */
export interface DeletableReferences {
  readonly endEpoch: Epoch;
  readonly total: number;
  readonly certified: number;
}

export interface PoolReferences {
  readonly poolId: ObjectId;
  readonly total: number;
  readonly certified: number;
}

export interface BlobRow {
  readonly invalid?: { readonly epoch: Epoch; readonly event: EventId };
  /** Since when the blob has been certified without a gap. */
  readonly initialCertifiedEpoch?: Epoch;
  readonly permanentTotal?: PermanentReferences;
  readonly permanentCertified?: PermanentReferences;
  readonly deletable: readonly DeletableReferences[];
  readonly pools: readonly PoolReferences[];
}

/** End epoch of a storage pool; undefined when there is none. */
export type PoolEnds = (poolId: ObjectId) => Epoch | undefined;

/** What an event says of an object, reduced to what matters for the aggregate. */
export type BlobChange =
  | { readonly kind: 'register'; readonly deletable: boolean; readonly endEpoch: Epoch; readonly event: EventId }
  | {
      readonly kind: 'certify' | 'extend';
      readonly deletable: boolean;
      readonly epoch: Epoch;
      /** Where the object ended until now, and where it ends from now on. */
      readonly oldEndEpoch: Epoch;
      readonly endEpoch: Epoch;
      readonly event: EventId;
    }
  | { readonly kind: 'delete'; readonly endEpoch: Epoch; readonly wasCertified: boolean }
  | { readonly kind: 'pool-register'; readonly poolId: ObjectId }
  | { readonly kind: 'pool-certify'; readonly poolId: ObjectId; readonly epoch: Epoch }
  | { readonly kind: 'pool-delete'; readonly poolId: ObjectId; readonly wasCertified: boolean }
  | { readonly kind: 'invalidate'; readonly epoch: Epoch; readonly event: EventId };

const NEVER = 0 as Epoch;

export const emptyBlobRow: BlobRow = { deletable: [], pools: [] };

/** The row after one change. */
export function applyChange(row: BlobRow, change: BlobChange, poolEnds: PoolEnds): BlobRow {
  if (row.invalid !== undefined) return row;
  switch (change.kind) {
    case 'register':
      return register(row, change);
    case 'certify':
    case 'extend':
      return certify(row, change, poolEnds);
    case 'delete':
      return withoutGap({
        ...row,
        deletable: countDeletable(row.deletable, change.endEpoch, -1, change.wasCertified ? -1 : 0),
      });
    case 'pool-register':
      return { ...row, pools: countPool(row.pools, change.poolId, 1, 0) };
    case 'pool-certify':
      return {
        ...row,
        initialCertifiedEpoch: certifiedSince(row, change.epoch, poolEnds),
        pools: countPool(row.pools, change.poolId, 0, 1),
      };
    case 'pool-delete':
      return withoutGap({ ...row, pools: countPool(row.pools, change.poolId, -1, change.wasCertified ? -1 : 0) });
    case 'invalidate':
      return { ...emptyBlobRow, invalid: { epoch: change.epoch, event: change.event } };
  }
}

/** Whether the node owes the blob storage at `epoch`. */
export function isRegistered(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): boolean {
  if (row.invalid !== undefined) return false;
  const { permanentTotal } = row;
  if (permanentTotal !== undefined && permanentTotal.endEpoch > epoch) return true;
  if (liveDeletable(row, epoch).some(({ total }) => total > 0)) return true;
  return livePools(row, epoch, poolEnds).some(({ total }) => total > 0);
}

/** Whether the blob is certified at `epoch`. */
export function isCertified(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): boolean {
  const { initialCertifiedEpoch } = row;
  if (row.invalid !== undefined || initialCertifiedEpoch === undefined || initialCertifiedEpoch > epoch) return false;
  return hasCertifiedReference(row, epoch, poolEnds);
}

/** The first epoch in which nothing holds the blob any more, as far as is known now. */
export function endEpochOf(row: BlobRow, poolEnds: PoolEnds): Epoch {
  const ends = row.pools.map(({ poolId }) => poolEnds(poolId) ?? 0);
  const deletable = row.deletable.map(({ endEpoch }) => endEpoch);
  return Math.max(row.permanentTotal?.endEpoch ?? 0, ...deletable, ...ends) as Epoch;
}

/**
 * The row without what has ended at `epoch`, which changes no answer for it or later epochs; undefined when nothing is left. An invalid blob
 * keeps its row for ever.
 */
export function withoutEnded(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): BlobRow | undefined {
  if (row.invalid !== undefined) return row;
  if (!isRegistered(row, epoch, poolEnds)) return undefined;
  const { permanentTotal, permanentCertified, initialCertifiedEpoch, ...references } = row;
  const lives = (permanent: PermanentReferences | undefined): boolean => (permanent?.endEpoch ?? NEVER) > epoch;
  return withoutGap({
    ...references,
    deletable: liveDeletable(row, epoch),
    pools: livePools(row, epoch, poolEnds),
    ...(initialCertifiedEpoch !== undefined && { initialCertifiedEpoch }),
    ...(permanentTotal !== undefined && lives(permanentTotal) && { permanentTotal }),
    ...(permanentCertified !== undefined && lives(permanentCertified) && { permanentCertified }),
  });
}

/** Deletable objects that have not ended. */
export function liveDeletable(row: BlobRow, epoch: Epoch): readonly DeletableReferences[] {
  return row.deletable.filter(({ endEpoch }) => endEpoch > epoch);
}

/** References of pools that have not ended. */
export function livePools(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): readonly PoolReferences[] {
  return row.pools.filter(({ poolId }) => (poolEnds(poolId) ?? NEVER) > epoch);
}

export function hasCertifiedReference(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): boolean {
  const { permanentCertified } = row;
  if (permanentCertified !== undefined && permanentCertified.endEpoch > epoch) return true;
  if (liveDeletable(row, epoch).some(({ certified }) => certified > 0)) return true;
  return livePools(row, epoch, poolEnds).some(({ certified }) => certified > 0);
}

function register(row: BlobRow, change: Extract<BlobChange, { kind: 'register' }>): BlobRow {
  if (!change.deletable) {
    return { ...row, permanentTotal: addPermanent(row.permanentTotal, 1, change.endEpoch, change.event) };
  }
  return { ...row, deletable: countDeletable(row.deletable, change.endEpoch, 1, 0) };
}

function certify(
  row: BlobRow,
  change: Extract<BlobChange, { kind: 'certify' | 'extend' }>,
  poolEnds: PoolEnds,
): BlobRow {
  const { endEpoch, event } = change;
  const isNew = change.kind === 'certify';
  const certified: BlobRow = isNew
    ? { ...row, initialCertifiedEpoch: certifiedSince(row, change.epoch, poolEnds) }
    : row;
  if (!change.deletable) {
    const permanentCertified = addPermanent(row.permanentCertified, isNew ? 1 : 0, endEpoch, event);
    if (isNew) return { ...certified, permanentCertified };
    return { ...certified, permanentCertified, permanentTotal: addPermanent(row.permanentTotal, 0, endEpoch, event) };
  }
  if (isNew) return { ...certified, deletable: countDeletable(row.deletable, endEpoch, 0, 1) };
  const moved = countDeletable(row.deletable, change.oldEndEpoch, -1, -1);
  return { ...certified, deletable: countDeletable(moved, endEpoch, 1, 1) };
}

function certifiedSince(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): Epoch {
  if (row.initialCertifiedEpoch === undefined || !isCertified(row, epoch, poolEnds)) return epoch;
  return Math.min(row.initialCertifiedEpoch, epoch) as Epoch;
}

function addPermanent(
  references: PermanentReferences | undefined,
  count: 0 | 1,
  endEpoch: Epoch,
  event: EventId,
): PermanentReferences {
  if (references === undefined) return { count, endEpoch, event };
  const kept = references.endEpoch >= endEpoch ? references : { endEpoch, event };
  return { count: references.count + count, endEpoch: kept.endEpoch, event: kept.event };
}

function countDeletable(
  deletable: readonly DeletableReferences[],
  endEpoch: Epoch,
  total: number,
  certified: number,
): readonly DeletableReferences[] {
  const known = deletable.find((references) => references.endEpoch === endEpoch) ?? { total: 0, certified: 0 };
  const changed = { endEpoch, total: known.total + total, certified: known.certified + certified };
  const others = deletable.filter((references) => references.endEpoch !== endEpoch);
  return changed.total <= 0 ? others : [...others, changed];
}

function countPool(
  pools: readonly PoolReferences[],
  poolId: ObjectId,
  total: number,
  certified: number,
): readonly PoolReferences[] {
  const known = pools.find((pool) => pool.poolId === poolId) ?? { poolId, total: 0, certified: 0 };
  const changed = { poolId, total: known.total + total, certified: known.certified + certified };
  const others = pools.filter((pool) => pool.poolId !== poolId);
  return changed.total <= 0 ? others : [...others, changed];
}

/** A blob that lost its last certified reference is not certified any more. */
function withoutGap(row: BlobRow): BlobRow {
  const counts = [...row.deletable, ...row.pools].map(({ certified }) => certified);
  const certified = counts.reduce((sum, count) => sum + count, row.permanentCertified?.count ?? 0);
  return certified > 0 ? row : { ...row, initialCertifiedEpoch: undefined };
}
