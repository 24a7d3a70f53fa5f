/**
 * What a node says about a blob (Walrus storage node rules: status and health). Statuses are ordered, so that a client
 * can take the most advanced one that enough nodes agree on: nonexistent < deletable < permanent < invalid.
 */
import type { FloeError } from '@floe/platform';
import type { Epoch } from '../ids.ts';
import { envelopeErrors } from './envelopes.ts';

/** A ledger event: base58 digest of its transaction, and its number among the transaction's Walrus events, in decimal. */
export interface EventId {
  readonly txDigest: string;
  readonly eventSeq: string;
}

/** How many deletable blob objects stand for a blob. */
export interface DeletableCounts {
  readonly total: number;
  readonly certified: number;
}

export type BlobStatus =
  | { readonly kind: 'nonexistent' }
  | {
      readonly kind: 'deletable';
      readonly initialCertifiedEpoch?: Epoch;
      readonly deletableCounts: DeletableCounts;
    }
  | {
      readonly kind: 'permanent';
      /** Exclusive. */
      readonly endEpoch: Epoch;
      readonly isCertified: boolean;
      readonly statusEvent: EventId;
      readonly deletableCounts: DeletableCounts;
      readonly initialCertifiedEpoch?: Epoch;
    }
  | { readonly kind: 'invalid'; readonly event: EventId };

/** Whether metadata or a sliver is on a node. */
export type StoredStatus = 'stored' | 'buffered' | 'nonexistent';

/** The `data` of the answer: camelCase outside, snake_case in the counts, as upstream sends it. */
export function blobStatusToJson(status: BlobStatus): unknown {
  switch (status.kind) {
    case 'nonexistent':
      return 'nonexistent';
    case 'invalid':
      return { invalid: { event: status.event } };
    case 'permanent':
      return {
        permanent: {
          endEpoch: status.endEpoch,
          isCertified: status.isCertified,
          statusEvent: status.statusEvent,
          deletableCounts: countsToJson(status.deletableCounts),
          initialCertifiedEpoch: status.initialCertifiedEpoch ?? null,
        },
      };
    case 'deletable':
      return {
        deletable: {
          initialCertifiedEpoch: status.initialCertifiedEpoch ?? null,
          deletableCounts: countsToJson(status.deletableCounts),
        },
      };
  }
}

/** @throws MALFORMED_RESPONSE */
export function parseBlobStatus(json: unknown): BlobStatus {
  if (json === 'nonexistent') return { kind: 'nonexistent' };
  const outer = record(json, 'blob status');
  const [kind = '', ...others] = Object.keys(outer);
  if (others.length > 0) throw malformed('blob status', 'one variant', `${others.length + 1}`);
  const fields = record(outer[kind], `blob status ${kind}`);
  switch (kind) {
    case 'invalid':
      return { kind, event: parseEvent(fields['event']) };
    case 'permanent':
      return {
        kind,
        endEpoch: number(fields, 'endEpoch') as Epoch,
        isCertified: boolean(fields, 'isCertified'),
        statusEvent: parseEvent(fields['statusEvent']),
        deletableCounts: parseCounts(fields['deletableCounts']),
        initialCertifiedEpoch: optionalEpoch(fields, 'initialCertifiedEpoch'),
      };
    case 'deletable':
      return {
        kind,
        initialCertifiedEpoch: optionalEpoch(fields, 'initialCertifiedEpoch'),
        deletableCounts: parseCounts(fields['deletableCounts']),
      };
    default:
      throw malformed('blob status', 'nonexistent, deletable, permanent or invalid', kind.slice(0, 40));
  }
}

/** @throws MALFORMED_RESPONSE */
export function parseStoredStatus(json: unknown): StoredStatus {
  if (json === 'stored' || json === 'buffered' || json === 'nonexistent') return json;
  throw malformed('status', 'stored, buffered or nonexistent', typeof json);
}

const RANK = { nonexistent: 0, deletable: 1, permanent: 2, invalid: 3 } as const;

/**
 * Negative when `a` is less advanced than `b`. Permanent ones rank by certified, end epoch, counts, and an earlier
 * initial certified epoch; deletable ones by counts and that epoch.
 */
export function compareBlobStatus(a: BlobStatus, b: BlobStatus): number {
  if (a.kind === 'permanent' && b.kind === 'permanent') {
    return (
      Number(a.isCertified) - Number(b.isCertified) ||
      a.endEpoch - b.endEpoch ||
      compareCounts(a.deletableCounts, b.deletableCounts) ||
      compareInitialEpochs(a.initialCertifiedEpoch, b.initialCertifiedEpoch)
    );
  }
  if (a.kind === 'deletable' && b.kind === 'deletable') {
    return (
      compareCounts(a.deletableCounts, b.deletableCounts) ||
      compareInitialEpochs(a.initialCertifiedEpoch, b.initialCertifiedEpoch)
    );
  }
  return RANK[a.kind] - RANK[b.kind];
}

/** Whether the status says that the blob is certified. */
export function isCertified(status: BlobStatus): boolean {
  return (status.kind === 'permanent' || status.kind === 'deletable') && status.initialCertifiedEpoch !== undefined;
}

function compareCounts(a: DeletableCounts, b: DeletableCounts): number {
  return a.certified - b.certified || a.total - b.total;
}

/** Certified earlier is more advanced; not certified is least. */
function compareInitialEpochs(a: Epoch | undefined, b: Epoch | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  return b === undefined ? 1 : b - a;
}

function countsToJson(counts: DeletableCounts) {
  return { count_deletable_total: counts.total, count_deletable_certified: counts.certified };
}

function parseCounts(json: unknown): DeletableCounts {
  const fields = record(json, 'deletable counts');
  return { total: number(fields, 'count_deletable_total'), certified: number(fields, 'count_deletable_certified') };
}

function parseEvent(json: unknown): EventId {
  const { txDigest, eventSeq } = record(json, 'event id');
  if (typeof txDigest !== 'string' || !/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(txDigest)) {
    throw malformed('event id', 'a base58 digest', typeof txDigest);
  }
  if (typeof eventSeq !== 'string' || !/^\d{1,20}$/.test(eventSeq)) {
    throw malformed('event id', 'a sequence number in decimal', typeof eventSeq);
  }
  return { txDigest, eventSeq };
}

function optionalEpoch(fields: Record<string, unknown>, name: string): Epoch | undefined {
  return fields[name] === null || fields[name] === undefined ? undefined : (number(fields, name) as Epoch);
}

function number(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw malformed(`field ${name}`, 'a u32', typeof value);
  }
  return value;
}

function boolean(fields: Record<string, unknown>, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw malformed(`field ${name}`, 'true or false', typeof value);
  return value;
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(what, 'an object', typeof value);
  return value as Record<string, unknown>;
}

function malformed(what: string, expected: string, came: string): FloeError {
  return envelopeErrors.MALFORMED_RESPONSE({ what, expected, came });
}
