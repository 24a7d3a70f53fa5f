/**
 * BCS of the field that holds the system's inner state, written by hand: it is written by nearly every transaction, and
 * most of its bytes are the committee (13 KB with 100 nodes), which changes once an epoch and is encoded once.
 *
 * The same bytes as `layouts.SystemInnerField`, which reads them.
 */
import { layouts } from '@floe/contracts';
import { BcsWriter, type ObjectId, objectIdBytes } from '@floe/protocol';
import type { Codec } from '../execution/datatypes.ts';

type SystemState = layouts.SystemStateInnerV1;

interface SystemStateField {
  readonly id: ObjectId;
  readonly name: bigint;
  readonly value: SystemState;
}

const encodedParts = new WeakMap<object, Uint8Array>();

/** Values are never changed in place, so the bytes of one stay right. */
function encodeOnce(value: object, encode: () => Uint8Array): Uint8Array {
  let bytes = encodedParts.get(value);
  if (bytes === undefined) {
    bytes = encode();
    encodedParts.set(value, bytes);
  }
  return bytes;
}

function encodeField({ id, name, value }: SystemStateField): Uint8Array {
  const committee = encodeOnce(value.committee, () => layouts.BlsCommittee.serialize(value.committee).toBytes());
  const eventBlobs = encodeOnce(value.eventBlobCertificationState, () =>
    layouts.EventBlobCertificationState.serialize(value.eventBlobCertificationState).toBytes(),
  );
  const ring = value.futureAccounting;
  const writer = new BcsWriter(200 + committee.length + eventBlobs.length + 20 * ring.ringBuffer.length);
  writer.fixed(objectIdBytes(id)).u64(name).fixed(committee);
  writer.u64(value.totalCapacitySize).u64(value.usedCapacitySize);
  writer.u64(value.storagePricePerUnitSize).u64(value.writePricePerUnitSize);
  writer.u32(ring.currentIndex).u32(ring.length);
  writer.vector(ring.ringBuffer, (w, entry) =>
    w.u32(entry.epoch).u64(entry.usedCapacity).u64(entry.rewardsToDistribute),
  );
  return writer.fixed(eventBlobs).fixed(objectIdBytes(value.denyListSizes)).finish();
}

export const systemStateCodec: Codec = {
  parse: (bytes) => layouts.SystemInnerField.parse(bytes),
  serialize: (value) => ({ toBytes: () => encodeField(value as SystemStateField) }),
};
