/**
 * The public face of the ledger core, as types only: what the RPC layer, the composition root and tests use.
 *
 * Conventions: a digest is its 32 raw bytes (base58 is a matter of the wire); a version, an amount and a checkpoint
 * sequence is a bigint; a Move type is its canonical text: every address `0x` + 64 lower-case hex digits, type
 * arguments joined by `,` (as in `0x…02::coin::Coin<0x…::wal::WAL>`), `package` for a package object.
 */
import type { FunctionSignature, PackageAddresses, DatatypeDeclaration } from '@floe/contracts';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type { Signers } from './signatures.ts';
import type { MembershipProof } from './state-tree.ts';
import type { TransactionData } from './transaction-data.ts';

/** 32 raw bytes. */
export type Digest = Uint8Array;

/** Canonical text of a Move type; see the head of this file. */
export type TypeName = string;

export type Owner =
  | { readonly kind: 'address'; readonly address: SuiAddress }
  | { readonly kind: 'object'; readonly parent: ObjectId }
  | { readonly kind: 'shared'; readonly initialVersion: bigint }
  | { readonly kind: 'immutable' };

/** One version of an object. Never changes: a transaction that writes it makes a new one. */
export interface LedgerObject {
  readonly id: ObjectId;
  readonly version: bigint;
  /** blake2b256("Object::" ‖ BCS), as Sui computes it. */
  readonly digest: Digest;
  readonly owner: Owner;
  /** `package` for packages. */
  readonly type: TypeName;
  /** Whether the type has `store`, which makes public transfers possible. */
  readonly hasPublicTransfer: boolean;
  /** BCS of the Move value, its id first; of the package for packages. */
  readonly contents: Uint8Array;
  readonly previousTransaction: Digest;
  /** MIST paid for this object's storage. */
  readonly storageRebate: bigint;
}

export interface ObjectRef {
  readonly id: ObjectId;
  readonly version: bigint;
  readonly digest: Digest;
}

/** Sui's `CommandArgumentError`. */
export type ArgumentErrorKind =
  | 'TypeMismatch'
  | 'InvalidBCSBytes'
  | 'InvalidUsageOfPureArg'
  | 'InvalidArgumentToPrivateEntryFunction'
  | 'IndexOutOfBounds'
  | 'SecondaryIndexOutOfBounds'
  | 'InvalidResultArity'
  | 'InvalidGasCoinUsage'
  | 'InvalidValueUsage'
  | 'InvalidObjectByValue'
  | 'InvalidObjectByMutRef'
  | 'SharedObjectOperationNotAllowed'
  | 'InvalidArgumentArity'
  | 'InvalidTransferObject'
  | 'InvalidMakeMoveVecNonObjectArgument'
  | 'ArgumentWithoutValue'
  | 'CannotMoveBorrowedValue'
  | 'CannotWriteToExtendedReference'
  | 'InvalidReferenceArgument'
  | 'InvalidTxContext';

/** Why a transaction failed: the variants of Sui's `ExecutionFailureStatus` that this ledger can produce. */
export type ExecutionError =
  | {
      readonly kind:
        | 'InsufficientGas'
        | 'InvalidGasObject'
        | 'InvariantViolation'
        | 'FeatureNotYetSupported'
        | 'InsufficientCoinBalance'
        | 'CoinBalanceOverflow'
        | 'VMVerificationOrDeserializationError'
        | 'FunctionNotFound'
        | 'ArityMismatch'
        | 'TypeArityMismatch'
        | 'InvalidTransferObject'
        | 'PublishUpgradeMissingDependency'
        | 'SharedObjectOperationNotAllowed';
    }
  | ({ readonly kind: 'PackageUpgradeError' } & PackageUpgradeError)
  | { readonly kind: 'MoveObjectTooBig'; readonly objectSize: bigint; readonly maxObjectSize: bigint }
  | { readonly kind: 'MoveVectorElemTooBig'; readonly valueSize: bigint; readonly maxScaledSize: bigint }
  | { readonly kind: 'EffectsTooLarge'; readonly currentSize: bigint; readonly maxSize: bigint }
  | { readonly kind: 'MovePrimitiveRuntimeError'; readonly location: MoveLocation | undefined }
  | { readonly kind: 'MoveAbort'; readonly location: MoveLocation; readonly code: bigint }
  | {
      readonly kind: 'CommandArgumentError';
      readonly argumentIndex: number;
      readonly argumentError: ArgumentErrorKind;
      /** Of `IndexOutOfBounds` (the index) and of the kinds that name a result. */
      readonly index?: number;
      readonly secondaryIndex?: number;
    }
  | {
      readonly kind: 'TypeArgumentError';
      readonly argumentIndex: number;
      readonly argumentError: 'TypeNotFound' | 'ConstraintNotSatisfied';
    }
  | { readonly kind: 'UnusedValueWithoutDrop'; readonly resultIndex: number; readonly secondaryIndex: number }
  | { readonly kind: 'InvalidPublicFunctionReturnType'; readonly index: number };

