import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Epoch } from '../../src/ids.ts';
import {
  type BlobStatus,
  blobStatusToJson,
  compareBlobStatus,
  isCertified,
  parseBlobStatus,
  parseStoredStatus,
} from '../../src/node-api/blob-status.ts';
import { epoch } from '../support/arbitraries.ts';

const event = { txDigest: '11111111111111111111111111111111', eventSeq: '0' };
const counts = fc.record({ total: fc.nat(5), certified: fc.nat(5) });
const initialCertifiedEpoch = fc.option(epoch, { nil: undefined });
const status: fc.Arbitrary<BlobStatus> = fc.oneof(
  fc.constant({ kind: 'nonexistent' as const }),
  fc.constant({ kind: 'invalid' as const, event }),
  fc.record({ kind: fc.constant('deletable' as const), deletableCounts: counts, initialCertifiedEpoch }),
  fc.record({
    kind: fc.constant('permanent' as const),
    endEpoch: epoch,
    isCertified: fc.boolean(),
    statusEvent: fc.constant(event),
    deletableCounts: counts,
    initialCertifiedEpoch,
  }),
);

describe('JSON', () => {
  it('is camelCase with snake_case counts, as upstream sends it', () => {
    const permanent: BlobStatus = {
      kind: 'permanent',
      endEpoch: 9 as Epoch,
      isCertified: true,
      statusEvent: event,
      deletableCounts: { total: 2, certified: 1 },
      initialCertifiedEpoch: 4 as Epoch,
    };
    const deletableCounts = { count_deletable_total: 2, count_deletable_certified: 1 };
    expect(blobStatusToJson(permanent)).toEqual({
      permanent: { endEpoch: 9, isCertified: true, statusEvent: event, deletableCounts, initialCertifiedEpoch: 4 },
    });
    const deletable: BlobStatus = { kind: 'deletable', deletableCounts: { total: 2, certified: 1 } };
    expect(blobStatusToJson(deletable)).toEqual({ deletable: { initialCertifiedEpoch: null, deletableCounts } });
    expect(blobStatusToJson({ kind: 'nonexistent' })).toBe('nonexistent');
    expect(blobStatusToJson({ kind: 'invalid', event })).toEqual({ invalid: { event } });
  });

  it('round-trips', () => {
    fc.assert(
      fc.property(status, (value) => {
        expect(parseBlobStatus(JSON.parse(JSON.stringify(blobStatusToJson(value))))).toEqual(value);
      }),
    );
  });

  const deletable = {
    initialCertifiedEpoch: null,
    deletableCounts: { count_deletable_total: 1, count_deletable_certified: 0 },
  };
  it.each([
    ['another text', 'gone', 'blob status is malformed: expected an object, came string'],
    ['nothing', null, 'expected an object'],
    ['no variant', {}, 'expected an object, came undefined'],
    ['two variants', { invalid: { event }, deletable }, 'expected one variant, came 2'],
    ['an unknown variant', { eternal: {} }, 'came eternal'],
    [
      'a count as text',
      { deletable: { ...deletable, deletableCounts: { count_deletable_total: '1' } } },
      'expected a u32',
    ],
    ['a negative epoch', { deletable: { ...deletable, initialCertifiedEpoch: -1 } }, 'initialCertifiedEpoch'],
    ['an event without a digest', { invalid: { event: { txDigest: '0OIl', eventSeq: '0' } } }, 'a base58 digest'],
    ['an event with a number', { invalid: { event: { ...event, eventSeq: 0 } } }, 'a sequence number in decimal'],
  ])('refuses %s', (_what, json, message) => {
    expect(() => parseBlobStatus(json)).toThrow(message);
  });
});

describe('order', () => {
  const permanent = (change: object): BlobStatus => ({
    kind: 'permanent',
    endEpoch: 5 as Epoch,
    isCertified: false,
    statusEvent: event,
    deletableCounts: { total: 0, certified: 0 },
    ...change,
  });

  it('is nonexistent, deletable, permanent by certified, end, counts and earlier start, invalid', () => {
    const ascending: BlobStatus[] = [
      { kind: 'nonexistent' },
      { kind: 'deletable', deletableCounts: { total: 9, certified: 0 } },
      { kind: 'deletable', deletableCounts: { total: 1, certified: 1 }, initialCertifiedEpoch: 3 as Epoch },
      { kind: 'deletable', deletableCounts: { total: 1, certified: 1 }, initialCertifiedEpoch: 2 as Epoch },
      permanent({}),
      permanent({ endEpoch: 6 }),
      permanent({ isCertified: true, initialCertifiedEpoch: 3 }),
      permanent({ isCertified: true, initialCertifiedEpoch: 2 }),
      permanent({ isCertified: true, deletableCounts: { total: 1, certified: 0 } }),
      permanent({ isCertified: true, endEpoch: 6 }),
      { kind: 'invalid', event },
    ];
    for (const [i, a] of ascending.entries()) {
      for (const [j, b] of ascending.entries()) {
        expect(Math.sign(compareBlobStatus(a, b)), `${i} and ${j}`).toBe(Math.sign(i - j));
      }
    }
  });

  it('is total', () => {
    fc.assert(
      fc.property(status, status, status, (a, b, c) => {
        expect(Math.sign(compareBlobStatus(a, b)) + Math.sign(compareBlobStatus(b, a))).toBe(0);
        if (compareBlobStatus(a, b) <= 0 && compareBlobStatus(b, c) <= 0) {
          expect(compareBlobStatus(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

it('a blob is certified since an epoch, or not', () => {
  expect(isCertified({ kind: 'nonexistent' })).toBe(false);
  expect(isCertified({ kind: 'invalid', event })).toBe(false);
  expect(isCertified({ kind: 'deletable', deletableCounts: { total: 1, certified: 0 } })).toBe(false);
  const since = {
    kind: 'deletable',
    deletableCounts: { total: 1, certified: 1 },
    initialCertifiedEpoch: 0 as Epoch,
  } as const;
  expect(isCertified(since)).toBe(true);
});

it('a stored status is one of three texts', () => {
  expect(['stored', 'buffered', 'nonexistent'].map(parseStoredStatus)).toEqual(['stored', 'buffered', 'nonexistent']);
  expect(() => parseStoredStatus('Stored')).toThrow('expected stored, buffered or nonexistent');
});
