/** What one caller may ask of the RPC service. */
export const rpcLimits = {
  /**
   * Bytes of one request message. A transaction is at most 128 KiB of BCS; its protobuf form, with ids as text, is at
   * most about four times that.
   */
  requestBytes: 1024 * 1024,
  /** Paths in a field mask. */
  maskPaths: 256,
  /** Bytes of one path of a field mask. */
  maskPathBytes: 512,
  /** Objects or transactions in one batch request. */
  batchItems: 1000,
  /** Bytes of the items in the answer to a batch request, or of a checkpoint's transactions: 50 of the largest objects, which is what Sui's SDK asks for at once, fit. */
  batchReplyBytes: 32 * 1024 * 1024,
  /** Entries of a page when the request does not say. */
  defaultPageSize: 50,
  /** Entries of a page at most; a larger size asked for is taken as this. */
  maxPageSize: 1000,
  /** Items of a `List…` stream when the request does not say. */
  defaultQueryItems: 50,
  /** Items of a `List…` stream at most; a larger limit asked for is taken as this. */
  maxQueryItems: 1000,
  /** Checkpoints that one `List…` call reads before it answers with a resume cursor: bounds what one call costs. */
  queryScanCheckpoints: 1000,
  /** Transactions that one `List…` call reads before, at the end of a checkpoint, it answers with a resume cursor. */
  queryScanTransactions: 2000,
  /** Checkpoints and transactions that a `List…` call reads, to the end of a checkpoint, before it lets others have the thread. */
  queryLotItems: 128,
  /** Literals in one filter. */
  filterLiterals: 64,
  /** Subscriptions open at once on one ledger. */
  subscriptions: 512,
  /** Calls under way on one HTTP/2 connection. */
  http2Streams: 256,
  /** Bytes of the headers of one call over HTTP/2. */
  http2HeaderBytes: 16 * 1024,
  /** Silence after which an HTTP/2 connection without a call is closed. */
  http2IdleMs: 300_000,
  /** Longest deadline of a call that is kept track of; a later one is as good as none. */
  deadlineMs: 86_400_000,
  /** Coins that gas selection may use (the ledger's own limit of gas objects). */
  gasCoins: 256,
  /** Bytes of an error message in a trailer; clients turn trailers to text in one call. */
  statusMessageBytes: 4096,
} as const;

/** What one caller may ask of the faucet. */
export const faucetLimits = {
  /** Bytes of a request to the faucet. */
  bodyBytes: 4096,
  /** Requests waiting for the faucet's account; past it comes `QUEUE_FULL`. */
  waiting: 256,
  /** Recipients paid by one transaction. */
  batchRecipients: 64,
} as const;
