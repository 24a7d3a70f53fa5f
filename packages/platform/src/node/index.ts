/** The ports on Node.js. */
export { nodeFileSystem } from './file-system.ts';
export { type ListeningServer, serveHttp, type ServeOptions } from './http-server.ts';
export type { Http2Connections } from './protocol-sniffer.ts';
export { type CopyableStore, type LmdbBound, type LmdbStoreOptions, openLmdbStore } from './lmdb-store.ts';
export { createLogger, type LoggerOptions } from './logger.ts';
export { createMetrics, type RenderedMetrics } from './metrics.ts';
export { holdingScheduler, systemClock, systemRng, systemScheduler } from './time.ts';
export {
  createCertifiedIdentity,
  createSelfSignedIdentity,
  type SelfSignedOptions,
  type TlsIdentity,
} from './tls-identity.ts';
export { createUndiciTransport, type UndiciTransportOptions } from './undici-transport.ts';
