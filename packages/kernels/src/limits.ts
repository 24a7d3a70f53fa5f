/** Limits of the kernels, with the arithmetic behind them. */

/** WebAssembly memory that an idle kernel keeps, bytes. Encoding at 1,000 shards takes about 12 MiB a block. */
export const KEPT_MEMORY_SIZE = 32 * 1024 * 1024;

/** Bytes that the lanes of one transform should take together: with sources and results they share a 1 MiB cache. */
export const WORK_SIZE = 256 * 1024;

/** Strip of one lane, bytes: below, calls and table loads cost more than the arithmetic. */
export const MIN_STRIP_SIZE = 256;

/** Strip of one lane, bytes: beyond, longer strips gain nothing. */
export const MAX_STRIP_SIZE = 2048;
