/** The publisher's answers to a store, in the JSON that Walrus publishers give. */
import type { AlreadyCertified, NewlyCreated, StoredPatch, StoreResult } from '@floe/client';
import type { ErrorData } from '@floe/platform';

/** `newlyCreated` or `alreadyCertified`; amounts and sizes as numbers, as Walrus writes them. */
export function storeResultJson(result: StoreResult): Record<string, unknown> {
  return result.kind === 'newlyCreated'
    ? { newlyCreated: newlyCreatedJson(result) }
    : { alreadyCertified: alreadyCertifiedJson(result) };
}

/** `range`: the columns of the patch, the end exclusive. */
export function storedPatchesJson(patches: readonly StoredPatch[]): Record<string, unknown>[] {
  return patches.map(({ identifier, patchId, startIndex, endIndex }) => ({
    identifier,
    quiltPatchId: patchId,
    range: [startIndex, endIndex],
  }));
}

/** From the data of BLOB_MARKED_INVALID. */
export function markedInvalidJson({ blobId, txDigest, eventSeq }: ErrorData): Record<string, unknown> {
  return { markedInvalid: { blobId, event: { txDigest, eventSeq } } };
}

function newlyCreatedJson({ blobObject, operation, cost }: NewlyCreated): Record<string, unknown> {
  const { kind, ...operationFields } = operation;
  return {
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
    cost: Number(cost),
  };
}

function alreadyCertifiedJson({ blobId, proof, endEpoch }: AlreadyCertified): Record<string, unknown> {
  if (!('event' in proof)) return { blobId, object: proof.objectId, endEpoch };
  const { txDigest, eventSeq } = proof.event;
  return { blobId, event: { txDigest, eventSeq: String(eventSeq) }, endEpoch };
}
