import type { layouts } from '@floe/contracts';
import { blobIdFromU256, encodeConfirmation, encodeInvalidBlobId, encodeMessage, type ObjectId } from '@floe/protocol';
import { concatBytes } from '@floe/platform';
import { describe, expect, test } from 'vitest';
import type { Native } from '../../src/execution/call.ts';
import { deriveBlobId } from '../../src/natives/encoding.ts';
import { createNatives } from '../../src/natives/index.ts';
import { systemStatePlace } from '../../src/natives/system-state.ts';
import { nativeCall, outcomeOf } from '../support/native-call.ts';

const natives = createNatives();
const id = (digit: string) => `0x${digit.repeat(64)}` as ObjectId;
const SYSTEM: layouts.System = { id: id('5'), version: 4n, packageId: id('a'), newPackageId: null };
const ENCODED = 6940n; // Any blob up to one symbol, on 10 shards.
const ROOT = 77n;
const BLOB_U256 = deriveBlobId(ROOT, 1, 1n);
const BLOB_ID = blobIdFromU256(BLOB_U256);
const EPOCH = 5 as never;
const CAP: layouts.StorageNodeCap = {
  id: id('7'),
  nodeId: id('1'),
  lastEpochSyncDone: EPOCH,
  lastEventBlobAttestation: null,
  denyListRoot: 0n,
  denyListSequence: 3n,
  denyListSize: 0n,
};

/** What a `&mut` argument is. */
const ref = <T>(value: T) => ({ value });

interface Scene {
  state?: Partial<layouts.SystemStateInnerV1>;
  /** Whether BLS signatures verify. */
  signatures?: boolean;
}

function run(target: string, args: () => unknown[], scene: Scene = {}) {
  const fields = new Map<string, unknown>();
  const call = nativeCall({ fields });
  const state = {
    committee: {
      members: [1, 2, 3, 4].map((i) => ({ publicKey: new Uint8Array(96).fill(i), weight: i, nodeId: id(`${i}`) })),
      nShards: 10,
      epoch: EPOCH,
      totalAggregatedKey: new Uint8Array(48),
    },
    totalCapacitySize: 10n * ENCODED,
    usedCapacitySize: 0n,
    storagePricePerUnitSize: 100n,
    writePricePerUnitSize: 10n,
    futureAccounting: {
      currentIndex: 0,
      length: 3,
      ringBuffer: [5, 6, 7].map((epoch) => ({ epoch: epoch as never, usedCapacity: 0n, rewardsToDistribute: 0n })),
    },
    eventBlobCertificationState: { latestCertifiedBlob: null, aggregateWeightPerBlob: [] },
    denyListSizes: id('d'),
    ...scene.state,
  } satisfies layouts.SystemStateInnerV1;
  const key = systemStatePlace(SYSTEM, call.addresses.walrus).fieldId;
  fields.set(key, state);
  const verifying = { ...call, certificates: { ...call.certificates, verify: () => scene.signatures ?? true } };
  const outcome = outcomeOf(() =>
    (natives.get(target.includes('0x2') ? target.replace('0x2', 'sui') : `walrus::${target}`) as Native)(
      verifying,
      args(),
    ),
  );
  return { ...outcome, events: call.events, state: fields.get(key) as layouts.SystemStateInnerV1, fields };
}

const aborts = (target: string, args: () => unknown[], scene?: Scene) => {
  const outcome = run(target, args, scene);
  return 'abort' in outcome ? outcome.abort : 'success';
};

const coin = (balance: bigint) => ({ id: id('c'), balance });
const storage = (changes: Partial<layouts.Storage> = {}): layouts.Storage => ({
  id: id('e'),
  startEpoch: EPOCH,
  endEpoch: 7 as never,
  storageSize: ENCODED,
  ...changes,
});
const blob = (changes: Partial<layouts.Blob> = {}): layouts.Blob => ({
  id: id('b'),
  registeredEpoch: EPOCH,
  blobId: BLOB_ID,
  size: 1n,
  encodingType: 1,
  certifiedEpoch: null,
  storage: storage(),
  deletable: true,
  ...changes,
});
const OLD = { ...SYSTEM, version: 3n };
const expired = storage({ startEpoch: 1 as never, endEpoch: 5 as never });

