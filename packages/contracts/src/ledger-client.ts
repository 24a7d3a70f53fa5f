/**
 * The one way Floe talks to a ledger: Sui's gRPC services, nothing of Floe's own, so that pointing it at another ledger
 * is configuration. Reads of the system's state are shared and cached for a short time; every call is bounded in time,
 * tries and size and fails with a typed error.
 */
import type { BlobId, Committees, Epoch, Frost, NodeId, ObjectId, SuiAddress } from '@floe/protocol';
import { ledgerErrors } from './errors.ts';
import * as layouts from './layouts.ts';
import { LedgerCalls, type CallModules } from './ledger/calls.ts';
import { followCheckpoints } from './ledger/checkpoints.ts';
import type { EventPackages } from './ledger/contract-events.ts';
import { TransactionExecutor, type TransactionSource } from './ledger/execution.ts';
import { readUpgradeProposal, type UpgradeProposalInfo } from './ledger/governance-state.ts';
import { listBlobObjects, readBlobObject, readObjects } from './ledger/objects.ts';
import {
  type ExchangeInfo,
  listPooledBlobs,
  listPools,
  listStorages,
  type PooledBlobInfo,
  readExchange,
  readPool,
  readPooledBlob,
  type StoragePoolInfo,
  type StorageResource,
} from './ledger/storage-state.ts';
import { inspect, simulate, type SimulatedTransaction } from './ledger/simulation.ts';
import {
  type EpochSchedule,
  listNodeCaps,
  listStakes,
  type PriceState,
  readEpochSchedule,
  readPools,
  readPrices,
  readTreasuryId,
} from './ledger/staking-state.ts';
import { readSubsidies, type SubsidiesInfo } from './ledger/subsidies-state.ts';
import { readCommittees, readWalType, type SystemState, SystemStateReader, systemInfo } from './ledger/system-state.ts';
import { TimedCache } from './ledger/timed-cache.ts';
import type {
  Balances,
  BlobObject,
  CallOptions,
  ChainInfo,
  CheckpointRecord,
  ExecutedTransaction,
  LedgerConfig,
  ReadOptions,
  SystemInfo,
  TransactionSigner,
} from './ledger/types.ts';
import { STATE_TTL_MS } from './limits.ts';
import * as moveValues from './move-values.ts';
import { dynamicFieldId, metadataFieldId, SUI_TYPE, typeNames } from './type-names.ts';

export class LedgerClient {
  readonly config: LedgerConfig;
  readonly #calls: LedgerCalls;
  readonly #state: TimedCache<SystemState>;
  readonly #committees: TimedCache<Committees>;
  readonly #executor: TransactionExecutor;
  #walType: string | undefined;
  #treasuryId: ObjectId | undefined;

