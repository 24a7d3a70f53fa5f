/**
 * Every bound and time the client keeps, in one place. `createFloeClient` takes any of them as overrides.
 *
 * Invariant: no queue, retry, body or wait in this package is bounded by anything else.
 */
export interface ClientLimits {
  /** Headers, and then each pause between two chunks, of a request that moves slivers. */
  readonly dataTimeoutMs: number;
  /** Uploads get this much more time per byte: slower than this is taken for dead. */
  readonly minUploadBytesPerMs: number;
  /** The same for everything small: status, metadata, confirmations, symbols. */
  readonly controlTimeoutMs: number;
  /** A whole read, from call to last byte handed out (a stream: to each next row). */
  readonly readTimeoutMs: number;
  /** A whole store, from the blob's last byte to the certificate on the ledger, and this much more time per byte. */
  readonly storeTimeoutMs: number;
  readonly minStoreBytesPerMs: number;
  /** How long a node may go on not knowing a registration that the ledger has executed. */
  readonly registrationTimeoutMs: number;
  /** How long a store waits, before and after it has paid, for nodes to come back without which too few are left. */
  readonly returnTimeoutMs: number;
  /** Agreement on a blob's status, and one node's report of its health. */
  readonly statusTimeoutMs: number;

  /** First delay before another source is asked, while nothing is known of the network. */
  readonly initialHedgeMs: number;
  /** The adaptive delay stays within these. */
  readonly minHedgeMs: number;
  readonly maxHedgeMs: number;

  /** A node that failed is passed over for this long at first, twice as long after each further failure. */
  readonly suspectMinMs: number;
  readonly suspectMaxMs: number;
  /** Nodes remembered; the least recently used is forgotten. */
  readonly maxRememberedNodes: number;
  /** How long an answer of `/v1/capabilities` is believed. */
  readonly capabilitiesTtlMs: number;

  /** Requests under way to one node. */
  readonly maxRequestsPerNode: number;
  /** Tries of one sliver, metadata or symbol request at one node. */
  readonly maxAttempts: number;
  /** Pause before the second try; doubles, up to `maxBackoffMs`. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;

  /** Bytes that uploads of one store may have handed to sockets; shared evenly by the nodes, at least a sliver each. */
  readonly uploadBytesInFlight: number;
  /** Bytes of slivers that are read from disk at once for one request. */
  readonly uploadPartBytes: number;
  /**
   * A blob from a source or a stream is encoded in memory up to this size, and any blob decoded there; larger ones go
   * through scratch space.
   */
  readonly maxBufferedBlobBytes: number;
  /** The same for a blob that came as one array. */
  readonly maxEncodedInMemoryBytes: number;
  /** Symbols at least this large are gathered from the blob's source when they are sent; smaller ones go to scratch. */
  readonly minGatheredSymbolBytes: number;
  /** Uploads that may go on after their stores returned; each keeps its encoded blob in memory or scratch space. */
  readonly maxTails: number;
  /** Such uploads end after this time plus `tailFactor` times what the quorum took. */
  readonly minTailMs: number;
  readonly tailFactor: number;
  /** Sliver bytes asked for in one batched read. */
  readonly readBatchBytes: number;
  /** Rows fetched ahead of a stream's reader. */
  readonly streamWindowBytes: number;
  /** Rows that a stream of a large blob rebuilds from symbols before it decodes the rest of the blob instead. */
  readonly maxRebuiltRows: number;
  /** Blobs larger than this are read only as ranges or streams: the result is one array in memory. */
  readonly maxReadBytes: number;

  /** Whole tries of a store that an epoch change interrupts. */
  readonly maxEpochRetries: number;
  /** Uploads again to nodes that said they lack slivers we sent. */
  readonly maxConfirmationRounds: number;
  /** How long a committee read from the ledger is used for reading; a read that fails asks again at once. */
  readonly committeeTtlMs: number;
  /** Verified metadata remembered, and for how long. */
  readonly maxCachedMetadata: number;
  readonly metadataTtlMs: number;
  /** Owned blob objects looked through for one that can be used again. */
  readonly maxOwnedBlobsScanned: number;
}

