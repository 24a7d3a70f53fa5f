/** `blob`: the life of a blob object and its attributes. Walrus contract rules: blobs. */
import type { layouts } from '@floe/contracts';
import { blobIdFromU256, blobIdToU256, type Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU32 } from '../execution/integers.ts';
import type { BlobCertificate } from './blob-certificate.ts';
import { deriveBlobId, encodedBlobLength } from './encoding.ts';
import type { Coin } from './framework.ts';
import { emptyMetadata, type Metadata, metadataField, removePair, withoutPair, withPair } from './metadata.ts';
import { accountCapacity, maxEpochsAhead, payStorage } from './storage-accounting.ts';
import { destroyStorage, fusePeriods } from './storage-resource.ts';
import { currentEpoch, type SystemState } from './system-state.ts';

type Blob = layouts.Blob;
type Storage = layouts.Storage;

export interface BlobTerms {
  readonly space: Storage;
  readonly blobId: bigint;
  readonly rootHash: bigint;
  readonly size: bigint;
  readonly encodingType: number;
  readonly deletable: boolean;
}

/** A registered blob, with its event; nothing is paid here. */
export function createBlob(call: Call, state: SystemState, terms: BlobTerms): Blob {
  const { space, size, encodingType, deletable } = terms;
  const epoch = currentEpoch(state);
  const id = call.freshId();
  if (epoch < space.startEpoch || epoch >= space.endEpoch) call.abort('blob', 'EResourceBounds');
  const encodedLength = encodedBlobLength(call, size, encodingType, state.committee.nShards);
  if (encodedLength > space.storageSize) call.abort('blob', 'EResourceSize');
  if (deriveBlobId(terms.rootHash, encodingType, size) !== terms.blobId) call.abort('blob', 'EInvalidBlobId');
  const blobId = blobIdFromU256(terms.blobId);
  call.emit({
    kind: 'BlobRegistered',
    epoch,
    blobId,
    size,
    encodingType,
    endEpoch: space.endEpoch,
    deletable,
    objectId: id,
  });
  return { id, registeredEpoch: epoch, blobId, size, encodingType, certifiedEpoch: null, storage: space, deletable };
}

/** The blob as certified, with its event. */
export function certifyBlob(call: Call, blob: Blob, epoch: Epoch, certificate: BlobCertificate): Blob {
  if (certificate.blobId !== blob.blobId) call.abort('blob', 'EInvalidBlobId');
  if (blob.certifiedEpoch !== null) call.abort('blob', 'EAlreadyCertified');
  if (epoch >= blob.storage.endEpoch) call.abort('blob', 'EResourceBounds');
  const isDeletable = certificate.deletableObjectId !== undefined;
  if (isDeletable !== blob.deletable) call.abort('blob', 'EInvalidBlobPersistenceType');
  if (isDeletable && certificate.deletableObjectId !== blob.id) call.abort('blob', 'EInvalidBlobObject');
  const certified = { ...blob, certifiedEpoch: epoch };
  emitCertified(call, certified, false);
  return certified;
}

/** Deletes the object and its attributes; the space it had is free again. */
export function deleteBlob(call: Call, blob: Blob, epoch: Epoch): Storage {
  if (!blob.deletable) call.abort('blob', 'EBlobNotDeletable');
  if (blob.storage.endEpoch <= epoch) call.abort('blob', 'EResourceBounds');
  metadataField(call, blob.id).value = undefined;
  call.deleteId(blob.id);
  call.emit({
    kind: 'BlobDeleted',
    epoch,
    blobId: blob.blobId,
    endEpoch: blob.storage.endEpoch,
    objectId: blob.id,
    wasCertified: blob.certifiedEpoch !== null,
  });
  return blob.storage;
}

/** The blob with `epochs` more, paid at today's price for the size of its storage. */
export function extendBlob(call: Call, inner: Ref<SystemState>, blob: Blob, epochs: number, payment: Ref<Coin>): Blob {
  const epoch = currentEpoch(inner.value);
  requireCertified(call, blob, epoch);
  const { endEpoch, storageSize } = blob.storage;
  const from = endEpoch - epoch;
  if (epochs === 0 || from + epochs > maxEpochsAhead(inner.value)) {
    call.abort('system_state_inner', 'EInvalidEpochsAhead');
  }
  const range = { from, to: from + epochs };
  payStorage(call, inner, range, storageSize, payment);
  accountCapacity(call, inner, range, storageSize);
  const extended = { ...blob, storage: { ...blob.storage, endEpoch: asU32(endEpoch + epochs) as Epoch } };
  emitCertified(call, extended, true);
  return extended;
}

