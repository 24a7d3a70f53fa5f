/** Blob objects as commands name them: by object id, or by the id of a blob of which the wallet owns an object. */
import type { BlobObject } from '@floe/contracts';
import { type ObjectId, parseBlobId, parseObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import type { Session } from '../session.ts';

/** The one object that an id names: any shared one, else the wallet's. @throws BLOB_NOT_OWNED, BLOB_AMBIGUOUS */
export async function findBlobObject(
  id: string,
  session: Session,
  owner: ObjectId,
  signal: AbortSignal,
): Promise<BlobObject> {
  if (id.startsWith('0x')) {
    const object = await session.client.blobObject(parseObjectId(id), { signal });
    if (object === undefined || (object.shared === undefined && object.owner !== owner)) {
      throw cliErrors.BLOB_NOT_OWNED({ id, owner });
    }
    return object;
  }
  const blobId = parseBlobId(id);
  const named: BlobObject[] = [];
  for await (const blob of session.client.listBlobs(owner, { signal })) if (blob.blobId === blobId) named.push(blob);
  const { epoch } = await session.client.systemState({ signal });
  // Of several, those that have ended are not meant.
  const living = named.filter(({ endEpoch }) => endEpoch > epoch);
  const [object, ...others] = living.length > 0 ? living : named;
  if (object === undefined) throw cliErrors.BLOB_NOT_OWNED({ id, owner });
  if (others.length > 0) {
    const objectIds = [object, ...others].map(({ objectId }) => objectId).join(', ');
    throw cliErrors.BLOB_AMBIGUOUS({ id, objectIds });
  }
  return object;
}
