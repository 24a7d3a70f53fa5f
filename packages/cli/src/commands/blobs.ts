/** `floe status`, `floe list`, `floe delete`. */
import type { BlobObject } from '@floe/contracts';
import type { BlobAudit } from '@floe/client';
import {
  blobStatusToJson,
  isCertified,
  parseBlobId,
  parseObjectId,
  type BlobStatus,
  type ObjectId,
} from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { formatBytes, type Output } from '../output.ts';
import { openSession, openWallet, type Session } from '../session.ts';
import type { NetworkOptions, StatusOptions } from './blob-options.ts';

export async function runStatus(
  id: string,
  options: StatusOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const blobId = parseBlobId(id);
  const session = await openSession(options);
  try {
    const status = await session.client.status(blobId, { signal });
    output.line(`${blobId}: ${sentence(status)}`);
    const audit = options.audit && isCertified(status) ? await session.client.audit(blobId, { signal }) : undefined;
    for (const line of audit === undefined ? [] : auditLines(audit)) output.line(line);
    output.result({ blobId, status: blobStatusToJson(status), ...(audit && { redundancy: audit }) });
  } finally {
    await session.close();
  }
}

function sentence(status: BlobStatus): string {
  switch (status.kind) {
    case 'nonexistent':
      return 'not stored';
    case 'invalid':
      return `marked invalid: its writer encoded it wrongly (event ${status.event.txDigest})`;
    case 'permanent': {
      const state = status.isCertified ? 'certified' : 'registered, not certified';
      return `${state}, permanent, until the start of epoch ${status.endEpoch}`;
    }
    case 'deletable': {
      const { total, certified } = status.deletableCounts;
      return `deletable: ${certified} of ${total} registrations certified`;
    }
  }
}

function auditLines(audit: BlobAudit): string[] {
  const { proven, target, spareShards } = audit;
  const total = proven.primary + proven.secondary;
  const left =
    spareShards < 0
      ? `it cannot be read now: ${-spareShards} more are needed`
      : `it stays readable until ${spareShards + 1} more shards are lost`;
  const short = audit.nodes.filter((node) => node.proven < node.owed);
  return [
    `redundancy: ${total} of ${target} slivers proven (${proven.primary} primary, ${proven.secondary} secondary); ${left}`,
    ...short.map(({ name, proven: found, owed, reason }) => `  ${name}: ${found} of ${owed}: ${reason ?? ''}`),
  ];
}

export async function runList(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  const session = await openSession(options);
  try {
    const wallet = await openWallet(session, options, { fund: false });
    const { epoch } = await session.client.systemState({ signal });
    const blobs: BlobObject[] = [];
    for await (const blob of session.client.listBlobs(wallet.address, { signal })) blobs.push(blob);
    if (blobs.length === 0) output.line(`${wallet.address} owns no blobs`);
    for (const blob of blobs) output.line(listLine(blob, epoch));
    output.result(
      blobs.map((blob) => ({
        blobId: blob.blobId,
        objectId: blob.objectId,
        sizeBytes: blob.sizeBytes,
        certified: blob.certifiedEpoch !== undefined,
        deletable: blob.deletable,
        endEpoch: blob.endEpoch,
        expired: blob.endEpoch <= epoch,
      })),
    );
  } finally {
    await session.close();
  }
}

function listLine(blob: BlobObject, epoch: number): string {
  const kind = blob.deletable ? 'deletable' : 'permanent';
  const state = blob.endEpoch <= epoch ? 'expired' : blob.certifiedEpoch === undefined ? 'not certified' : 'certified';
  const size = formatBytes(blob.sizeBytes).padStart(9);
  return `${blob.blobId}  ${size}  ${kind}  ${state}  until epoch ${blob.endEpoch}  ${blob.objectId}`;
}

export async function runDelete(
  ids: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const session = await openSession(options);
  try {
    const wallet = await openWallet(session, options, { fund: true, signal });
    const objects = await deletableObjects(ids, session, wallet.address, signal);
    const { digest } = await session.client.deleteBlobs(
      objects.map(({ objectId }) => objectId),
      { signer: wallet.keypair, signal },
    );
    for (const { blobId, objectId } of objects) output.line(`deleted ${blobId} (object ${objectId})`);
    output.result({ digest, deleted: objects.map(({ blobId, objectId }) => ({ blobId, objectId })) });
  } finally {
    await session.close();
  }
}

/** What the ids name among the wallet's blobs; every one must name something that can be deleted. */
async function deletableObjects(
  ids: readonly string[],
  session: Session,
  owner: ObjectId,
  signal: AbortSignal,
): Promise<BlobObject[]> {
  const { epoch } = await session.client.systemState({ signal });
  const owned: BlobObject[] = [];
  for await (const blob of session.client.listBlobs(owner, { signal })) owned.push(blob);
  const chosen = new Map<ObjectId, BlobObject>();
  for (const id of ids) {
    const named = id.startsWith('0x')
      ? owned.filter((blob) => blob.objectId === parseObjectId(id))
      : owned.filter((blob) => blob.blobId === parseBlobId(id));
    if (named.length === 0) throw cliErrors.BLOB_NOT_OWNED({ id, owner });
    const deletable = named.filter((blob) => blob.deletable && blob.endEpoch > epoch);
    if (deletable.length === 0) throw cliErrors.BLOB_NOT_DELETABLE({ id });
    for (const blob of deletable) chosen.set(blob.objectId, blob);
  }
  return [...chosen.values()];
}
