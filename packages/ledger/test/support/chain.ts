/** A chain as the contracts' own initialisation leaves it, in epoch 0, without executor: functions over a map of fields. */
import { dynamicFieldId, layouts } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import type { Native, Ref } from '../../src/execution/call.ts';
import type { Coin } from '../../src/natives/framework.ts';
import { createNatives } from '../../src/natives/index.ts';
import { AMENDMENTS_NAME_TYPE } from '../../src/natives/staking/amendments.ts';
import type { Pool } from '../../src/natives/staking/pool.ts';
import { activeSetOf, poolOf, stakingStatePlace } from '../../src/natives/staking/state.ts';
import { denyListSizes } from '../../src/natives/system-epoch.ts';
import { systemStatePlace } from '../../src/natives/system-state.ts';
import { nativeCall } from './native-call.ts';

const natives = createNatives();

/** Ids of shared objects and tables, apart from those that calls make. */
const fixedId = (n: number): ObjectId => `0xff${n.toString(16).padStart(62, '0')}` as ObjectId;

export const ids = {
  system: fixedId(1),
  denyLists: fixedId(2),
  staking: fixedId(3),
  pools: fixedId(4),
  activeSet: fixedId(5),
  nextKeys: fixedId(6),
  treasury: fixedId(7),
  treasuryCap: fixedId(8),
};

export interface ChainOptions {
  readonly nShards: number;
  readonly firstEpochStartMs?: number;
  readonly epochDurationMs?: number;
  readonly maxEpochsAhead?: number;
  readonly walSupply?: bigint;
  /** With what this ledger does beyond the original contracts. */
  readonly isAmended?: boolean;
}

/** Fields by id, of which the changes since {@link begin} can be taken back. */
class Fields extends Map<string, unknown> {
  readonly #before = new Map<string, unknown>();

  begin(): void {
    this.#before.clear();
  }

