/**
 * The state of System and Staking, read in one batch once their versions are known, and the committees made from it.
 * Committee members stand in the ledger's order, so a member's index is its bit in a signers bitmap.
 */
import {
  type Committee,
  type CommitteeMember,
  type CommitteePhase,
  type Committees,
  createCommittee,
  type Epoch,
  type Frost,
  type NodeId,
  type ObjectId,
} from '@floe/protocol';
import { GrpcTypes } from '@mysten/sui/grpc';
import { normalizeStructTag } from '@mysten/sui/utils';
import { ledgerErrors } from '../errors.ts';
import { compressG1 } from '../g1.ts';
import * as layouts from '../layouts.ts';
import { definingPackage, innerStateFieldId } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import { readObjects } from './objects.ts';
import type { LedgerConfig, SystemInfo } from './types.ts';

/** System and Staking with their inner states, of one moment. */
export interface SystemState {
  readonly originalPackageId: ObjectId;
  readonly system: layouts.System;
  readonly systemInner: layouts.SystemStateInnerV1;
  readonly staking: layouts.Staking;
  readonly stakingInner: layouts.StakingInnerV1;
}

/** Reads until System and Staking agree; they change within one transaction, so the second read suffices. */
const MAX_READS = 4;

interface Versions {
  readonly system: bigint;
  readonly staking: bigint;
}

/** Reads {@link SystemState}; remembers the versions so that the next read takes one call. */
export class SystemStateReader {
  readonly #calls: LedgerCalls;
  readonly #config: LedgerConfig;
  #versions: Versions | undefined;

  constructor(calls: LedgerCalls, config: LedgerConfig) {
    this.#calls = calls;
    this.#config = config;
  }

  /** @throws OBJECT_NOT_FOUND when the configured System or Staking object is not there */
  async read(signal?: AbortSignal): Promise<SystemState> {
    for (let attempt = 0; attempt < MAX_READS; attempt += 1) {
      this.#versions ??= await this.#readVersions(signal);
      const state = await this.#readAt(this.#versions, signal);
      // An upgrade moves the inner state under the next version's name.
      if (state === undefined) this.#versions = undefined;
      // A batch need not be of one moment; an epoch change shows as two epochs.
      else if (state.systemInner.committee.epoch === state.stakingInner.epoch) return state;
    }
    throw ledgerErrors.LEDGER_MISBEHAVED({
      url: this.#calls.url,
      reason: `System ${this.#config.systemObjectId} has no inner state that agrees with Staking`,
    });
  }

  async #readVersions(signal?: AbortSignal): Promise<Versions> {
    const { systemObjectId, stakingObjectId } = this.#config;
    const [system, staking] = await readObjects(this.#calls, [systemObjectId, stakingObjectId], signal);
    if (system === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: systemObjectId, what: 'System object' });
    if (staking === undefined)
      throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: stakingObjectId, what: 'Staking object' });
    checkType(systemObjectId, system.type, 'system::System');
    checkType(stakingObjectId, staking.type, 'staking::Staking');
    return {
      system: layouts.System.parse(system.contents).version,
      staking: layouts.Staking.parse(staking.contents).version,
    };
  }

  async #readAt(versions: Versions, signal?: AbortSignal): Promise<SystemState | undefined> {
    const { systemObjectId, stakingObjectId } = this.#config;
    const [system, staking, systemField, stakingField] = await readObjects(
      this.#calls,
      [
        systemObjectId,
        stakingObjectId,
        innerStateFieldId(systemObjectId, versions.system),
        innerStateFieldId(stakingObjectId, versions.staking),
      ],
      signal,
    );
    if (system === undefined || staking === undefined || systemField === undefined || stakingField === undefined) {
      return undefined;
    }
    return {
      originalPackageId: definingPackage(system.type),
      system: layouts.System.parse(system.contents),
      staking: layouts.Staking.parse(staking.contents),
      systemInner: layouts.SystemInnerField.parse(systemField.contents).value,
      stakingInner: layouts.StakingInnerField.parse(stakingField.contents).value,
    };
  }
}

function checkType(objectId: ObjectId, came: string, expected: string): void {
  if (!came.endsWith(`::${expected}`)) throw ledgerErrors.WRONG_OBJECT_TYPE({ objectId, expected, came });
}

