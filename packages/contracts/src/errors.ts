/** Every failure the ledger client and the transaction builders report. */
import { errorCatalogue, spec } from '@floe/platform';

export const ledgerErrors = errorCatalogue({
  LEDGER_UNREACHABLE: spec<{ url: string; call: string; reason: string }>(
    'unavailable',
    ({ url, call, reason }) => `ledger ${url} cannot be reached for ${call}: ${reason}`,
  ),
  LEDGER_TIMEOUT: spec<{ url: string; call: string; timeoutMs: number }>(
    'unavailable',
    ({ url, call, timeoutMs }) => `ledger ${url} did not answer ${call} within ${timeoutMs} ms`,
  ),
  LEDGER_BUSY: spec<{ url: string; call: string; reason: string }>(
    'unavailable',
    ({ url, call, reason }) => `ledger ${url} refuses ${call} for now: ${reason}`,
  ),
  LEDGER_FAILED: spec<{ url: string; call: string; status: string; reason: string }>(
    'internal',
    ({ url, call, status, reason }) => `ledger ${url} failed in ${call} with ${status}: ${reason}`,
  ),
  LEDGER_MISBEHAVED: spec<{ url: string; reason: string }>(
    'integrity',
    ({ url, reason }) => `ledger ${url} sent something it must not: ${reason}`,
  ),
  /** The request itself is wrong: malformed, unknown function, no such object, a signature that does not fit. */
  LEDGER_REJECTED: spec<{ call: string; reason: string }>(
    'invalid',
    ({ call, reason }) => `the ledger rejects ${call}: ${reason}`,
  ),
  /** It was sent, and the ledger could not be asked whether it took effect; executing the same again is safe. */
  OUTCOME_UNKNOWN: spec<{ digest: string; reason: string }>(
    'unavailable',
    ({ digest, reason }) => `transaction ${digest} was sent, but its outcome is unknown: ${reason}`,
  ),
  /** Skipping one would number the events after it differently from every other reader. */
  UNKNOWN_EVENT: spec<{ type: string; txDigest: string }>(
    'internal',
    ({ type, txDigest }) => `transaction ${txDigest} emitted ${type}, which this version of Floe does not know`,
  ),
  /** It ran and failed without a Move abort, such as an unused value or a wrong argument type. */
  TRANSACTION_FAILED: spec<{ digest: string; reason: string }>(
    'invalid',
    ({ digest, reason }) => `transaction ${digest || '(simulated)'} failed: ${reason}`,
  ),
  MOVE_ABORT: spec<{ module: string; function: string; abortCode: string; name: string; command: number }>(
    'conflict',
    (data) =>
      `command ${data.command} aborted in ${data.module}::${data.function} with code ${data.abortCode}` +
      (data.name === '' ? '' : ` (${data.name})`),
  ),
  INSUFFICIENT_WAL: spec<{ owner: string; needed: bigint; available: bigint }>(
    'exhausted',
    ({ owner, needed, available }) => `${owner} has ${available} FROST of WAL; ${needed} are needed`,
  ),
  INSUFFICIENT_SUI: spec<{ owner: string; reason: string }>(
    'exhausted',
    ({ owner, reason }) => `${owner} cannot pay for gas: ${reason}`,
  ),
  STALE_OBJECT: spec<{ reason: string; rebuilds: number }>(
    'conflict',
    ({ reason, rebuilds }) => `an object was changed by another transaction, after ${rebuilds} tries: ${reason}`,
  ),
  OBJECT_NOT_FOUND: spec<{ objectId: string; what: string }>(
    'not-found',
    ({ objectId, what }) => `the ledger has no ${what} ${objectId}`,
  ),
  WRONG_OBJECT_TYPE: spec<{ objectId: string; expected: string; came: string }>(
    'conflict',
    ({ objectId, expected, came }) => `object ${objectId} is a ${came}, expected ${expected}`,
  ),
  TOO_MANY_BLOBS: spec<{ blobs: number; limit: number }>(
    'invalid',
    ({ blobs, limit }) => `${blobs} blobs in one transaction; at least 1 and at most ${limit} fit`,
  ),
  TOO_MANY_ATTRIBUTES: spec<{ attributes: number; limit: number }>(
    'invalid',
    ({ attributes, limit }) => `${attributes} attributes in one transaction; at most ${limit} fit`,
  ),
  STATE_PROOF_INVALID: spec<{ reason: string }>('integrity', ({ reason }) => `the proof does not hold: ${reason}`),
});
