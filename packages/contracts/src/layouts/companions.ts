/** BCS layouts of the packages beside Walrus: exchange, subsidies, buckets. */
import { bcs } from '@mysten/sui/bcs';
import { balance, epoch, id, table, u16, u32, u64 } from '../move-values.ts';
import { StoragePool } from './pools.ts';

/** `wal_exchange::ExchangeRate`: so many WAL for so many SUI. */
export const ExchangeRate = bcs.struct('ExchangeRate', { wal: u64, sui: u64 });

/** The shared object `wal_exchange::Exchange`. */
export const Exchange = bcs.struct('Exchange', { id, wal: balance, sui: balance, rate: ExchangeRate, admin: id });

export const ExchangeAdminCap = bcs.struct('AdminCap', { id });

/** The shared object `subsidies::Subsidies`; rates in basis points. */
export const Subsidies = bcs.struct('Subsidies', {
  id,
  buyerSubsidyRate: u16,
  systemSubsidyRate: u16,
  subsidyPool: balance,
  packageId: id,
  version: u64,
});

/** `AdminCap` of both subsidy packages. */
export const SubsidiesAdminCap = bcs.struct('AdminCap', { id, subsidiesId: id });

/** The shared object `walrus_subsidies::WalrusSubsidies`. */
export const WalrusSubsidies = bcs.struct('WalrusSubsidies', { id, version: u64, packageId: id });

export const EpochBalance = bcs.struct('EpochBalance', { epoch, balance: u64 });

export const EpochBalanceRingBuffer = bcs.struct('EpochBalanceRingBuffer', {
  currentIndex: u32,
  ringBuffer: bcs.vector(EpochBalance),
});

export const WalrusSubsidiesInnerV1 = bcs.struct('WalrusSubsidiesInnerV1', {
  systemSubsidyRate: u32,
  subsidyPool: balance,
  baseSubsidy: u64,
  subsidyPerShard: u64,
  latestEpoch: epoch,
  alreadySubsidizedBalances: EpochBalanceRingBuffer,
  lastSubsidizedTs: u64,
  extraFields: table,
});

/** The shared object `blob_bucket::BlobBucket`; its inner state is a dynamic field under the name `u64 = version`. */
export const BlobBucket = bcs.struct('BlobBucket', { id, version: u64 });
export const BlobBucketInnerV1 = bcs.struct('BlobBucketInnerV1', { storagePool: StoragePool });
export const BlobBucketCap = bcs.struct('BlobBucketCap', { id, bucketId: id });

export type ExchangeRate = typeof ExchangeRate.$inferType;
export type Exchange = typeof Exchange.$inferType;
export type ExchangeAdminCap = typeof ExchangeAdminCap.$inferType;
export type Subsidies = typeof Subsidies.$inferType;
export type SubsidiesAdminCap = typeof SubsidiesAdminCap.$inferType;
export type WalrusSubsidies = typeof WalrusSubsidies.$inferType;
export type WalrusSubsidiesInnerV1 = typeof WalrusSubsidiesInnerV1.$inferType;
export type EpochBalanceRingBuffer = typeof EpochBalanceRingBuffer.$inferType;
export type BlobBucket = typeof BlobBucket.$inferType;
export type BlobBucketInnerV1 = typeof BlobBucketInnerV1.$inferType;
export type BlobBucketCap = typeof BlobBucketCap.$inferType;
