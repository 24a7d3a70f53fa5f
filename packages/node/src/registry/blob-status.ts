/** The status of a blob as the node reports it, from its aggregate row (Walrus node rules: BlobStatus). */
import type { BlobStatus, DeletableCounts, Epoch } from '@floe/protocol';
import { type BlobRow, hasCertifiedReference, liveDeletable, livePools, type PoolEnds } from './blob-row.ts';

/** Evaluated at `epoch`; no row means that the ledger never mentioned the blob. */
export function blobStatusOf(row: BlobRow | undefined, epoch: Epoch, poolEnds: PoolEnds): BlobStatus {
  if (row === undefined) return { kind: 'nonexistent' };
  if (row.invalid !== undefined) return { kind: 'invalid', event: row.invalid.event };
  const deletableCounts = countDeletable(row, epoch, poolEnds);
  const isCertified = hasCertifiedReference(row, epoch, poolEnds);
  const initialCertifiedEpoch = isCertified ? row.initialCertifiedEpoch : undefined;
  for (const permanent of [row.permanentCertified, row.permanentTotal]) {
    if (permanent === undefined || permanent.endEpoch <= epoch) continue;
    return {
      kind: 'permanent',
      endEpoch: permanent.endEpoch,
      isCertified: permanent === row.permanentCertified,
      statusEvent: permanent.event,
      deletableCounts,
      initialCertifiedEpoch,
    };
  }
  if (deletableCounts.total === 0) return { kind: 'nonexistent' };
  return { kind: 'deletable', initialCertifiedEpoch, deletableCounts };
}

/** References from storage pools count as deletable, whatever they were registered as. */
function countDeletable(row: BlobRow, epoch: Epoch, poolEnds: PoolEnds): DeletableCounts {
  let [total, certified] = [0, 0];
  for (const references of [...liveDeletable(row, epoch), ...livePools(row, epoch, poolEnds)]) {
    total += references.total;
    certified += references.certified;
  }
  return { total, certified };
}