/** The blob with the period of another reservation of the same size added. */
export function extendBlobWithResource(call: Call, blob: Blob, extension: Storage, epoch: Epoch): Blob {
  requireCertified(call, blob, epoch);
  if (extension.endEpoch <= blob.storage.endEpoch) call.abort('blob', 'EResourceBounds');
  const extended = { ...blob, storage: fusePeriods(call, blob.storage, extension) };
  emitCertified(call, extended, true);
  return extended;
}

function requireCertified(call: Call, blob: Blob, epoch: Epoch): void {
  if (blob.certifiedEpoch === null) call.abort('blob', 'ENotCertified');
  if (epoch >= blob.storage.endEpoch) call.abort('blob', 'EResourceBounds');
}

function emitCertified(call: Call, blob: Blob, isExtension: boolean): void {
  call.emit({
    kind: 'BlobCertified',
    // An extension repeats the epoch in which the blob was first certified.
    epoch: blob.certifiedEpoch as Epoch,
    blobId: blob.blobId,
    endEpoch: blob.storage.endEpoch,
    deletable: blob.deletable,
    objectId: blob.id,
    isExtension,
  });
}

/** Drops object, attributes and space; what it names stays stored until its end. */
export function burnBlob(call: Call, blob: Blob): void {
  metadataField(call, blob.id).value = undefined;
  call.deleteId(blob.id);
  destroyStorage(call, blob.storage);
}

/** The attributes, which must be there. */
function requireMetadata(call: Call, blob: Blob): Ref<Metadata> {
  const field = metadataField(call, blob.id);
  return field.value === undefined ? call.abort('blob', 'EMissingMetadata') : (field as Ref<Metadata>);
}

const attributes: Readonly<Record<string, Native>> = {
  add_metadata: native((call, self: Ref<Blob>, metadata: Metadata) => {
    const field = metadataField(call, self.value.id);
    if (field.value !== undefined) call.abort('blob', 'EDuplicateMetadata');
    field.value = metadata;
  }),
  add_or_replace_metadata: native((call, self: Ref<Blob>, metadata: Metadata) => {
    const field = metadataField(call, self.value.id);
    const before = field.value ?? null;
    field.value = metadata;
    return [before];
  }),
  take_metadata: native((call, self: Ref<Blob>) => {
    const { value } = requireMetadata(call, self.value);
    metadataField(call, self.value.id).value = undefined;
    return [value];
  }),
  insert_or_update_metadata_pair: native((call, self: Ref<Blob>, key: string, value: string) => {
    const field = metadataField(call, self.value.id);
    field.value = withPair(field.value ?? emptyMetadata, key, value);
  }),
  remove_metadata_pair: native((call, self: Ref<Blob>, key: string) =>
    removePair(call, requireMetadata(call, self.value), key),
  ),
  remove_metadata_pair_if_exists: native((call, self: Ref<Blob>, key: string) => {
    const field = requireMetadata(call, self.value);
    const { metadata, value } = withoutPair(field.value, key);
    field.value = metadata;
    return [value ?? null];
  }),
};

export const blobNatives: Readonly<Record<string, Native>> = {
  ...attributes,
  object_id: native((_call, self: Blob) => [self.id]),
  registered_epoch: native((_call, self: Blob) => [self.registeredEpoch]),
  blob_id: native((_call, self: Blob) => [blobIdToU256(self.blobId)]),
  size: native((_call, self: Blob) => [self.size]),
  encoding_type: native((_call, self: Blob) => [self.encodingType]),
  is_deletable: native((_call, self: Blob) => [self.deletable]),
  end_epoch: native((_call, self: Blob) => [self.storage.endEpoch]),
  encoded_size: native((call, self: Blob, shardCount: number) => [
    encodedBlobLength(call, self.size, self.encodingType, shardCount),
  ]),
  derive_blob_id: native((_call, rootHash: bigint, encodingType: number, size: bigint) => [
    deriveBlobId(rootHash, encodingType, size),
  ]),
  burn: native((call, self: Blob) => burnBlob(call, self)),
};
