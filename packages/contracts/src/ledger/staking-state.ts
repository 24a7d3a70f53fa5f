/** Staking seen from outside: when the epoch turns, what the committee votes for, pools, stakes and caps. */
import type { CommitteePhase, Epoch, Frost, NodeId, ObjectId, SuiAddress } from '@floe/protocol';
import { ledgerErrors } from '../errors.ts';
import * as layouts from '../layouts.ts';
import { dynamicFieldId, type TypeNames } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import { listOwned, readObjects } from './objects.ts';
import { phaseOf, type SystemState } from './system-state.ts';

/** Where the epoch stands, and when what comes next may be called. All times in Unix ms of the ledger's clock. */
export interface EpochSchedule {
  readonly epoch: Epoch;
  readonly phase: CommitteePhase;
  readonly epochDurationMs: number;
  /** When a quorum had attested; undefined in phase `sync`. */
  readonly startMs?: number;
  /**
   * From when on `voting_end` succeeds: in phase `done`; in phase `sync` on a ledger that gives up a committee which does
   * not attest. Undefined in phase `selected`.
   */
  readonly votingEndMs?: number;
  /** From when on `initiate_epoch_change_v2` succeeds, once voting has ended; undefined in phase `sync`. */
  readonly changeMs?: number;
  /** Shards whose owners have attested so far; only in phase `sync`. */
  readonly attestedShards?: number;
}

/** Where the epoch of a state stands; looks for the deadline of the committee when its members still attest. */
export async function readEpochSchedule(
  calls: LedgerCalls,
  state: SystemState,
  signal?: AbortSignal,
): Promise<EpochSchedule> {
  const schedule = epochSchedule(state);
  if (schedule.phase !== 'sync') return schedule;
  const field = dynamicFieldId(state.staking.id, 'vector<u8>', layouts.AMENDMENTS_NAME_BYTES);
  const [raw] = await readObjects(calls, [field], signal);
  if (raw === undefined) return schedule;
  const [deadlineMs] = layouts.AmendmentsField.parse(raw.contents).value;
  return deadlineMs === undefined ? schedule : { ...schedule, votingEndMs: Number(deadlineMs) };
}

/** Walrus contract rules: epoch state machine. Epoch 0 has a fixed end instead of a length. */
function epochSchedule({ stakingInner }: SystemState): EpochSchedule {
  const { epoch, epochState, epochDuration, firstEpochStart } = stakingInner;
  const known = { epoch, phase: phaseOf(stakingInner), epochDurationMs: Number(epochDuration) };
  if (epochState.$kind === 'EpochChangeSync') return { ...known, attestedShards: epochState.EpochChangeSync };
  const since = epochState.EpochChangeDone ?? epochState.NextParamsSelected ?? 0n;
  const [votingEnd, change] =
    epoch === 0 ? [firstEpochStart, firstEpochStart] : [since + epochDuration / 2n, since + epochDuration];
  return {
    ...known,
    startMs: Number(since),
    ...(epochState.$kind === 'EpochChangeDone' ? { votingEndMs: Number(votingEnd) } : {}),
    changeMs: Number(change),
  };
}

/** Prices in force, and those that a call of `update_prices` would put in force. */
export interface PriceState {
  readonly storagePrice: Frost;
  readonly writePrice: Frost;
  readonly voted: { readonly storagePrice: Frost; readonly writePrice: Frost };
}

export async function readPrices(calls: LedgerCalls, state: SystemState, signal?: AbortSignal): Promise<PriceState> {
  const { stakingInner, systemInner } = state;
  const pools = await readPools(
    calls,
    stakingInner.committee.map(({ key }) => key),
    signal,
  );
  const votes = stakingInner.committee.map(({ key, value }) => {
    const pool = pools.get(key);
    if (pool === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: key, what: 'staking pool' });
    return { params: pool.votingParams, weight: value.length };
  });
  const voted = (price: 'storagePrice' | 'writePrice') =>
    quorumPrice(
      votes.map(({ params, weight }) => ({ price: params[price], weight })),
      stakingInner.nShards,
    );
  return {
    storagePrice: systemInner.storagePricePerUnitSize as Frost,
    writePrice: systemInner.writePricePerUnitSize as Frost,
    voted: { storagePrice: voted('storagePrice'), writePrice: voted('writePrice') },
  };
}

const MAX_U64 = (1n << 64n) - 1n;

/**
 * The lowest price such that those who vote for it or less hold a quorum of shards (Walrus contract rules: price
 * votes): votes are left out from the highest down until what is left is none.
 */
export function quorumPrice(
  votes: readonly { readonly price: bigint; readonly weight: number }[],
  nShards: number,
): Frost {
  let left = nShards;
  for (const { price, weight } of votes.toSorted((a, b) => (a.price > b.price ? -1 : a.price < b.price ? 1 : 0))) {
    left -= weight;
    if (3 * left < 2 * nShards + 1) return price as Frost;
  }
  return MAX_U64 as Frost;
}

/** The pools of these nodes; those that do not exist are left out. */
export async function readPools(
  calls: LedgerCalls,
  nodeIds: readonly NodeId[],
  signal?: AbortSignal,
): Promise<Map<NodeId, layouts.StakingPool>> {
  const pools = new Map<NodeId, layouts.StakingPool>();
  const found = await readObjects(calls, nodeIds, signal);
  found.forEach((raw, i) => {
    if (raw !== undefined) pools.set(nodeIds[i] as NodeId, layouts.StakingPool.parse(raw.contents));
  });
  return pools;
}

/** The caps that `owner` holds. */
export async function* listNodeCaps(
  calls: LedgerCalls,
  names: TypeNames,
  owner: SuiAddress,
  signal?: AbortSignal,
): AsyncIterable<layouts.StorageNodeCap> {
  for await (const raw of listOwned(calls, { owner, type: names.storageNodeCap }, signal)) {
    yield layouts.StorageNodeCap.parse(raw.contents);
  }
}

/** The stakes that `owner` holds. */
export async function* listStakes(
  calls: LedgerCalls,
  names: TypeNames,
  owner: SuiAddress,
  signal?: AbortSignal,
): AsyncIterable<layouts.StakedWal> {
  for await (const raw of listOwned(calls, { owner, type: names.stakedWal }, signal)) {
    yield layouts.StakedWal.parse(raw.contents);
  }
}

/**
 * The shared `ProtectedTreasury`, which burning goes through: WAL's treasury cap, which the ledger names with the coin,
 * is a dynamic object field of it.
 */
export async function readTreasuryId(calls: LedgerCalls, walType: string, signal?: AbortSignal): Promise<ObjectId> {
  const { treasury } = await calls.unary(
    'GetCoinInfo',
    (options) => calls.sui.stateService.getCoinInfo({ coinType: walType }, options),
    signal,
  );
  const capId = treasury?.id as ObjectId | undefined;
  if (capId === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: walType, what: 'treasury cap of' });
  const [cap] = await readObjects(calls, [capId], signal);
  const [field] = cap?.parent === undefined ? [] : await readObjects(calls, [cap.parent], signal);
  if (field?.parent === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: capId, what: 'treasury above cap' });
  return field.parent;
}
