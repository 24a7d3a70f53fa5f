/** Ports of the ledger: the parts of `LedgerClient` that a node uses. */
import type {
  Balances,
  CheckpointRecord,
  EpochSchedule,
  ExecutedTransaction,
  layouts,
  PriceState,
  SubsidiesInfo,
  SystemInfo,
  TransactionSigner,
  TransactionSource,
} from '@floe/contracts';
import type { Committees, Epoch, NodeId, ObjectId, SuiAddress } from '@floe/protocol';

/** What a node follows. */
export interface NodeLedger {
  /** Which chain it is and where it ends. */
  chain(options?: { signal?: AbortSignal }): Promise<{ chainId: string; latestCheckpoint: bigint }>;
  committees(options?: { fresh?: boolean; signal?: AbortSignal }): Promise<Committees>;
  /** The public randomness of an epoch; undefined when the ledger has none. */
  epochRandomness(epoch: Epoch, options?: { signal?: AbortSignal }): Promise<Uint8Array | undefined>;
  /** Checkpoints from `from` on, in order, without end; survives the ledger's restarts. */
  followCheckpoints(options: { from: bigint; signal: AbortSignal }): AsyncIterable<CheckpointRecord>;
}

interface Call {
  readonly signal?: AbortSignal;
}

/** What a node needs to act on the ledger. */
export interface OperatorLedger {
  systemState(options?: Call & { fresh?: boolean }): Promise<SystemInfo>;
  epochSchedule(options?: Call & { fresh?: boolean }): Promise<EpochSchedule>;
  prices(options?: Call): Promise<PriceState>;
  stakingPools(nodeIds: readonly NodeId[], options?: Call): Promise<ReadonlyMap<NodeId, layouts.StakingPool>>;
  nodeCaps(owner: SuiAddress, options?: Call): AsyncIterable<layouts.StorageNodeCap>;
  treasuryObjectId(options?: Call): Promise<ObjectId>;
  subsidies(objectId: ObjectId, options?: Call): Promise<SubsidiesInfo | undefined>;
  balances(owner: SuiAddress, options?: Call): Promise<Balances>;
  execute(source: TransactionSource, signer: TransactionSigner, options?: Call): Promise<ExecutedTransaction>;
}

/** In whose name a node acts on the ledger: the account that holds its `StorageNodeCap` and pays for gas. */
export interface Operator {
  readonly signer: TransactionSigner;
  readonly ledger: OperatorLedger;
}