describe('reserving', () => {
  const reserve = (amount: bigint, epochs: number, balance = 10_000n, system = SYSTEM) =>
    aborts('system::reserve_space', () => [ref(system), amount, epochs, ref(coin(balance))]);
  const reserveFor = (amount: bigint, start: number, end: number, balance = 10_000n) =>
    aborts('system::reserve_space_for_epochs', () => [ref(SYSTEM), amount, start, end, ref(coin(balance))]);

  test('checks version, epochs, payment, size and capacity, in this order', () => {
    expect(reserve(0n, 0, 0n, OLD)).toBe('system::1');
    expect(reserve(0n, 0, 0n)).toBe('system_state_inner::2');
    expect(reserve(0n, 4, 0n)).toBe('system_state_inner::2');
    expect(reserve(1n, 3, 299n)).toBe('balance::2');
    expect(reserve(0n, 3)).toBe('system_state_inner::11');
    expect(reserve(10n * ENCODED + 1n, 3)).toBe('system_state_inner::1');
    expect(reserve(10n * ENCODED, 3, 300n)).toBe('success');
    expect(reserveFor(0n, 7, 7, 0n)).toBe('system_state_inner::2');
    expect(reserveFor(0n, 6, 9, 0n)).toBe('system_state_inner::2');
    expect(reserveFor(0n, 1, 5, 0n)).toBe('system_state_inner::2');
    expect(reserveFor(0n, 6, 8, 0n)).toBe('system_state_inner::11');
    expect(reserveFor(ENCODED, 7, 8, 100n)).toBe('success');
  });

  test('counts capacity and payment in every epoch of the interval and in no other', () => {
    const small = run('system::reserve_space_for_epochs', () => [ref(SYSTEM), ENCODED, 1, 7, ref(coin(200n))]).state;
    expect(small.futureAccounting.ringBuffer.map((e) => [e.usedCapacity, e.rewardsToDistribute])).toEqual([
      [ENCODED, 100n],
      [ENCODED, 100n],
      [0n, 0n],
    ]);
    expect(small.usedCapacitySize).toBe(ENCODED);
    const later = run('system::reserve_space_for_epochs', () => [ref(SYSTEM), ENCODED, 6, 7, ref(coin(100n))]).state;
    expect(later.usedCapacitySize).toBe(0n);
  });

  test('a price that overflows is an arithmetic abort', () => {
    const outcome = aborts('system::reserve_space', () => [ref(SYSTEM), 2_000_000n, 1, ref(coin(1n))], {
      state: { storagePricePerUnitSize: (1n << 64n) - 1n },
    });
    expect(outcome).toBe('ARITHMETIC_ERROR');
  });
});

describe('registering', () => {
  const register = (
    space: layouts.Storage,
    changes: { id?: bigint; type?: number; balance?: bigint; system?: layouts.System } = {},
  ) =>
    run('system::register_blob', () => [
      ref(changes.system ?? SYSTEM),
      space,
      changes.id ?? BLOB_U256,
      ROOT,
      1n,
      changes.type ?? 1,
      true,
      ref(coin(changes.balance ?? 10n)),
    ]);
  const abortOf = (...args: Parameters<typeof register>) => {
    const outcome = register(...args);
    return 'abort' in outcome ? outcome.abort : 'success';
  };

  test('checks version, epochs, encoding, size, id and payment, in this order', () => {
    expect(abortOf(storage({ startEpoch: 6 as never, storageSize: 0n }), { system: OLD })).toBe('system::1');
    expect(abortOf(storage({ startEpoch: 6 as never, storageSize: 0n }), { type: 0, id: 0n, balance: 0n })).toBe(
      'blob::2',
    );
    expect(abortOf(expired, { id: 0n })).toBe('blob::2');
    expect(abortOf(storage({ storageSize: 0n }), { type: 0, id: 0n, balance: 0n })).toBe('encoding::0');
    expect(abortOf(storage({ storageSize: ENCODED - 1n }), { id: 0n, balance: 0n })).toBe('blob::3');
    expect(abortOf(storage(), { id: BLOB_U256 + 1n, balance: 0n })).toBe('blob::6');
    expect(abortOf(storage(), { balance: 9n })).toBe('balance::2');
    expect(abortOf(storage())).toBe('success');
  });

  test('emits the event and pays the write fee into the current epoch', () => {
    const outcome = register(storage());
    expect(outcome.events).toEqual([
      {
        kind: 'BlobRegistered',
        epoch: 5,
        blobId: BLOB_ID,
        size: 1n,
        encodingType: 1,
        endEpoch: 7,
        deletable: true,
        objectId: expect.stringMatching(/^0x/) as string,
      },
    ]);
    expect(outcome.state.futureAccounting.ringBuffer.map((e) => e.rewardsToDistribute)).toEqual([10n, 0n, 0n]);
  });
});