  constructor(config: LedgerConfig, modules: CallModules) {
    this.config = config;
    this.#calls = new LedgerCalls(config.url, modules);
    const reader = new SystemStateReader(this.#calls, config);
    this.#state = new TimedCache(() => reader.read(), { ttlMs: STATE_TTL_MS, clock: modules.clock });
    this.#committees = new TimedCache(async () => readCommittees(this.#calls, await this.#state.get({ fresh: true })), {
      ttlMs: STATE_TTL_MS,
      clock: modules.clock,
    });
    this.#executor = new TransactionExecutor(this.#calls, (signal) => this.#eventPackages(signal));
  }

  /** Epoch, prices, capacity and packages. @throws OBJECT_NOT_FOUND, WRONG_OBJECT_TYPE, LEDGER_* */
  async systemState(options: ReadOptions = {}): Promise<SystemInfo> {
    const state = await this.#state.get(options);
    this.#walType ??= await readWalType(this.#calls, state.originalPackageId, options.signal);
    return systemInfo(state, this.config, this.#walType);
  }

  /** Which chain this is, and the newest checkpoint it can list. @throws LEDGER_* */
  async chain(options: CallOptions = {}): Promise<ChainInfo> {
    const { chainId, checkpointHeight } = await this.#calls.unary(
      'GetServiceInfo',
      (call) => this.#calls.sui.ledgerService.getServiceInfo({}, call),
      options.signal,
    );
    if (chainId === undefined || checkpointHeight === undefined) {
      const reason = 'service information without chain id and checkpoint height';
      throw ledgerErrors.LEDGER_MISBEHAVED({ url: this.config.url, reason });
    }
    return { chainId, latestCheckpoint: checkpointHeight };
  }

  /** Who stores what, now, before and next. @throws INVALID_COMMITTEE, LEDGER_* */
  committees(options: ReadOptions = {}): Promise<Committees> {
    return this.#committees.get(options);
  }

  /** Where the epoch stands, and when voting end and change are due. @throws OBJECT_NOT_FOUND, LEDGER_* */
  async epochSchedule(options: ReadOptions = {}): Promise<EpochSchedule> {
    return readEpochSchedule(this.#calls, await this.#state.get(options), options.signal);
  }

  /** Prices in force and those the committee votes for; reads the pool of every member. @throws LEDGER_* */
  async prices(options: CallOptions = {}): Promise<PriceState> {
    return readPrices(this.#calls, await this.#state.get({ ...options, fresh: true }), options.signal);
  }

  /** Staking pools of these nodes; those that do not exist are left out. @throws LEDGER_* */
  async stakingPools(
    nodeIds: readonly NodeId[],
    options: CallOptions = {},
  ): Promise<ReadonlyMap<NodeId, layouts.StakingPool>> {
    return readPools(this.#calls, nodeIds, options.signal);
  }

  /** The caps that `owner` holds; each makes it the operator of a storage node. */
  async *nodeCaps(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<layouts.StorageNodeCap> {
    yield* listNodeCaps(this.#calls, await this.#names(options.signal), owner, options.signal);
  }

  /** The stakes that `owner` holds, in the ledger's order. */
  async *ownedStakes(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<layouts.StakedWal> {
    yield* listStakes(this.#calls, await this.#names(options.signal), owner, options.signal);
  }

  /** The shared treasury that WAL is burned through. @throws OBJECT_NOT_FOUND, LEDGER_* */
  async treasuryObjectId(options: CallOptions = {}): Promise<ObjectId> {
    if (this.#treasuryId === undefined) {
      const { walType } = await this.systemState({ signal: options.signal });
      this.#treasuryId = await readTreasuryId(this.#calls, walType, options.signal);
    }
    return this.#treasuryId;
  }

  /** The public randomness of an epoch, 32 bytes; undefined when the ledger records none. @throws LEDGER_* */
  async epochRandomness(epoch: Epoch, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    const name = moveValues.epoch.serialize(epoch).toBytes();
    const id = dynamicFieldId(this.config.stakingObjectId, 'u32', name);
    const [field] = await readObjects(this.#calls, [id], options.signal);
    return field === undefined ? undefined : Uint8Array.from(layouts.RandomnessField.parse(field.contents).value);
  }

  /** The blob object, owned or shared, of that id; undefined when there is none. @throws WRONG_OBJECT_TYPE, LEDGER_* */
  async blobObject(objectId: ObjectId, options: CallOptions = {}): Promise<BlobObject | undefined> {
    return readBlobObject(this.#calls, await this.#names(options.signal), objectId, options.signal);
  }

  /** The blob objects that `owner` owns, in the ledger's order; pages are fetched as they are consumed. */
  async *ownedBlobs(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<BlobObject> {
    yield* listBlobObjects(this.#calls, await this.#names(options.signal), owner, options.signal);
  }

  /** The space that `owner` has and that holds nothing yet, expired ones included, in the ledger's order. */
  async *ownedStorages(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<StorageResource> {
    yield* listStorages(this.#calls, await this.#names(options.signal), owner, options.signal);
  }

  /** The storage pools that `owner` owns. */
  async *storagePools(owner: SuiAddress, options: CallOptions = {}): AsyncIterable<StoragePoolInfo> {
    yield* listPools(this.#calls, await this.#names(options.signal), owner, options.signal);
  }

  /** The storage pool of that id; undefined when there is none. @throws WRONG_OBJECT_TYPE, LEDGER_* */
  async storagePool(objectId: ObjectId, options: CallOptions = {}): Promise<StoragePoolInfo | undefined> {
    return readPool(this.#calls, await this.#names(options.signal), objectId, options.signal);
  }

  /** The blobs of a pool; pages are fetched as they are consumed. */
  pooledBlobs(pool: StoragePoolInfo, options: CallOptions = {}): AsyncIterable<PooledBlobInfo> {
    return listPooledBlobs(this.#calls, pool, options.signal);
  }

  /** The blob of that id in a pool; undefined when it is not there. @throws LEDGER_* */
  async pooledBlob(
    pool: StoragePoolInfo,
    blobId: BlobId,
    options: CallOptions = {},
  ): Promise<PooledBlobInfo | undefined> {
    return readPooledBlob(this.#calls, pool, blobId, options.signal);
  }

  /** The exchange of WAL for SUI of that id; undefined when there is none. @throws WRONG_OBJECT_TYPE, LEDGER_* */
  async exchange(objectId: ObjectId, options: CallOptions = {}): Promise<ExchangeInfo | undefined> {
    return readExchange(this.#calls, objectId, options.signal);
  }

  /** The pool of subsidies of that id; undefined when there is none. @throws WRONG_OBJECT_TYPE, LEDGER_* */
  async subsidies(objectId: ObjectId, options: CallOptions = {}): Promise<SubsidiesInfo | undefined> {
    return readSubsidies(this.#calls, objectId, options.signal);
  }

  /** The committee's votes for an upgrade; undefined when there are none. @throws OBJECT_NOT_FOUND, WRONG_OBJECT_TYPE, LEDGER_* */
  async upgradeProposal(
    proposal: { readonly managerId: ObjectId; readonly digest: Uint8Array },
    options: CallOptions = {},
  ): Promise<UpgradeProposalInfo | undefined> {
    return readUpgradeProposal(this.#calls, proposal, options.signal);
  }

  /** What an address can spend. */
  async balances(owner: SuiAddress, options: CallOptions = {}): Promise<Balances> {
    const { walType } = await this.systemState({ signal: options.signal });
    const [sui, wal] = await Promise.all([
      this.#balance(owner, SUI_TYPE, options.signal),
      this.#balance(owner, walType, options.signal),
    ]);
    return { sui, wal: wal as Frost };
  }

  /** Attributes of a blob object in the ledger's order; empty when it has none, or there is no such object. */
  async attributes(blobObjectId: ObjectId, options: CallOptions = {}): Promise<ReadonlyMap<string, string>> {
    const [field] = await readObjects(this.#calls, [metadataFieldId(blobObjectId)], options.signal);
    if (field === undefined) return new Map();
    const { metadata } = layouts.MetadataField.parse(field.contents).value;
    return new Map(metadata.map(({ key, value }) => [key, value]));
  }

  /**
   * Signs and executes a transaction, and waits until its effects are final. Transactions of one address run one after
   * another; if an object changed under it, it is built again, up to a limit. As on Sui, a transaction is what its bytes
   * say: two clients with the same key that build the same one from the same objects at the same time make it once.
   *
   * @param source a transaction, or a function that makes it anew for each try
   * @throws MOVE_ABORT, INSUFFICIENT_WAL, INSUFFICIENT_SUI, STALE_OBJECT, TRANSACTION_FAILED, OUTCOME_UNKNOWN, LEDGER_*
   */
  async execute(
    source: TransactionSource,
    signer: TransactionSigner,
    options: CallOptions = {},
  ): Promise<ExecutedTransaction> {
    return this.#executor.execute(source, signer, options);
  }

  /**
   * What executing the transaction now would cost and write; nothing changes. Built as `execute` builds it, so that it
   * costs the same unless the state changes in between.
   *
   * @throws what `execute` throws
   */
  async simulate(
    source: TransactionSource,
    sender: SuiAddress,
    options: CallOptions = {},
  ): Promise<SimulatedTransaction> {
    return simulate(this.#calls, source, sender, options.signal);
  }

  /**
   * What the commands of a transaction return, in BCS, by command; nothing is paid. @throws MOVE_ABORT,
   * TRANSACTION_FAILED, LEDGER_*
   */
  async inspect(
    source: TransactionSource,
    sender: SuiAddress,
    options: CallOptions = {},
  ): Promise<readonly (readonly Uint8Array[])[]> {
    return inspect(this.#calls, source, sender, options.signal);
  }

  /**
   * Every checkpoint from `from` on, in order, each once, for ever. Survives lost connections and restarts of the
   * ledger; ends when `signal` aborts (with its reason) or on what another try would not mend.
   */
  async *followCheckpoints(options: {
    readonly from: bigint;
    readonly signal: AbortSignal;
  }): AsyncIterable<CheckpointRecord> {
    const packages = await this.#eventPackagesPatiently(options.signal);
    yield* followCheckpoints(this.#calls, { ...options, packages });
  }

  async #names(signal?: AbortSignal) {
    return typeNames((await this.#state.get({ signal })).originalPackageId);
  }

  async #eventPackages(signal?: AbortSignal): Promise<EventPackages> {
    const { originalPackageId, system } = await this.#state.get({ signal });
    return new Set([originalPackageId, system.packageId]);
  }

  /** A follower may start before its ledger does. */
  async #eventPackagesPatiently(signal: AbortSignal): Promise<EventPackages> {
    return this.#calls.untilReachable(() => this.#eventPackages(signal), signal);
  }

  async #balance(owner: SuiAddress, coinType: string, signal?: AbortSignal): Promise<bigint> {
    const { balance } = await this.#calls.unary(
      'GetBalance',
      (options) => this.#calls.sui.stateService.getBalance({ owner, coinType }, options),
      signal,
    );
    if (balance?.balance === undefined) {
      throw ledgerErrors.LEDGER_MISBEHAVED({ url: this.config.url, reason: `no balance for ${owner}` });
    }
    return balance.balance;
  }
}
