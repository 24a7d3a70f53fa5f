/** Limits of this package; `docs/LIMITS.md` names each. */

export const LIMITS = {
  /** Longest key of a key-value store, bytes. */
  keyBytes: 256,
  /** Most tables of one LMDB environment, unless its opener says otherwise. */
  tables: 16,
  /** Largest LMDB store, in bytes of pages in use, unless its opener says otherwise, 1 TiB; past it puts are refused. */
  databaseBytes: 1024 * 1024 * 1024 * 1024,
  /**
   * Largest database that is checked whole before each opening, 256 MiB: in about half a second, at 20 ms for 1,000 pages. A larger one is checked
   * before it is opened only when it was not closed, and else while it is used.
   */
  checkedAtOpenBytes: 256 * 1024 * 1024,
  /** Most connections that a client keeps to one origin. */
  connectionsPerOrigin: 16,
  /** Keys of servers that a client keeps connections for: the members of two committees. */
  pinnedKeys: 2048,
  /** How long a client waits for a connection, and then for each sign of life, unless a request says otherwise. */
  requestTimeoutMs: 30_000,
  /** Bytes of a response that a client holds before its reader takes them; past it the socket is paused. */
  responseBufferBytes: 1024 * 1024,
  /** Most connections of one HTTP server; further ones are dropped. */
  serverConnections: 4096,
  /** Most requests that one HTTP server works on at once; further ones are answered with 503. */
  serverRequests: 2048,
  /** Of those connections and requests, the part that one network address may have; what it is past that is refused. */
  addressShare: 0.5,
  /** Requests at once on one connection of HTTP/2: as many as Walrus nodes take. */
  http2Streams: 1000,
  /** Bytes of one request's body that wait here unread on HTTP/2. */
  http2StreamWindowBytes: 1024 * 1024,
  /** The same for all requests of one connection. */
  http2WindowBytes: 4 * 1024 * 1024,
  /** Size of a request's head. */
  requestHeadBytes: 32 * 1024,
  /** Time in which a request's head must arrive, and before it a TLS handshake end. */
  requestHeadTimeoutMs: 30_000,
  /** Longest silence of a client in the middle of its request's body, or while it does not read the response. */
  serverIdleTimeoutMs: 60_000,
  /** How long a request's body may take altogether, plus the time its bytes earn by `requestBodyBytesPerSecond`. */
  requestBodyGraceMs: 10_000,
  /**
   * Slowest average of a request's body: a few bytes hold what their request holds for ten seconds, the largest sliver
   * (43.7 MB) for 89 minutes. A line of 64 kbit/s is enough.
   */
  requestBodyBytesPerSecond: 8 * 1024,
  /** How long a client may take to read an answer altogether, plus the time that its bytes earn by `answerBytesPerSecond`. */
  answerGraceMs: 10_000,
  /** Slowest average at which an answer is taken; what is read ahead earns pauses, a megabyte two minutes. */
  answerBytesPerSecond: 8 * 1024,
  /** How long a server keeps an idle connection; clients are told half of it. */
  keepAliveTimeoutMs: 120_000,
} as const;