describe('certifying', () => {
  const bitmap = Uint8Array.of(0b1110); // weights 2 + 3 + 4 = 9 of 10
  const good = encodeConfirmation({
    epoch: EPOCH,
    blobId: BLOB_ID,
    persistence: { kind: 'deletable', objectId: id('b') },
  });
  const permanent = encodeConfirmation({ epoch: EPOCH, blobId: BLOB_ID, persistence: { kind: 'permanent' } });
  const certify = (changes: {
    blob?: layouts.Blob;
    message?: Uint8Array;
    bitmap?: Uint8Array;
    signatures?: boolean;
    system?: layouts.System;
  }) =>
    aborts(
      'system::certify_blob',
      () => [
        changes.system ?? SYSTEM,
        ref(changes.blob ?? blob()),
        new Uint8Array(96),
        changes.bitmap ?? bitmap,
        changes.message ?? good,
      ],
      { signatures: changes.signatures ?? true },
    );
  const withByte = (at: number, value: number) => {
    const message = good.slice();
    message[at] = value;
    return message;
  };

  test('checks bitmap, weight, signature, header, type and body, in this order', () => {
    const junk = Uint8Array.of(9);
    expect(certify({ system: OLD, bitmap: new Uint8Array(9) })).toBe('system::1');
    expect(certify({ bitmap: Uint8Array.of(0, 0), message: junk, signatures: false })).toBe('bls_aggregate::0');
    expect(certify({ bitmap: Uint8Array.of(0b11110), message: junk, signatures: false })).toBe('bls_aggregate::0');
    expect(certify({ bitmap: Uint8Array.of(0b0111), message: junk, signatures: false })).toBe('bls_aggregate::2');
    expect(certify({ bitmap: new Uint8Array(0), message: junk, signatures: false })).toBe('bls_aggregate::2');
    expect(certify({ message: junk, signatures: false })).toBe('bls_aggregate::1');
    expect(certify({ message: junk })).toBe('bcs::0');
    expect(certify({ message: withByte(1, 1) })).toBe('messages::3');
    expect(certify({ message: withByte(2, 0) })).toBe('messages::0');
    expect(certify({ message: withByte(3, 4) })).toBe('messages::1');
    expect(certify({ message: withByte(0, 2) })).toBe('messages::2');
    expect(certify({ message: good.subarray(0, 20) })).toBe('bcs::0');
    expect(certify({ message: withByte(39, 2) })).toBe('messages::4');
    expect(certify({ message: good.subarray(0, 50) })).toBe('bcs::0');
    expect(certify({ message: concatBytes(good, junk) })).toBe('success');
  });

  test('then id, certification, end, kind and object, in this order', () => {
    const other = blob({ blobId: blobIdFromU256(1n), certifiedEpoch: EPOCH, storage: expired, deletable: false });
    expect(certify({ blob: other })).toBe('blob::6');
    expect(certify({ blob: { ...other, blobId: BLOB_ID } })).toBe('blob::5');
    expect(certify({ blob: { ...other, blobId: BLOB_ID, certifiedEpoch: null } })).toBe('blob::2');
    expect(certify({ blob: blob({ deletable: false, id: id('f') }) })).toBe('blob::9');
    expect(certify({ message: permanent })).toBe('blob::9');
    expect(certify({ blob: blob({ id: id('f') }) })).toBe('blob::10');
    expect(certify({ blob: blob({ deletable: false }), message: permanent })).toBe('success');
  });

  test('a duplicate vote cannot be written: weight counts members, each once', () => {
    // The same member in a longer bitmap is another position, which has no member.
    expect(certify({ bitmap: Uint8Array.of(0b1110, 0b1) })).toBe('bls_aggregate::0');
  });

  test('sets the epoch and emits', () => {
    const cell = { value: blob() };
    const outcome = run('system::certify_blob', () => [SYSTEM, cell, new Uint8Array(96), bitmap, good]);
    expect(cell.value.certifiedEpoch).toBe(5);
    expect(outcome.events).toMatchObject([
      { kind: 'BlobCertified', epoch: 5, endEpoch: 7, isExtension: false, deletable: true },
    ]);
  });
});

