/** Limits of the command line. */

/** A description of 1,000 nodes is about 250 bytes each; 4 MiB leaves room for sixteen times that. */
export const MAX_NETWORK_FILE_BYTES = 4 * 1024 * 1024;

/** Slivers whose files `floe encode` writes at once: each is in memory, at 1,000 shards a five hundredth of the file. */
export const FILES_AT_ONCE = 4;

/** Slivers that `floe decode` holds at once to verify them; a larger one alone. */
export const VERIFIED_AT_ONCE_BYTES = 16 * 1024 * 1024;

/** Damaged slivers that `floe decode` names when the others are too few; it counts the rest. */
export const NAMED_REJECTIONS = 5;

/** Files of up to this size `floe blob-id` computes together, so many at most. */
export const BATCH_FILE_BYTES = 64 * 1024;
export const BATCH_FILES = 64;

/** Memory to decode in, and as much again to check in: with the process and files on their way below 512 MiB. */
export const DECODE_MEMORY_BYTES = 128 * 1024 * 1024;

/** Longest secret key that `floe wallet import -` takes in; they have 70 bytes. */
export const MAX_SECRET_KEY_BYTES = 4096;

/** Symbolic links that are followed from one to the next to where a command writes: as many as Linux follows. */
export const MAX_SYMBOLIC_LINKS = 40;

/** What `floe decode` copies in one piece. */
export const READ_PIECE_BYTES = 1024 * 1024;

/** A description comes from a machine that is up, or it does not come. */
export const NETWORK_FETCH_TIMEOUT_MS = 10_000;

/** Most nodes of one `floe dev`: the active set of the Walrus contracts holds no more. */
export const MAX_DEV_NODES = 150;

/** How long `floe dev --isolate` waits for a node's process to answer. */
export const NODE_START_TIMEOUT_MS = 60_000;

/** How long `floe dev kill …` waits for its answer: a node that is restored, and what is asked before it. */
export const CONTROL_TIMEOUT_MS = 2 * NODE_START_TIMEOUT_MS;

/** How long a closing network waits for requests under way. */
export const CLOSE_GRACE_MS = 5_000;

/** The faucet answers after one ledger transaction. */
export const FAUCET_TIMEOUT_MS = 30_000;

/** How often a certificate of an authority is read again: they are renewed weeks before they end. */
export const CERTIFICATE_RELOAD_MS = 3_600_000;

/** Nodes of one process that open at once: they wait for disk and ledger, so more than there are cores helps. */
export const NODES_STARTING_AT_ONCE = 8;

/** Node processes that start at once: each takes a second of a core, and all have to be ready in their time. */
export const NODE_PROCESSES_STARTING_AT_ONCE = 4;

/** Shortest epoch of a development network: members need to attest within a fraction of it. */
export const SHORTEST_EPOCH_MS = 1_000;

/** Longest epoch of a development network: a year. */
export const LONGEST_EPOCH_MS = 31_536_000_000;

/** How often a node that backs itself up says how far it is, in milliseconds. */
export const ADMIN_PROGRESS_MS = 500;

/** How long the status of a node waits for the ledger to say where it ends. */
export const ADMIN_LEDGER_TIMEOUT_MS = 2_000;

/** How often `floe node drain` looks: a hundredth of an epoch, within these. */
export const DRAIN_SHORTEST_PAUSE_MS = 500;
export const DRAIN_LONGEST_PAUSE_MS = 60_000;

/** Listeners of one signal past which Node.js warns of a leak: all calls that end with the same work share one. */
export const MAX_LISTENERS = 4_096;
