/** Picks the Walrus events out of a transaction's events and numbers them. */
import type { ObjectId } from '@floe/protocol';
import type { GrpcTypes } from '@mysten/sui/grpc';
import { ledgerErrors } from '../errors.ts';
import { parseContractEvent, parseEventType } from '../events.ts';
import type { LedgerEvent } from './types.ts';

/** Packages whose `events` module counts: the first published, and the newest. */
export type EventPackages = ReadonlySet<ObjectId>;

/**
 * The Walrus events of a transaction, in order. `eventSeq` counts only these, from 0, as storage nodes everywhere do;
 * it is not the index among all events of the transaction.
 *
 * @throws UNKNOWN_EVENT for an event of those packages that this version does not know
 */
export function contractEvents(
  txDigest: string,
  events: readonly GrpcTypes.Event[],
  packages: EventPackages,
): LedgerEvent[] {
  const found: LedgerEvent[] = [];
  for (const { eventType = '', contents } of events) {
    const type = parseEventType(eventType);
    if (type === undefined || !packages.has(type.packageId)) continue;
    const event = parseContractEvent(eventType, contents?.value ?? new Uint8Array(0));
    if (event === undefined) throw ledgerErrors.UNKNOWN_EVENT({ type: eventType, txDigest });
    found.push({ txDigest, eventSeq: found.length, event });
  }
  return found;
}

/** Milliseconds of a protobuf timestamp. */
export function timestampMs(timestamp: { readonly seconds: bigint; readonly nanos: number }): number {
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000);
}