describe('extending and deleting', () => {
  const certified = blob({ certifiedEpoch: 4 as never });
  const extend = (target: layouts.Blob, epochs: number, balance = 1000n) =>
    aborts('system::extend_blob', () => [ref(SYSTEM), ref(target), epochs, ref(coin(balance))]);

  test('extension checks certification, end, epochs, payment and capacity, in this order', () => {
    expect(extend(blob({ storage: expired }), 0, 0n)).toBe('blob::0');
    expect(extend(blob({ certifiedEpoch: EPOCH, storage: expired }), 0, 0n)).toBe('blob::2');
    expect(extend(certified, 0, 0n)).toBe('system_state_inner::2');
    expect(extend(certified, 2, 0n)).toBe('system_state_inner::2');
    expect(extend(certified, 1, 99n)).toBe('balance::2');
    expect(extend(blob({ certifiedEpoch: EPOCH, storage: storage({ storageSize: 10n * ENCODED + 1n }) }), 1)).toBe(
      'system_state_inner::1',
    );
    expect(extend(certified, 1, 100n)).toBe('success');
  });

  test('extension repeats the first certified epoch, pays for the storage it has and only for new epochs', () => {
    const cell = { value: certified };
    const payment = { value: coin(1000n) };
    const outcome = run('system::extend_blob', () => [ref(SYSTEM), cell, 1, payment]);
    expect(cell.value.storage.endEpoch).toBe(8);
    expect(payment.value.balance).toBe(900n);
    expect(outcome.events).toMatchObject([{ kind: 'BlobCertified', epoch: 4, endEpoch: 8, isExtension: true }]);
    expect(outcome.state.futureAccounting.ringBuffer.map((e) => [e.usedCapacity, e.rewardsToDistribute])).toEqual([
      [0n, 0n],
      [0n, 0n],
      [ENCODED, 100n],
    ]);
  });

  test('extension with a reservation checks certification, end, gain, size and adjacency, in this order', () => {
    const run1 = (target: layouts.Blob, extension: layouts.Storage) =>
      aborts('system::extend_blob_with_resource', () => [SYSTEM, ref(target), extension]);
    const next = storage({ id: id('9'), startEpoch: 7 as never, endEpoch: 9 as never });
    expect(run1(blob({ storage: expired }), next)).toBe('blob::0');
    expect(run1(blob({ certifiedEpoch: EPOCH, storage: expired }), next)).toBe('blob::2');
    expect(run1(certified, { ...next, endEpoch: 7 as never, storageSize: 1n })).toBe('blob::2');
    expect(run1(certified, { ...next, storageSize: 1n, startEpoch: 8 as never })).toBe('storage_resource::2');
    expect(run1(certified, { ...next, startEpoch: 8 as never })).toBe('storage_resource::1');
    expect(run1(certified, next)).toBe('success');
  });

  test('deletion checks kind and end, gives the storage back and tells whether it was certified', () => {
    const remove = (target: layouts.Blob) => run('system::delete_blob', () => [SYSTEM, target]);
    expect(remove(blob({ deletable: false, storage: expired }))).toMatchObject({ abort: 'blob::1' });
    expect(remove(blob({ storage: expired }))).toMatchObject({ abort: 'blob::2' });
    expect(remove(certified)).toMatchObject({
      value: [storage()],
      events: [{ kind: 'BlobDeleted', wasCertified: true }],
    });
    expect(remove(blob())).toMatchObject({
      events: [{ kind: 'BlobDeleted', wasCertified: false, epoch: 5, endEpoch: 7 }],
    });
  });
});

