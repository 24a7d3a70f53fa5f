/** What the command line itself can refuse, and how every error becomes an exit code. */
import { errorCatalogue, isFloeError, spec, type ErrorKind } from '@floe/platform';

export const cliErrors = errorCatalogue({
  USAGE: spec<{ detail: string }>('invalid', ({ detail }) => detail),
  NETWORK_NOT_FOUND: spec<{ looked: string }>(
    'not-found',
    ({ looked }) =>
      `no network found at ${looked}; start one with \`floe dev\`, or name one with --network PATH_OR_URL or FLOE_NETWORK`,
  ),
  NETWORK_FILE_INVALID: spec<{ source: string; detail: string }>(
    'invalid',
    ({ source, detail }) => `${source} is not a Floe network description: ${detail}`,
  ),
  LEDGER_STORE_MISSING: spec<{ directory: string }>(
    'not-found',
    ({ directory }) => `there is no ledger in ${directory}; name the directory of a network with --dir`,
  ),
  /** Like the ledger's error of this code, and naming the directory. */
  LEDGER_INCOMPLETE: spec<{ directory: string }>(
    'conflict',
    ({ directory }) =>
      `${directory} holds a part of a ledger only, as \`floe ledger restore\` leaves it when it is killed; ` +
      'remove this directory and restore again',
  ),
  OBJECT_NOT_FOUND: spec<{ objectId: string }>('not-found', ({ objectId }) => `the ledger has no object ${objectId}`),
  WALLET_INVALID: spec<{ path: string; detail: string }>(
    'invalid',
    ({ path, detail }) => `${path} is not a Floe wallet: ${detail}`,
  ),
  WALLET_NOT_FOUND: spec<{ path: string }>('not-found', ({ path }) => `there is no wallet at ${path}`),
  WALLET_EXISTS: spec<{ path: string }>(
    'conflict',
    ({ path }) => `there is already a wallet at ${path}; use --force to replace it, or --wallet for another place`,
  ),
  FILE_UNREADABLE: spec<{ path: string; detail: string }>(
    'invalid',
    ({ path, detail }) => `cannot read ${path}: ${detail}`,
  ),
  /** Like the protocol's error of this code, and naming the file. */
  BLOB_TOO_LARGE: spec<{ path: string; sizeBytes: number; maxBytes: number; nShards: number }>(
    'invalid',
    ({ path, sizeBytes, maxBytes, nShards }) =>
      `${path} has ${sizeBytes} bytes, more than the maximum of ${maxBytes} for ${nShards} shards`,
  ),
  FILE_UNWRITABLE: spec<{ path: string; detail: string }>(
    'invalid',
    ({ path, detail }) => `cannot write ${path}: ${detail}`,
  ),
  DIRECTORY_IN_USE: spec<{ directory: string; pid: number }>(
    'conflict',
    ({ directory, pid }) => `${directory} is in use by another process of floe (${pid})`,
  ),
  DIRECTORY_FOREIGN: spec<{ directory: string; detail: string }>(
    'conflict',
    ({ directory, detail }) => `${directory} cannot be used: ${detail}`,
  ),
  CONFIG_INVALID: spec<{ path: string; problems: readonly string[] }>(
    'invalid',
    ({ path, problems }) => `${path} cannot be used as it is:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
  ),
  DIRECTORY_NOT_EMPTY: spec<{ directory: string; holds: string; remedy?: string }>(
    'conflict',
    ({ directory, holds, remedy = 'name an empty or new directory' }) =>
      `${directory} holds ${holds} already, and nothing is overwritten: ${remedy}`,
  ),
  BACKUP_INVALID: spec<{ directory: string; detail: string }>(
    'invalid',
    ({ directory, detail }) => `${directory} is not a backup of a storage node: ${detail}`,
  ),
  BACKUP_DAMAGED: spec<{ directory: string; files: readonly string[] }>(
    'integrity',
    ({ directory, files }) =>
      `backup ${directory} is damaged: ${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not match the manifest`,
  ),
  NODE_OFFLINE: spec<{ node: string }>(
    'unavailable',
    ({ node }) => `storage node ${node} does not run, or not as this user`,
  ),
  NODE_UNHEALTHY: spec<{ node: string; problems: readonly string[] }>(
    'unavailable',
    ({ node, problems }) => `${node} is not healthy: ${problems.join('; ')}`,
  ),
  NODE_DAMAGED: spec<{ directory: string; findings: number }>(
    'integrity',
    ({ directory, findings }) =>
      `${directory} is damaged in ${findings} places; the node sets aside and heals them when it runs`,
  ),
  NODE_NOT_REGISTERED: spec<{ path: string }>(
    'conflict',
    ({ path }) => `${path} has no nodeId: register the node with \`floe node register --config ${path}\``,
  ),
  DEV_NOT_RUNNING: spec<{ directory: string }>(
    'unavailable',
    ({ directory }) => `no \`floe dev\` is running on ${directory}`,
  ),
  NODE_UNKNOWN: spec<{ node: string; known: string }>(
    'not-found',
    ({ node, known }) => `there is no node ${node}; the nodes are ${known}`,
  ),
  NOT_ISOLATED: spec<{ action: string }>(
    'invalid',
    ({ action }) => `${action} needs nodes in processes of their own: start the network with \`floe dev --isolate\``,
  ),
  NODE_NOT_RUNNING: spec<{ node: string; action: string }>(
    'conflict',
    ({ node, action }) => `cannot ${action} ${node}: it is not running`,
  ),
  NODE_RUNNING: spec<{ node: string }>('conflict', ({ node }) => `cannot restore ${node}: it is running`),
  NODE_NOT_READY: spec<{ node: string; detail: string }>(
    'unavailable',
    ({ node, detail }) => `${node} did not become ready: ${detail}`,
  ),
  FAUCET_REFUSED: spec<{ url: string; detail: string }>(
    'unavailable',
    ({ url, detail }) => `the faucet at ${url} did not pay: ${detail}`,
  ),
  NO_FAUCET: spec<Record<string, never>>('invalid', () => 'this network has no faucet'),
  BLOB_NOT_OWNED: spec<{ id: string; owner: string }>(
    'not-found',
    ({ id, owner }) => `the wallet ${owner} owns no blob ${id}`,
  ),
  BLOB_NOT_DELETABLE: spec<{ id: string }>(
    'conflict',
    ({ id }) => `blob ${id} is permanent or has expired, and cannot be deleted`,
  ),
  BLOB_AMBIGUOUS: spec<{ id: string; objectIds: string }>(
    'conflict',
    ({ id, objectIds }) => `the wallet owns several objects of blob ${id}; name one of them: ${objectIds}`,
  ),
  BLOB_SHARED: spec<{ id: string }>(
    'conflict',
    ({ id }) => `blob object ${id} is shared: it cannot be shared again, nor its attributes changed`,
  ),
  FUNDS_TOO_LOW: spec<{ objectId: string; funds: bigint; cost: bigint }>(
    'exhausted',
    ({ objectId, funds, cost }) =>
      `shared object ${objectId} has ${funds} FROST; extending it costs ${cost}: add some with \`floe fund\``,
  ),
  BLOB_NOT_SHARED: spec<{ id: string }>('conflict', ({ id }) => `blob object ${id} is not shared; it has no funds`),
  STAKE_NOT_OWNED: spec<{ stakeId: string; owner: string }>(
    'not-found',
    ({ stakeId, owner }) => `the wallet ${owner} has no stake ${stakeId}`,
  ),
  STAKE_NOT_FREE: spec<{ stakeId: string; epoch: number; now: number }>(
    'conflict',
    ({ stakeId, epoch, now }) => `stake ${stakeId} can be withdrawn from epoch ${epoch} on; it is epoch ${now}`,
  ),
  NODE_AMBIGUOUS: spec<{ node: string; nodeIds: string }>(
    'conflict',
    ({ node, nodeIds }) => `${node} stands for several storage nodes; name one by its id: ${nodeIds}`,
  ),
  NO_COMMITTEE: spec<{ which: string; epoch: number }>(
    'not-found',
    ({ which, epoch }) => `there is no ${which} committee in epoch ${epoch}`,
  ),
  NO_NODE_CAP: spec<{ owner: string; node: string }>(
    'unauthorized',
    ({ owner, node }) =>
      `the wallet ${owner} holds no capability of ${node}; use that of the node's operator (--wallet)`,
  ),
  NOT_ALLOWED_FOR_NODE: spec<{ owner: string; node: string; what: string; holder: string }>(
    'unauthorized',
    ({ owner, node, what, holder }) => `the wallet ${owner} may not ${what} of ${node}: that may ${holder}`,
  ),
  EXCHANGE_NOT_FOUND: spec<{ exchangeId: string }>(
    'not-found',
    ({ exchangeId }) => `there is no exchange ${exchangeId}`,
  ),
  EXCHANGE_TOO_POOR: spec<{ exchangeId: string; has: bigint; needed: bigint; unit: string }>(
    'exhausted',
    ({ exchangeId, has, needed, unit }) => `exchange ${exchangeId} has ${has} ${unit}; ${needed} are needed`,
  ),
  BLOB_NOT_IN_POOL: spec<{ blobId: string; poolId: string }>(
    'not-found',
    ({ blobId, poolId }) => `storage pool ${poolId} holds no blob ${blobId}`,
  ),
  POOL_NOT_EMPTY: spec<{ poolId: string; blobs: bigint }>(
    'conflict',
    ({ poolId, blobs }) => `storage pool ${poolId} holds ${blobs} blobs; delete them first`,
  ),
  STORAGE_NOT_OWNED: spec<{ storageId: string; owner: string }>(
    'not-found',
    ({ storageId, owner }) => `the wallet ${owner} has no space ${storageId}`,
  ),
  STORAGE_UNFIT: spec<{ storageId: string; expected: string; came: string }>(
    'conflict',
    ({ storageId, expected, came }) => `space ${storageId} does not fit: expected ${expected}, came ${came}`,
  ),
  READ_BACK_DIFFERS: spec<{ blobId: string }>(
    'integrity',
    ({ blobId }) => `blob ${blobId} did not read back equal to what was stored`,
  ),
  ENCODED_DIRECTORY_INVALID: spec<{ directory: string; detail: string }>(
    'invalid',
    ({ directory, detail }) => `${directory} does not hold an encoded blob: ${detail}`,
  ),
});

/** Exit codes by kind of error; `0` is success and `130` an interrupt. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  internal: 1,
  invalid: 2,
  'not-found': 3,
  conflict: 4,
  unauthorized: 5,
  exhausted: 6,
  unavailable: 7,
  integrity: 8,
};

export const EXIT_INTERRUPTED = 130;

/** The reader of standard output left: what a shell shows for a program that SIGPIPE ended. */
export const EXIT_BROKEN_PIPE = 141;

/** The exit code for anything thrown. */
export function exitCodeOf(error: unknown): number {
  if (isFloeError(error)) return EXIT_CODES[error.kind];
  if (isInterrupt(error)) return EXIT_INTERRUPTED;
  return EXIT_CODES.internal;
}

/** Whether a signal ended the command. */
export function isInterrupt(error: unknown): error is Error {
  return error instanceof Error && error.name === 'AbortError';
}

/** The `code` of a Node.js system error such as `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Why a `fetch` failed: it says only "fetch failed" itself, the reason is in its cause. */
export function fetchFailure(error: unknown): string {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = systemErrorCode(reason);
  // The system's codes say it shortly; those of the HTTP library say less than its messages.
  if (code?.startsWith('E') === true) return code;
  return reason instanceof Error ? reason.message : String(reason);
}
