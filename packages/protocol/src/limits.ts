/** Every bound this package enforces, in one place. Units stand last in the names. */

/** Fewest shards that leave the row code a recovery symbol (f >= 1). */
export const MIN_SHARDS = 4;

/** Most shards a committee may have: what deployed networks use, and what keeps metadata at 66 KB. */
export const MAX_SHARDS = 1000;

/** Symbols are whole 16-bit field elements and their size is a u16, so the largest is 65 534. */
export const MAX_SYMBOL_SIZE_BYTES = 65_534;

/** Longest Merkle path accepted: ceil(log2(65 536)), as leaf indices are u16. */
export const MAX_MERKLE_PATH_NODES = 16;

/** Most symbols or slivers in one list on the wire; indices are u16. */
export const MAX_LIST_ITEMS = 65_536;

/** Most `id=` or `targetSlivers=` values, or pairs of one batched read, in one request's query. */
export const MAX_QUERY_ITEMS = 4096;

/** Longest refusal reason in a batch frame, in UTF-8 bytes: the longest in the catalogue has 28. */
export const MAX_REASON_BYTES = 64;

/** Longest human-readable message in a batch frame, in UTF-8 bytes; the encoder cuts longer ones. */
export const MAX_MESSAGE_BYTES = 1024;

/** Parsed BLS public keys kept by a backend: three committees of 1000 members and room for new ones. */
export const MAX_CACHED_PUBLIC_KEYS = 4096;

/** Longest text of ours that an error repeats back. */
export const MAX_QUOTED_CHARACTERS = 100;

/** Largest JSON envelope a client should read; the longest honest one is a detailed health report of 1000 shards. */
export const MAX_ENVELOPE_BYTES = 1_048_576;

/** Most members a committee may have: each owns at least one shard. */
export const MAX_COMMITTEE_MEMBERS = MAX_SHARDS;
