import { readFileSync } from 'node:fs';
import type { layouts } from '@floe/contracts';
import type { BlobId, ObjectId } from '@floe/protocol';
import { blobIdFromU256 } from '@floe/protocol';
import { expect, test } from 'vitest';
import type { Native, Ref } from '../../src/execution/call.ts';
import { certifyBlob } from '../../src/natives/blob.ts';
import { deriveBlobId } from '../../src/natives/encoding.ts';
import type { Coin } from '../../src/natives/framework.ts';
import { createNatives } from '../../src/natives/index.ts';
import { systemStatePlace } from '../../src/natives/system-state.ts';
import { nativeCall, outcomeOf } from '../support/native-call.ts';

interface Observed {
  payer_balance: string;
  epoch: number;
  total_capacity_size: string;
  used_capacity_size: string;
  storage_price: string;
  write_price: string;
  future_accounting: { current_index: number; ring_buffer: [number, string, string][] };
}
type Action = Record<string, unknown> & { op: string };
interface StorageJson {
  start_epoch: number;
  end_epoch: number;
  storage_size: string;
}
interface Sequence {
  n_shards: number;
  max_epochs_ahead: number;
  initial_state: Observed;
  steps: { action: Action; result: Record<string, unknown>; changed: Partial<Observed> }[];
  final_aborting_action?: Action & { action?: Action; abort: { module: string; code: number } };
}

const { sequences } = JSON.parse(readFileSync(new URL('../vectors/contracts.json', import.meta.url), 'utf8')) as {
  sequences: Sequence[];
};
const natives = createNatives();
const SYSTEM = { id: `0x${'5'.repeat(64)}` as ObjectId, version: 4n } as layouts.System;

/** One sequence against the built-in functions; what later contracts do is taken from the recording. */
class Replay {
  readonly fields = new Map<string, unknown>();
  readonly call = nativeCall({ fields: this.fields });
  readonly storages: (layouts.Storage | undefined)[] = [];
  readonly blobs: (layouts.Blob | undefined)[] = [];
  readonly payer: Ref<Coin>;
  readonly #stateKey = systemStatePlace(SYSTEM, this.call.addresses.walrus).fieldId;

