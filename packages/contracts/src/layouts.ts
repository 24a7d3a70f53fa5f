/**
 * The exact BCS layouts of every object on the ledger, under their Move names: `layouts.Blob.parse(bytes)`,
 * `layouts.Blob.serialize(value).toBytes()`. Field names are Move's in camelCase, in Move's order.
 */
import { utf8 } from '@floe/platform';
import { bcs } from '@mysten/sui/bcs';
import { bytes, type coin, empty, epoch, field, id, string, type treasuryCap, u256, u64 } from './move-values.ts';
import * as companions from './layouts/companions.ts';
import * as governance from './layouts/governance.ts';
import * as pools from './layouts/pools.ts';
import * as staking from './layouts/staking.ts';
import * as system from './layouts/system.ts';

export * from './layouts/companions.ts';
export * from './layouts/display.ts';
export * from './layouts/governance.ts';
export * from './layouts/pools.ts';
export * from './layouts/staking.ts';
export * from './layouts/system.ts';
export { coin as Coin, treasuryCap as TreasuryCap } from './move-values.ts';

export type Coin = typeof coin.$inferType;
export type TreasuryCap = typeof treasuryCap.$inferType;

/** Dynamic fields that the contracts use, whole: `id ‖ name ‖ value`. */
export const SystemInnerField = field(u64, system.SystemStateInnerV1);
export const StakingInnerField = field(u64, staking.StakingInnerV1);
/** Attributes of a blob; the name is the bytes of `metadata`. */
export const MetadataField = field(bytes, system.Metadata);
export const ActiveSetField = field(empty, staking.ActiveSet);
export const NodeMetadataField = field(empty, staking.NodeMetadata);
export const NextEpochPublicKeysField = field(empty, staking.NextEpochPublicKeys);
export const DenyListSizesField = field(empty, system.DenyListSizes);
/** The dynamic object field of a pool in `StakingInnerV1.pools`: its value is the id of the child. */
export const PoolField = field(id, id);
/** An entry of `StakingPool.exchangeRates`. */
export const ExchangeRateField = field(epoch, staking.PoolExchangeRate);
/** The dynamic object field of `ProtectedTreasury`: its value is the id of the `TreasuryCap<WAL>`. */
export const TreasuryCapField = field(empty, id);
/** An entry of `UpgradeManager.upgradeProposals`. */
export const UpgradeProposalField = field(bytes, governance.UpgradeProposal);
/** An entry of `SlashingManager.slashingCandidates`. */
export const SlashingProposalField = field(id, governance.SlashingProposal);
/** Commission of a pool that cannot be collected before the next voting end, in `StakingPool.extraFields`. */
export const BlockedCommissionField = field(empty, u64);
/** Dynamic field of `StoragePool` under the name `u64 = version`. */
export const StoragePoolInnerField = field(u64, pools.StoragePoolInnerV1);
/** The dynamic object field of a pooled blob in `StoragePoolInnerV1.blobs`: its value is the id of the child. */
export const PooledBlobField = field(u256, id);
/** The dynamic object fields of the bag of `ObjectDisplay`: by the name of a type, and of the publisher. */
export const DisplayField = field(string, id);
export const PublisherField = field(empty, id);
/** Name of the field of `Staking` in which a chain remembers what it does better than the original contracts. */
export const AMENDMENTS_NAME: Uint8Array = utf8('amendments');
export const AMENDMENTS_NAME_BYTES: Uint8Array = bytes.serialize(AMENDMENTS_NAME).toBytes();
/** Deadline of the committee's attestations (ms), what rounding left of the last rewards (FROST). */
export const AmendmentsField = field(bytes, bcs.vector(u64));
/** Field of `Staking` under the name of an epoch: the public randomness of that epoch. */
export const RandomnessField = field(epoch, bytes);
export const WalrusSubsidiesInnerField = field(empty, companions.WalrusSubsidiesInnerV1);
export const BlobBucketInnerField = field(u64, companions.BlobBucketInnerV1);
