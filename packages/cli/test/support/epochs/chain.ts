/** The ledger as a stranger reads it over gRPC: transactions in order, and the state of everything that holds WAL. */
import {
  contractEvents,
  dynamicFieldId,
  extendedFieldId,
  innerStateFieldId,
  layouts,
  LedgerClient,
  type LedgerConfig,
  moveValues,
} from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { geometryOf, type NodeId, type ObjectId, type SuiAddress } from '@floe/protocol';
import { type GrpcTypes, SuiGrpcClient } from '@mysten/sui/grpc';
import type { AccountsStart, ChainTransaction, PoolAccount } from './accounts.ts';
import type { Assignment, Candidate } from './committee-model.ts';

const VERSION = 4n;
const BATCH = 50;

/** Everything of one moment. */
export interface ChainState {
  readonly sequence: bigint;
  readonly epoch: number;
  readonly system: layouts.SystemStateInnerV1;
  readonly staking: layouts.StakingInnerV1;
  /** Of every node of the committee and every further one that was asked for, ascending by id. */
  readonly pools: readonly PoolAccount[];
  readonly activeSet: layouts.ActiveSet;
  readonly supply: bigint;
  /** In coins, in stakes, for epochs to come, and in pools. */
  readonly held: { readonly coins: bigint; readonly stakes: bigint; readonly ring: bigint; readonly pools: bigint };
}

export class ChainReader {
  readonly client: LedgerClient;
  readonly #config: LedgerConfig;
  readonly #sui: SuiGrpcClient;
  /** The next checkpoint to read. */
  #next = 0n;

  constructor(config: LedgerConfig) {
    this.#config = config;
    this.client = new LedgerClient(config, { clock: systemClock, scheduler: systemScheduler });
    this.#sui = new SuiGrpcClient({ network: 'testnet', baseUrl: config.url, format: 'binary' });
  }

  /** Transactions that succeeded, from where the last call ended up to and with `sequence`. */
  async transactionsUpTo(sequence: bigint): Promise<ChainTransaction[]> {
    const { originalPackageId, packageId, walType } = await this.client.systemState();
    const packages = new Set([originalPackageId, packageId]);
    const found: ChainTransaction[] = [];
    while (this.#next <= sequence) {
      const call = this.#sui.ledgerService.getCheckpoint({
        checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: this.#next },
        readMask: {
          paths: ['digest', 'effects.status', 'events', 'balance_changes'].map((path) => `transactions.${path}`),
        },
      });
      const { checkpoint } = (await call).response;
      if (checkpoint === undefined) throw new Error(`no checkpoint ${this.#next}`);
      for (const transaction of checkpoint.transactions) {
        if (transaction.effects?.status?.success !== true) continue;
        found.push(readTransaction(transaction, packages, walType));
      }
      this.#next += 1n;
    }
    return found;
  }

  /** The state at the ledger's last checkpoint; read again until nothing came between. */
  async state(owners: readonly SuiAddress[], further: Iterable<NodeId> = []): Promise<ChainState> {
    for (;;) {
      const before = await this.client.chain();
      const state = await this.#readState(before.latestCheckpoint, owners, further);
      const after = await this.client.chain();
      if (after.latestCheckpoint === before.latestCheckpoint) return state;
    }
  }

  async #readState(sequence: bigint, owners: readonly SuiAddress[], further: Iterable<NodeId>): Promise<ChainState> {
    const { systemObjectId, stakingObjectId } = this.#config;
    const { originalPackageId, walType } = await this.client.systemState();
    const [systemField, stakingField] = await this.#contents([
      innerStateFieldId(systemObjectId, VERSION),
      innerStateFieldId(stakingObjectId, VERSION),
    ]);
    const system = layouts.SystemInnerField.parse(present(systemField)).value;
    const staking = layouts.StakingInnerField.parse(present(stakingField)).value;
    const nodeIds = [...new Set([...staking.committee.map(({ key }) => key), ...further])].toSorted();
    const [activeSet] = await this.#contents([extendedFieldId(staking.activeSet, originalPackageId)]);
    const objects = (await this.#contents(nodeIds)).map((bytes) => layouts.StakingPool.parse(present(bytes)));
    const blockedType = `${originalPackageId}::staking_pool::NewEpochCommissionBlockedForCollection`;
    const [blocked, rates, coins, stakes, { response }] = await Promise.all([
      this.#contents(objects.map(({ extraFields }) => dynamicFieldId(extraFields.id, blockedType, Uint8Array.of(0)))),
      this.#rates(objects, staking.epoch),
      Promise.all(owners.map(async (owner) => (await this.client.balances(owner)).wal as bigint)),
      Promise.all(owners.map((owner) => this.#stakedBy(owner))),
      this.#sui.stateService.getCoinInfo({ coinType: walType }),
    ]);
    const pools = objects.map((pool, i): PoolAccount => ({
      ...poolAccount(pool, rates[i] as PoolAccount['rates']),
      blocked: blocked[i] === undefined ? undefined : layouts.BlockedCommissionField.parse(blocked[i]).value,
    }));
    return {
      sequence,
      epoch: staking.epoch,
      system,
      staking,
      pools,
      activeSet: layouts.ActiveSetField.parse(present(activeSet)).value,
      supply: response.treasury?.totalSupply ?? 0n,
      held: {
        coins: sumOf(coins),
        stakes: sumOf(stakes),
        ring: sumOf(system.futureAccounting.ringBuffer.map((slot) => slot.rewardsToDistribute)),
        pools: sumOf(pools.map(({ rewardsPool, commission }) => rewardsPool + commission)),
      },
    };
  }

  async #stakedBy(owner: SuiAddress): Promise<bigint> {
    let staked = 0n;
    for await (const { principal } of this.client.ownedStakes(owner)) staked += principal;
    return staked;
  }

  /** The rates of each pool, up to the epoch after: a node that registers when voting has ended has its first one there. */
  async #rates(pools: readonly layouts.StakingPool[], epoch: number): Promise<PoolAccount['rates'][]> {
    const names = Array.from({ length: epoch + 2 }, (_, at) => moveValues.epoch.serialize(at).toBytes());
    const fields = await this.#contents(
      pools.flatMap(({ exchangeRates }) => names.map((name) => dynamicFieldId(exchangeRates.id, 'u32', name))),
    );
    return pools.map((_pool, i) => {
      const rates: PoolAccount['rates'] = new Map();
      names.forEach((_name, at) => {
        const bytes = fields[i * names.length + at];
        if (bytes === undefined) return;
        const { Variable } = layouts.ExchangeRateField.parse(bytes).value;
        rates.set(at, Variable === undefined ? undefined : { wal: Variable.walAmount, shares: Variable.shareAmount });
      });
      return rates;
    });
  }

  /** Contents of objects, where they exist. */
  async #contents(ids: readonly ObjectId[]): Promise<(Uint8Array | undefined)[]> {
    const batches = Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, i) =>
      ids.slice(i * BATCH, (i + 1) * BATCH),
    );
    const found = await Promise.all(
      batches.map(async (batch) => {
        const requests = batch.map((objectId) => ({ objectId }));
        const call = this.#sui.ledgerService.batchGetObjects({ requests, readMask: { paths: ['contents'] } });
        return (await call).response.objects;
      }),
    );
    return found
      .flat()
      .map(({ result }) => (result.oneofKind === 'object' ? result.object.contents?.value : undefined));
  }
}

