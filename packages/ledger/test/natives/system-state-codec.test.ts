import { layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { expect, test } from 'vitest';
import { systemStateCodec } from '../../src/natives/system-state-codec.ts';
import { genesisOf } from '../support/world.ts';

test('the inner state is written as its layout writes it', () => {
  const object = genesisOf().objects.find(({ type }) => type.includes('SystemStateInnerV1'));
  const field = layouts.SystemInnerField.parse(object!.contents);
  const busy: typeof field = {
    ...field,
    value: {
      ...field.value,
      usedCapacitySize: 7n,
      eventBlobCertificationState: {
        latestCertifiedBlob: { blobId: 'A'.repeat(43) as never, endingCheckpointSequenceNumber: 9n },
        aggregateWeightPerBlob: [],
      },
      denyListSizes: `0x${'d'.repeat(64)}` as ObjectId,
    },
  };
  for (const value of [field, busy]) {
    const bytes = systemStateCodec.serialize(value).toBytes();
    expect(bytes).toEqual(layouts.SystemInnerField.serialize(value).toBytes());
    expect(systemStateCodec.parse(bytes)).toEqual(value);
  }
});
