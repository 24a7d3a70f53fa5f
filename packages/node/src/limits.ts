/** Every bound of the storage node in one place. Listed for operators in docs/LIMITS.md. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** All limits have defaults; a configuration overrides single ones. Sizes in bytes, times in milliseconds. */
export interface NodeLimits {
  /** Free bytes of the volume that stores leave; they pay for deletes, event rows and reads going on. */
  readonly reserveBytes: number;
  /** A segment is closed and a new one begun when a batch would grow it past this. */
  readonly segmentBytes: number;
  /** Bytes written with one gathered write and one sync. Bounds the memory of a batch. */
  readonly commitBatchBytes: number;
  /** Bytes accepted and not yet on disk; past it stores are refused with 429. */
  readonly commitQueueBytes: number;
  /** Segments kept open for reading. */
  readonly openReadSegments: number;
  /** Segments kept open for appending: one per end epoch in use. */
  readonly openWriteSegments: number;

  /** Requests with large bodies or answers (slivers, symbols, proofs, batches) worked on at once. */
  readonly dataRequests: number;
  /** Such requests that may wait for their turn; past it 503 with Retry-After. */
  readonly dataRequestsWaiting: number;
  /** Other requests (metadata, status, confirmations, health) at once. */
  readonly smallRequests: number;
  readonly smallRequestsWaiting: number;
  /** recoverySymbols and decodingSymbols requests at once; past it 503 at once, before any read. */
  readonly symbolRequests: number;
  /** Bytes of request bodies held in memory at once, over all requests. */
  readonly bodyBytesInFlight: number;
  /** Body of PUT metadata; 66 012 bytes are needed at 1,000 shards. */
  readonly metadataBodyBytes: number;
  /** Symbol ids in one recoverySymbols request and targets in one decodingSymbols request. */
  readonly symbolsPerRequest: number;
  /** Bytes of symbols in one recoverySymbols or decodingSymbols answer. */
  readonly symbolAnswerBytes: number;
  /** Slivers of one batched upload verified and written at once. */
  readonly batchSliversInFlight: number;
  /** Sliver pairs asked for in one batched read. */
  readonly batchReadPairs: number;

  /** Seconds told to clients in Retry-After. */
  readonly retryAfterSeconds: number;
  /** Longest wait of a confirmation for its registration; 0 turns waiting off. */
  readonly longPollMs: number;
  /** Confirmations that wait at once; past it they are answered at once. */
  readonly longPolls: number;

  readonly pendingSlivers: number;
  readonly pendingSliverBytes: number;
  readonly pendingSliverItemBytes: number;
  readonly pendingMetadata: number;
  /** 0 turns uploads before registration off. */
  readonly pendingTtlMs: number;

  /** Verified metadata kept in memory; 64 bytes per shard and blob. */
  readonly metadataCacheBytes: number;
  /** Checkpoints without events whose cursor may be replayed after a crash. */
  readonly lazyCursorCheckpoints: number;
  /** Longest wait of `close` for requests under way. */
  readonly shutdownMs: number;
}

export const defaultLimits: NodeLimits = {
  reserveBytes: 256 * MIB,
  segmentBytes: 256 * MIB,
  // One sync costs about 0.2 ms on an SSD and 64 MiB about 60 ms: larger batches save nothing.
  commitBatchBytes: 64 * MIB,
  commitQueueBytes: 256 * MIB,
  openReadSegments: 32,
  openWriteSegments: 64,

  dataRequests: 64,
  dataRequestsWaiting: 512,
  smallRequests: 256,
  smallRequestsWaiting: 2048,
  symbolRequests: 32,
  // A primary sliver of the largest blob at 1,000 shards is 667 * 65 534 = 43.7 MB.
  bodyBytesInFlight: 256 * MIB,
  metadataBodyBytes: 2 * MIB,
  symbolsPerRequest: 1000,
  symbolAnswerBytes: 128 * MIB,
  batchSliversInFlight: 16,
  batchReadPairs: 2000,

  retryAfterSeconds: 1,
  longPollMs: 5000,
  longPolls: 1000,

  // The pending caches of a Walrus node.
  pendingSlivers: 20_480,
  pendingSliverBytes: GIB,
  pendingSliverItemBytes: 4 * MIB,
  pendingMetadata: 1024,
  pendingTtlMs: 60_000,

  // At 1,000 shards 64 KB each: the 250 blobs used last.
  metadataCacheBytes: 16 * MIB,
  lazyCursorCheckpoints: 100,
  shutdownMs: 60_000,
};
