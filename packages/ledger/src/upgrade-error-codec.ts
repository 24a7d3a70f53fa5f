/** BCS of Sui's `PackageUpgradeError`. */
import { type BcsReader, type BcsWriter, objectIdBytes, objectIdFromBytes } from '@floe/protocol';
import type { PackageUpgradeError } from './api.ts';

/** By position; two that this ledger never gives are left out by their own names. */
const REASONS = [
  'UnableToFetchPackage',
  'NotAPackage',
  'IncompatibleUpgrade',
  'DigestDoesNotMatch',
  'UnknownUpgradePolicy',
  'PackageIDDoesNotMatch',
] as const;

export function writeUpgradeError(writer: BcsWriter, error: PackageUpgradeError): void {
  writer.uleb(REASONS.indexOf(error.reason));
  switch (error.reason) {
    case 'UnableToFetchPackage':
      writer.fixed(objectIdBytes(error.packageId));
      break;
    case 'DigestDoesNotMatch':
      writer.bytes(error.digest);
      break;
    case 'UnknownUpgradePolicy':
      writer.u8(error.policy);
      break;
    case 'PackageIDDoesNotMatch':
      writer.fixed(objectIdBytes(error.packageId)).fixed(objectIdBytes(error.ticketId));
      break;
  }
}

export function readUpgradeError(reader: BcsReader): PackageUpgradeError {
  const reason = reader.variant(REASONS);
  const id = () => objectIdFromBytes(reader.fixed(32));
  switch (reason) {
    case 'UnableToFetchPackage':
      return { reason, packageId: id() };
    case 'DigestDoesNotMatch':
      return { reason, digest: reader.bytes() };
    case 'UnknownUpgradePolicy':
      return { reason, policy: reader.u8() };
    case 'PackageIDDoesNotMatch':
      return { reason, packageId: id(), ticketId: id() };
    default:
      return reader.fail('a reason that this ledger gives', reason);
  }
}
