import { toHex } from '@floe/platform';
import { type BlobId, type Epoch, parseObjectId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import {
  type ContractEvent,
  type ContractEventKind,
  encodeContractEvent,
  eventLayouts,
  eventType,
  parseContractEvent,
  parseEventType,
} from '../src/events.ts';

const PACKAGE = parseObjectId('0xabc');
const OBJECT = parseObjectId(`0x${'11'.repeat(32)}`);
const BLOB_ID = '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo' as BlobId;
const BLOB_HEX = 'd1f783da10a589a0221c24db2c71ed84ec05ce74a35fea4f9b41af513abedeaa';
const epoch = (value: number) => value as Epoch;

const samples: readonly [ContractEvent, string][] = [
  [
    {
      kind: 'BlobRegistered',
      epoch: epoch(1),
      blobId: BLOB_ID,
      size: 5n,
      encodingType: 1,
      endEpoch: epoch(3),
      deletable: true,
      objectId: OBJECT,
    },
    `01000000${BLOB_HEX}0500000000000000` + `010300000001${'11'.repeat(32)}`,
  ],
  [
    {
      kind: 'BlobCertified',
      epoch: epoch(1),
      blobId: BLOB_ID,
      endEpoch: epoch(3),
      deletable: false,
      objectId: OBJECT,
      isExtension: true,
    },
    `01000000${BLOB_HEX}0300000000${'11'.repeat(32)}01`,
  ],
  [
    {
      kind: 'BlobDeleted',
      epoch: epoch(2),
      blobId: BLOB_ID,
      endEpoch: epoch(3),
      objectId: OBJECT,
      wasCertified: true,
    },
    `02000000${BLOB_HEX}03000000${'11'.repeat(32)}01`,
  ],
  [{ kind: 'InvalidBlobID', epoch: epoch(2), blobId: BLOB_ID }, `02000000${BLOB_HEX}`],
  [{ kind: 'EpochChangeStart', epoch: epoch(9) }, '09000000'],
  [
    { kind: 'PricesUpdated', epoch: epoch(1), storagePrice: 1n, writePrice: 2n },
    `01000000${'01'.padEnd(16, '0')}${'02'.padEnd(16, '0')}`,
  ],
];

describe('events', () => {
  it.each(samples)('writes and reads %o field by field', (event, hex) => {
    expect(toHex(encodeContractEvent(event))).toBe(hex);
    expect(parseContractEvent(eventType(PACKAGE, event.kind), encodeContractEvent(event))).toEqual(event);
  });

  it('knows every event of the contracts', () => {
    const kinds = Object.keys(eventLayouts) as ContractEventKind[];
    expect(kinds).toHaveLength(22);
    for (const kind of kinds) expect(eventLayouts[kind].name).toBe(kind);
  });

  it('takes a short package address for the long one', () => {
    expect(parseEventType('0xabc::events::BlobDeleted')).toEqual({ packageId: PACKAGE, name: 'BlobDeleted' });
  });

  it('leaves types of other modules, generic types and unknown names alone', () => {
    expect(parseContractEvent(`${PACKAGE}::blob::BlobDeleted`, new Uint8Array(0))).toBeUndefined();
    expect(parseEventType(`${PACKAGE}::events::BlobDeleted<u8>`)).toBeUndefined();
    expect(parseContractEvent(`${PACKAGE}::events::toString`, new Uint8Array(0))).toBeUndefined();
    expect(parseContractEvent(`${PACKAGE}::events::BlobMoved`, new Uint8Array(0))).toBeUndefined();
  });

  it('throws on contents that are cut short', () => {
    expect(() => parseContractEvent(eventType(PACKAGE, 'EpochChangeStart'), Uint8Array.of(1, 0))).toThrow();
  });
});
