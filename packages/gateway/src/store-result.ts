/** The publisher's answer to a store, in the JSON that Walrus publishers give. */
import type { StoreResult } from '@floe/client';

/** `newlyCreated` or `alreadyCertified`; amounts and sizes as numbers, as Walrus writes them. */
export function storeResultJson(result: StoreResult): Record<string, unknown> {
  if (result.kind === 'alreadyCertified') {
    const proof =
      'event' in result.proof
        ? { event: { txDigest: result.proof.event.txDigest, eventSeq: String(result.proof.event.eventSeq) } }
        : { object: result.proof.objectId };
    return { alreadyCertified: { blobId: result.blobId, ...proof, endEpoch: result.endEpoch } };
  }
  const { blobObject, operation } = result;
  const { kind, ...operationFields } = operation;
  return {
    newlyCreated: {
      blobObject: {
        id: blobObject.objectId,
        registeredEpoch: blobObject.registeredEpoch,
        blobId: blobObject.blobId,
        size: blobObject.sizeBytes,
        encodingType: 'RS2',
        certifiedEpoch: blobObject.certifiedEpoch ?? null,
        storage: {
          id: blobObject.storage.objectId,
          startEpoch: blobObject.startEpoch,
          endEpoch: blobObject.endEpoch,
          storageSize: Number(blobObject.storage.sizeBytes),
        },
        deletable: blobObject.deletable,
      },
      resourceOperation: { [kind]: operationFields },
      cost: Number(result.cost),
    },
  };
}