  constructor(sequence: Sequence) {
    this.payer = { value: { id: SYSTEM.id, balance: 0n } };
    this.fields.set(this.#stateKey, {
      committee: { members: [], nShards: sequence.n_shards, epoch: 0 as never, totalAggregatedKey: new Uint8Array(48) },
      futureAccounting: { currentIndex: 0, length: sequence.max_epochs_ahead, ringBuffer: [] },
      eventBlobCertificationState: { latestCertifiedBlob: null, aggregateWeightPerBlob: [] },
      denyListSizes: SYSTEM.id,
    } as unknown as layouts.SystemStateInnerV1);
    this.apply(sequence.initial_state);
  }

  get state(): layouts.SystemStateInnerV1 {
    return this.fields.get(this.#stateKey) as layouts.SystemStateInnerV1;
  }

  /** Sets what a recorded step changed. */
  apply(changed: Partial<Observed>): void {
    const state = this.state;
    const next = { ...state };
    if (changed.payer_balance !== undefined) {
      this.payer.value = { ...this.payer.value, balance: BigInt(changed.payer_balance) };
    }
    if (changed.epoch !== undefined) next.committee = { ...state.committee, epoch: changed.epoch as never };
    if (changed.total_capacity_size !== undefined) next.totalCapacitySize = BigInt(changed.total_capacity_size);
    if (changed.used_capacity_size !== undefined) next.usedCapacitySize = BigInt(changed.used_capacity_size);
    if (changed.storage_price !== undefined) next.storagePricePerUnitSize = BigInt(changed.storage_price);
    if (changed.write_price !== undefined) next.writePricePerUnitSize = BigInt(changed.write_price);
    if (changed.future_accounting !== undefined) {
      const { current_index: currentIndex, ring_buffer: ring } = changed.future_accounting;
      const ringBuffer = ring.map(([epoch, used, rewards]) => ({
        epoch: epoch as never,
        usedCapacity: BigInt(used),
        rewardsToDistribute: BigInt(rewards),
      }));
      next.futureAccounting = { currentIndex, length: ringBuffer.length, ringBuffer };
    }
    this.fields.set(this.#stateKey, next);
  }

  observed(): Observed {
    const { state } = this;
    return {
      payer_balance: `${this.payer.value.balance}`,
      epoch: state.committee.epoch,
      total_capacity_size: `${state.totalCapacitySize}`,
      used_capacity_size: `${state.usedCapacitySize}`,
      storage_price: `${state.storagePricePerUnitSize}`,
      write_price: `${state.writePricePerUnitSize}`,
      future_accounting: {
        current_index: state.futureAccounting.currentIndex,
        ring_buffer: state.futureAccounting.ringBuffer.map(({ epoch, usedCapacity, rewardsToDistribute }) => [
          epoch,
          `${usedCapacity}`,
          `${rewardsToDistribute}`,
        ]),
      },
    };
  }

  run(target: string, ...args: unknown[]): unknown {
    return (natives.get(`walrus::${target}`) as Native)(this.call, args)[0];
  }

  storage(index: unknown): Ref<layouts.Storage> {
    const { storages } = this;
    return {
      get value() {
        return storages[index as number] as layouts.Storage;
      },
      set value(value) {
        storages[index as number] = value;
      },
    };
  }

  take(index: unknown): layouts.Storage {
    const taken = this.storages[index as number] as layouts.Storage;
    this.storages[index as number] = undefined;
    return taken;
  }

  /** Runs an action; false when the function belongs to a later part of the contracts. */
  step(action: Action): boolean {
    const system = { value: SYSTEM };
    const amount = (name: string) => BigInt(action[name] as string);
    const blob: Ref<layouts.Blob> = { value: this.blobs[action['blob_index'] as number] as layouts.Blob };
    const keepBlob = () => {
      this.blobs[action['blob_index'] as number] = blob.value;
    };
    switch (action.op) {
      case 'reserve_space':
        this.storages.push(
          this.run(
            'system::reserve_space',
            system,
            amount('storage_amount'),
            action['epochs_ahead'],
            this.payer,
          ) as never,
        );
        return true;
      case 'reserve_space_for_epochs':
        this.storages.push(
          this.run(
            'system::reserve_space_for_epochs',
            system,
            amount('storage_amount'),
            action['start_epoch'],
            action['end_epoch'],
            this.payer,
          ) as never,
        );
        return true;
      case 'split_by_size':
        this.storages.push(
          this.run(
            'storage_resource::split_by_size',
            this.storage(action['storage_index']),
            amount('split_size'),
          ) as never,
        );
        return true;
      case 'split_by_epoch':
        this.storages.push(
          this.run(
            'storage_resource::split_by_epoch',
            this.storage(action['storage_index']),
            action['split_epoch'],
          ) as never,
        );
        return true;
      case 'fuse':
        this.run(
          'storage_resource::fuse',
          this.storage(action['storage_index']),
          this.take(action['consumed_storage_index']),
        );
        return true;
      case 'register_blob':
        this.#register(action, system);
        return true;
      case 'certify_blob': {
        const { epoch } = this.state.committee;
        const certificate = {
          epoch,
          blobId: blob.value.blobId,
          deletableObjectId: blob.value.deletable ? blob.value.id : undefined,
          signedWeight: 1,
        };
        blob.value = certifyBlob(this.call, blob.value, epoch, certificate);
        keepBlob();
        return true;
      }
      case 'extend_blob':
        this.run('system::extend_blob', system, blob, action['extended_epochs'], this.payer);
        keepBlob();
        return true;
      case 'extend_blob_with_resource':
        this.run('system::extend_blob_with_resource', SYSTEM, blob, this.take(action['consumed_storage_index']));
        keepBlob();
        return true;
      case 'delete_blob':
        this.storages.push(this.run('system::delete_blob', SYSTEM, blob.value) as never);
        return true;
      default:
        return false;
    }
  }

  #register(action: Action, system: Ref<layouts.System>): void {
    const size = BigInt(action['unencoded_size'] as string);
    const root = BigInt(this.blobs.length);
    const id = deriveBlobId(root, 1, size);
    const space = this.take(action['storage_index']);
    const blob = this.run('system::register_blob', system, space, id, root, size, 1, action['deletable'], this.payer);
    expect((blob as layouts.Blob).blobId).toBe(blobIdFromU256(id) satisfies BlobId);
    this.blobs.push(blob as layouts.Blob);
  }

  /** What a later part of the contracts did to storages. */
  adopt(action: Action, result: Record<string, unknown>): void {
    if (action['consumed_storage_index'] !== undefined) this.take(action['consumed_storage_index']);
    const made = (result['new_storage'] ?? result['extracted']) as StorageJson | undefined;
    if (result['new_storage_index'] !== undefined && made !== undefined) {
      this.storages[result['new_storage_index'] as number] = {
        id: this.call.freshId(),
        startEpoch: made.start_epoch as never,
        endEpoch: made.end_epoch as never,
        storageSize: BigInt(made.storage_size),
      };
    }
  }
}

const storageJson = (storage: layouts.Storage | undefined): StorageJson => ({
  start_epoch: storage?.startEpoch as number,
  end_epoch: storage?.endEpoch as number,
  storage_size: `${storage?.storageSize}`,
});

test('sequences of storage and blob calls leave the state that the original contracts leave', () => {
  expect(sequences).toHaveLength(48);
  let [executed, aborted] = [0, 0];
  for (const [number, sequence] of sequences.entries()) {
    const replay = new Replay(sequence);
    let expected = sequence.initial_state;
    for (const [index, { action, result, changed }] of sequence.steps.entries()) {
      const where = `sequence ${number}, step ${index}: ${action.op}`;
      expected = { ...expected, ...changed };
      if (!replay.step(action)) {
        replay.apply(changed);
        replay.adopt(action, result);
        continue;
      }
      executed += 1;
      expect(replay.observed(), where).toEqual(expected);
      if (result['new_storage'] !== undefined) {
        expect(replay.storages.length - 1, where).toBe(result['new_storage_index']);
        expect(storageJson(replay.storages.at(-1)), where).toEqual(result['new_storage']);
      }
      if (result['storage'] !== undefined) {
        expect(storageJson(replay.storages[action['storage_index'] as number]), where).toEqual(result['storage']);
      }
      if (result['new_end_epoch'] !== undefined) {
        const blob = replay.blobs[action['blob_index'] as number];
        expect(blob?.storage.endEpoch, where).toBe(result['new_end_epoch']);
      }
    }
    const last = sequence.final_aborting_action;
    if (last === undefined) continue;
    let isKnown = true;
    const outcome = outcomeOf(() => {
      isKnown = replay.step(last.action ?? last);
    });
    if (!isKnown) continue;
    aborted += 1;
    expect(outcome, `sequence ${number}, aborting`).toEqual({ abort: `${last.abort.module}::${last.abort.code}` });
  }
  // Everything that this part of the contracts does was replayed, not skipped.
  expect({ executed, aborted }).toEqual({ executed: 496, aborted: 14 });
});
