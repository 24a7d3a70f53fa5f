/** Group `storage.sequences`: a system with one member that holds all shards; space, blobs and storage pools. */
import type { layouts } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import { expect } from 'vitest';
import type { Ref } from '../../../src/execution/call.ts';
import { certifyBlob } from '../../../src/natives/blob.ts';
import { deriveBlobId, encodedBlobLength } from '../../../src/natives/encoding.ts';
import type { Coin } from '../../../src/natives/framework.ts';
import { type PoolState, poolState, type StoragePool } from '../../../src/natives/storage-pool.ts';
import { advanceSystem, burnShare } from '../../../src/natives/system-epoch.ts';
import { systemState } from '../../../src/natives/system-state.ts';
import { outcomeOf } from '../../support/native-call.ts';
import { Chain } from '../../support/chain.ts';
import { type Action, type Observed, type Replay, replaySequence, requireFields, type Sequence } from './vector-file.ts';

interface StorageCase extends Sequence {
  readonly n_shards: number;
  readonly initial_total_capacity_size: string;
  readonly initial_storage_price: string;
  readonly initial_write_price: string;
  readonly max_epochs_ahead: number;
  readonly payer_funds: string;
}

const storageJson = (storage: layouts.Storage): Observed => ({
  start_epoch: storage.startEpoch,
  end_epoch: storage.endEpoch,
  storage_size: String(storage.storageSize),
});

/** A place of a list, as a reference. */
function place<T>(list: (T | undefined)[], index: unknown): Ref<T> {
  return {
    get value() {
      return list[index as number] as T;
    },
    set value(value) {
      list[index as number] = value;
    },
  };
}

class StorageReplay implements Replay {
  readonly chain: Chain;
  readonly #payer: Ref<Coin>;
  readonly #storages: (layouts.Storage | undefined)[] = [];
  readonly #blobs: (layouts.Blob | undefined)[] = [];
  readonly #pools: (StoragePool | undefined)[] = [];

  constructor(sequence: StorageCase) {
    this.chain = new Chain({ nShards: sequence.n_shards, maxEpochsAhead: sequence.max_epochs_ahead });
    const nodeId = `0x${'1'.repeat(64)}` as ObjectId;
    const member = { publicKey: new Uint8Array(96), weight: sequence.n_shards, nodeId };
    this.chain.systemState = {
      ...this.chain.systemState,
      committee: {
        members: [member],
        nShards: sequence.n_shards,
        epoch: 0 as Epoch,
        totalAggregatedKey: new Uint8Array(48),
      },
      totalCapacitySize: BigInt(sequence.initial_total_capacity_size),
      storagePricePerUnitSize: BigInt(sequence.initial_storage_price),
      writePricePerUnitSize: BigInt(sequence.initial_write_price),
    };
    this.#payer = { value: this.chain.coin(BigInt(sequence.payer_funds)) };
  }

  step(action: Action, expected: Observed): Observed {
    return (
      this.#storageStep(action) ??
      this.#blobStep(action) ??
      this.#poolStep(action, expected) ??
      this.#epochStep(action)
    );
  }

  #keep(storage: layouts.Storage): Observed {
    this.#storages.push(storage);
    return { new_storage_index: this.#storages.length - 1, new_storage: storageJson(storage) };
  }

  /** The storage that a call takes by value; it stays in its place for when the call aborts. */
  #consumed(action: Action): layouts.Storage {
    return place(this.#storages, action['consumed_storage_index'] ?? action['storage_index']).value;
  }

  #storageStep(action: Action): Observed | undefined {
    const { chain } = this;
    const amount = (field: string) => BigInt(action[field] as string);
    const storage = place(this.#storages, action['storage_index']);
    const [system, payer] = [chain.system, this.#payer];
    switch (action.op) {
      case 'reserve_space':
        return this.#keep(
          chain.run('system::reserve_space', system, amount('storage_amount'), action['epochs_ahead'], payer),
        );
      case 'reserve_space_for_epochs':
        return this.#keep(
          chain.run(
            'system::reserve_space_for_epochs',
            system,
            amount('storage_amount'),
            action['start_epoch'],
            action['end_epoch'],
            payer,
          ),
        );
      case 'split_by_size': {
        const kept = this.#keep(chain.run('storage_resource::split_by_size', storage, amount('split_size')));
        return { storage: storageJson(storage.value), ...kept };
      }
      case 'split_by_epoch': {
        const kept = this.#keep(chain.run('storage_resource::split_by_epoch', storage, action['split_epoch']));
        return { storage: storageJson(storage.value), ...kept };
      }
      case 'fuse':
        chain.run('storage_resource::fuse', storage, this.#consumed(action));
        return { storage: storageJson(storage.value) };
      default:
        return undefined;
    }
  }

