/** Certificates that a blob is stored: message type 1. Walrus contract rules: signed messages and certificates. */
import type { layouts } from '@floe/contracts';
import { blobIdFromBytes, type BlobId, type ObjectId } from '@floe/protocol';
import type { Call } from '../execution/call.ts';
import { MESSAGE_TYPES, requireType, verifyCertificate } from './certificates.ts';

export interface BlobCertificate {
  readonly epoch: number;
  readonly blobId: BlobId;
  /** The blob object of a deletable blob; undefined: the blob is permanent. */
  readonly deletableObjectId: ObjectId | undefined;
  readonly signedWeight: number;
}

/** Verifies a quorum's certificate and reads it. */
export function readBlobCertificate(
  call: Call,
  committee: layouts.BlsCommittee,
  certificate: { signature: Uint8Array; bitmap: Uint8Array; message: Uint8Array },
): BlobCertificate {
  const message = verifyCertificate(call, committee, certificate, 'quorum');
  requireType(call, message, MESSAGE_TYPES.blobCertificate);
  const blobId = blobIdFromBytes(message.body.take(32));
  const persistence = message.body.u8();
  if (persistence > 1) call.abort('messages', 'EInvalidBlobPersistenceType');
  const deletableObjectId = persistence === 1 ? message.body.id() : undefined;
  return { epoch: message.epoch, blobId, deletableObjectId, signedWeight: message.signedWeight };
}