export type PackageUpgradeError =
  | { readonly reason: 'UnableToFetchPackage'; readonly packageId: ObjectId }
  | { readonly reason: 'DigestDoesNotMatch'; readonly digest: Uint8Array }
  | { readonly reason: 'UnknownUpgradePolicy'; readonly policy: number }
  | { readonly reason: 'PackageIDDoesNotMatch'; readonly packageId: ObjectId; readonly ticketId: ObjectId };

export interface MoveLocation {
  readonly package: ObjectId;
  readonly module: string;
  readonly functionIndex: number;
  readonly instruction: number;
  readonly functionName: string | undefined;
}

export type ExecutionStatus =
  | { readonly success: true }
  | { readonly success: false; readonly error: ExecutionError; readonly command: number | undefined };

/** MIST. What the sender pays is `computationCost + storageCost - storageRebate`. */
export interface GasUsed {
  readonly computationCost: bigint;
  readonly storageCost: bigint;
  readonly storageRebate: bigint;
  readonly nonRefundableStorageFee: bigint;
}

/** What a transaction did to one object id. */
export interface ObjectChange {
  readonly id: ObjectId;
  /** The object before; undefined when it was not in the store (new, or wrapped in another). */
  readonly input: { readonly version: bigint; readonly digest: Digest; readonly owner: Owner } | undefined;
  /** The object after; undefined when it is not in the store any more (deleted, or wrapped). Its version is the lamport version. */
  readonly output: { readonly digest: Digest; readonly owner: Owner } | undefined;
  readonly idOperation: 'none' | 'created' | 'deleted';
}

/** Sui's `TransactionEffects::V2`, parsed. */
export interface TransactionEffects {
  readonly status: ExecutionStatus;
  readonly executedEpoch: bigint;
  readonly gasUsed: GasUsed;
  readonly transactionDigest: Digest;
  /** Index of the gas coin in `changedObjects`. */
  readonly gasObjectIndex: number | undefined;
  readonly eventsDigest: Digest | undefined;
  readonly dependencies: readonly Digest[];
  /** The version of every object written. */
  readonly lamportVersion: bigint;
  /** In ascending order of id. */
  readonly changedObjects: readonly ObjectChange[];
  /** Shared objects that were only read. */
  readonly unchangedShared: readonly ObjectRef[];
}

/** Sui's `Event`. */
export interface LedgerEvent {
  /** Package and module of the function that the transaction called. */
  readonly packageId: ObjectId;
  readonly module: string;
  readonly sender: SuiAddress;
  readonly type: TypeName;
  readonly contents: Uint8Array;
}

export interface BalanceChange {
  readonly address: SuiAddress;
  readonly coinType: TypeName;
  /** Smallest units; negative when the address has less than before. Never 0. */
  readonly amount: bigint;
}

/** Type of an object of `effects.changedObjects`, by position. */
export type ChangedObjectTypes = readonly (TypeName | undefined)[];

/** What an execution produced, committed or simulated. */
export interface ExecutionResult {
  readonly digest: Digest;
  readonly transaction: TransactionData;
  readonly effects: TransactionEffects;
  /** BCS of `TransactionEffects`. */
  readonly effectsBytes: Uint8Array;
  readonly effectsDigest: Digest;
  readonly events: readonly LedgerEvent[];
  /** Aligned with `effects.changedObjects`: the type after, else before; undefined for ids that never were objects. */
  readonly objectTypes: ChangedObjectTypes;
  readonly balanceChanges: readonly BalanceChange[];
}

