/** Every bound of the storage node in one place. Listed for operators in docs/LIMITS.md. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** All limits have defaults; a configuration overrides single ones. Sizes in bytes, times in milliseconds. */
export interface NodeLimits {
  /** Free bytes of the volume that stores leave; they pay for deletes, event rows and reads going on. */
  readonly reserveBytes: number;
  /** Largest database; past it, and a sixteenth before it for what grows with uploads, writes are refused and removals go on. */
  readonly databaseBytes: number;
  /** A segment is closed and a new one begun when a batch would grow it past this. */
  readonly segmentBytes: number;
  /** Bytes written with one gathered write and one sync. Bounds the memory of a batch. */
  readonly commitBatchBytes: number;
  /** Bytes handed to the disk and not yet on it; past it stores wait their turn. */
  readonly commitQueueBytes: number;
  /** Segments kept open for reading. */
  readonly openReadSegments: number;
  /** Segments kept open for appending: one per end epoch in use. */
  readonly openWriteSegments: number;

  /** Reads of slivers, single and batched, at once. */
  readonly dataReads: number;
  /** Such reads that may wait for their turn; past it 429 with Retry-After. */
  readonly dataReadsWaiting: number;
  /** Uploads of slivers that this node lacks, single and batched, at once. */
  readonly dataWrites: number;
  /** Such uploads that may wait for their turn; past it 429 with Retry-After. */
  readonly dataWritesWaiting: number;
  /** Uploads that this node has no need of (slivers of blobs it does not know or that it holds, inconsistency proofs) at once. */
  readonly unsolicitedWrites: number;
  /** Such uploads that may wait for their turn; past it 429 with Retry-After. */
  readonly unsolicitedWritesWaiting: number;
  /** Uploads of metadata at once. */
  readonly metadataWrites: number;
  /** Such uploads that may wait for their turn; past it 429 with Retry-After. */
  readonly metadataWritesWaiting: number;
  /** Other requests (metadata read, status, confirmations, health) at once: none of them has a body. */
  readonly smallRequests: number;
  /** Such requests that may wait for their turn; past it 429 with Retry-After. */
  readonly smallRequestsWaiting: number;
  /** recoverySymbols and decodingSymbols requests at once; past it 503 at once, before any read. */
  readonly symbolRequests: number;
  /** Bytes of answers with slivers or symbols that are held in memory at once. A single larger one runs alone. */
  readonly readBytes: number;
  /** Bytes of uploads of slivers that this node lacks. A single larger one runs alone. */
  readonly writeBytes: number;
  /** Bytes of uploads that this node has no need of. A single larger one runs alone. */
  readonly unsolicitedBytes: number;
  /** Symbol ids in one recoverySymbols request. */
  readonly symbolsPerRequest: number;
  /** Bytes of symbols in one decodingSymbols answer. */
  readonly symbolAnswerBytes: number;
  /** Bytes of slivers of one batched upload that are verified and written together. */
  readonly batchWindowBytes: number;
  /** Slivers of one batched upload that are verified and written together. */
  readonly batchWindowSlivers: number;
  /** Slivers in one batched read. */
  readonly batchReadSlivers: number;
  /** Slivers in one batched upload. */
  readonly batchUploadSlivers: number;

  /** Seconds told to clients in Retry-After. */
  readonly retryAfterSeconds: number;
  /** Longest wait of a confirmation for its registration; 0 turns waiting off. */
  readonly longPollMs: number;
  /** Confirmations that wait at once; past it they are answered at once. */
  readonly longPolls: number;

  /** Slivers buffered until their blobs are registered. */
  readonly pendingSlivers: number;
  /** Bytes of those. */
  readonly pendingSliverBytes: number;
  /** Largest sliver that is buffered. */
  readonly pendingSliverItemBytes: number;
  /** Blobs whose metadata is buffered until they are registered. */
  readonly pendingMetadata: number;
  /** How long what is buffered waits after the blob's last upload; 0 turns buffering off. */
  readonly pendingTtlMs: number;

