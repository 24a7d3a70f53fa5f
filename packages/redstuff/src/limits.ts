/** Every bound of this package, with the arithmetic behind it. */

const MIB = 1024 * 1024;

/**
 * Bytes of symbols that one step of a job works on: a few milliseconds of work, and small enough that the memory of the
 * kernels stays near 16 MiB (sources, results, hashes and work space together take about four times as much).
 */
export const STEP_SIZE_BYTES = 4 * MIB;

/** Codewords in one step of a job. More would only make the step's hashes larger than the cache. */
export const MAX_STEP_COLUMNS = 64;

/** Bytes of symbols in a block of columns: source, results and hashes of a block then share a second-level cache. */
export const BLOCK_SIZE_BYTES = MIB;

/** Blocks of columns for each thread, at least, where there are as many: threads then end within a sixth of each other. */
export const BLOCKS_PER_THREAD = 6;

/** Bytes of a row that are copied between memories in one piece: a call costs about as much as copying 1 KiB. */
export const STRIP_RUN_SIZE_BYTES = 6 * 1024;

/** Columns in a block, a power of two: at 1,000 shards their leaf hashes take 1 MiB. */
export const MAX_BLOCK_COLUMNS = 32;

/** Bytes of symbols and their hashes of small blobs that are encoded together: half of this or less is a cache's worth. */
export const BATCH_SIZE_BYTES = 2 * MIB;

/** Small blobs that are encoded together: more would share nothing that these do not. */
export const MAX_BATCH_BLOBS = 64;

/** Jobs that an inline codec has under way at once before it refuses more. */
export const MAX_INLINE_JOBS = 1024;

/** Jobs that wait for a worker before the pool refuses more: each holds its input, so this bounds memory too. */
export const DEFAULT_MAX_QUEUED = 256;

/** Worker threads of a pool when not told: beyond a few, memory bandwidth and the cores of other work set the limit. */
export const MAX_DEFAULT_WORKERS = 4;

/**
 * BLAKE2b compressions up to which a pool runs a job in the calling thread: at about ten million a second this is 0.4 ms,
 * what handing a job over and back costs.
 */
export const INLINE_COMPRESSIONS = 4096;

/** Bytes in all that a job may have to be run in the calling thread. */
export const INLINE_SIZE_BYTES = 256 * 1024;

/** Columns that the index of a quilt may take (Walrus encoding rules: quilts). */
export const MAX_QUILT_INDEX_COLUMNS = 10;

/** Bytes of a quilt: it is put together in memory, beside its patches. */
export const MAX_QUILT_SIZE_BYTES = 1024 * MIB;

/** Longest patch identifier in bytes: with its length prefix it must stay below 65,535. */
export const MAX_IDENTIFIER_SIZE_BYTES = 65_531;

/** Longest serialised tags of a patch in bytes. */
export const MAX_TAGS_SIZE_BYTES = 65_535;

/** Characters of outside text that an error message repeats. */
export const MAX_QUOTED_CHARACTERS = 100;

/** Bytes of shared memory that one encode may take: WebAssembly addresses end at 4 GiB. A larger one runs on one thread. */
export const MAX_ARENA_SIZE_BYTES = 4095 * MIB;

/** Shared memory that a pool keeps for the next encode: one of a small blob at 1,000 shards takes about 10 MiB. */
export const DEFAULT_KEPT_ARENA_SIZE_BYTES = 64 * MIB;

/** Bytes that are copied into or out of shared memory before anything else gets a turn: about 2 ms. */
export const COPIED_AT_ONCE_SIZE_BYTES = 16 * MIB;

/** Tasks into which rows are cut for each thread: enough that threads end within an eighth of each other. */
export const ROW_TASKS_PER_MEMBER = 4;

/** Rows whose trees are finished in one task. */
export const TREE_TASK_ROWS = 64;

/** Members for which memory of the caller's has room: a larger pool encodes into it with so many. */
export const SLIVER_MEMORY_MEMBERS = MAX_DEFAULT_WORKERS;

/**
 * BLAKE2b compressions up to which the calling thread takes part in an encode in place of a worker: some 12 ms of one
 * thread, in tasks of less than one, between which others get a turn. Waking a worker and being woken takes 0.2 ms.
 */
export const JOINED_COMPRESSIONS = 128 * 1024;

/**
 * Memory of one stream, bytes: three slots for the smallest tasks of the largest blob, 66 MB each (a column of 1,000
 * symbols of 64 KiB), and 32 MB of row tree nodes.
 */
export const STREAM_MEMORY_SIZE_BYTES = 240 * MIB;

/**
 * Memory of a stream of which only the metadata is wanted and that has no scratch, bytes: repair columns are held in it,
 * and the source is read once for each time that it is full. A process takes about 120 MiB besides.
 */
export const STREAM_METADATA_MEMORY_SIZE_BYTES = 320 * MIB;

/** Reads of one strip, and writes to a sink, that are under way at once. */
export const STREAM_CALLS_AT_ONCE = 8;

/** Times that a streaming task is done again after the worker that ran it was lost. */
export const MAX_STREAM_RETRIES = 2;

/** Bytes of a spooled stream that are kept in memory before any goes to a scratch. */
export const SPOOL_MEMORY_SIZE_BYTES = 8 * MIB;

/** Bytes that a streamed decode hands out in one piece. */
export const STREAM_CHUNK_SIZE_BYTES = MIB;
