/** Reads objects: their bytes by id, blobs, what an address owns. */
import type { BlobId, Epoch, Frost, ObjectId, SuiAddress } from '@floe/protocol';
import { GrpcTypes } from '@mysten/sui/grpc';
import { normalizeStructTag } from '@mysten/sui/utils';
import { ledgerErrors } from '../errors.ts';
import * as layouts from '../layouts.ts';
import { MAX_BATCH_OBJECTS, OWNED_PAGE_SIZE } from '../limits.ts';
import type { TypeNames } from '../type-names.ts';
import type { LedgerCalls } from './calls.ts';
import type { BlobObject } from './types.ts';

const OBJECT_MASK = { paths: ['object_id', 'version', 'digest', 'object_type', 'owner', 'contents'] };

export interface RawObject {
  readonly objectId: ObjectId;
  readonly version: bigint;
  /** Fully normalised. */
  readonly type: string;
  readonly owner?: SuiAddress;
  /** Of a dynamic field, or what one holds: the object that owns it. */
  readonly parent?: ObjectId;
  /** BCS. */
  readonly contents: Uint8Array;
}

/** The objects of these ids, in order; undefined where there is none. */
export async function readObjects(
  calls: LedgerCalls,
  objectIds: readonly ObjectId[],
  signal?: AbortSignal,
): Promise<(RawObject | undefined)[]> {
  const found: (RawObject | undefined)[] = [];
  for (let start = 0; start < objectIds.length; start += MAX_BATCH_OBJECTS) {
    const batch = objectIds.slice(start, start + MAX_BATCH_OBJECTS);
    const { objects } = await calls.unary(
      'BatchGetObjects',
      (options) =>
        calls.sui.ledgerService.batchGetObjects(
          { requests: batch.map((objectId) => ({ objectId })), readMask: OBJECT_MASK },
          options,
        ),
      signal,
    );
    if (objects.length !== batch.length) {
      throw misbehaved(calls, `${objects.length} results for ${batch.length} objects`);
    }
    objects.forEach(({ result }, i) => found.push(rawObject(calls, result, batch[i] as ObjectId)));
  }
  return found;
}

function rawObject(
  calls: LedgerCalls,
  result: GrpcTypes.GetObjectResult['result'],
  objectId: ObjectId,
): RawObject | undefined {
  if (result.oneofKind === 'object') return fromProto(calls, result.object);
  if (result.oneofKind === 'error' && result.error.code === NOT_FOUND) return undefined;
  const reason = result.oneofKind === 'error' ? result.error.message : 'no result';
  throw misbehaved(calls, `object ${objectId}: ${reason}`);
}

const NOT_FOUND = 5;

function fromProto(calls: LedgerCalls, object: GrpcTypes.Object): RawObject {
  const { objectId, version, objectType, contents, owner } = object;
  if (objectId === undefined || version === undefined || objectType === undefined || contents?.value === undefined) {
    throw misbehaved(calls, `object ${objectId ?? '(no id)'} without id, version, type or contents`);
  }
  const isAddress =
    owner?.kind === GrpcTypes.Owner_OwnerKind.ADDRESS || owner?.kind === GrpcTypes.Owner_OwnerKind.CONSENSUS_ADDRESS;
  return {
    objectId: objectId as ObjectId,
    version,
    type: objectType.includes('::') ? normalizeStructTag(objectType) : objectType,
    ...(isAddress && owner.address !== undefined ? { owner: owner.address as SuiAddress } : {}),
    ...(owner?.kind === GrpcTypes.Owner_OwnerKind.OBJECT ? { parent: owner.address as ObjectId } : {}),
    contents: contents.value,
  };
}

/** The blob, or shared blob, of that id; undefined when there is no such object. @throws WRONG_OBJECT_TYPE */
export async function readBlobObject(
  calls: LedgerCalls,
  names: TypeNames,
  objectId: ObjectId,
  signal?: AbortSignal,
): Promise<BlobObject | undefined> {
  const [raw] = await readObjects(calls, [objectId], signal);
  if (raw === undefined) return undefined;
  if (raw.type === names.blob) return blobObject(raw, layouts.Blob.parse(raw.contents));
  if (raw.type !== names.sharedBlob) {
    throw ledgerErrors.WRONG_OBJECT_TYPE({ objectId, expected: names.blob, came: raw.type });
  }
  const { blob, funds } = layouts.SharedBlob.parse(raw.contents);
  return { ...blobObject(raw, blob), shared: { blobObjectId: blob.id, funds: funds as Frost } };
}

/** The blobs that `owner` owns, page by page. */
export async function* listBlobObjects(
  calls: LedgerCalls,
  names: TypeNames,
  owner: SuiAddress,
  signal?: AbortSignal,
): AsyncIterable<BlobObject> {
  for await (const raw of listOwned(calls, { owner, type: names.blob }, signal)) {
    yield blobObject(raw, layouts.Blob.parse(raw.contents));
  }
}

/** The objects of one type that an address owns, page by page, in the ledger's order. */
export async function* listOwned(
  calls: LedgerCalls,
  query: { readonly owner: SuiAddress; readonly type: string },
  signal?: AbortSignal,
): AsyncIterable<RawObject> {
  const { owner, type: objectType } = query;
  let pageToken: Uint8Array | undefined;
  do {
    const page: GrpcTypes.ListOwnedObjectsResponse = await calls.unary(
      'ListOwnedObjects',
      (options) =>
        calls.sui.stateService.listOwnedObjects(
          { owner, objectType, pageSize: OWNED_PAGE_SIZE, pageToken, readMask: OBJECT_MASK },
          options,
        ),
      signal,
    );
    for (const object of page.objects) yield fromProto(calls, object);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && pageToken.length > 0);
}

function blobObject(raw: RawObject, blob: layouts.Blob): BlobObject {
  return {
    objectId: raw.objectId,
    version: raw.version,
    ...(raw.owner === undefined ? {} : { owner: raw.owner }),
    blobId: blob.blobId as BlobId,
    sizeBytes: Number(blob.size),
    encodingType: blob.encodingType,
    registeredEpoch: blob.registeredEpoch,
    ...(blob.certifiedEpoch === null ? {} : { certifiedEpoch: blob.certifiedEpoch as Epoch }),
    startEpoch: blob.storage.startEpoch,
    endEpoch: blob.storage.endEpoch,
    storage: { objectId: blob.storage.id, sizeBytes: blob.storage.storageSize },
    deletable: blob.deletable,
  };
}

function misbehaved(calls: LedgerCalls, reason: string) {
  return ledgerErrors.LEDGER_MISBEHAVED({ url: calls.url, reason });
}