describe('attributes', () => {
  test('are kept in insertion order, an update moves to the end, and what is missing aborts', () => {
    expect(aborts('blob::take_metadata', () => [ref(blob())])).toBe('blob::8');
    expect(aborts('blob::remove_metadata_pair', () => [ref(blob()), 'a'])).toBe('blob::8');
    expect(aborts('blob::remove_metadata_pair_if_exists', () => [ref(blob()), 'a'])).toBe('blob::8');
    const { fields } = run('blob::insert_or_update_metadata_pair', () => [ref(blob()), 'a', '1']);
    const call = nativeCall({ fields });
    const invoke = (name: string, ...args: unknown[]) =>
      outcomeOf(() => (natives.get(`walrus::blob::${name}`) as Native)(call, [{ value: blob() }, ...args]));
    invoke('insert_or_update_metadata_pair', 'b', '2');
    invoke('insert_or_update_metadata_pair', 'a', '3');
    expect(invoke('add_metadata', { metadata: [] })).toEqual({ abort: 'blob::7' });
    expect(invoke('remove_metadata_pair', 'z')).toEqual({ abort: 'vec_map::1' });
    expect(invoke('remove_metadata_pair_if_exists', 'z')).toEqual({ value: [null] });
    expect(invoke('add_or_replace_metadata', { metadata: [{ key: 'k', value: 'v' }] })).toEqual({
      value: [
        {
          metadata: [
            { key: 'b', value: '2' },
            { key: 'a', value: '3' },
          ],
        },
      ],
    });
    expect(invoke('remove_metadata_pair', 'k')).toEqual({ value: ['k', 'v'] });
    expect(invoke('take_metadata')).toEqual({ value: [{ metadata: [] }] });
    expect(invoke('take_metadata')).toEqual({ abort: 'blob::8' });
    expect(aborts('metadata::remove', () => [ref({ metadata: [] }), 'a'])).toBe('vec_map::1');
  });
});

describe('storage resources', () => {
  test('split and fuse abort in the order of their checks', () => {
    const a = storage({ startEpoch: 5 as never, endEpoch: 8 as never });
    const split = (at: number) => aborts('storage_resource::split_by_epoch', () => [ref(a), at]);
    expect([split(5), split(8), split(6)]).toEqual(['storage_resource::0', 'storage_resource::0', 'success']);
    const bySize = (size: bigint) => aborts('storage_resource::split_by_size', () => [ref(a), size]);
    expect([bySize(ENCODED + 1n), bySize(ENCODED), bySize(0n)]).toEqual(['storage_resource::2', 'success', 'success']);
    const fuse = (name: string, other: Partial<layouts.Storage>) =>
      aborts(`storage_resource::${name}`, () => [
        ref(a),
        storage({ startEpoch: 8 as never, endEpoch: 9 as never, ...other }),
      ]);
    expect(fuse('fuse_periods', { storageSize: 1n, startEpoch: 9 as never })).toBe('storage_resource::2');
    expect(fuse('fuse_periods', { startEpoch: 9 as never })).toBe('storage_resource::1');
    expect(fuse('fuse_periods', {})).toBe('success');
    expect(fuse('fuse_amount', {})).toBe('storage_resource::1');
    expect(fuse('fuse', { startEpoch: 5 as never, endEpoch: 8 as never, storageSize: 1n })).toBe('success');
  });
});

