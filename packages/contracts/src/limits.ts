/** Every bound of this package in one place. */

/** One unary call, answer included. A node answers from memory or LMDB in milliseconds; the rest is for slow links. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** Executing: the ledger may wait for its disk, and Sui for its validators. */
export const EXECUTE_TIMEOUT_MS = 30_000;
/** From executing to a transaction being readable by its digest. */
export const FINALITY_TIMEOUT_MS = 60_000;
/** Tries of one call; the waits between them double from the first to at most the last of these. */
export const MAX_ATTEMPTS = 4;
export const FIRST_RETRY_DELAY_MS = 100;
export const MAX_RETRY_DELAY_MS = 5_000;
/** Rebuilds of a transaction whose inputs another holder of the same key has used meanwhile. */
export const MAX_REBUILDS = 5;
/** Transactions of one sender that wait for the one before; past it `QUEUE_FULL`. */
export const MAX_WAITING_PER_SENDER = 1_000;
/** Largest answer of a unary call: 150 committee pools and every owned object of a page stay far below. */
export const MAX_RESPONSE_BYTES = 64 * 1_048_576;
/** How old the state of the system may be when `fresh` is not asked for. */
export const STATE_TTL_MS = 2_000;
/** Ids per BatchGetObjects; what Sui's SDK sends at most. */
export const MAX_BATCH_OBJECTS = 50;
/** Objects per page of ListOwnedObjects. */
export const OWNED_PAGE_SIZE = 100;
/** Checkpoints per ListCheckpoints; bounds what is in memory while catching up. */
export const CHECKPOINT_PAGE_SIZE = 100;
/** Checkpoints received but not yet taken by the reader; past it the subscription is dropped and the list read again. */
export const MAX_BUFFERED_CHECKPOINTS = 1_000;
/** Silence of a subscription after which the list is asked whether anything was missed. */
export const SUBSCRIPTION_SILENCE_MS = 15_000;
/** Blobs registered, certified or deleted by one transaction: at most 4 commands each (split, register, metadata, add). */
export const MAX_BLOBS_PER_TRANSACTION = 100;
/** Attributes set or removed by one transaction: 100 blobs x 4 + 600 + payment stay below Sui's 1,024 commands. */
export const MAX_ATTRIBUTES_PER_TRANSACTION = 600;
/** Levels of a state proof: one for each bit of a key. */
export const MAX_PROOF_SIBLINGS = 256;
/** Types of names of dynamic fields whose BCS is kept; a deployment has about twenty. */
export const MAX_KEPT_TYPE_TAGS = 256;
