/** The error catalogue of this package. Messages name the thing, what was expected and what came. */
import { errorCatalogue, spec } from '@floe/platform';
import { MAX_QUOTED_CHARACTERS, MAX_SHARDS, MIN_SHARDS } from './limits.ts';

export const errors = errorCatalogue({
  INVALID_BLOB_ID: spec<{ text: string }>(
    'invalid',
    ({ text }) => `blob id ${quote(text)} is not 32 bytes in URL-safe base64 without padding (43 characters)`,
  ),
  INVALID_OBJECT_ID: spec<{ text: string }>(
    'invalid',
    ({ text }) => `object id ${quote(text)} is not 0x and 1 to 64 hex digits`,
  ),
  INVALID_SHARD_COUNT: spec<{ nShards: number }>(
    'invalid',
    ({ nShards }) => `shard count ${nShards} is not an integer from ${MIN_SHARDS} to ${MAX_SHARDS}`,
  ),
  INDEX_OUT_OF_RANGE: spec<{ what: string; index: number; count: number }>(
    'invalid',
    ({ what, index, count }) => `${what} ${index} is not in 0..${count - 1}`,
  ),
  BLOB_TOO_LARGE: spec<{ sizeBytes: number; maxBytes: number; nShards: number }>(
    'invalid',
    ({ sizeBytes, maxBytes, nShards }) =>
      `blob of ${sizeBytes} bytes is larger than the maximum of ${maxBytes} for ${nShards} shards`,
  ),
  INVALID_BCS: spec<{ what: string; offset: number; expected: string; came: string }>(
    'invalid',
    ({ what, offset, expected, came }) => `malformed ${what} at byte ${offset}: expected ${expected}, came ${came}`,
  ),
  INVALID_METADATA: spec<{ blobId: string; expected: string; came: string }>(
    'integrity',
    ({ blobId, expected, came }) => `metadata of blob ${blobId} is wrong: expected ${expected}, came ${came}`,
  ),
  INVALID_COMMITTEE: spec<{ epoch: number; expected: string; came: string }>(
    'integrity',
    ({ epoch, expected, came }) => `committee of epoch ${epoch} is wrong: expected ${expected}, came ${came}`,
  ),
  INVALID_MESSAGE: spec<{ what: string; expected: string; came: string }>(
    'invalid',
    ({ what, expected, came }) => `signed message is wrong in its ${what}: expected ${expected}, came ${came}`,
  ),
  INVALID_PUBLIC_KEY: spec<{ reason: string }>('invalid', ({ reason }) => `BLS public key refused: ${reason}`),
  INVALID_SECRET_KEY: spec<{ reason: string }>('invalid', ({ reason }) => `BLS secret key refused: ${reason}`),
  INVALID_SIGNATURE: spec<{ reason: string }>('integrity', ({ reason }) => `BLS signature refused: ${reason}`),
  INVALID_SIGNERS_BITMAP: spec<{ expected: string; came: string }>(
    'invalid',
    ({ expected, came }) => `signers bitmap is wrong: expected ${expected}, came ${came}`,
  ),
  INVALID_CERTIFICATE: spec<{ epoch: number; expected: string; came: string }>(
    'integrity',
    ({ epoch, expected, came }) => `certificate of epoch ${epoch} is wrong: expected ${expected}, came ${came}`,
  ),
  NOT_ENOUGH_CONFIRMATIONS: spec<{ epoch: number; weight: number; needed: number; rejected: readonly string[] }>(
    'unavailable',
    ({ epoch, weight, needed, rejected }) =>
      `valid confirmations of epoch ${epoch} weigh ${weight} shards, ${needed} are needed` +
      (rejected.length === 0 ? '' : `; members with a wrong signature: ${rejected.join(', ')}`),
  ),
  INVALID_BATCH: spec<{ expected: string; came: string }>(
    'invalid',
    ({ expected, came }) => `malformed batch of slivers: expected ${expected}, came ${came}`,
  ),
  BATCH_FRAME_TOO_LARGE: spec<{ kind: string; sizeBytes: number; maxBytes: number }>(
    'invalid',
    ({ kind, sizeBytes, maxBytes }) => `${kind} frame announces ${sizeBytes} bytes, at most ${maxBytes} are allowed`,
  ),
});

/** A text for an error message: quoted, cut to a bounded length. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= MAX_QUOTED_CHARACTERS ? text : `${text.slice(0, MAX_QUOTED_CHARACTERS)}…`);
}
