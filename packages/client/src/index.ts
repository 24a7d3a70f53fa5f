/** Store and read blobs, every byte verified. Pure: `./node` and `./web` bring the modules. */
export type { SignedCallOptions, ExtendResult } from './blob-objects.ts';
export type { BlobAudit, NodeAudit } from './blob-audit.ts';
export { type BlobInput, type BlobStream, SpooledBlob, type SpoolBlobOptions } from './blob-input.ts';
export type { BlobReadOptions, Consistency, ReadProgress } from './blob-reader.ts';
export type { ByteRange } from './byte-range.ts';
export type { UploadProgress } from './certificate-collection.ts';
export {
  type CallOptions,
  type ClientModules,
  type ClientOptions,
  createFloeClient,
  type FloeClient,
  type NodeReport,
  type OpenBlob,
  type ReadOptions,
} from './client.ts';
export { clientErrors } from './errors.ts';
export type { LedgerPort, Signer } from './ledger-port.ts';
export { type ClientLimits, DEFAULT_LIMITS } from './limits.ts';
export type { NetworkRedundancy, NodeCount } from './network-redundancy.ts';
export { type PatchContents, QUILT_ATTRIBUTE, type StoredPatch, type StoreQuiltResult } from './quilts.ts';
export type { PooledStoreOptions, PooledStoreResult } from './pooled-store.ts';
export type { BlobQuote, QuoteOptions, StoreQuote } from './quote.ts';
export type { ResourceOperation } from './registration.ts';
export type {
  AlreadyCertified,
  NewlyCreated,
  StageTimings,
  StoreOptions,
  StoreProgress,
  StoreRegistration,
  StoreResult,
  StoreStage,
} from './store-options.ts';
