/**
 * Positions in the ledger's order, and their opaque cursors. A position is (checkpoint, transaction, event); an item's
 * transaction and event count from 1, so that 0 stands before all of a checkpoint and {@link AFTER_ALL} after all.
 */
import { rpcErrors } from '../errors.ts';

export interface Position {
  readonly checkpoint: bigint;
  readonly transaction: number;
  readonly event: number;
}

const AFTER_ALL = 0xffff_ffff;
const CURSOR_VERSION = 1;
const CURSOR_BYTES = 17;

/** Before everything in a checkpoint. */
export function startOf(checkpoint: bigint): Position {
  return { checkpoint, transaction: 0, event: 0 };
}

/** After everything in a checkpoint; also the position of the checkpoint itself as an item. */
export function endOf(checkpoint: bigint): Position {
  return { checkpoint, transaction: AFTER_ALL, event: AFTER_ALL };
}

/** Of a transaction, or of one of its events, by indices that count from 0. */
export function positionOf(checkpoint: bigint, transactionIndex: number, eventIndex?: number): Position {
  return {
    checkpoint,
    transaction: transactionIndex + 1,
    event: eventIndex === undefined ? AFTER_ALL : eventIndex + 1,
  };
}

/** Negative, zero or positive, in the ledger's order. */
export function comparePositions(a: Position, b: Position): number {
  if (a.checkpoint !== b.checkpoint) return a.checkpoint < b.checkpoint ? -1 : 1;
  return a.transaction - b.transaction || a.event - b.event;
}

export function encodeCursor(position: Position): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CURSOR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, CURSOR_VERSION);
  view.setBigUint64(1, position.checkpoint);
  view.setUint32(9, position.transaction);
  view.setUint32(13, position.event);
  return bytes;
}

/** @throws RPC_INVALID_FIELD */
export function decodeCursor(field: string, cursor: Uint8Array | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  if (cursor.length !== CURSOR_BYTES || cursor[0] !== CURSOR_VERSION) {
    throw rpcErrors.RPC_INVALID_FIELD({ field, reason: 'it is not a cursor of this service' });
  }
  const view = new DataView(cursor.buffer, cursor.byteOffset);
  return { checkpoint: view.getBigUint64(1), transaction: view.getUint32(9), event: view.getUint32(13) };
}