describe('what the committee says', () => {
  const one = Uint8Array.of(0b1000); // weight 4 of 10: one honest node, no quorum
  const all = Uint8Array.of(0b1111);

  test('a third and one invalidate a blob id, repeatably, and less does not', () => {
    const message = encodeInvalidBlobId({ epoch: EPOCH, blobId: BLOB_ID });
    const invalidate = (bitmap: Uint8Array, bytes = message) =>
      run('system::invalidate_blob_id', () => [SYSTEM, new Uint8Array(96), bitmap, bytes]);
    expect(invalidate(Uint8Array.of(0b0100))).toMatchObject({ abort: 'bls_aggregate::2' });
    expect(
      invalidate(one, encodeConfirmation({ epoch: EPOCH, blobId: BLOB_ID, persistence: { kind: 'permanent' } })),
    ).toMatchObject({ abort: 'messages::2' });
    expect(invalidate(one)).toMatchObject({
      value: [BLOB_U256],
      events: [{ kind: 'InvalidBlobID', epoch: 5, blobId: BLOB_ID }],
    });
  });

  test('deny lists are updated by a quorum, by members, in rising sequence', () => {
    const stranger = { ...CAP, nodeId: id('9') };
    const update = (cap: layouts.StorageNodeCap, message: Uint8Array, bitmap = all) =>
      run('system::update_deny_list', () => [ref(SYSTEM), ref(cap), new Uint8Array(96), bitmap, message]);
    const message = (changes: { nodeId?: ObjectId; sequence?: bigint } = {}) =>
      encodeMessage({
        kind: 'denyListUpdate',
        epoch: EPOCH,
        nodeId: id('1'),
        sequence: 4n,
        size: 99n,
        root: 7n,
        ...changes,
      });
    expect(update(stranger, new Uint8Array(0), new Uint8Array(0))).toMatchObject({ abort: 'system_state_inner::8' });
    expect(update(CAP, message(), one)).toMatchObject({ abort: 'bls_aggregate::2' });
    expect(update(CAP, message({ nodeId: id('2'), sequence: 3n }))).toMatchObject({ abort: 'system_state_inner::10' });
    expect(update(CAP, message({ sequence: 3n }))).toMatchObject({ abort: 'system_state_inner::9' });
    const done = update(CAP, message());
    expect(done.events).toEqual([{ kind: 'DenyListUpdate', epoch: 5, root: 7n, sequenceNumber: 4n, nodeId: id('1') }]);
    expect([...done.fields.values()]).toContainEqual([{ key: id('1'), value: 99n }]);
    const register = (cap: layouts.StorageNodeCap, sequence: bigint) =>
      aborts('system::register_deny_list_update', () => [ref(SYSTEM), cap, 7n, sequence]);
    expect([register(stranger, 0n), register(CAP, 3n), register(CAP, 4n)]).toEqual([
      'system_state_inner::8',
      'system_state_inner::9',
      'success',
    ]);
    const deleted = encodeMessage({ kind: 'denyListBlobDeleted', epoch: EPOCH, blobId: BLOB_ID });
    expect(run('system::delete_deny_listed_blob', () => [SYSTEM, new Uint8Array(96), one, deleted])).toMatchObject({
      events: [{ kind: 'DenyListBlobDeleted', epoch: 5, blobId: BLOB_ID }],
    });
  });

  test('a protocol version starts now or later', () => {
    const update = (startEpoch: number, cap = CAP, bitmap = all) =>
      run('system::update_protocol_version', () => [
        ref(SYSTEM),
        cap,
        new Uint8Array(96),
        bitmap,
        encodeMessage({ kind: 'protocolVersion', epoch: EPOCH, startEpoch: startEpoch as never, protocolVersion: 9n }),
      ]);
    expect(update(5, { ...CAP, nodeId: id('9') })).toMatchObject({ abort: 'system_state_inner::8' });
    expect(update(5, CAP, one)).toMatchObject({ abort: 'bls_aggregate::2' });
    expect(update(4)).toMatchObject({ abort: 'system_state_inner::12' });
    expect(update(5)).toMatchObject({
      events: [{ kind: 'ProtocolVersionUpdated', epoch: 5, startEpoch: 5, protocolVersion: 9n }],
    });
  });
});

test('the framework aborts with its own codes', () => {
  expect(aborts('0x2::coin::destroy_zero', () => [coin(1n)])).toBe('balance::0');
  expect(aborts('0x2::coin::split', () => [ref(coin(1n)), 2n])).toBe('balance::2');
  expect(aborts('0x2::coin::divide_into_n', () => [ref(coin(1n)), 0n])).toBe('coin::1');
  expect(aborts('0x2::coin::divide_into_n', () => [ref(coin(1n)), 2n])).toBe('coin::2');
  expect(aborts('0x2::coin::join', () => [ref(coin((1n << 64n) - 1n)), coin(1n)])).toBe('ARITHMETIC_ERROR');
  const parts = run('0x2::coin::divide_into_n', () => [ref(coin(10n)), 3n]);
  expect('value' in parts && (parts.value[0] as { balance: bigint }[]).map(({ balance }) => balance)).toEqual([3n, 3n]);
});
