/**
 * Where a chain of this ledger does better than the original contracts, and what it has to remember for that: a dynamic
 * field of `Staking` that genesis makes. Without it, as on a chain that the original made, all is as in the original.
 *
 * - A committee that never attests its shards does not hold up the chain for ever: past a deadline voting ends without.
 * - What rounding leaves of an epoch's rewards was subsidised when it was paid, and is not subsidised again.
 * - Parameters of the next epoch are gone once they are in force.
 */
import { dynamicFieldId, fieldType, layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { Call, FieldRef } from '../../execution/call.ts';
import type { Codec } from '../../execution/datatypes.ts';
import { cachedId } from '../field-ids.ts';
import type { Staking } from './state.ts';

/** Of the epoch under way. */
export interface Amendments {
  /** From then on voting may end although the committee did not attest its shards. */
  readonly syncDeadlineMs: bigint;
  /** FROST that rounding left when the epoch before was paid out. */
  readonly leftover: bigint;
}

/** Epochs' worth of time that a new committee has to attest its shards. */
const SYNC_EPOCHS = 2n;

export const AMENDMENTS_NAME_TYPE = 'vector<u8>';
export const AMENDMENTS_VALUE_TYPE = 'vector<u64>';

/** Id of the field under a `Staking` object. */
function amendmentsFieldId(staking: ObjectId): ObjectId {
  return cachedId(`${staking} amendments`, () =>
    dynamicFieldId(staking, AMENDMENTS_NAME_TYPE, layouts.AMENDMENTS_NAME_BYTES),
  );
}

function fieldOf(call: Call, staking: Staking): FieldRef<readonly bigint[]> {
  return call.field({
    parent: staking.id,
    fieldId: amendmentsFieldId(staking.id),
    fieldType: fieldType(AMENDMENTS_NAME_TYPE, AMENDMENTS_VALUE_TYPE),
    layout: layouts.AmendmentsField as unknown as Codec,
    name: layouts.AMENDMENTS_NAME,
  });
}

/** Undefined on a chain that keeps to the original. */
export function amendmentsOf(call: Call, staking: Staking): Amendments | undefined {
  const [syncDeadlineMs, leftover] = fieldOf(call, staking).value ?? [];
  return syncDeadlineMs === undefined || leftover === undefined ? undefined : { syncDeadlineMs, leftover };
}

/** What is remembered of an epoch that begins now. */
export function amendForEpoch(
  call: Call,
  staking: Staking,
  epoch: { readonly now: bigint; readonly durationMs: bigint; readonly leftover: bigint },
): void {
  fieldOf(call, staking).value = [epoch.now + SYNC_EPOCHS * epoch.durationMs, epoch.leftover];
}
