/**
 * Events of the contracts' `events` module: their BCS layouts, and the tagged union that nodes and clients handle.
 * Storage nodes follow these in ledger order; the contracts emit nothing for staking, attributes, burns and reserving.
 */
import { bcs } from '@mysten/sui/bcs';
import { isValidSuiAddress } from '@mysten/sui/utils';
import type { ObjectId } from '@floe/protocol';
import { blobId, bool, bytes, epoch, id, shardIndex, u256, u64, u8 } from './move-values.ts';

const contractUpgrade = { epoch, packageDigest: bytes };
const denyListChange = { epoch, root: u256, sequenceNumber: u64, nodeId: id };

/** BCS layout of each event by its Move name; field names are Move's in camelCase. */
export const eventLayouts = {
  BlobRegistered: bcs.struct('BlobRegistered', {
    epoch,
    blobId,
    size: u64,
    encodingType: u8,
    endEpoch: epoch,
    deletable: bool,
    objectId: id,
  }),
  /** `epoch` is the first certified epoch, also when it reports an extension. */
  BlobCertified: bcs.struct('BlobCertified', {
    epoch,
    blobId,
    endEpoch: epoch,
    deletable: bool,
    objectId: id,
    isExtension: bool,
  }),
  BlobDeleted: bcs.struct('BlobDeleted', { epoch, blobId, endEpoch: epoch, objectId: id, wasCertified: bool }),
  InvalidBlobID: bcs.struct('InvalidBlobID', { epoch, blobId }),
  EpochParametersSelected: bcs.struct('EpochParametersSelected', { nextEpoch: epoch }),
  EpochChangeStart: bcs.struct('EpochChangeStart', { epoch }),
  EpochChangeDone: bcs.struct('EpochChangeDone', { epoch }),
  ShardsReceived: bcs.struct('ShardsReceived', { epoch, shards: bcs.vector(shardIndex) }),
  ShardRecoveryStart: bcs.struct('ShardRecoveryStart', { epoch, shards: bcs.vector(shardIndex) }),
  PricesUpdated: bcs.struct('PricesUpdated', { epoch, storagePrice: u64, writePrice: u64 }),
  StoragePoolCreated: bcs.struct('StoragePoolCreated', {
    epoch,
    storagePoolId: id,
    reservedEncodedCapacityBytes: u64,
    startEpoch: epoch,
    endEpoch: epoch,
  }),
  StoragePoolExtended: bcs.struct('StoragePoolExtended', { epoch, storagePoolId: id, newEndEpoch: epoch }),
  PooledBlobRegistered: bcs.struct('PooledBlobRegistered', {
    epoch,
    blobId,
    unencodedSize: u64,
    encodingType: u8,
    deletable: bool,
    objectId: id,
    storagePoolId: id,
  }),
  PooledBlobCertified: bcs.struct('PooledBlobCertified', {
    epoch,
    blobId,
    deletable: bool,
    objectId: id,
    storagePoolId: id,
  }),
  PooledBlobDeleted: bcs.struct('PooledBlobDeleted', {
    epoch,
    blobId,
    objectId: id,
    wasCertified: bool,
    storagePoolId: id,
  }),
  RegisterDenyListUpdate: bcs.struct('RegisterDenyListUpdate', denyListChange),
  DenyListUpdate: bcs.struct('DenyListUpdate', denyListChange),
  DenyListBlobDeleted: bcs.struct('DenyListBlobDeleted', { epoch, blobId }),
  ContractUpgraded: bcs.struct('ContractUpgraded', { epoch, packageId: id, version: u64 }),
  ContractUpgradeProposed: bcs.struct('ContractUpgradeProposed', contractUpgrade),
  ContractUpgradeQuorumReached: bcs.struct('ContractUpgradeQuorumReached', contractUpgrade),
  ProtocolVersionUpdated: bcs.struct('ProtocolVersionUpdated', { epoch, startEpoch: epoch, protocolVersion: u64 }),
} as const;

export type ContractEventKind = keyof typeof eventLayouts;

/** The fields of one kind of event. */
export type ContractEventFields<Kind extends ContractEventKind> = (typeof eventLayouts)[Kind]['$inferType'];

/** An event with its kind: `{kind: 'BlobDeleted', epoch, blobId, …}`. */
export type ContractEvent = {
  [Kind in ContractEventKind]: { readonly kind: Kind } & Readonly<ContractEventFields<Kind>>;
}[ContractEventKind];

export type ContractEventOf<Kind extends ContractEventKind> = Extract<ContractEvent, { kind: Kind }>;

/** The package, and the event's Move name, of a type in a module named `events`; undefined for any other type. */
export function parseEventType(type: string): { packageId: ObjectId; name: string } | undefined {
  const match = /^(0x[0-9a-f]{1,64})::events::(\w+)$/.exec(type);
  if (match === null) return undefined;
  const packageId = `0x${(match[1] as string).slice(2).padStart(64, '0')}`;
  return isValidSuiAddress(packageId) ? { packageId: packageId as ObjectId, name: match[2] as string } : undefined;
}

/**
 * The event of that type and BCS contents; undefined when the type is none of the contracts'. Which package it belongs
 * to is for the caller to check ({@link parseEventType}).
 *
 * @throws TypeError or RangeError when `contents` is not BCS of that event
 */
export function parseContractEvent(type: string, contents: Uint8Array): ContractEvent | undefined {
  const name = parseEventType(type)?.name;
  if (name === undefined || !Object.hasOwn(eventLayouts, name)) return undefined;
  const kind = name as ContractEventKind;
  return { kind, ...eventLayouts[kind].parse(contents) } as ContractEvent;
}

/** BCS contents of an event. */
export function encodeContractEvent(event: ContractEvent): Uint8Array {
  const layout = eventLayouts[event.kind] as unknown as { serialize(value: unknown): { toBytes(): Uint8Array } };
  return layout.serialize(event).toBytes();
}

/** Type of an event of the package first published as `packageId`. */
export function eventType(packageId: ObjectId, kind: ContractEventKind): string {
  return `${packageId}::events::${kind}`;
}