function sumOf(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n);
}

function readTransaction(
  { digest = '', events, balanceChanges }: GrpcTypes.ExecutedTransaction,
  packages: ReadonlySet<ObjectId>,
  walType: string,
): ChainTransaction {
  const changes = balanceChanges.filter(({ coinType }) => coinType === walType);
  return {
    digest,
    events: contractEvents(digest, events?.events ?? [], packages).map(({ event }) => event),
    walChange: changes.reduce((sum, { amount }) => sum + BigInt(amount ?? 0), 0n),
  };
}

function poolAccount(pool: layouts.StakingPool, rates: PoolAccount['rates']): Omit<PoolAccount, 'blocked'> {
  const pending = (values: layouts.PendingValues) => new Map(values.map(({ key, value }) => [Number(key), value]));
  return {
    nodeId: pool.id as NodeId,
    walBalance: pool.walBalance,
    numShares: pool.numShares,
    rewardsPool: pool.rewardsPool,
    commission: pool.commission,
    commissionRate: pool.commissionRate,
    storagePrice: pool.votingParams.storagePrice,
    writePrice: pool.votingParams.writePrice,
    capacity: pool.votingParams.nodeCapacity,
    pendingStake: pending(pool.pendingStake),
    pendingShares: pending(pool.pendingSharesWithdraw),
    preActive: pending(pool.preActiveWithdrawals),
    pendingRate: new Map(pool.pendingCommissionRate.map(({ key, value }) => [Number(key), Number(value)])),
    rates,
  };
}

/** What the accounts begin with: the state before any of it is used. */
export function startOf({ system, staking, supply, pools, epoch, activeSet }: ChainState): AccountsStart {
  return {
    geometry: geometryOf(staking.nShards),
    epoch,
    supply,
    storagePrice: system.storagePricePerUnitSize,
    writePrice: system.writePricePerUnitSize,
    totalCapacity: system.totalCapacitySize,
    pools,
    nextCapacity: staking.nextEpochParams?.totalCapacitySize,
    nextCommittee: staking.nextCommittee === null ? undefined : assignmentOf(staking.nextCommittee),
    committee: assignmentOf(staking.committee),
    previous: staking.previousCommittee.map(({ key }) => key),
    activeSet: candidatesOf(activeSet),
  };
}

export function assignmentOf(committee: layouts.Committee): Assignment {
  return new Map(committee.map(({ key, value }) => [key, value]));
}

export function candidatesOf({ nodes }: layouts.ActiveSet): Candidate[] {
  return nodes.map(({ nodeId, stakedAmount }) => ({ nodeId, amount: stakedAmount }));
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the ledger lacks an object that must be there');
  return value;
}