/** A committed transaction. */
export interface TransactionRecord extends ExecutionResult {
  /** BCS of `TransactionData`. */
  readonly transactionBytes: Uint8Array;
  /** As sent: flag ‖ signature ‖ public key. */
  readonly signatures: readonly Uint8Array[];
  readonly checkpoint: bigint;
  readonly timestampMs: number;
}

/** A value that a command of a simulated transaction returned, or left in an argument. */
export interface CommandValue {
  readonly type: TypeName;
  readonly bytes: Uint8Array;
}

export interface CommandResult {
  readonly returnValues: readonly CommandValue[];
}

export interface SimulationResult extends ExecutionResult {
  /** One for each command that ran to its end. */
  readonly commandResults: readonly CommandResult[];
  /** Objects as the transaction would leave them. */
  readonly outputObjects: readonly LedgerObject[];
}

/** One step of the chain: a batch of transactions with one timestamp, and the state they led to. */
export interface CheckpointRecord {
  readonly sequence: bigint;
  /** blake2b256("CheckpointSummary::" ‖ summaryBytes). */
  readonly digest: Digest;
  readonly previousDigest: Digest | undefined;
  /** The ledger's (Sui) epoch, 0: not the Walrus epoch. */
  readonly epoch: bigint;
  readonly timestampMs: number;
  /** Transactions from genesis to here, inclusive. */
  readonly totalTransactions: bigint;
  readonly contentDigest: Digest;
  /** Merkle root of the whole object set after this checkpoint. */
  readonly stateRoot: Digest;
  /** In the order executed. */
  readonly transactions: readonly { readonly digest: Digest; readonly effectsDigest: Digest }[];
  /** BCS of Sui's `CheckpointSummary`. */
  readonly summaryBytes: Uint8Array;
  /** Ed25519 signature (64 bytes) of the ledger's key over intent(CheckpointSummary) ‖ summaryBytes. */
  readonly signature: Uint8Array;
  /** Rolling gas totals of the epoch. */
  readonly gasTotals: GasUsed;
}

export interface EpochInfo {
  /** The ledger's (Sui) epoch: always 0, Walrus epochs are in the System object. */
  readonly epoch: bigint;
  /** MIST. */
  readonly referenceGasPrice: bigint;
  readonly startTimestampMs: number;
  readonly protocolVersion: bigint;
  readonly firstCheckpoint: bigint;
}

export interface CoinBalance {
  readonly coinType: TypeName;
  readonly balance: bigint;
  readonly coinCount: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Give as `cursor` for the next page; undefined at the end. */
  readonly nextCursor: Uint8Array | undefined;
}

