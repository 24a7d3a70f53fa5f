/** Row forms of the registry's tables. Each begins with its version. */
import type { KeyValueOperation, KeyValueStore } from '@floe/platform';
import {
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  type Epoch,
  type EventId,
  type ObjectId,
  objectIdBytes,
  objectIdFromBytes,
} from '@floe/protocol';
import { errors } from '../errors.ts';
import { RowReader, RowWriter, tables } from '../tables.ts';
import type { BlobRow, PermanentReferences } from './blob-row.ts';

const ROW_VERSION = 1;

/** The truth about one on-ledger blob object. */
export interface ObjectRow {
  readonly blobId: BlobId;
  readonly registeredEpoch: Epoch;
  readonly certifiedEpoch?: Epoch;
  readonly deletable: boolean;
  /** Of an object that has its own storage. */
  readonly endEpoch?: Epoch;
  /** Of an object in a storage pool, which lives as long as the pool. */
  readonly poolId?: ObjectId;
  /** The last event that touched the object. */
  readonly event: EventId;
}

/** How far the ledger was followed. */
export interface EventCursor {
  /** The first checkpoint not yet covered. */
  readonly nextCheckpoint: bigint;
  /** Events covered; with the checkpoints, the index of the next element of the node's event stream. */
  readonly events: bigint;
}

export function encodeObjectRow(row: ObjectRow): Uint8Array {
  const writer = new RowWriter()
    .u8(ROW_VERSION)
    .raw(blobIdBytes(row.blobId))
    .u32(row.registeredEpoch)
    .optional(row.certifiedEpoch, (out, epoch) => out.u32(epoch))
    .u8(row.deletable ? 1 : 0)
    .optional(row.endEpoch, (out, epoch) => out.u32(epoch))
    .optional(row.poolId, (out, poolId) => out.raw(objectIdBytes(poolId)));
  return writeEvent(writer, row.event).done();
}

export function decodeObjectRow(bytes: Uint8Array): ObjectRow {
  const reader = open(bytes, tables.objects);
  const row = {
    blobId: blobIdFromBytes(reader.raw(32)),
    registeredEpoch: reader.u32() as Epoch,
    certifiedEpoch: reader.optional((input) => input.u32() as Epoch),
    deletable: reader.u8() === 1,
    endEpoch: reader.optional((input) => input.u32() as Epoch),
    poolId: reader.optional((input) => objectIdFromBytes(input.raw(32))),
    event: readEvent(reader),
  };
  reader.end();
  return row;
}

export function encodeBlobRow(row: BlobRow): Uint8Array {
  const writer = new RowWriter()
    .u8(ROW_VERSION)
    .optional(row.invalid, (out, invalid) => writeEvent(out.u32(invalid.epoch), invalid.event))
    .optional(row.initialCertifiedEpoch, (out, epoch) => out.u32(epoch))
    .optional(row.permanentTotal, writePermanent)
    .optional(row.permanentCertified, writePermanent)
    .u32(row.deletable.length);
  for (const { endEpoch, total, certified } of row.deletable) writer.u32(endEpoch).u32(total).u32(certified);
  writer.u32(row.pools.length);
  for (const pool of row.pools) writer.raw(objectIdBytes(pool.poolId)).u32(pool.total).u32(pool.certified);
  return writer.done();
}

export function decodeBlobRow(bytes: Uint8Array): BlobRow {
  const reader = open(bytes, tables.blobs);
  const row = {
    invalid: reader.optional((input) => ({ epoch: input.u32() as Epoch, event: readEvent(input) })),
    initialCertifiedEpoch: reader.optional((input) => input.u32() as Epoch),
    permanentTotal: reader.optional(readPermanent),
    permanentCertified: reader.optional(readPermanent),
    deletable: Array.from({ length: reader.u32() }, () => ({
      endEpoch: reader.u32() as Epoch,
      total: reader.u32(),
      certified: reader.u32(),
    })),
    pools: Array.from({ length: reader.u32() }, () => ({
      poolId: objectIdFromBytes(reader.raw(32)),
      total: reader.u32(),
      certified: reader.u32(),
    })),
  };
  reader.end();
  return row;
}

export function encodePoolRow(endEpoch: Epoch): Uint8Array {
  return new RowWriter().u8(ROW_VERSION).u32(endEpoch).done();
}

export function decodePoolRow(bytes: Uint8Array): Epoch {
  const reader = open(bytes, tables.pools);
  const endEpoch = reader.u32() as Epoch;
  reader.end();
  return endEpoch;
}

export function encodeCursor(cursor: EventCursor): Uint8Array {
  return new RowWriter().u8(ROW_VERSION).u64(cursor.nextCheckpoint).u64(cursor.events).done();
}

export function decodeCursor(bytes: Uint8Array): EventCursor {
  const reader = open(bytes, tables.state);
  const cursor = { nextCheckpoint: reader.u64(), events: reader.u64() };
  reader.end();
  return cursor;
}

function open(bytes: Uint8Array, table: string): RowReader {
  const reader = new RowReader(bytes, (why) => errors.ROW_DAMAGED({ table, why }));
  const version = reader.u8();
  if (version !== ROW_VERSION) throw errors.ROW_DAMAGED({ table, why: `version ${version}, expected ${ROW_VERSION}` });
  return reader;
}

function writeEvent(writer: RowWriter, event: EventId): RowWriter {
  return writer.text(event.txDigest).u64(BigInt(event.eventSeq));
}

function readEvent(reader: RowReader): EventId {
  return { txDigest: reader.text(), eventSeq: `${reader.u64()}` };
}

function writePermanent(writer: RowWriter, references: PermanentReferences): void {
  writeEvent(writer.u32(references.count).u32(references.endEpoch), references.event);
}

function readPermanent(reader: RowReader): PermanentReferences {
  return { count: reader.u32(), endEpoch: reader.u32() as Epoch, event: readEvent(reader) };
}

const EPOCH_KEY = new TextEncoder().encode('events/epoch');

/** Remembers the last epoch whose beginning was handled. */
export function epochRow(epoch: Epoch): KeyValueOperation {
  return { kind: 'put', table: tables.state, key: EPOCH_KEY, value: new RowWriter().u32(epoch).done() };
}

export function readEpoch(store: KeyValueStore): Epoch {
  const bytes = store.get(tables.state, EPOCH_KEY);
  if (bytes === undefined) return 0 as Epoch;
  const reader = new RowReader(bytes, (why) => errors.ROW_DAMAGED({ table: tables.state, why }));
  const epoch = reader.u32() as Epoch;
  reader.end();
  return epoch;
}
