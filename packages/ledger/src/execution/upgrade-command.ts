/**
 * The `Upgrade` command: redeems a ticket that the committee's votes gave. Sui's rules, as far as there is code to speak of.
 *
 * The contracts are built in. What an upgrade brings is no bytecode but a manifest: one module that names the version of
 * the rules, which this ledger must have. The package keeps its id; that it was upgraded is recorded by the contracts when
 * the receipt is committed. A ledger whose software lacks the rules refuses the upgrade, and the votes stand.
 */
import { packageAt, upgradeDigest } from '@floe/contracts';
import { equalBytes } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { isBuiltIn } from '../packages.ts';
import type { Upgrade } from '../transaction-data.ts';
import { resultSlot, type Slot } from './arena.ts';
import type { CommandContext } from './commands.ts';
import { fail } from './failure.ts';

/** `0x2::package::UpgradeTicket`. */
export interface UpgradeTicket {
  readonly cap: ObjectId;
  readonly package: ObjectId;
  readonly policy: number;
  readonly digest: Uint8Array;
}

/** `0x2::package::UpgradeReceipt`. */
export type UpgradeReceipt = Pick<UpgradeTicket, 'cap' | 'package'>;

/** Compatible, additive, dependencies only. */
const POLICIES: readonly number[] = [0, 128, 192];

/** Gives the receipt for a ticket. @throws ExecutionFailure */
export function redeemTicket(command: Upgrade, { arena, types }: CommandContext): Slot[] {
  const { modules, dependencies, package: packageId } = command;
  const { addresses } = types;
  const inPackage = (name: string) => types.get(`${addresses.sui}::package::${name}`);
  const ticket = arena.take(command.ticket, 0, inPackage('UpgradeTicket')) as UpgradeTicket;
  if (ticket.package !== packageId) {
    fail({ kind: 'PackageUpgradeError', reason: 'PackageIDDoesNotMatch', packageId, ticketId: ticket.package });
  }
  const digest = upgradeDigest(modules, dependencies);
  if (!equalBytes(digest, ticket.digest)) fail({ kind: 'PackageUpgradeError', reason: 'DigestDoesNotMatch', digest });
  if (!POLICIES.includes(ticket.policy)) {
    fail({ kind: 'PackageUpgradeError', reason: 'UnknownUpgradePolicy', policy: ticket.policy });
  }
  if (dependencies.some((id) => packageAt(id, addresses) === undefined))
    fail({ kind: 'PublishUpgradeMissingDependency' });
  const name = packageAt(packageId, addresses);
  if (name === undefined) fail({ kind: 'PackageUpgradeError', reason: 'UnableToFetchPackage', packageId });
  if (!isBuiltIn(name, modules)) fail({ kind: 'VMVerificationOrDeserializationError' });
  const receipt: UpgradeReceipt = { cap: ticket.cap, package: packageId };
  return [resultSlot(inPackage('UpgradeReceipt').type, receipt)];
}
