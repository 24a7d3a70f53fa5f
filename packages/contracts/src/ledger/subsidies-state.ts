/** A pool of subsidies (`walrus_subsidies`) seen from outside: which package to call, and what was paid last. */
import type { Epoch, Frost, ObjectId } from '@floe/protocol';
import { ledgerErrors } from '../errors.ts';
import * as layouts from '../layouts.ts';
import { definingPackage, subsidiesInnerFieldId } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import { readObjects } from './objects.ts';

export interface SubsidiesInfo {
  readonly objectId: ObjectId;
  /** Package to call. */
  readonly packageId: ObjectId;
  /** FROST that it has left. */
  readonly funds: Frost;
  /** The last epoch whose members have their fixed subsidy. */
  readonly latestEpoch: Epoch;
  /** When subsidies were processed last, Unix ms of the ledger's clock; 0 when they never were. */
  readonly processedMs: number;
}

/** The pool of that id; undefined when there is no such object. @throws WRONG_OBJECT_TYPE, OBJECT_NOT_FOUND */
export async function readSubsidies(
  calls: LedgerCalls,
  objectId: ObjectId,
  signal?: AbortSignal,
): Promise<SubsidiesInfo | undefined> {
  const [raw] = await readObjects(calls, [objectId], signal);
  if (raw === undefined) return undefined;
  if (!raw.type.endsWith('::walrus_subsidies::WalrusSubsidies')) {
    throw ledgerErrors.WRONG_OBJECT_TYPE({
      objectId,
      expected: '…::walrus_subsidies::WalrusSubsidies',
      came: raw.type,
    });
  }
  const fieldId = subsidiesInnerFieldId(objectId, definingPackage(raw.type));
  const [field] = await readObjects(calls, [fieldId], signal);
  if (field === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: fieldId, what: 'state of subsidies' });
  const { subsidyPool, latestEpoch, lastSubsidizedTs } = layouts.WalrusSubsidiesInnerField.parse(field.contents).value;
  const { packageId } = layouts.WalrusSubsidies.parse(raw.contents);
  return {
    objectId,
    packageId: packageId as ObjectId,
    funds: subsidyPool as Frost,
    latestEpoch,
    processedMs: Number(lastSubsidizedTs),
  };
}
