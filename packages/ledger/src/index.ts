/** The ledger: a Sui-compatible object ledger that runs the Walrus contracts. Ports for Node.js are under `./node`. */
export type * from './api.ts';
export type { Genesis } from './chain-codec.ts';
export {
  createEmbeddedEngine,
  type EngineModules,
  type OrderedBatch,
  type OrderingEngine,
  type Outcome,
  type SignedTransaction,
} from './engine.ts';
export { errors as ledgerErrors } from './errors.ts';
export {
  createGenesis,
  type CreatedGenesis,
  type GenesisConfig,
  type GenesisNode,
  type GenesisNodeIds,
} from './genesis.ts';
export { type CheckpointSigner, Ledger, type LedgerModules, type LedgerOptions } from './ledger.ts';
export * as LEDGER_LIMITS from './limits.ts';
export { encodeObject } from './object-codec.ts';
export type { CheckpointVerifier } from './checkpoint-checks.ts';
export { replayJournal, verifyLedger, type VerifyModules } from './replay.ts';
export { createSnapshot, restoreSnapshot, type RestoreModules } from './snapshot.ts';
export * from './rpc/index.ts';
export { type SignatureVerifier } from './signatures.ts';
export { summaryMessage } from './checkpoint-codec.ts';
export { type MembershipProof, verifyMembership } from './state-tree.ts';
export { chainIdentifierOf } from './store-opening.ts';
export * from './transaction-data.ts';
