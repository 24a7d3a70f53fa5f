/** Limits of the kernels, with the arithmetic behind them. */

/** WebAssembly memory that an idle kernel keeps, bytes. Encoding at 1,000 shards takes about 12 MiB a block. */
export const KEPT_MEMORY_SIZE = 32 * 1024 * 1024;

/**
 * Bytes that the lanes of one transform should take together. Longer strips save calls and table loads, also where all
 * lanes no longer fit the second-level cache: 1 KiB takes a seventh less time than 256 bytes at 1,024 lanes.
 */
export const WORK_SIZE = 1024 * 1024;

/** Strip of one lane, bytes: below, calls and table loads cost more than the arithmetic. */
export const MIN_STRIP_SIZE = 256;

/** Strip of one lane, bytes: beyond, longer strips gain nothing. */
export const MAX_STRIP_SIZE = 2048;