/**
 * The reasons behind the numbers:
 * - `dataTimeoutMs` 20 s: at 1,000 shards the largest sliver is 43.7 MB and arrives in chunks; a pause that long means a dead peer.
 * - hedging starts at 400 ms, a slow intercontinental round trip with its TLS handshake, and learns from there.
 * - `uploadBytesInFlight` 64 MiB: 100 nodes get 640 KiB each, and 33 silent ones cannot take the others' share.
 * - `minStoreBytesPerMs` 128: at 1,000 shards that is 4.6 Mbit/s of slivers.
 * - `returnTimeoutMs` 30 s: a node that is restarted takes a few seconds; the registration is paid by then.
 * - `uploadPartBytes` 128 KiB: two in a socket and one being read make 57 MiB for 150 nodes.
 * - `maxBufferedBlobBytes` 64 MiB: encoded it takes 5.5 times that at 1,000 shards, 352 MiB.
 * - `maxEncodedInMemoryBytes` 256 MiB: who had memory for the blob has 1.2 GiB for its slivers, faster than any disk.
 * - `minGatheredSymbolBytes` 8 KiB: a read costs about what copying so much does, and a column takes n-2f of them.
 *   Blobs from 1.8 GB on at 1,000 shards are gathered, which saves as much scratch as they have bytes.
 * - `streamWindowBytes` 8 MiB: two windows are held, so a stream needs about 16 MiB however large the blob is.
 * - `maxRebuiltRows` 3: for one row the nodes read n-f columns, 1.5 blobs' bytes or more; decoding all moves one blob.
 * - `maxReadBytes` 2 GiB: what one `Uint8Array` holds in every browser.
 */
export const DEFAULT_LIMITS: ClientLimits = {
  dataTimeoutMs: 20_000,
  minUploadBytesPerMs: 64,
  controlTimeoutMs: 5_000,
  readTimeoutMs: 60_000,
  storeTimeoutMs: 600_000,
  minStoreBytesPerMs: 128,
  registrationTimeoutMs: 30_000,
  returnTimeoutMs: 30_000,
  statusTimeoutMs: 10_000,
  initialHedgeMs: 400,
  minHedgeMs: 50,
  maxHedgeMs: 3_000,
  suspectMinMs: 1_000,
  suspectMaxMs: 60_000,
  maxRememberedNodes: 4_096,
  capabilitiesTtlMs: 600_000,
  maxRequestsPerNode: 10,
  maxAttempts: 3,
  minBackoffMs: 50,
  maxBackoffMs: 1_000,
  uploadBytesInFlight: 64 * 1024 * 1024,
  uploadPartBytes: 128 * 1024,
  maxBufferedBlobBytes: 64 * 1024 * 1024,
  maxEncodedInMemoryBytes: 256 * 1024 * 1024,
  minGatheredSymbolBytes: 8 * 1024,
  maxTails: 4,
  minTailMs: 2_000,
  tailFactor: 1,
  readBatchBytes: 32 * 1024 * 1024,
  streamWindowBytes: 8 * 1024 * 1024,
  maxRebuiltRows: 3,
  maxReadBytes: 2 ** 31 - 1,
  maxEpochRetries: 5,
  maxConfirmationRounds: 2,
  committeeTtlMs: 30_000,
  maxCachedMetadata: 64,
  metadataTtlMs: 60_000,
  maxOwnedBlobsScanned: 5_000,
};

/** How often a transaction is planned anew because prices or the epoch had changed since they were read. */
export const MAX_REPLANS = 5;

/** Longest pause that a node's `retry-after` makes: what it says may be anything. */
export const MAX_RETRY_AFTER_MS = 10_000;
