/** What the events of one checkpoint do to the rows of the registry. */
import type { ContractEvent, LedgerEvent } from '@floe/contracts';
import type { KeyValueOperation, KeyValueStore } from '@floe/platform';
import { type BlobId, blobIdBytes, type Epoch, type EventId, type ObjectId, objectIdBytes } from '@floe/protocol';
import { errors } from '../errors.ts';
import { tables } from '../tables.ts';
import { applyChange, type BlobChange, type BlobRow, emptyBlobRow, type PoolEnds } from './blob-row.ts';
import {
  decodeBlobRow,
  decodeObjectRow,
  decodePoolRow,
  encodeBlobRow,
  encodeObjectRow,
  encodePoolRow,
  epochRow,
  type ObjectRow,
} from './rows.ts';

/** The rows that one checkpoint changes, on top of the stored ones; nothing is written here. */
export class RegistryChanges {
  readonly #store: KeyValueStore;
  readonly #blobs = new Map<BlobId, BlobRow>();
  readonly #objects = new Map<ObjectId, ObjectRow | undefined>();
  readonly #pools = new Map<ObjectId, Epoch>();
  #epoch: Epoch | undefined;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  apply({ event, txDigest, eventSeq }: LedgerEvent): void {
    const id = { txDigest, eventSeq: `${eventSeq}` };
    switch (event.kind) {
      case 'BlobRegistered':
      case 'PooledBlobRegistered':
        return this.#register(event, id);
      case 'BlobCertified':
      case 'PooledBlobCertified':
        return this.#certify(event, id);
      case 'BlobDeleted':
      case 'PooledBlobDeleted':
        return this.#delete(event, id);
      case 'InvalidBlobID':
        return this.#change(event.blobId, { kind: 'invalidate', epoch: event.epoch, event: id });
      case 'StoragePoolCreated':
        return this.#raisePool(event.storagePoolId, event.endEpoch);
      case 'StoragePoolExtended':
        return this.#raisePool(event.storagePoolId, event.newEndEpoch);
      case 'EpochChangeStart':
        this.#epoch = event.epoch;
        return;
      case 'EpochParametersSelected':
      case 'EpochChangeDone':
      case 'ShardsReceived':
      case 'ShardRecoveryStart':
      case 'PricesUpdated':
      case 'RegisterDenyListUpdate':
      case 'DenyListUpdate':
      case 'DenyListBlobDeleted':
      case 'ContractUpgraded':
      case 'ContractUpgradeProposed':
      case 'ContractUpgradeQuorumReached':
      case 'ProtocolVersionUpdated':
        // They say nothing of blobs that this node acts on.
        return;
    }
  }

  /** The epoch that began with these events. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  operations(): KeyValueOperation[] {
    const operations: KeyValueOperation[] = [];
    for (const [blobId, row] of this.#blobs) {
      operations.push({ kind: 'put', table: tables.blobs, key: blobIdBytes(blobId), value: encodeBlobRow(row) });
    }
    for (const [objectId, row] of this.#objects) {
      const key = objectIdBytes(objectId);
      operations.push(
        row === undefined
          ? { kind: 'remove', table: tables.objects, key }
          : { kind: 'put', table: tables.objects, key, value: encodeObjectRow(row) },
      );
    }
    for (const [poolId, endEpoch] of this.#pools) {
      operations.push({ kind: 'put', table: tables.pools, key: objectIdBytes(poolId), value: encodePoolRow(endEpoch) });
    }
    if (this.#epoch !== undefined) operations.push(epochRow(this.#epoch));
    return operations;
  }

  #register(event: EventOf<'BlobRegistered' | 'PooledBlobRegistered'>, id: EventId): void {
    const { blobId, objectId, deletable, epoch } = event;
    if (this.#object(objectId) !== undefined)
      throw contradiction(event, id, `object ${objectId} is registered already`);
    const base = { blobId, registeredEpoch: epoch, deletable, event: id };
    if (event.kind === 'BlobRegistered') {
      this.#objects.set(objectId, { ...base, endEpoch: event.endEpoch });
      this.#change(blobId, { kind: 'register', deletable, endEpoch: event.endEpoch, event: id });
    } else {
      this.#objects.set(objectId, { ...base, poolId: event.storagePoolId });
      this.#change(blobId, { kind: 'pool-register', poolId: event.storagePoolId });
    }
  }

  #certify(event: EventOf<'BlobCertified' | 'PooledBlobCertified'>, id: EventId): void {
    const { blobId, objectId, deletable, epoch } = event;
    const object = this.#knownObject(event, id);
    if (object.deletable !== deletable) throw contradiction(event, id, `object ${objectId} changed its deletability`);
    const isExtension = event.kind === 'BlobCertified' && event.isExtension;
    if (isExtension !== (object.certifiedEpoch !== undefined)) {
      const what = isExtension ? 'extended before it was certified' : 'certified twice';
      throw contradiction(event, id, `object ${objectId} is ${what}`);
    }
    const certifiedEpoch = object.certifiedEpoch ?? epoch;
    if (event.kind === 'BlobCertified') {
      this.#objects.set(objectId, { ...object, certifiedEpoch, endEpoch: event.endEpoch, event: id });
      const kind = isExtension ? 'extend' : 'certify';
      this.#change(blobId, {
        kind,
        deletable,
        epoch,
        oldEndEpoch: object.endEpoch ?? event.endEpoch,
        endEpoch: event.endEpoch,
        event: id,
      });
    } else {
      this.#objects.set(objectId, { ...object, certifiedEpoch, event: id });
      this.#change(blobId, { kind: 'pool-certify', poolId: event.storagePoolId, epoch });
    }
  }

  #delete(event: EventOf<'BlobDeleted' | 'PooledBlobDeleted'>, id: EventId): void {
    const { blobId, objectId } = event;
    const object = this.#knownObject(event, id);
    const wasCertified = object.certifiedEpoch !== undefined;
    if (event.kind === 'BlobDeleted' && !object.deletable) {
      throw contradiction(event, id, `object ${objectId} is permanent`);
    }
    if (event.wasCertified !== wasCertified) {
      throw contradiction(event, id, `object ${objectId} was ${wasCertified ? '' : 'not '}certified`);
    }
    this.#objects.set(objectId, undefined);
    this.#change(
      blobId,
      event.kind === 'BlobDeleted'
        ? { kind: 'delete', endEpoch: object.endEpoch ?? event.endEpoch, wasCertified }
        : { kind: 'pool-delete', poolId: event.storagePoolId, wasCertified },
    );
  }

  #knownObject(event: ContractEvent & { blobId: BlobId; objectId: ObjectId }, id: EventId): ObjectRow {
    const object = this.#object(event.objectId);
    if (object === undefined) throw contradiction(event, id, `object ${event.objectId} was never registered`);
    if (object.blobId !== event.blobId) {
      throw contradiction(event, id, `object ${event.objectId} was registered for blob ${object.blobId}`);
    }
    return object;
  }

  #change(blobId: BlobId, change: BlobChange): void {
    const bytes = this.#blobs.has(blobId) ? undefined : this.#store.get(tables.blobs, blobIdBytes(blobId));
    const row = this.#blobs.get(blobId) ?? (bytes === undefined ? emptyBlobRow : decodeBlobRow(bytes));
    this.#blobs.set(blobId, applyChange(row, change, this.#poolEnd));
  }

  #object(objectId: ObjectId): ObjectRow | undefined {
    if (this.#objects.has(objectId)) return this.#objects.get(objectId);
    const bytes = this.#store.get(tables.objects, objectIdBytes(objectId));
    return bytes === undefined ? undefined : decodeObjectRow(bytes);
  }

  #raisePool(poolId: ObjectId, endEpoch: Epoch): void {
    this.#pools.set(poolId, Math.max(this.#poolEnd(poolId) ?? 0, endEpoch) as Epoch);
  }

  readonly #poolEnd: PoolEnds = (poolId) => {
    const changed = this.#pools.get(poolId);
    if (changed !== undefined) return changed;
    const bytes = this.#store.get(tables.pools, objectIdBytes(poolId));
    return bytes === undefined ? undefined : decodePoolRow(bytes);
  };
}

type EventOf<Kind extends ContractEvent['kind']> = Extract<ContractEvent, { kind: Kind }>;

function contradiction(event: ContractEvent, id: EventId, why: string): Error {
  return errors.EVENT_CONTRADICTS({ event: event.kind, id: `${id.txDigest}:${id.eventSeq}`, why });
}
