/** What the ledger client takes and gives. */
import type { BlobId, CommitteePhase, Epoch, Frost, ObjectId, SuiAddress } from '@floe/protocol';
import type { ContractEvent } from '../events.ts';

/** Which ledger, and which Walrus deployment on it. */
export interface LedgerConfig {
  /** Base URL of the gRPC service; a path is kept, a slash at the end is not. */
  readonly url: string;
  readonly systemObjectId: ObjectId;
  readonly stakingObjectId: ObjectId;
}

/** The state of the system: what is needed to price, build and time a transaction. */
export interface SystemInfo {
  readonly epoch: Epoch;
  readonly nShards: number;
  /** Version of the contracts that System and Staking carry. */
  readonly version: bigint;
  /** Package to call: the newest. */
  readonly packageId: ObjectId;
  /** Package first published, which names the types for ever. */
  readonly originalPackageId: ObjectId;
  readonly systemObjectId: ObjectId;
  readonly stakingObjectId: ObjectId;
  /** Type of the storage token, `<package>::wal::WAL`. */
  readonly walType: string;
  /** FROST per unit of 1 MiB of encoded length and epoch. */
  readonly storagePrice: Frost;
  /** FROST per unit of 1 MiB of encoded length, once per blob. */
  readonly writePrice: Frost;
  /** Encoded bytes that may be reserved in an epoch. */
  readonly totalCapacity: bigint;
  /** Encoded bytes reserved in the current epoch. */
  readonly usedCapacity: bigint;
  /** Most epochs, counted from the current one, that can be bought. */
  readonly maxEpochsAhead: number;
  readonly epochDurationMs: number;
  /** When the current epoch's committee was complete, Unix ms; undefined until it is. */
  readonly epochStartMs?: number;
  readonly phase: CommitteePhase;
}

/** A blob object, owned or shared. */
export interface BlobObject {
  readonly objectId: ObjectId;
  readonly version: bigint;
  /** Undefined when the blob is shared or owned by another object. */
  readonly owner?: SuiAddress;
  readonly blobId: BlobId;
  /** Before encoding. */
  readonly sizeBytes: number;
  readonly encodingType: number;
  readonly registeredEpoch: Epoch;
  readonly certifiedEpoch?: Epoch;
  readonly startEpoch: Epoch;
  /** First epoch in which it is no longer stored. */
  readonly endEpoch: Epoch;
  readonly storage: { readonly objectId: ObjectId; readonly sizeBytes: bigint };
  readonly deletable: boolean;
  /** Set for a shared blob: `objectId` is the SharedBlob, this is the Blob inside, and what its funds hold. */
  readonly shared?: { readonly blobObjectId: ObjectId; readonly funds: Frost };
}

export interface ChainInfo {
  /** Base58; differs between any two ledgers, and never changes. */
  readonly chainId: string;
  readonly latestCheckpoint: bigint;
}

export interface Balances {
  /** MIST; 1 SUI = 10^9 MIST. */
  readonly sui: bigint;
  readonly wal: Frost;
}

/** What signs; every keypair of `@mysten/sui` is one. */
export interface TransactionSigner {
  toSuiAddress(): string;
  signTransaction(transaction: Uint8Array): Promise<{ readonly signature: string }>;
}

export interface ChangedObject {
  readonly objectId: ObjectId;
  /** Fully normalised. */
  readonly type: string;
}

/** What an address has more, or less, of a coin; gas included. */
export interface BalanceChange {
  readonly owner: SuiAddress;
  /** Fully normalised. */
  readonly coinType: string;
  /** In the smallest unit. */
  readonly amount: bigint;
}

/** A contract event with its place: `eventSeq` counts the Walrus events of its transaction from 0. */
export interface LedgerEvent {
  /** Base58. */
  readonly txDigest: string;
  readonly eventSeq: number;
  readonly event: ContractEvent;
}

/** A transaction that succeeded and is final. */
export interface ExecutedTransaction {
  /** Base58. */
  readonly digest: string;
  readonly checkpoint?: bigint;
  readonly timestampMs?: number;
  readonly created: readonly ChangedObject[];
  readonly mutated: readonly ChangedObject[];
  readonly deleted: readonly ObjectId[];
  readonly events: readonly LedgerEvent[];
  readonly balanceChanges: readonly BalanceChange[];
  /** Paid in MIST, rebates taken off; negative when more was freed than used. */
  readonly gas: bigint;
}

export interface CheckpointRecord {
  readonly sequence: bigint;
  readonly timestampMs: number;
  /** The Walrus events of the checkpoint, in ledger order. */
  readonly events: readonly LedgerEvent[];
  /**
   * Of a part of the chain that the ledger has pruned: there may be checkpoints missing before it, and of blobs that have
   * ended it may have some events without the others. Of all that is stored every event is there.
   */
  readonly isPartial?: true;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Ask the ledger even if what is cached is young. */
  readonly fresh?: boolean;
}
