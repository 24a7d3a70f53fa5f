/** Votes of the committee, seen from outside. */
import type { Epoch, ObjectId } from '@floe/protocol';
import { ledgerErrors } from '../errors.ts';
import * as layouts from '../layouts.ts';
import { definingPackage, upgradeProposalFieldId } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import { readObjects } from './objects.ts';

/** Votes for an upgrade to the package of one digest. */
export interface UpgradeProposalInfo {
  /** The votes count in this epoch only. */
  readonly epoch: Epoch;
  /** What the contracts' version would be. */
  readonly version: bigint;
  /** Shards of the nodes that voted for it. */
  readonly votingWeight: number;
}

/** The votes for that digest (32 bytes); undefined when there are none. @throws OBJECT_NOT_FOUND, WRONG_OBJECT_TYPE */
export async function readUpgradeProposal(
  calls: LedgerCalls,
  { managerId, digest }: { readonly managerId: ObjectId; readonly digest: Uint8Array },
  signal?: AbortSignal,
): Promise<UpgradeProposalInfo | undefined> {
  const [manager] = await readObjects(calls, [managerId], signal);
  if (manager === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: managerId, what: 'upgrade manager' });
  if (!manager.type.endsWith('::upgrade::UpgradeManager')) {
    throw ledgerErrors.WRONG_OBJECT_TYPE({
      objectId: managerId,
      expected: '…::upgrade::UpgradeManager',
      came: manager.type,
    });
  }
  const { upgradeProposals } = layouts.UpgradeManager.parse(manager.contents);
  const fieldId = upgradeProposalFieldId(upgradeProposals.id as ObjectId, definingPackage(manager.type), digest);
  const [field] = await readObjects(calls, [fieldId], signal);
  if (field === undefined) return undefined;
  const { epoch, version, votingWeight } = layouts.UpgradeProposalField.parse(field.contents).value;
  return { epoch, version, votingWeight };
}