/** The public summary of a state. */
export function systemInfo(state: SystemState, config: LedgerConfig, walType: string): SystemInfo {
  const { systemInner, stakingInner } = state;
  const { epochState } = stakingInner;
  const startMs = epochState.EpochChangeDone ?? epochState.NextParamsSelected;
  return {
    epoch: systemInner.committee.epoch,
    nShards: stakingInner.nShards,
    version: state.system.version,
    packageId: state.system.packageId,
    originalPackageId: state.originalPackageId,
    systemObjectId: config.systemObjectId,
    stakingObjectId: config.stakingObjectId,
    walType,
    storagePrice: systemInner.storagePricePerUnitSize as Frost,
    writePrice: systemInner.writePricePerUnitSize as Frost,
    totalCapacity: systemInner.totalCapacitySize,
    usedCapacity: systemInner.usedCapacitySize,
    maxEpochsAhead: systemInner.futureAccounting.length,
    epochDurationMs: Number(stakingInner.epochDuration),
    ...(startMs === undefined ? {} : { epochStartMs: Number(startMs) }),
    phase: phaseOf(stakingInner),
  };
}

/** How far the change to the current epoch, or from it, has come. */
export function phaseOf({ epochState }: layouts.StakingInnerV1): CommitteePhase {
  switch (epochState.$kind) {
    case 'EpochChangeSync':
      return 'sync';
    case 'EpochChangeDone':
      return 'done';
    case 'NextParamsSelected':
      return 'selected';
  }
}

/** The committees of a state; reads the pools of every member. */
export async function readCommittees(
  calls: LedgerCalls,
  state: SystemState,
  signal?: AbortSignal,
): Promise<Committees> {
  const { stakingInner, systemInner } = state;
  const assigned = [stakingInner.committee, stakingInner.previousCommittee, stakingInner.nextCommittee ?? []];
  const nodeIds = [...new Set(assigned.flat().map(({ key }) => key))];
  const pools = new Map<NodeId, layouts.StakingPool>();
  const found = await readObjects(calls, nodeIds, signal);
  found.forEach((raw, i) => {
    const nodeId = nodeIds[i] as NodeId;
    if (raw === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId: nodeId, what: 'staking pool' });
    pools.set(nodeId, layouts.StakingPool.parse(raw.contents));
  });

  const { epoch, nShards } = stakingInner;
  // The contracts verify certificates with the committee's keys; a pool's may have been rotated since.
  const committeeKeys = new Map(systemInner.committee.members.map((member) => [member.nodeId, member.publicKey]));
  const build = (assignment: layouts.Committee, at: number, keys: KeySource): Committee =>
    createCommittee({ epoch: at as Epoch, nShards, members: membersOf(assignment, pools, keys) });
  return {
    current: build(stakingInner.committee, epoch, (pool) => committeeKeys.get(pool.id) ?? pool.nodeInfo.publicKey),
    ...(stakingInner.previousCommittee.length === 0
      ? {}
      : { previous: build(stakingInner.previousCommittee, epoch - 1, (pool) => pool.nodeInfo.publicKey) }),
    ...(stakingInner.nextCommittee === null ? {} : { next: build(stakingInner.nextCommittee, epoch + 1, nextKeyOf) }),
    phase: phaseOf(stakingInner),
  };
}

type KeySource = (pool: layouts.StakingPool) => Uint8Array;

const nextKeyOf: KeySource = ({ nodeInfo }) => nodeInfo.nextEpochPublicKey ?? nodeInfo.publicKey;

function membersOf(
  assignment: layouts.Committee,
  pools: ReadonlyMap<NodeId, layouts.StakingPool>,
  keyOf: KeySource,
): Omit<CommitteeMember, 'index'>[] {
  return assignment.map(({ key: nodeId, value: shards }) => {
    const pool = pools.get(nodeId) as layouts.StakingPool;
    return {
      nodeId,
      name: pool.nodeInfo.name,
      networkAddress: pool.nodeInfo.networkAddress,
      publicKey: compressG1(keyOf(pool)),
      networkPublicKey: pool.nodeInfo.networkPublicKey,
      shards,
    };
  });
}

/** WAL's type, as the contracts' own signatures say: the coin that `staking::stake_with_pool` takes. */
export async function readWalType(calls: LedgerCalls, packageId: ObjectId, signal?: AbortSignal): Promise<string> {
  const { function: signature } = await calls.unary(
    'GetFunction',
    (options) =>
      calls.sui.movePackageService.getFunction({ packageId, moduleName: 'staking', name: 'stake_with_pool' }, options),
    signal,
  );
  const coin = signature?.parameters[1]?.body?.typeParameterInstantiation[0];
  if (coin?.type !== GrpcTypes.OpenSignatureBody_Type.DATATYPE || coin.typeName === undefined) {
    const reason = `staking::stake_with_pool of ${packageId} takes no coin`;
    throw ledgerErrors.LEDGER_MISBEHAVED({ url: calls.url, reason });
  }
  return normalizeStructTag(coin.typeName);
}
