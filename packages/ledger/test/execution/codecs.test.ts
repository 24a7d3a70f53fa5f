import { type ContractEvent, encodeContractEvent, layouts, moveValues } from '@floe/contracts';
import { blobIdFromBytes, type Epoch, objectIdFromBytes } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Codec, codecs } from '../../src/execution/codecs.ts';
import { encodeEvent } from '../../src/execution/event-codec.ts';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const id = bytes32.map(objectIdFromBytes);
const blobId = bytes32.map(blobIdFromBytes);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const epoch = u32.map((value) => value as Epoch);
const unsigned = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const storage = fc.record({ id, startEpoch: epoch, endEpoch: epoch, storageSize: unsigned(64) });
const blob = fc.record({
  id,
  registeredEpoch: epoch,
  blobId,
  size: unsigned(64),
  encodingType: fc.integer({ min: 0, max: 255 }),
  certifiedEpoch: fc.option(epoch),
  storage,
  deletable: fc.boolean(),
});
const system = fc.record({ id, version: unsigned(64), packageId: id, newPackageId: fc.option(id) });

interface Case {
  readonly codec: Codec;
  readonly layout: unknown;
  readonly values: fc.Arbitrary<unknown>;
}

const cases: Readonly<Record<keyof typeof codecs, Case>> = {
  bool: { codec: codecs.bool, layout: moveValues.bool, values: fc.boolean() },
  u8: { codec: codecs.u8, layout: moveValues.u8, values: fc.integer({ min: 0, max: 255 }) },
  u16: { codec: codecs.u16, layout: moveValues.u16, values: fc.integer({ min: 0, max: 65_535 }) },
  u32: { codec: codecs.u32, layout: moveValues.u32, values: u32 },
  u64: { codec: codecs.u64, layout: moveValues.u64, values: unsigned(64) },
  u128: { codec: codecs.u128, layout: moveValues.u128, values: unsigned(128) },
  u256: { codec: codecs.u256, layout: moveValues.u256, values: unsigned(256) },
  id: { codec: codecs.id, layout: moveValues.id, values: id },
  string: { codec: codecs.string, layout: moveValues.string, values: fc.string({ unit: 'grapheme', maxLength: 80 }) },
  bytes: { codec: codecs.bytes, layout: moveValues.bytes, values: fc.uint8Array({ maxLength: 300 }) },
  coin: { codec: codecs.coin, layout: layouts.Coin, values: fc.record({ id, balance: unsigned(64) }) },
  system: { codec: codecs.system, layout: layouts.System, values: system },
  storage: { codec: codecs.storage, layout: layouts.Storage, values: storage },
  blob: { codec: codecs.blob, layout: layouts.Blob, values: blob },
};

describe.each(Object.entries(cases))('the codec of %s', (_name, { codec, layout, values }) => {
  test('writes and reads what the layout writes and reads', () => {
    fc.assert(
      fc.property(values, (value) => {
        const expected = (layout as Codec).serialize(value).toBytes();
        expect(codec.serialize(value).toBytes()).toEqual(expected);
        expect(codec.parse(expected)).toEqual((layout as Codec).parse(expected));
      }),
    );
  });

  test('accepts exactly what it writes', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, change) => {
        const changed = codec.serialize(value).toBytes().slice();
        if (changed.length > 0) changed[place % changed.length]! ^= change;
        let parsed: unknown;
        try {
          parsed = codec.parse(changed);
        } catch {
          return;
        }
        expect(codec.serialize(parsed).toBytes()).toEqual(changed);
      }),
    );
    expect(() => codec.parse(bcs.bytes(500).serialize(new Uint8Array(500).fill(255)).toBytes())).toThrow();
  });
});

test('frequent events are written as their layouts write them', () => {
  const registered = fc.record({
    kind: fc.constant('BlobRegistered' as const),
    epoch,
    blobId,
    size: unsigned(64),
    encodingType: fc.integer({ min: 0, max: 255 }),
    endEpoch: epoch,
    deletable: fc.boolean(),
    objectId: id,
  });
  const certified = fc.record({
    kind: fc.constant('BlobCertified' as const),
    epoch,
    blobId,
    endEpoch: epoch,
    deletable: fc.boolean(),
    objectId: id,
    isExtension: fc.boolean(),
  });
  const deleted = fc.record({
    kind: fc.constant('BlobDeleted' as const),
    epoch,
    blobId,
    endEpoch: epoch,
    objectId: id,
    wasCertified: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.oneof(registered, certified, deleted), (event: ContractEvent) => {
      expect(encodeEvent(event)).toEqual(encodeContractEvent(event));
    }),
  );
});
