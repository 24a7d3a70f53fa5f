/** The error catalogue of this package. Messages name the thing, what was expected and what came. */
import { errorCatalogue, spec } from '@floe/platform';
import { MAX_QUOTED_CHARACTERS } from './limits.ts';

export const errors = errorCatalogue({
  INVALID_SLIVER: spec<{ axis: string; index: number; expected: string; came: string }>(
    'integrity',
    ({ axis, index, expected, came }) => `${axis} sliver ${index} is wrong: expected ${expected}, came ${came}`,
  ),
  NOT_ENOUGH_SLIVERS: spec<{
    nShards: number;
    primary: number;
    secondary: number;
    primaryNeeded: number;
    secondaryNeeded: number;
  }>(
    'unavailable',
    ({ nShards, primary, secondary, primaryNeeded, secondaryNeeded }) =>
      `a blob over ${nShards} shards needs ${primaryNeeded} primary or ${secondaryNeeded} secondary slivers, ` +
      `${primary} and ${secondary} usable ones came`,
  ),
  NOT_ENOUGH_SYMBOLS: spec<{ axis: string; index: number; needed: number; came: number }>(
    'unavailable',
    ({ axis, index, needed, came }) =>
      `recovering ${axis} sliver ${index} needs ${needed} symbols, ${came} usable ones came`,
  ),
  INCONSISTENT_SLIVER: spec<{ blobId: string; axis: string; index: number }>(
    'integrity',
    ({ blobId, axis, index }) =>
      `${axis} sliver ${index} of blob ${blobId}, rebuilt from its symbols, does not have the hash of the metadata`,
  ),
  INCONSISTENT_BLOB: spec<{ blobId: string; expected: string; came: string }>(
    'integrity',
    ({ blobId, expected, came }) =>
      `blob ${blobId} was not encoded as the rules say: expected ${expected}, came ${came}`,
  ),
  INVALID_PROOF: spec<{ axis: string; index: number; reason: string }>(
    'invalid',
    ({ axis, index, reason }) => `inconsistency proof for ${axis} sliver ${index} refused: ${reason}`,
  ),
  OUT_OF_MEMORY: spec<{ sizeBytes: number; purpose: string }>(
    'exhausted',
    ({ sizeBytes, purpose }) => `no memory for ${sizeBytes} bytes of ${purpose}`,
  ),
  SOURCE_CHANGED: spec<{ expected: string; came: string }>(
    'conflict',
    ({ expected, came }) => `the source changed while it was read: expected ${expected}, came ${came}`,
  ),
  SOURCE_FAILED: spec<{ offset: number; sizeBytes: number; reason: string }>(
    'internal',
    ({ offset, sizeBytes, reason }) => `reading ${sizeBytes} bytes of the source at ${offset} failed: ${reason}`,
  ),
  SOURCE_TOO_LARGE: spec<{ maxBytes: number }>(
    'invalid',
    ({ maxBytes }) => `the stream is longer than the maximum of ${maxBytes} bytes`,
  ),
  SINK_FAILED: spec<{ axis: string; index: number; reason: string }>(
    'internal',
    ({ axis, index, reason }) => `${axis} sliver ${index} could not be handed over: ${reason}`,
  ),
  SCRATCH_FULL: spec<{ sizeBytes: number; place: string }>(
    'exhausted',
    ({ sizeBytes, place }) => `no room for ${sizeBytes} bytes of temporary data in ${place}`,
  ),
  SCRATCH_FAILED: spec<{ operation: string; reason: string }>(
    'internal',
    ({ operation, reason }) => `${operation} temporary data failed: ${reason}`,
  ),
  CODEC_CLOSED: spec<{ job: string }>('unavailable', ({ job }) => `the codec was closed before ${job} was done`),
  CODEC_WORKER_FAILED: spec<{ job: string; reason: string }>(
    'internal',
    ({ job, reason }) => `the worker running ${job} failed: ${reason}`,
  ),
  INVALID_QUILT: spec<{ part: string; expected: string; came: string }>(
    'invalid',
    ({ part, expected, came }) => `malformed quilt in its ${part}: expected ${expected}, came ${came}`,
  ),
  INVALID_IDENTIFIER: spec<{ identifier: string; reason: string }>(
    'invalid',
    ({ identifier, reason }) => `patch identifier ${quote(identifier)} refused: ${reason}`,
  ),
  DUPLICATE_IDENTIFIER: spec<{ identifier: string }>(
    'invalid',
    ({ identifier }) => `two patches have the identifier ${quote(identifier)}; each must be unique in its quilt`,
  ),
  TAGS_TOO_LARGE: spec<{ identifier: string; sizeBytes: number; maxBytes: number }>(
    'invalid',
    ({ identifier, sizeBytes, maxBytes }) =>
      `tags of patch ${quote(identifier)} take ${sizeBytes} bytes, at most ${maxBytes} are allowed`,
  ),
  TOO_MANY_PATCHES: spec<{ count: number; max: number }>(
    'invalid',
    ({ count, max }) => `a quilt of ${count} patches is more than the maximum of ${max}`,
  ),
  QUILT_TOO_LARGE: spec<{ symbolSize: number; maxSymbolSize: number }>(
    'invalid',
    ({ symbolSize, maxSymbolSize }) =>
      `the patches need symbols of ${symbolSize} bytes, the maximum is ${maxSymbolSize}; use fewer or smaller ones`,
  ),
  INVALID_QUILT_PATCH_ID: spec<{ text: string }>(
    'invalid',
    ({ text }) => `quilt patch id ${quote(text)} is not 37 bytes of version 1 in URL-safe base64 (50 characters)`,
  ),
});

/** A text for an error message: quoted, cut to a bounded length. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= MAX_QUOTED_CHARACTERS ? text : `${text.slice(0, MAX_QUOTED_CHARACTERS)}…`);
}
