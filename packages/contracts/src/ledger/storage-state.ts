/** Space seen from outside: storage resources, storage pools with their blobs, and exchanges of WAL. */
import type { BlobId, Epoch, Frost, ObjectId, SuiAddress } from '@floe/protocol';
import type { GrpcTypes } from '@mysten/sui/grpc';
import { ledgerErrors } from '../errors.ts';
import * as layouts from '../layouts.ts';
import { OWNED_PAGE_SIZE } from '../limits.ts';
import { blobTableFieldId, definingPackage, innerStateFieldId, type TypeNames } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import { listOwned, type RawObject, readObjects } from './objects.ts';

/** Space that is paid for and holds nothing yet. */
export interface StorageResource {
  readonly objectId: ObjectId;
  readonly startEpoch: Epoch;
  /** First epoch in which it is none any more. */
  readonly endEpoch: Epoch;
  /** Of encoded blobs. */
  readonly sizeBytes: bigint;
}

/** One reservation that many blobs share. */
export interface StoragePoolInfo {
  readonly objectId: ObjectId;
  readonly owner?: SuiAddress;
  readonly startEpoch: Epoch;
  readonly endEpoch: Epoch;
  /** Of encoded blobs. */
  readonly capacityBytes: bigint;
  readonly usedBytes: bigint;
  readonly blobCount: bigint;
  /** The table of its blobs. */
  readonly tableId: ObjectId;
}

/** A blob in a pool. */
export interface PooledBlobInfo {
  readonly objectId: ObjectId;
  readonly blobId: BlobId;
  /** Before encoding. */
  readonly sizeBytes: number;
  readonly registeredEpoch: Epoch;
  readonly certifiedEpoch?: Epoch;
  readonly deletable: boolean;
}

/** An exchange of WAL for SUI. */
export interface ExchangeInfo {
  readonly objectId: ObjectId;
  /** Package to call. */
  readonly packageId: ObjectId;
  readonly wal: Frost;
  /** MIST. */
  readonly sui: bigint;
  /** So many WAL for so many SUI. */
  readonly rate: { readonly wal: bigint; readonly sui: bigint };
  /** Cap that may set the rate. */
  readonly adminCapId: ObjectId;
}

/** The storage resources that `owner` owns, expired ones included, in the ledger's order. */
export async function* listStorages(
  calls: LedgerCalls,
  names: TypeNames,
  owner: SuiAddress,
  signal?: AbortSignal,
): AsyncIterable<StorageResource> {
  for await (const { objectId, contents } of listOwned(calls, { owner, type: names.storage }, signal)) {
    const { startEpoch, endEpoch, storageSize } = layouts.Storage.parse(contents);
    yield { objectId, startEpoch, endEpoch, sizeBytes: storageSize };
  }
}

/** The storage pools that `owner` owns, in the ledger's order. */
export async function* listPools(
  calls: LedgerCalls,
  names: TypeNames,
  owner: SuiAddress,
  signal?: AbortSignal,
): AsyncIterable<StoragePoolInfo> {
  for await (const raw of listOwned(calls, { owner, type: names.storagePool }, signal)) {
    yield await poolOf(calls, raw, signal);
  }
}

/** The pool of that id; undefined when there is no such object. @throws WRONG_OBJECT_TYPE */
export async function readPool(
  calls: LedgerCalls,
  names: TypeNames,
  objectId: ObjectId,
  signal?: AbortSignal,
): Promise<StoragePoolInfo | undefined> {
  const [raw] = await readObjects(calls, [objectId], signal);
  if (raw === undefined) return undefined;
  requireType(raw, names.storagePool);
  return poolOf(calls, raw, signal);
}

async function poolOf(calls: LedgerCalls, raw: RawObject, signal?: AbortSignal): Promise<StoragePoolInfo> {
  const { objectId, owner, contents } = raw;
  const { version } = layouts.StoragePool.parse(contents);
  const [field] = await readObjects(calls, [innerStateFieldId(objectId, version)], signal);
  if (field === undefined) throw ledgerErrors.OBJECT_NOT_FOUND({ objectId, what: 'state of storage pool' });
  const { storage, usedEncodedBytes, blobCount, blobs } = layouts.StoragePoolInnerField.parse(field.contents).value;
  return {
    objectId,
    ...(owner === undefined ? {} : { owner }),
    startEpoch: storage.startEpoch,
    endEpoch: storage.endEpoch,
    capacityBytes: storage.storageSize,
    usedBytes: usedEncodedBytes,
    blobCount,
    tableId: blobs.id,
  };
}

/** The blobs of a pool, page by page. */
export async function* listPooledBlobs(
  calls: LedgerCalls,
  pool: Pick<StoragePoolInfo, 'tableId'>,
  signal?: AbortSignal,
): AsyncIterable<PooledBlobInfo> {
  let pageToken: Uint8Array | undefined;
  do {
    const page: GrpcTypes.ListDynamicFieldsResponse = await calls.unary(
      'ListDynamicFields',
      (options) =>
        calls.sui.stateService.listDynamicFields(
          { parent: pool.tableId, pageSize: OWNED_PAGE_SIZE, pageToken, readMask: { paths: ['child_id'] } },
          options,
        ),
      signal,
    );
    const ids = page.dynamicFields.flatMap(({ childId }) => (childId === undefined ? [] : [childId as ObjectId]));
    for (const raw of await readObjects(calls, ids, signal)) if (raw !== undefined) yield pooledBlob(raw);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && pageToken.length > 0);
}

/** The blob of that id in a pool; undefined when it is not there. */
export async function readPooledBlob(
  calls: LedgerCalls,
  pool: Pick<StoragePoolInfo, 'tableId'>,
  blobId: BlobId,
  signal?: AbortSignal,
): Promise<PooledBlobInfo | undefined> {
  const [field] = await readObjects(calls, [blobTableFieldId(pool.tableId, blobId)], signal);
  if (field === undefined) return undefined;
  const [raw] = await readObjects(calls, [layouts.PooledBlobField.parse(field.contents).value as ObjectId], signal);
  return raw === undefined ? undefined : pooledBlob(raw);
}

function pooledBlob({ objectId, contents }: RawObject): PooledBlobInfo {
  const { blobId, unencodedSize, registeredEpoch, certifiedEpoch, deletable } = layouts.PooledBlob.parse(contents);
  return {
    objectId,
    blobId: blobId as BlobId,
    sizeBytes: Number(unencodedSize),
    registeredEpoch,
    ...(certifiedEpoch === null ? {} : { certifiedEpoch: certifiedEpoch as Epoch }),
    deletable,
  };
}

/** The exchange of that id; undefined when there is no such object. @throws WRONG_OBJECT_TYPE */
export async function readExchange(
  calls: LedgerCalls,
  objectId: ObjectId,
  signal?: AbortSignal,
): Promise<ExchangeInfo | undefined> {
  const [raw] = await readObjects(calls, [objectId], signal);
  if (raw === undefined) return undefined;
  if (!raw.type.endsWith('::wal_exchange::Exchange')) requireType(raw, '…::wal_exchange::Exchange');
  const { wal, sui, rate, admin } = layouts.Exchange.parse(raw.contents);
  return {
    objectId,
    packageId: definingPackage(raw.type),
    wal: wal as Frost,
    sui,
    rate,
    adminCapId: admin as ObjectId,
  };
}

function requireType({ objectId, type }: RawObject, expected: string): void {
  if (type !== expected) throw ledgerErrors.WRONG_OBJECT_TYPE({ objectId, expected, came: type });
}
