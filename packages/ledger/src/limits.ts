/** Every bound of the ledger core, in one place. Where Sui has the same limit the value is Sui's. */

/** BCS of one transaction. */
export const MAX_TRANSACTION_BYTES = 128 * 1024;
/** Signatures of one transaction: sender, and sponsor when it pays. */
export const MAX_SIGNATURES = 2;
/** One signature: a multisig of ten keys is below 2 KiB; zkLogin and passkey ones are refused or below 4 KiB. */
export const MAX_SIGNATURE_BYTES = 4096;
export const MAX_COMMANDS = 1024;
export const MAX_INPUTS = 2048;
/** Arguments of one command; also elements of one vector. */
export const MAX_ARGUMENTS = 512;
export const MAX_TYPE_ARGUMENTS = 16;
/** Modules and dependencies of an upgrade. */
export const MAX_MODULES = 64;
export const MAX_DEPENDENCIES = 64;
/** Depth and nodes of one type. */
export const MAX_TYPE_DEPTH = 16;
export const MAX_TYPE_NODES = 64;
export const MAX_PURE_BYTES = 16 * 1024;
export const MAX_GAS_PAYMENTS = 256;
/** Objects that one transaction may write, create and delete, dynamic fields included. */
export const MAX_CHANGED_OBJECTS = 2048;
/** BCS of one Move object's contents. */
export const MAX_OBJECT_BYTES = 256_000;
/** BCS of all vectors that one transaction makes by command, those within others counted again. */
export const MAX_MADE_BYTES = 2 * 1024 * 1024;
/** BCS of all that the commands of a simulated transaction return. */
export const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
export const MAX_EVENTS = 1024;
export const MAX_EVENT_BYTES = 256_000;
/** BCS of the effects of one transaction. */
export const MAX_EFFECTS_BYTES = 512 * 1024;

/** MIST per unit of computation. */
export const REFERENCE_GAS_PRICE = 1000n;
export const MAX_GAS_PRICE = 100_000n;
/** MIST; 50 SUI. */
export const MAX_GAS_BUDGET = 50_000_000_000n;

/** Transactions waiting for a batch. Beyond it: MEMPOOL_FULL. */
export const MAX_WAITING_TRANSACTIONS = 10_000;
/** Bytes of the transactions that wait. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Transactions in one checkpoint, whichever engine ordered it; more on disk is not a checkpoint. */
export const MAX_CHECKPOINT_TRANSACTIONS = 65_536;
/** Transactions the embedded engine puts in one checkpoint: bounds how long the event loop is held and one write. */
export const MAX_BATCH_TRANSACTIONS = 128;
/** Batches of the embedded engine that are executed and not durable yet: one is written while the next one runs. */
export const MAX_BATCHES_UNDER_WAY = 2;
/** Fewer transactions wait for the batch ahead of them: smaller checkpoints cost more than is won by not waiting. */
export const MIN_EARLY_BATCH_TRANSACTIONS = 32;
/** Signature checks under way at once. */
export const MAX_SIGNATURE_CHECKS = 4096;

/** The newest checkpoints that a pruned ledger keeps at least, whatever is in them. */
export const MIN_KEPT_CHECKPOINTS = 256;
/** Checkpoints that one step of pruning looks at: a few tens of milliseconds when they are full. */
export const PRUNE_STEP_CHECKPOINTS = 8;

/** Items in a page of any list. */
export const MAX_PAGE_SIZE = 1000;
/** Index entries that one page looks at when its filter is no full type: the page may come back short, with a cursor. */
export const MAX_SCANNED_ENTRIES = 10_000;
/** Followers of the chain at once; each costs a few hundred bytes, nothing is buffered for it. */
export const MAX_SUBSCRIPTIONS = 1024;

/** Objects kept decoded: contents, in bytes. */
export const OBJECT_CACHE_BYTES = 64 * 1024 * 1024;
/** Balances kept beside the store: those of owners whose coins changed last. */
export const BALANCE_CACHE_ENTRIES = 4096;
/** Pages of the state tree kept in memory, about 2 KiB each. */
export const TREE_CACHE_PAGES = 16_384;
/** Verified certificates, and proofs of possession, remembered: a simulation is usually followed by the same execution. */
export const CERTIFICATE_CACHE_ENTRIES = 4096;
/** Parsed types remembered. */
export const TYPE_CACHE_ENTRIES = 4096;
/**
 * Executed transactions kept decoded for those who ask at once: senders, and nodes that follow the chain. In bytes of what
 * was sent and of its effects: some 160 usual ones, a few batches. Decoded they take about eight times that; were there
 * more of them, the garbage collector would move each one twice, which was a tenth of a transaction's processor time.
 */
export const RECENT_TRANSACTION_BYTES = 512 * 1024;
/** Digests executed last, kept to tell without the disk that a transaction which was just looked up is still new. */
export const REPEAT_WINDOW_TRANSACTIONS = 4096;
/** Parsed public keys of signers. */
export const PUBLIC_KEY_CACHE_ENTRIES = 4096;
/** Ids of dynamic fields remembered: pools, active set, inner states. */
export const FIELD_ID_CACHE_ENTRIES = 16_384;
/** One piece of a snapshot: the largest is a genesis. */
export const MAX_SNAPSHOT_FRAME_BYTES = 256 * 1024 * 1024;
/** Objects, or entries of the journal, that a restoration writes at once. */
export const SNAPSHOT_BATCH_OBJECTS = 4096;
