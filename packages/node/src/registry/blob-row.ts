/**
 * The aggregate row of a blob id: what all of its on-ledger objects together mean for this node. Pure functions.
 *
 * Invariants (Walrus node rules: blob info):
 * - `invalid` is terminal: no later event changes the row.
 * - Counts of deletable objects fall only when an object is deleted or collected; until an expired one is collected,
 *   `registeredUntil` and `certifiedUntil` mask it, so that nothing expired counts as registered.
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

export interface DeletableReferences {
  readonly total: number;
  readonly certified: number;
  /** Latest end seen among live objects; 0 when there are none. */
  readonly registeredUntil: Epoch;
  readonly certifiedUntil: Epoch;
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
  readonly deletable: DeletableReferences;
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
      readonly endEpoch: Epoch;
      readonly event: EventId;
    }
  | { readonly kind: 'delete'; readonly wasCertified: boolean }
  | { readonly kind: 'pool-register'; readonly poolId: ObjectId }
  | { readonly kind: 'pool-certify'; readonly poolId: ObjectId; readonly epoch: Epoch }
  | { readonly kind: 'pool-delete'; readonly poolId: ObjectId; readonly wasCertified: boolean }
  | { readonly kind: 'invalidate'; readonly epoch: Epoch; readonly event: EventId };

const NEVER = 0 as Epoch;

export const emptyBlobRow: BlobRow = {
  deletable: { total: 0, certified: 0, registeredUntil: NEVER, certifiedUntil: NEVER },
  pools: [],
};

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
      return withoutGap({ ...row, deletable: withoutObject(row.deletable, change.wasCertified) });
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
  const { permanentTotal, deletable } = row;
  if (permanentTotal !== undefined && permanentTotal.endEpoch > epoch) return true;
  if (deletable.total > 0 && deletable.registeredUntil > epoch) return true;
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
  return Math.max(row.permanentTotal?.endEpoch ?? 0, row.deletable.registeredUntil, ...ends) as Epoch;
}

/** References of pools that have not ended. */
export function livePools(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): readonly PoolReferences[] {
  return row.pools.filter(({ poolId }) => (poolEnds(poolId) ?? NEVER) > epoch);
}

export function hasCertifiedReference(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): boolean {
  const { permanentCertified, deletable } = row;
  if (permanentCertified !== undefined && permanentCertified.endEpoch > epoch) return true;
  if (deletable.certified > 0 && deletable.certifiedUntil > epoch) return true;
  return livePools(row, epoch, poolEnds).some(({ certified }) => certified > 0);
}

function register(row: BlobRow, change: Extract<BlobChange, { kind: 'register' }>): BlobRow {
  if (!change.deletable) {
    return { ...row, permanentTotal: addPermanent(row.permanentTotal, 1, change.endEpoch, change.event) };
  }
  const { deletable } = row;
  const registeredUntil = later(deletable.registeredUntil, change.endEpoch);
  return { ...row, deletable: { ...deletable, total: deletable.total + 1, registeredUntil } };
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
  const { deletable } = row;
  return {
    ...certified,
    deletable: {
      total: deletable.total,
      certified: deletable.certified + (isNew ? 1 : 0),
      registeredUntil: isNew ? deletable.registeredUntil : later(deletable.registeredUntil, endEpoch),
      certifiedUntil: later(deletable.certifiedUntil, endEpoch),
    },
  };
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

function withoutObject(deletable: DeletableReferences, wasCertified: boolean): DeletableReferences {
  const total = Math.max(0, deletable.total - 1);
  const certified = wasCertified ? Math.max(0, deletable.certified - 1) : deletable.certified;
  return {
    total,
    certified,
    registeredUntil: total === 0 ? NEVER : deletable.registeredUntil,
    certifiedUntil: certified === 0 ? NEVER : deletable.certifiedUntil,
  };
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
  const certified =
    (row.permanentCertified?.count ?? 0) + row.deletable.certified + row.pools.reduce((sum, p) => sum + p.certified, 0);
  return certified > 0 ? row : { ...row, initialCertifiedEpoch: undefined };
}

function later(a: Epoch, b: Epoch): Epoch {
  return a > b ? a : b;
}