  /** Verified metadata kept in memory; 64 bytes per shard and blob. */
  readonly metadataCacheBytes: number;
  /** Checkpoints without events whose cursor may be replayed after a crash. */
  readonly lazyCursorCheckpoints: number;
  /** A segment is rewritten when more than this share of its file is not live. */
  readonly compactDeadShare: number;
  /** How often garbage is collected besides at the beginning of an epoch. */
  readonly collectIntervalMs: number;
  /** Everything held is read and checked once in this time, if the rate below allows. */
  readonly scrubPeriodMs: number;
  /** Scrubbing reads at least this much, also when a pass would have more time. */
  readonly scrubMinBytesPerSecond: number;
  /** Scrubbing never reads more than this, also when a pass takes longer then. */
  readonly scrubMaxBytesPerSecond: number;
  /** Between two looks at the whole database; at `scrubMaxBytesPerSecond`. */
  readonly databaseCheckMs: number;
  /** Challenges that this node puts to each other node in an epoch. */
  readonly challengesPerPeer: number;
  /** Between two challenges, on average. */
  readonly challengeIntervalMs: number;
  /** How often peers are asked what their challenges came to. */
  readonly challengeGossipMs: number;
  /** How often in a row a peer may say that it has no room for a challenge before that counts as silence. */
  readonly challengeBusyTries: number;
  /** Between two of those. */
  readonly challengeBusyPauseMs: number;
  /** How old a count of incomplete blobs is at least before it is made anew; one that took long rests four times as long. */
  readonly recountAgeMs: number;
  /** How long whoever asks for it waits for a new count before getting the last one. */
  readonly recountWaitMs: number;
  /** Incomplete blobs that are named. */
  readonly recountSample: number;
  /** The disk is tried by storing something at most this often, however many ask. */
  readonly probePauseMs: number;
  /** Longest wait for that. */
  readonly probeTimeoutMs: number;
  /** Largest file of denied blobs. */
  readonly denyListBytes: number;
  /** Between two looks at the file of denied blobs. */
  readonly denyListReloadMs: number;
  /** Longest wait of `close` for requests under way. */
  readonly shutdownMs: number;

  /** Requests to one peer at once. */
  readonly peerRequests: number;
  /** Longest silence of a peer. */
  readonly peerTimeoutMs: number;
  /** Slowest peer that is waited for, in bytes per millisecond; decides the time that a large answer may take. */
  readonly peerBytesPerMs: number;
  /** After this long without an answer another peer is asked too. */
  readonly peerHedgeMs: number;
  /** How long a peer that failed is asked last: at first, and at most. One that lied: at most. */
  readonly peerPauseMinMs: number;
  readonly peerPauseMaxMs: number;
  /** How long it is remembered which extensions a peer offers. */
  readonly peerOfferMs: number;
  /** Longest wait for a peer that checks an inconsistency proof. */
  readonly proofTimeoutMs: number;

  /** Blobs healed at once. */
  readonly healingBlobs: number;
  /** Bytes of symbols and slivers that healing holds in memory at once. A single larger sliver is healed alone. */
  readonly healingBytes: number;
  /** Blobs known to wait for healing; those past it are found by another walk through the registry. */
  readonly healingQueue: number;
  /** Pause before a blob that could not be healed is tried again: at first, and at most. */
  readonly healingRetryMinMs: number;
  readonly healingRetryMaxMs: number;
  /** How long after a certification its writer's upload may go on before the node recovers the blob itself. Larger blobs get more. */
  readonly uploadGraceMs: number;
  /** Largest encoded blob that is fetched whole instead of symbol by symbol when that moves fewer bytes. */
  readonly wholeBlobBytes: number;
  /** Symbols asked of a peer in one request. */
  readonly symbolsPerFetch: number;
  /** While clients are being served, healing works for one part in this many of the time. */
  readonly healingYield: number;

  /** Shards that are copied from their old owners at once. */
  readonly shardTransfers: number;
  /** Slivers asked for in one page of a shard. */
  readonly shardPageSlivers: number;
  /** Bytes of a page of a shard, given or taken; a single larger sliver is a page. */
  readonly shardPageBytes: number;
  /** Slivers that another node may ask for in one page. */
  readonly shardPageMaxSlivers: number;
  /** Pages of shards given at once. */
  readonly shardPages: number;
  /** Such requests that may wait for their turn; past it 429 with Retry-After. */
  readonly shardPagesWaiting: number;
  /** How long a shard's old owner may give nothing before its slivers are recovered from all others. */
  readonly transferPatienceMs: number;
}

