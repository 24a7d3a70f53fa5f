/** BCS of the events of nearly every transaction, written by hand; all others by their layouts. The same bytes. */
import { type ContractEvent, encodeContractEvent } from '@floe/contracts';
import { BcsWriter, type BlobId, blobIdBytes, objectIdBytes, type ObjectId } from '@floe/protocol';

/** BCS contents of an event. */
export function encodeEvent(event: ContractEvent): Uint8Array {
  switch (event.kind) {
    case 'BlobRegistered':
      return new BcsWriter()
        .u32(event.epoch)
        .fixed(blobIdBytes(event.blobId as BlobId))
        .u64(event.size)
        .u8(event.encodingType)
        .u32(event.endEpoch)
        .u8(event.deletable ? 1 : 0)
        .fixed(objectIdBytes(event.objectId as ObjectId))
        .finish();
    case 'BlobCertified':
      return new BcsWriter()
        .u32(event.epoch)
        .fixed(blobIdBytes(event.blobId as BlobId))
        .u32(event.endEpoch)
        .u8(event.deletable ? 1 : 0)
        .fixed(objectIdBytes(event.objectId as ObjectId))
        .u8(event.isExtension ? 1 : 0)
        .finish();
    default:
      return encodeContractEvent(event);
  }
}
