/** `storage_resource`: reserved space that is split and fused. Walrus contract rules: storage resource. */
import type { layouts } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU64 } from '../execution/integers.ts';

type Storage = layouts.Storage;

/** A new reservation of `[startEpoch, endEpoch)`. */
export function createStorage(call: Call, startEpoch: number, endEpoch: number, storageSize: bigint): Storage {
  return { id: call.freshId(), startEpoch: startEpoch as Epoch, endEpoch: endEpoch as Epoch, storageSize };
}

/** `self` with the adjacent period of `other`, which must have the same size. */
export function fusePeriods(call: Call, self: Storage, other: Storage): Storage {
  if (self.storageSize !== other.storageSize) call.abort('storage_resource', 'EIncompatibleAmount');
  call.deleteId(other.id);
  if (self.endEpoch === other.startEpoch) return { ...self, endEpoch: other.endEpoch };
  if (self.startEpoch !== other.endEpoch) call.abort('storage_resource', 'EIncompatibleEpochs');
  return { ...self, startEpoch: other.startEpoch };
}

/** `self` with the size of `other`, which must be of the same period. */
function fuseAmount(call: Call, self: Storage, other: Storage): Storage {
  if (self.startEpoch !== other.startEpoch || self.endEpoch !== other.endEpoch) {
    call.abort('storage_resource', 'EIncompatibleEpochs');
  }
  call.deleteId(other.id);
  return { ...self, storageSize: asU64(self.storageSize + other.storageSize) };
}

/** Gives up a reservation; nothing is refunded. */
export function destroyStorage(call: Call, storage: Storage): void {
  call.deleteId(storage.id);
}

export const storageResourceNatives: Readonly<Record<string, Native>> = {
  start_epoch: native((_call, self: Storage) => [self.startEpoch]),
  end_epoch: native((_call, self: Storage) => [self.endEpoch]),
  size: native((_call, self: Storage) => [self.storageSize]),
  split_by_epoch: native((call, self: Ref<Storage>, splitEpoch: number) => {
    const { startEpoch, endEpoch, storageSize } = self.value;
    if (splitEpoch <= startEpoch || splitEpoch >= endEpoch) call.abort('storage_resource', 'EInvalidEpoch');
    self.value = { ...self.value, endEpoch: splitEpoch as Epoch };
    return [createStorage(call, splitEpoch, endEpoch, storageSize)];
  }),
  split_by_size: native((call, self: Ref<Storage>, splitSize: bigint) => {
    const { startEpoch, endEpoch, storageSize } = self.value;
    if (storageSize < splitSize) call.abort('storage_resource', 'EIncompatibleAmount');
    self.value = { ...self.value, storageSize: splitSize };
    return [createStorage(call, startEpoch, endEpoch, storageSize - splitSize)];
  }),
  fuse_periods: native((call, self: Ref<Storage>, other: Storage) => {
    self.value = fusePeriods(call, self.value, other);
  }),
  fuse_amount: native((call, self: Ref<Storage>, other: Storage) => {
    self.value = fuseAmount(call, self.value, other);
  }),
  fuse: native((call, self: Ref<Storage>, other: Storage) => {
    const hasSameStart = self.value.startEpoch === other.startEpoch;
    self.value = hasSameStart ? fuseAmount(call, self.value, other) : fusePeriods(call, self.value, other);
  }),
  destroy: native((call, self: Storage) => destroyStorage(call, self)),
};