export const defaultLimits: NodeLimits = {
  reserveBytes: 256 * MIB,
  // At 1,000 shards metadata have 64 KB: of 16 million blobs.
  databaseBytes: 1024 * GIB,
  segmentBytes: 256 * MIB,
  // One sync costs about 0.2 ms on an SSD and 64 MiB about 60 ms: larger batches save nothing.
  commitBatchBytes: 64 * MIB,
  commitQueueBytes: 256 * MIB,
  openReadSegments: 32,
  openWriteSegments: 64,

  // What an upload takes it holds for as long as its sender likes to send: reads never share it.
  dataReads: 64,
  dataReadsWaiting: 512,
  dataWrites: 64,
  dataWritesWaiting: 512,
  unsolicitedWrites: 16,
  unsolicitedWritesWaiting: 128,
  // At 1,000 shards 64 KB each: 4 MiB.
  metadataWrites: 64,
  metadataWritesWaiting: 512,
  smallRequests: 256,
  smallRequestsWaiting: 2048,
  symbolRequests: 32,
  // A primary sliver of the largest blob at 1,000 shards is 667 * 65 534 = 43.7 MB.
  // Reads and uploads get six of those each, what nobody asked for one: 576 MiB together.
  readBytes: 256 * MIB,
  writeBytes: 256 * MIB,
  unsolicitedBytes: 64 * MIB,
  symbolsPerRequest: 1000,
  symbolAnswerBytes: 64 * MIB,
  // Two windows of an upload are in memory: one arrives while the other is written.
  batchWindowBytes: 4 * MIB,
  batchWindowSlivers: 64,
  batchReadSlivers: 2000,
  batchUploadSlivers: 2000,

  retryAfterSeconds: 1,
  longPollMs: 5000,
  // Fewer than small requests at once, so that those who wait leave room for the others.
  longPolls: 128,

  // The pending caches of a Walrus node.
  pendingSlivers: 20_480,
  pendingSliverBytes: GIB,
  pendingSliverItemBytes: 4 * MIB,
  pendingMetadata: 1024,
  pendingTtlMs: 60_000,

  // At 1,000 shards 64 KB each: the 250 blobs used last.
  metadataCacheBytes: 16 * MIB,
  lazyCursorCheckpoints: 100,
  // Each byte that a collection frees costs at most one byte written.
  compactDeadShare: 0.5,
  collectIntervalMs: 60 * 60 * 1000,
  recountAgeMs: 2000,
  recountWaitMs: 3000,
  recountSample: 1000,
  // With 100 nodes each is asked 1,600 times in an epoch: one that lacks 1 % of its slivers passes all with 0.99^1600 = 10^-7.
  challengesPerPeer: 16,
  // With 100 nodes all through in an hour, at a request of about a kilobyte and a symbol each time.
  challengeIntervalMs: 2000,
  challengeGossipMs: 60_000,
  // Five minutes without room for one request of a kilobyte.
  challengeBusyTries: 5,
  challengeBusyPauseMs: 75_000,
  // 16 MiB/s * 604,800 s see 10 TB in a week.
  scrubPeriodMs: 7 * 24 * 60 * 60 * 1000,
  scrubMinBytesPerSecond: MIB,
  scrubMaxBytesPerSecond: 16 * MIB,
  // Two syncs and some kilobytes of garbage each time.
  probePauseMs: 10_000,
  probeTimeoutMs: 10_000,
  databaseCheckMs: 24 * 60 * 60 * 1000,
  denyListBytes: 64 * MIB,
  denyListReloadMs: 30_000,
  shutdownMs: 60_000,

  peerRequests: 16,
  peerTimeoutMs: 5000,
  // 1 MiB a second: a 43.7 MB sliver may take 42 s.
  peerBytesPerMs: 1049,
  peerHedgeMs: 1000,
  peerPauseMinMs: 500,
  peerPauseMaxMs: 60_000,
  peerOfferMs: 600_000,
  proofTimeoutMs: 60_000,

  healingBlobs: 8,
  healingBytes: 128 * MIB,
  healingQueue: 10_000,
  healingRetryMinMs: 1000,
  healingRetryMaxMs: 60_000,
  // As Walrus nodes wait: 15 s up to 100 MiB, twice that up to 4 GiB, 8 times beyond.
  uploadGraceMs: 15_000,
  wholeBlobBytes: 64 * MIB,
  symbolsPerFetch: 500,
  healingYield: 4,

  shardTransfers: 4,
  shardPageSlivers: 1000,
  shardPageBytes: 16 * MIB,
  shardPageMaxSlivers: 100_000,
  shardPages: 4,
  shardPagesWaiting: 64,
  transferPatienceMs: 15_000,
};

/** Longest pause by chance before a call that anyone may make, and its largest share of an epoch. */
export const JITTER_LONGEST_MS = 180_000;
export const JITTER_EPOCH_SHARE = 0.1;
/** How long before the end of an epoch its subsidies are processed; never more than `JITTER_EPOCH_SHARE` of it. */
export const SUBSIDIES_LEAD_MS = 300_000;
/** The state of the epoch is read at least this often; events of the ledger make it sooner. */
export const SCHEDULE_RECHECK_MS = 60_000;
/** Pauses between tries of voting end and epoch change; never longer than `JITTER_EPOCH_SHARE` of an epoch. */
export const CALL_BACKOFF_FIRST_MS = 5_000;
export const CALL_BACKOFF_LONGEST_MS = 300_000;
/** Pauses between tries of an attestation; never longer than `JITTER_EPOCH_SHARE` of an epoch. */
export const ATTEST_BACKOFF_FIRST_MS = 1_000;
export const ATTEST_BACKOFF_LONGEST_MS = 3_600_000;
/** Pauses between tries of reading the state of the epoch. */
export const READ_BACKOFF_FIRST_MS = 250;
export const READ_BACKOFF_LONGEST_MS = 10_000;
/** How often votes, prices and the operator's balance are looked at: a share of an epoch within bounds. */
export const UPKEEP_EPOCH_SHARE = 0.1;
export const UPKEEP_SHORTEST_MS = 5_000;
export const UPKEEP_LONGEST_MS = 900_000;
/** Below this the operator's account is reported as running out of gas: 5 SUI. */
export const LOW_GAS_MIST = 5_000_000_000n;
