import { type BlobId, type Epoch, type Frost, parseObjectId, type SuiAddress } from '@floe/protocol';
import type { Transaction } from '@mysten/sui/transactions';
import { describe, expect, it } from 'vitest';
import * as exchange from '../src/exchange-transactions.ts';
import * as pools from '../src/pool-transactions.ts';
import * as storage from '../src/storage-transactions.ts';
import { walTypeOf } from '../src/type-names.ts';
import { checkSignatures, outline, paid } from './outline.ts';

const MIB = 1_048_576;
const system = {
  packageId: parseObjectId('0xa1'),
  systemObjectId: parseObjectId('0x5'),
  walType: walTypeOf(parseObjectId('0xa2')),
  storagePrice: 100_000n,
  writePrice: 20_000n,
};
const owner = parseObjectId('0xcafe') as SuiAddress;
const space = parseObjectId('0x51');
const poolId = parseObjectId('0x52');
const blob = {
  blobId: '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo' as BlobId,
  rootHash: Uint8Array.from({ length: 32 }, (_, i) => i),
  sizeBytes: 1_048_576,
  encodedSizeBytes: 3 * MIB,
  deletable: true,
};
const target = { packageId: parseObjectId('0xe1'), walType: system.walType };
const epoch = (value: number) => value as Epoch;

function inStorage(sizeBytes: number, endEpoch: number, attributes?: Record<string, string>) {
  return (transaction: Transaction) =>
    storage.registerBlobInStorage(transaction, system, {
      blob: { ...blob, attributes },
      storage: { objectId: space, sizeBytes: BigInt(sizeBytes), endEpoch: epoch(endEpoch) },
      endEpoch: epoch(5),
      owner,
    });
}

describe('space', () => {
  it('is bought for epochs of one’s choice and paid exactly', () => {
    const buy = (transaction: Transaction) =>
      storage.buySpace(transaction, system, { sizeBytes: MIB + 1, startEpoch: epoch(4), endEpoch: epoch(7), owner });
    expect(outline(buy)).toEqual([
      'CoinWithBalance',
      'system::reserve_space_for_epochs',
      'coin::destroy_zero',
      'TransferObjects',
    ]);
    expect(paid(buy)).toBe(2n * 100_000n * 3n);
  });

  it('that fits takes a blob as it is, for the write fee', () => {
    expect(outline(inStorage(3 * MIB, 5))).toEqual([
      'CoinWithBalance',
      'system::register_blob',
      'coin::destroy_zero',
      'TransferObjects',
    ]);
    expect(paid(inStorage(3 * MIB, 5))).toBe(3n * 20_000n);
  });

  it('that is larger or lasts longer is cut first, by size and then by epoch', () => {
    const cuts = (sizeBytes: number, endEpoch: number) =>
      outline(inStorage(sizeBytes, endEpoch)).filter((name) => name.startsWith('storage_resource'));
    expect(cuts(3 * MIB + 1, 5)).toEqual(['storage_resource::split_by_size']);
    expect(cuts(3 * MIB, 6)).toEqual(['storage_resource::split_by_epoch']);
    expect(cuts(4 * MIB, 6)).toEqual(['storage_resource::split_by_size', 'storage_resource::split_by_epoch']);
  });
});

describe('pools and exchanges', () => {
  it('are paid exactly: space for its epochs, blobs by their write fee', () => {
    const capacityBytes = 10 * MIB;
    const create = (tx: Transaction) => pools.createStoragePool(tx, system, { capacityBytes, epochs: 3, owner });
    const extend = (tx: Transaction) =>
      pools.extendStoragePool(tx, system, { poolId, capacityBytes: BigInt(capacityBytes), epochs: 2 });
    const grow = (tx: Transaction) => pools.growStoragePool(tx, system, { poolId, additionalBytes: MIB, epochs: 2 });
    const register = (tx: Transaction) => pools.registerPooledBlob(tx, system, { poolId, blob });
    expect([create, extend, grow, register].map(paid)).toEqual([3_000_000n, 2_000_000n, 200_000n, 60_000n]);
  });

  it('exchange at their rate, rounded down', () => {
    const rate = { wal: 3n, sui: 2n };
    expect(exchange.exchangedAmount(rate, 'sui', 5n)).toBe(7n);
    expect(exchange.exchangedAmount(rate, 'wal', 5n)).toBe(3n);
  });
});

it('passes arguments in number and order of the contracts’ signatures', () => {
  const certificate = { signers: [0], signature: new Uint8Array(96), message: new Uint8Array(40) };
  const { blobId } = blob;
  const exchangeId = parseObjectId('0xee');
  const checked = checkSignatures(
    (tx) => {
      storage.buySpace(tx, system, { sizeBytes: 1, startEpoch: epoch(1), endEpoch: epoch(2), owner });
      inStorage(9 * MIB, 9, { a: '1' })(tx);
      storage.fuseStorage(tx, system, { into: space, other: poolId });
      storage.destroyStorage(tx, system, space);
      storage.extendBlobWithStorage(tx, system, { blobObjectId: poolId, storage: space });
      pools.createStoragePool(tx, system, { capacityBytes: 1, epochs: 1, owner });
      pools.createStoragePoolFrom(tx, system, { storage: space, owner });
      pools.registerPooledBlob(tx, system, { poolId, blob });
      pools.certifyPooledBlob(tx, system, { poolId, blobId, certificate, memberCount: 4 });
      pools.deletePooledBlob(tx, system, { poolId, blobId });
      pools.burnExpiredPooledBlob(tx, system, { poolId, blobId });
      pools.extendStoragePool(tx, system, { poolId, capacityBytes: 1n, epochs: 1 });
      pools.growStoragePool(tx, system, { poolId, additionalBytes: 1, epochs: 1 });
      pools.growStoragePoolWith(tx, system, { poolId, storage: space });
      pools.shrinkStoragePool(tx, system, { poolId, sizeBytes: 1, owner });
      pools.destroyStoragePool(tx, system, { poolId, owner });
      exchange.exchangeCoins(tx, target, { exchangeId, side: 'sui', amount: 1n, owner });
      exchange.exchangeCoins(tx, target, { exchangeId, side: 'wal', amount: 1n, owner });
      exchange.createExchange(tx, target, { funds: 1n as Frost, owner });
      exchange.fundExchange(tx, target, { exchangeId, funds: 1n as Frost });
      exchange.setExchangeRate(tx, target, { exchangeId, capId: space, rate: { wal: 1n, sui: 1n } });
    },
    { [system.packageId]: 'walrus', [target.packageId]: 'wal_exchange' },
  );
  expect(checked).toBeGreaterThan(25);
});
