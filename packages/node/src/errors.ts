/** Every failure of the node that is not an HTTP answer; the answers are the catalogue of the node API in `protocol`. */
import { errorCatalogue, spec } from '@floe/platform';

export const errors = errorCatalogue({
  /** The directory belongs to another node, network or format; nothing in it was touched. */
  DIRECTORY_MISMATCH: spec<{ directory: string; what: string; expected: string; came: string }>(
    'conflict',
    ({ directory, what, expected, came }) =>
      `${directory} was made for ${what} ${came}, not ${expected}; use another directory or the configuration it was made with`,
  ),
  /** Files that the node did not write stand where only its own may be. */
  FOREIGN_FILE: spec<{ path: string; why: string }>(
    'conflict',
    ({ path, why }) => `${path} is not a file of this node (${why}); move it away`,
  ),
  /** Both copies of the identity file are unreadable. */
  DIRECTORY_DAMAGED: spec<{ directory: string; why: string }>(
    'integrity',
    ({ directory, why }) => `${directory} cannot be used: ${why}`,
  ),
  /** A store would go below the reserve of free bytes; reads and deletes go on. */
  INSUFFICIENT_STORAGE: spec<{ directory: string; freeBytes: number; neededBytes: number; reserveBytes: number }>(
    'exhausted',
    // The text reaches clients; the directory is for the operator, in the data.
    ({ freeBytes, neededBytes, reserveBytes }) =>
      `the node's disk has ${freeBytes} bytes free; ${neededBytes} more would leave less than its reserve of ${reserveBytes}`,
  ),
  /** What is on disk is not what was written. The record is set aside and never served. */
  SLIVER_DAMAGED: spec<{ blobId: string; shard: number; axis: string; why: string }>(
    'integrity',
    ({ blobId, shard, axis, why }) => `${axis} sliver of blob ${blobId} for shard ${shard} is damaged on disk (${why})`,
  ),
  /** What the node stored to see whether it can was not read back, or not in time. */
  PROBE_FAILED: spec<{ why: string }>('internal', ({ why }) => `a trial of storing and reading failed: ${why}`),
  /** The operator's list of denied blobs is not a list of blob ids. */
  DENY_LIST_INVALID: spec<{ path: string; reason: string }>(
    'invalid',
    ({ path, reason }) => `the deny list ${path} must have one blob id a line: ${reason}`,
  ),
  STORE_CLOSED: spec<{ store: string }>('unavailable', ({ store }) => `${store} is closed`),
  /** A row of the node's tables does not have the form this version writes. */
  ROW_DAMAGED: spec<{ table: string; why: string }>(
    'integrity',
    ({ table, why }) => `a row of table ${table} cannot be read: ${why}`,
  ),
  /** The database is not what was written to it; opening it again makes it anew. */
  DATABASE_DAMAGED: spec<{ why: string }>('integrity', ({ why }) => `the node's database is damaged: ${why}`),
  /** The ledger is not the one that this directory followed until now. */
  LEDGER_MISMATCH: spec<{ what: string; expected: string; came: string }>(
    'conflict',
    ({ what, expected, came }) =>
      `the ledger is not the one this node followed: ${what} was ${expected}, now ${came}; point the node at its own ledger or give it a new directory`,
  ),
  /** The ledger's last checkpoint is before the node's cursor: it lost history, or it is another ledger. */
  LEDGER_BEHIND: spec<{ cursor: bigint; latest: bigint }>(
    'conflict',
    ({ cursor, latest }) =>
      `this node has handled the ledger's checkpoints up to ${cursor}, but the ledger ends at ${latest}; it lost history or is another one`,
  ),
  /** An event that contradicts the ones before it; the follower stops rather than skip it. */
  EVENT_CONTRADICTS: spec<{ event: string; id: string; why: string }>(
    'integrity',
    ({ event, id, why }) => `event ${event} ${id} contradicts the ledger's history: ${why}`,
  ),
  /** A peer gave no answer, or none in time. */
  PEER_UNREACHABLE: spec<{ peer: string; reason: string }>(
    'unavailable',
    ({ peer, reason }) => `node ${peer} cannot be reached: ${reason}`,
  ),
  /** Who answers at a peer's address does not hold the key that the ledger has of it; it was told nothing. */
  PEER_WRONG_KEY: spec<{ peer: string; reason: string }>(
    'unavailable',
    ({ peer, reason }) => `node ${peer} does not prove to hold its key: ${reason}`,
  ),
  /** A peer's answer cannot be right. */
  PEER_MISBEHAVED: spec<{ peer: string; reason: string }>(
    'unavailable',
    ({ peer, reason }) => `node ${peer} answered something that cannot be right: ${reason}`,
  ),
  /** Too few peers had, or gave, what a rebuild needs; it is tried again later. */
  NOT_ENOUGH_PEERS: spec<{ what: string; needed: number; came: number; failures: number }>(
    'unavailable',
    ({ what, needed, came, failures }) =>
      `${what}: ${needed} are needed, ${came} came, ${failures} requests to peers failed`,
  ),
  /** The ledger has another key of the node than those it is configured with: nothing that it signed would count. */
  KEY_UNKNOWN: spec<{ epoch: number; expected: string; has: string }>(
    'conflict',
    ({ epoch, expected, has }) =>
      `the committee of epoch ${epoch} has the key ${expected} of this node, whose own is ${has}; configure the node with the key that the ledger has, or with a next key to change to`,
  ),
  /** The node has no account on the ledger. */
  NO_OPERATOR: spec<{ what: string }>(
    'unavailable',
    ({ what }) => `${what} needs an account on the ledger, and this node has none`,
  ),
});
