/** Errors of the ledger core: why a transaction was not executed, and why a store cannot be opened. */
import { errorCatalogue, spec } from '@floe/platform';

export const errors = errorCatalogue({
  PRUNING_INVALID: spec<{ came: number; least: number }>(
    'invalid',
    ({ came, least }) => `a pruned ledger keeps at least ${least} checkpoints, not ${came}`,
  ),
  LEDGER_PRUNED: spec<{ lowest: bigint }>(
    'not-found',
    ({ lowest }) => `this ledger was pruned: it is whole from checkpoint ${lowest} on only`,
  ),
  INVALID_TRANSACTION: spec<{ reason: string }>('invalid', ({ reason }) => `transaction is malformed: ${reason}`),
  UNSUPPORTED_TRANSACTION: spec<{ what: string }>(
    'invalid',
    ({ what }) => `transaction uses what this ledger does not support: ${what}`,
  ),
  LIMIT_EXCEEDED: spec<{ what: string; limit: number; came: number }>(
    'invalid',
    ({ what, limit, came }) => `${what}: at most ${limit} are allowed, came ${came}`,
  ),
  INVALID_TYPE: spec<{ text: string; reason: string }>(
    'invalid',
    ({ text, reason }) => `${JSON.stringify(text.slice(0, 200))} is not a Move type: ${reason}`,
  ),
  INVALID_SIGNATURE: spec<{ reason: string }>('unauthorized', ({ reason }) => `signature refused: ${reason}`),
  OBJECT_NOT_FOUND: spec<{ objectId: string; version: string }>(
    'not-found',
    ({ objectId, version }) => `object ${objectId} (version ${version}) does not exist`,
  ),
  STALE_OBJECT: spec<{ objectId: string; currentVersion: string; version: string }>(
    'conflict',
    ({ objectId, currentVersion, version }) =>
      `object ${objectId} is at version ${currentVersion}, the transaction was made for version ${version}; ` +
      'read it again and sign anew',
  ),
  OBJECT_DIGEST_MISMATCH: spec<{ objectId: string; version: string }>(
    'conflict',
    ({ objectId, version }) => `object ${objectId} at version ${version} has another digest than the transaction says`,
  ),
  OBJECT_NOT_OWNED: spec<{ objectId: string; owner: string; signer: string }>(
    'unauthorized',
    ({ objectId, owner, signer }) => `object ${objectId} belongs to ${owner}, not to ${signer}`,
  ),
  INVALID_OBJECT_INPUT: spec<{ objectId: string; reason: string }>(
    'invalid',
    ({ objectId, reason }) => `object ${objectId} cannot be used like this: ${reason}`,
  ),
  DUPLICATE_OBJECT: spec<{ objectId: string }>(
    'invalid',
    ({ objectId }) => `object ${objectId} is named more than once in the transaction`,
  ),
  INVALID_GAS: spec<{ reason: string }>('invalid', ({ reason }) => `gas payment refused: ${reason}`),
  INSUFFICIENT_GAS_BALANCE: spec<{ balance: string; budget: string }>(
    'invalid',
    ({ balance, budget }) => `the gas coins hold ${balance} MIST, the budget is ${budget} MIST`,
  ),
  TRANSACTION_EXPIRED: spec<{ reason: string }>('invalid', ({ reason }) => `transaction is not valid now: ${reason}`),
  WRONG_CHAIN: spec<{ expected: string; came: string }>(
    'invalid',
    ({ expected, came }) => `transaction is for chain ${came}, this is chain ${expected}`,
  ),
  INVALID_QUERY: spec<{ reason: string }>('invalid', ({ reason }) => `query refused: ${reason}`),
  MEMPOOL_FULL: spec<{ limit: number }>(
    'exhausted',
    ({ limit }) => `the ledger has ${limit} transactions waiting, its limit; try again later`,
  ),
  SUBSCRIPTIONS_FULL: spec<{ limit: number }>(
    'exhausted',
    ({ limit }) => `the ledger serves ${limit} subscriptions, its limit; try again later`,
  ),
  LEDGER_STORE_FAILED: spec<{ reason: string }>(
    'unavailable',
    ({ reason }) => `the ledger could not write its state, nothing was executed: ${reason}`,
  ),
  LEDGER_CLOSED: spec<Record<never, never>>('unavailable', () => 'the ledger is closed'),
  CHAIN_MISMATCH: spec<{ expected: string; came: string }>(
    'conflict',
    ({ expected, came }) => `the store holds chain ${came}, not chain ${expected}`,
  ),
  STORE_FORMAT_UNSUPPORTED: spec<{ supported: number; came: string }>(
    'conflict',
    ({ supported, came }) => `the store has ledger format ${came}, this version reads format ${supported}`,
  ),
  LEDGER_EMPTY: spec<Record<never, never>>(
    'not-found',
    () => 'the store holds no ledger and no genesis was given to make one',
  ),
  LEDGER_INCOMPLETE: spec<Record<never, never>>(
    'conflict',
    () =>
      'the store holds a part of a ledger only, as a restoration leaves it that did not come to its end; ' +
      'remove the store and restore again',
  ),
  LEDGER_KEY_MISMATCH: spec<{ expected: string; came: string }>(
    'conflict',
    ({ expected, came }) => `the chain's checkpoints are signed with key ${expected}, the key given is ${came}`,
  ),
  LEDGER_CORRUPT: spec<{ what: string; reason: string }>(
    'integrity',
    ({ what, reason }) => `the ledger's ${what} on disk is wrong: ${reason}`,
  ),
  SNAPSHOT_INVALID: spec<{ reason: string }>('integrity', ({ reason }) => `the snapshot is refused: ${reason}`),
  SNAPSHOT_DISTURBED: spec<Record<never, never>>(
    'conflict',
    () => 'the ledger went on while its snapshot was made; stop it first',
  ),
  SNAPSHOT_TARGET_USED: spec<Record<never, never>>(
    'conflict',
    () => 'a snapshot is restored into an empty store only, this one holds something; remove its directory',
  ),
  INVALID_GENESIS: spec<{ reason: string }>('invalid', ({ reason }) => `genesis refused: ${reason}`),
});
