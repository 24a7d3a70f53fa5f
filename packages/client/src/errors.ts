/** Every failure the client itself reports. Errors of the ledger, the codec and ids pass through with their own codes. */
import { errorCatalogue, spec } from '@floe/platform';

export const clientErrors = errorCatalogue({
  NODE_WRONG_KEY: spec<{ node: string; reason: string }>(
    'integrity',
    ({ node, reason }) => `storage node ${node} does not prove to hold the key that the ledger has of it: ${reason}`,
  ),
  // Reading
  BLOB_NOT_FOUND: spec<{ blobId: string }>(
    'not-found',
    ({ blobId }) => `blob ${blobId} is not stored: never certified, expired or deleted`,
  ),
  BLOB_FORBIDDEN: spec<{ blobId: string }>(
    'unauthorized',
    ({ blobId }) => `blob ${blobId} is blocked by a quorum of storage nodes`,
  ),
  BLOB_MARKED_INVALID: spec<{ blobId: string; txDigest: string; eventSeq: string }>(
    'integrity',
    ({ blobId, txDigest, eventSeq }) =>
      `blob ${blobId} was encoded inconsistently by its writer and marked invalid by event ${txDigest}:${eventSeq}`,
  ),
  METADATA_UNAVAILABLE: spec<{ blobId: string; asked: number; answers: string }>(
    'unavailable',
    ({ blobId, asked, answers }) =>
      `no storage node gave valid metadata of blob ${blobId}; of ${asked} asked: ${answers || 'no answer'}`,
  ),
  SLIVERS_UNAVAILABLE: spec<{ blobId: string; found: number; needed: number; answers: string }>(
    'unavailable',
    ({ blobId, found, needed, answers }) =>
      `blob ${blobId} cannot be read now: ${found} of the ${needed} slivers needed were found; failures: ${answers || 'none'}`,
  ),
  SYMBOLS_UNAVAILABLE: spec<{ blobId: string; sliver: string; found: number; needed: number }>(
    'unavailable',
    ({ blobId, sliver, found, needed }) =>
      `${sliver} of blob ${blobId} cannot be rebuilt now: ${found} of the ${needed} recovery symbols needed were found`,
  ),
  READ_TIMEOUT: spec<{ blobId: string; timeoutMs: number; found: number; needed: number }>(
    'unavailable',
    ({ blobId, timeoutMs, found, needed }) =>
      needed === 0
        ? `reading blob ${blobId} took longer than ${timeoutMs} ms; its metadata had not been found`
        : `reading blob ${blobId} took longer than ${timeoutMs} ms; ${found} of the ${needed} slivers needed were found`,
  ),
  INVALID_RANGE: spec<{ start: number; end: number; sizeBytes: number }>(
    'invalid',
    ({ start, end, sizeBytes }) =>
      `range [${start}, ${end}) must be whole numbers, not empty, and within the blob's ${sizeBytes} bytes`,
  ),
  BLOB_TOO_LARGE_TO_BUFFER: spec<{ sizeBytes: number; maxBytes: number }>(
    'exhausted',
    ({ sizeBytes, maxBytes }) =>
      `${sizeBytes} bytes are more than the ${maxBytes} that are read into memory at once; read a range or a stream`,
  ),
  NO_STATUS_AGREEMENT: spec<{ blobId: string; answered: number; quorum: number }>(
    'unavailable',
    ({ blobId, answered, quorum }) =>
      `storage nodes did not agree on the status of blob ${blobId}: shards of weight ${answered} answered, ${quorum} is a quorum`,
  ),
  QUILT_PATCH_NOT_FOUND: spec<{ quiltId: string; patch: string }>(
    'not-found',
    ({ quiltId, patch }) => `quilt ${quiltId} has no patch ${patch}`,
  ),

  // Storing
  NOT_ENOUGH_NODES: spec<{ blobId: string; answered: number; need: number }>(
    'unavailable',
    ({ blobId, answered, need }) =>
      `storage nodes with ${answered} shards answered, ${need} are needed to store blob ${blobId}; nothing was paid`,
  ),
  NOT_ENOUGH_CONFIRMATIONS: spec<{ blobId: string; got: number; need: number; reasons: readonly string[] }>(
    'unavailable',
    ({ blobId, got, need, reasons }) =>
      `storage nodes with ${got} shards confirmed blob ${blobId}, ${need} are needed; ${reasons.join('; ')}`,
  ),
  STORE_TIMEOUT: spec<{ blobId: string; timeoutMs: number; stage: string }>(
    'unavailable',
    ({ blobId, timeoutMs, stage }) =>
      `storing blob ${blobId || '(not yet encoded)'} took longer than ${timeoutMs} ms; it was ${stage}`,
  ),
  EPOCH_CHANGED: spec<{ blobId: string; epoch: number; retries: number }>(
    'unavailable',
    ({ blobId, epoch, retries }) =>
      `the epoch changed (now ${epoch}) while blob ${blobId} was stored, ${retries} times in a row`,
  ),
  INVALID_EPOCHS: spec<{ epochs: number; maxEpochs: number }>(
    'invalid',
    ({ epochs, maxEpochs }) => `epochs must be a whole number from 1 to ${maxEpochs}, got ${epochs}`,
  ),
  COST_ABOVE_MAXIMUM: spec<{ what: string; cost: bigint; maxCost: bigint }>(
    'exhausted',
    ({ what, cost, maxCost }) => `${what} costs ${cost} FROST, more than the ${maxCost} allowed; nothing was paid`,
  ),
  INVALID_ATTRIBUTES: spec<{ reason: string }>('invalid', ({ reason }) => `attributes: ${reason}`),
  BLOB_OBJECT_NOT_FOUND: spec<{ objectId: string }>(
    'not-found',
    ({ objectId }) => `there is no blob object ${objectId} on the ledger`,
  ),
  BLOB_NOT_DELETABLE: spec<{ objectId: string; blobId: string }>(
    'conflict',
    ({ objectId, blobId }) => `blob object ${objectId} of blob ${blobId} is permanent and cannot be deleted`,
  ),
  BLOB_EXPIRED: spec<{ objectId: string; endEpoch: number; epoch: number }>(
    'conflict',
    ({ objectId, endEpoch, epoch }) =>
      `blob object ${objectId} ended with epoch ${endEpoch} and cannot be used in epoch ${epoch}`,
  ),

  // Storage pools
  POOL_NOT_FOUND: spec<{ poolId: string }>(
    'not-found',
    ({ poolId }) => `there is no storage pool ${poolId} on the ledger`,
  ),
  POOL_EXPIRED: spec<{ poolId: string; endEpoch: number; epoch: number }>(
    'conflict',
    ({ poolId, endEpoch, epoch }) =>
      `storage pool ${poolId} ended with epoch ${endEpoch} and cannot be used in epoch ${epoch}`,
  ),
  POOL_FULL: spec<{ poolId: string; neededBytes: bigint; freeBytes: bigint }>(
    'exhausted',
    ({ poolId, neededBytes, freeBytes }) =>
      `storage pool ${poolId} has ${freeBytes} bytes left for encoded blobs; ${neededBytes} are needed`,
  ),

  // One storage node
  NODE_UNREACHABLE: spec<{ node: string; reason: string }>(
    'unavailable',
    ({ node, reason }) => `storage node ${node} cannot be reached: ${reason}`,
  ),
  NODE_MISBEHAVED: spec<{ node: string; reason: string }>(
    'integrity',
    ({ node, reason }) => `storage node ${node} sent something false: ${reason}`,
  ),
});