export interface OwnedQuery {
  readonly owner: SuiAddress;
  /** A full type, or a prefix of one: `0x…::module::Name` (any type arguments), `0x…::module`, `0x…`. Any form of address. */
  readonly type?: string;
  readonly cursor?: Uint8Array;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface DynamicFieldEntry {
  /** The field object's id; for a dynamic object field the field that points to the child. */
  readonly fieldId: ObjectId;
  readonly fieldType: TypeName;
  readonly kind: 'field' | 'object';
  readonly nameType: TypeName;
  readonly nameBytes: Uint8Array;
  readonly valueType: TypeName;
  /** BCS of the value; for a dynamic object field the child's id. */
  readonly valueBytes: Uint8Array;
  /** Of a dynamic object field. */
  readonly childId: ObjectId | undefined;
}

/** A coin type this ledger mints or knows. */
export interface CoinInfo {
  readonly coinType: TypeName;
  readonly decimals: number;
  readonly symbol: string;
  readonly name: string;
  readonly description: string;
  /** Smallest units; undefined when the ledger does not keep count (SUI, which gas burns). */
  readonly totalSupply: bigint | undefined;
  /** The coin's `TreasuryCap`; undefined when it has none. */
  readonly treasuryCapId: ObjectId | undefined;
}

/** What identifies a chain and where its contracts stand; fixed at genesis. */
export interface ChainInfo {
  /** Digest of checkpoint 0. */
  readonly chainIdentifier: Digest;
  readonly addresses: PackageAddresses;
  readonly systemObjectId: ObjectId;
  readonly stakingObjectId: ObjectId;
  readonly treasuryObjectId: ObjectId;
  /** Ed25519 key (32 bytes) that signs checkpoints. */
  readonly publicKey: Uint8Array;
}

/**
 * What the RPC layer calls. Reads answer from the last durable checkpoint and never wait; all are O(answer).
 * Everything not found is `undefined`; bad arguments throw a FloeError of kind `invalid`.
 */
export interface LedgerApi {
  readonly chain: ChainInfo;
  epochInfo(): EpochInfo;
  /** `version`: undefined unless it is the latest (older versions are not kept; their digests are in the effects). */
  getObject(id: ObjectId, version?: bigint): LedgerObject | undefined;
  listOwned(query: OwnedQuery): Page<LedgerObject>;
  /** Objects whose owner is the object `parent`, that is its dynamic fields. */
  listDynamicFields(query: { parent: ObjectId; cursor?: Uint8Array; limit: number }): Page<DynamicFieldEntry>;
  balance(owner: SuiAddress, coinType: string): CoinBalance;
  listBalances(query: { owner: SuiAddress; cursor?: Uint8Array; limit: number }): Page<CoinBalance>;
  coinInfo(coinType: string): CoinInfo | undefined;
  /** The function of a package at its original or current id. */
  packageFunction(packageId: ObjectId, module: string, name: string): FunctionSignature | undefined;
  /** The struct or enum of that name. */
  packageDatatype(packageId: ObjectId, module: string, name: string): DatatypeDeclaration | undefined;
  /** Coins of a type (`0x2::sui::SUI`, …) of `owner`, largest first, without those in `except`. */
  largestCoins(owner: SuiAddress, coinType: string, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[];
  /** Coins that can pay for gas: SUI coins of `owner`, largest first, without those in `except`. */
  gasCoins(owner: SuiAddress, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[];
  /** Proof that an object is in the state of the newest checkpoint; undefined when it is not. */
  proveObject(id: ObjectId): { checkpoint: CheckpointRecord; proof: MembershipProof } | undefined;
  getTransaction(digest: Digest): TransactionRecord | undefined;
  getCheckpoint(which: bigint | Digest | 'latest'): CheckpointRecord | undefined;
  /**
   * Checkpoints from `from` on in order, at most `limit`: `from + 1`, …, or with `descending` `from - 1`, …. Below
   * {@link LedgerApi.lowestCheckpoint} only those that pruning left.
   */
  listCheckpoints(from: bigint, limit: number, options?: { readonly descending?: boolean }): CheckpointRecord[];
  /** The checkpoint from which on all are there; 0 unless the ledger was pruned. */
  lowestCheckpoint(): bigint;
  /** Every checkpoint from `from` (default: the next one) on, as each becomes durable; ends when the ledger closes. */
  subscribe(options: { from?: bigint; signal?: AbortSignal }): AsyncIterable<CheckpointRecord>;
  /**
   * Verifies, orders and executes; resolves once the result is durable. The same transaction again gives the stored
   * result. A transaction that fails in execution resolves too (`effects.status`); rejects only what was not executed.
   */
  execute(
    transactionBytes: Uint8Array,
    signatures: readonly Uint8Array[],
    options?: ExecuteOptions,
  ): Promise<TransactionRecord>;
  /** Executes against the last durable state and forgets. */
  simulate(transaction: TransactionData | Uint8Array, options?: SimulateOptions): SimulationResult;
  close(): Promise<void>;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal;
  /** Whose signatures they are, when a verifier that is trusted has found out; they are not checked again. */
  readonly signers?: Signers;
}

export interface SimulateOptions {
  /** `enabled` (default): as at execution, without signatures. `disabled`: no ownership, gas or expiration checks. */
  readonly checks?: 'enabled' | 'disabled';
  /** False: `commandResults` stays empty, and nothing is encoded for it. */
  readonly outputs?: boolean;
}