  #blobStep(action: Action): Observed | undefined {
    const { chain } = this;
    const blob = place(this.#blobs, action['blob_index']);
    switch (action.op) {
      case 'register_blob': {
        const size = BigInt(action['unencoded_size'] as string);
        const root = BigInt(this.#blobs.length);
        const id = deriveBlobId(root, 1, size);
        const space = this.#consumed(action);
        this.#blobs.push(
          chain.run('system::register_blob', chain.system, space, id, root, size, 1, action['deletable'], this.#payer),
        );
        const length = encodedBlobLength(chain.call, size, 1, chain.systemState.committee.nShards);
        return { new_blob_index: this.#blobs.length - 1, encoded_length: String(length) };
      }
      case 'certify_blob': {
        const { epoch, nShards } = chain.systemState.committee;
        const deletableObjectId = blob.value.deletable ? blob.value.id : undefined;
        const certificate = { epoch, blobId: blob.value.blobId, deletableObjectId, signedWeight: nShards };
        blob.value = certifyBlob(chain.call, blob.value, epoch, certificate);
        return { certified_epoch: blob.value.certifiedEpoch };
      }
      case 'extend_blob':
        chain.run('system::extend_blob', chain.system, blob, action['extended_epochs'], this.#payer);
        return { new_end_epoch: blob.value.storage.endEpoch };
      case 'extend_blob_with_resource':
        chain.run('system::extend_blob_with_resource', chain.system.value, blob, this.#consumed(action));
        return { new_end_epoch: blob.value.storage.endEpoch };
      case 'delete_blob':
        return this.#keep(chain.run('system::delete_blob', chain.system.value, blob.value));
      default:
        return undefined;
    }
  }

  #poolStep(action: Action, expected: Observed): Observed | undefined {
    const { chain } = this;
    const pool = place(this.#pools, action['pool_index']);
    const amount = (field: string) => BigInt(action[field] as string);
    const shown = () => ({ pool: this.#poolJson(pool.value) });
    const [system, payer] = [chain.system, this.#payer];
    switch (action.op) {
      case 'create_storage_pool': {
        const bytes = amount('reserved_encoded_capacity_bytes');
        return this.#keepPool(chain.run('system::create_storage_pool', system, bytes, action['epochs_ahead'], payer));
      }
      case 'create_storage_pool_with_storage':
        return this.#keepPool(
          chain.run('system::create_storage_pool_with_storage', system.value, this.#consumed(action)),
        );
      case 'register_pooled_blob': {
        const root = BigInt(action['pooled_blob_number'] as number);
        const [size, id] = [amount('unencoded_size'), this.#pooledId(action)];
        chain.run('system::register_pooled_blob', system, pool, id, root, size, 1, action['deletable'], payer);
        return shown();
      }
      case 'delete_pooled_blob':
        chain.run('system::delete_pooled_blob', system.value, pool, this.#pooledId(action));
        return shown();
      case 'extend_storage_pool':
        chain.run('system::extend_storage_pool', system, pool, action['extended_epochs'], payer);
        return shown();
      case 'increase_storage_pool_capacity':
        chain.run('system::increase_storage_pool_capacity', system, pool, amount('additional_bytes'), payer);
        return shown();
      case 'increase_storage_pool_capacity_with_storage': {
        const added = this.#consumed(action);
        chain.run('system::increase_storage_pool_capacity_with_storage', system.value, pool, added);
        return shown();
      }
      case 'decrease_storage_pool_capacity_by_size':
        return this.#extract(pool, 'decrease_storage_pool_capacity_by_size', BigInt(action['size'] as string));
      case 'decrease_storage_pool_unused_capacity_by_percent':
        if (expected['extracted'] === null) return this.#extractNothing(pool, action['percent']);
        return this.#extract(pool, 'decrease_storage_pool_unused_capacity_by_percent', action['percent']);
      case 'destroy_storage_pool':
        return this.#keep(chain.run('storage_pool::destroy', pool.value));
      default:
        return undefined;
    }
  }

  #pooledId(action: Action): bigint {
    return deriveBlobId(BigInt(action['pooled_blob_number'] as number), 1, BigInt(action['unencoded_size'] as string));
  }

  #extract(pool: Ref<StoragePool>, call: string, argument: unknown): Observed {
    const extracted = this.chain.run<layouts.Storage>(`system::${call}`, this.chain.system.value, pool, argument);
    const { new_storage_index, new_storage } = this.#keep(extracted);
    return { pool: this.#poolJson(pool.value), extracted: new_storage, new_storage_index };
  }

  /** The recording calls what the public function calls, which then refuses to extract nothing. */
  #extractNothing(pool: Ref<StoragePool>, percent: unknown): Observed {
    const target = 'system::decrease_storage_pool_unused_capacity_by_percent';
    const outcome = outcomeOf(() => this.chain.run(target, this.chain.system.value, pool, percent));
    expect(outcome).toEqual({ abort: 'system::2' });
    return { pool: this.#poolJson(pool.value), extracted: null };
  }

  #keepPool(pool: StoragePool): Observed {
    this.#pools.push(pool);
    const { storage } = this.#stateOf(pool);
    return { new_pool_index: this.#pools.length - 1, storage: storageJson(storage) };
  }

  #stateOf(pool: StoragePool): PoolState {
    return poolState(this.chain.call, pool).value;
  }

  #poolJson(pool: StoragePool): Observed {
    const { storage, usedEncodedBytes, blobCount } = this.#stateOf(pool);
    return { ...storageJson(storage), used_encoded_bytes: String(usedEncodedBytes), blob_count: Number(blobCount) };
  }

  #epochStep(action: Action): Observed {
    const { chain } = this;
    const inner = systemState(chain.call, chain.system.value);
    switch (action.op) {
      case 'add_subsidy': {
        const amount = BigInt(action['amount'] as string);
        chain.run('system::add_subsidy', chain.system, chain.coin(amount), action['epochs_ahead']);
        return {};
      }
      case 'set_prices':
        inner.value = {
          ...inner.value,
          storagePricePerUnitSize: BigInt(action['storage_price'] as string),
          writePricePerUnitSize: BigInt(action['write_price'] as string),
        };
        return {};
      case 'advance_epoch': {
        const supply = chain.walSupply;
        burnShare(chain.call, inner, chain.treasury);
        const { committee } = inner.value;
        const next = { ...committee, epoch: (committee.epoch + 1) as Epoch };
        const rewards = advanceSystem(chain.call, inner, next, BigInt(action['next_capacity'] as string));
        return {
          burned: String(supply - chain.walSupply),
          reward_of_the_only_member: String(rewards[0]?.reward),
        };
      }
      default:
        throw new TypeError(`the replay does not know ${action.op}`);
    }
  }

  observed(): Observed {
    const state = this.chain.systemState;
    return {
      payer_balance: String(this.#payer.value.balance),
      epoch: state.committee.epoch,
      total_capacity_size: String(state.totalCapacitySize),
      used_capacity_size: String(state.usedCapacitySize),
      storage_price: String(state.storagePricePerUnitSize),
      write_price: String(state.writePricePerUnitSize),
      future_accounting: {
        current_index: state.futureAccounting.currentIndex,
        ring_buffer: state.futureAccounting.ringBuffer.map(({ epoch, usedCapacity, rewardsToDistribute }) => [
          epoch,
          String(usedCapacity),
          String(rewardsToDistribute),
        ]),
      },
    };
  }
}

export function replayStorage(sequence: Sequence): void {
  requireFields(sequence, [
    'n_shards',
    'initial_total_capacity_size',
    'initial_storage_price',
    'initial_write_price',
    'max_epochs_ahead',
    'payer_funds',
    'initial_state',
    'steps',
    'final_aborting_action',
  ]);
  replaySequence(sequence, new StorageReplay(sequence as StorageCase), (state, changed) => ({ ...state, ...changed }));
}