  override set(id: string, value: unknown): this {
    if (!this.#before.has(id)) this.#before.set(id, this.get(id));
    if (value === undefined) this.delete(id);
    else super.set(id, value);
    return this;
  }

  rollBack(): void {
    const before = [...this.#before];
    for (const [id, value] of before) this.set(id, value);
    this.#before.clear();
  }
}

export class Chain {
  readonly fields = new Fields();
  readonly call: ReturnType<typeof nativeCall> = nativeCall({ fields: this.fields });
  readonly system: Ref<layouts.System> = {
    value: { id: ids.system, version: 4n, packageId: ids.system, newPackageId: null },
  };
  readonly staking: Ref<layouts.Staking> = {
    value: { id: ids.staking, version: 4n, packageId: ids.system, newPackageId: null },
  };
  readonly treasury: Ref<layouts.ProtectedTreasury> = { value: { id: ids.treasury } };
  clockMs = 0;

  constructor(options: ChainOptions) {
    const { walrus } = this.call.addresses;
    const ringLength = options.maxEpochsAhead ?? 53;
    this.fields.set(systemStatePlace(this.system.value, walrus).fieldId, {
      committee: { members: [], nShards: 0, epoch: 0 as Epoch, totalAggregatedKey: new Uint8Array(48) },
      totalCapacitySize: 0n,
      usedCapacitySize: 0n,
      storagePricePerUnitSize: 0n,
      writePricePerUnitSize: 0n,
      futureAccounting: {
        currentIndex: 0,
        length: ringLength,
        ringBuffer: Array.from({ length: ringLength }, (_, epoch) => ({
          epoch: epoch as Epoch,
          usedCapacity: 0n,
          rewardsToDistribute: 0n,
        })),
      },
      eventBlobCertificationState: { latestCertifiedBlob: null, aggregateWeightPerBlob: [] },
      denyListSizes: ids.denyLists,
    } satisfies layouts.SystemStateInnerV1);
    this.fields.set(stakingStatePlace(this.staking.value, walrus).fieldId, {
      nShards: options.nShards,
      epochDuration: BigInt(options.epochDurationMs ?? 1000),
      firstEpochStart: BigInt(options.firstEpochStartMs ?? 0),
      pools: { id: ids.pools, size: 0n },
      epoch: 0 as Epoch,
      activeSet: ids.activeSet,
      nextCommittee: null,
      committee: [],
      previousCommittee: [],
      nextEpochParams: null,
      epochState: { $kind: 'EpochChangeDone', EpochChangeDone: 0n },
      nextEpochPublicKeys: ids.nextKeys,
    } satisfies layouts.StakingInnerV1);
    denyListSizes(this.call, this.systemState).value = [];
    this.#extended(ids.activeSet, { maxSize: 150, thresholdStake: 0n, nodes: [], totalStake: 0n });
    this.#extended(ids.nextKeys, []);
    if (options.isAmended === true) {
      const { AMENDMENTS_NAME_BYTES } = layouts;
      this.fields.set(dynamicFieldId(ids.staking, AMENDMENTS_NAME_TYPE, AMENDMENTS_NAME_BYTES), [0n, 0n]);
    }
    const { sui, wal } = this.call.addresses;
    const key = `${sui}::dynamic_object_field::Wrapper<${wal}::wal::TreasuryCapKey>`;
    this.fields.set(dynamicFieldId(ids.treasury, key, Uint8Array.of(0)), ids.treasuryCap);
    const totalSupply = options.walSupply ?? 5_000_000_000_000_000_000n;
    this.fields.set(ids.treasuryCap, { id: ids.treasuryCap, totalSupply } satisfies layouts.TreasuryCap);
  }

  #extended(id: ObjectId, value: unknown): void {
    const keyType = `${this.call.addresses.walrus}::extended_field::Key`;
    this.fields.set(dynamicFieldId(id, keyType, Uint8Array.of(0)), value);
  }

  get clock(): { timestampMs: bigint } {
    return { timestampMs: BigInt(this.clockMs) };
  }

  get systemState(): layouts.SystemStateInnerV1 {
    return this.fields.get(
      systemStatePlace(this.system.value, this.call.addresses.walrus).fieldId,
    ) as layouts.SystemStateInnerV1;
  }

  set systemState(state: layouts.SystemStateInnerV1) {
    this.fields.set(systemStatePlace(this.system.value, this.call.addresses.walrus).fieldId, state);
  }

  get stakingState(): layouts.StakingInnerV1 {
    return this.fields.get(
      stakingStatePlace(this.staking.value, this.call.addresses.walrus).fieldId,
    ) as layouts.StakingInnerV1;
  }

  set stakingState(state: layouts.StakingInnerV1) {
    this.fields.set(stakingStatePlace(this.staking.value, this.call.addresses.walrus).fieldId, state);
  }

  get activeSet(): layouts.ActiveSet {
    return activeSetOf(this.call, this.stakingState).value;
  }

  get walSupply(): bigint {
    return (this.fields.get(ids.treasuryCap) as layouts.TreasuryCap).totalSupply;
  }

  pool(nodeId: ObjectId): Ref<Pool> {
    return poolOf(this.call, this.stakingState, nodeId);
  }

  /** Calls `package::module::function` (Walrus when the package is left out); the first of its results. */
  run<T = unknown>(target: string, ...args: unknown[]): T {
    const name = target.split('::').length === 2 ? `walrus::${target}` : target;
    const native = natives.get(name);
    if (native === undefined) throw new TypeError(`the ledger has no function ${name}`);
    return (native as Native)(this.call, args)[0] as T;
  }

  /** A coin with a new id. */
  coin(balance: bigint): Coin {
    return { id: this.call.freshId(), balance };
  }

  register(terms: { commissionRate?: number; storagePrice?: bigint; writePrice?: bigint; nodeCapacity?: bigint }) {
    return this.run<layouts.StorageNodeCap>(
      'staking::register_candidate',
      this.staking,
      'node',
      '127.0.0.1:1',
      { imageUrl: '', projectUrl: '', description: '', extraFields: [] },
      new Uint8Array(48),
      new Uint8Array(33),
      new Uint8Array(96),
      terms.commissionRate ?? 0,
      terms.storagePrice ?? 0n,
      terms.writePrice ?? 0n,
      terms.nodeCapacity ?? 0n,
    );
  }
}
