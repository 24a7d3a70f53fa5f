/** Where the upper part of the repair columns waits between the two passes over the source, row by row. */
import type { BlobLayout } from '../blob-layout.ts';
import type { Scratch } from './ports.ts';

export interface RepairColumns {
  /** Rows from `firstRow` on, of all repair columns. */
  put(firstRow: number, rows: Uint8Array): Promise<void>;
  /** Symbols of one row from repair column `firstColumn` on; columns are counted from the first repair column. */
  get(row: number, firstColumn: number, into: Uint8Array): Promise<void>;
}

/** Bytes of all repair columns. */
export function repairColumnsSize({ usedRows, symbolSize, rowCode }: BlobLayout): number {
  return usedRows * rowCode.recoveryCount * symbolSize;
}

export function scratchColumns({ symbolSize, rowCode }: BlobLayout, scratch: Scratch): RepairColumns {
  const rowSize = rowCode.recoveryCount * symbolSize;
  return {
    put: (firstRow, rows) => scratch.write(firstRow * rowSize, rows),
    get: (row, firstColumn, into) => scratch.read(row * rowSize + firstColumn * symbolSize, into),
  };
}

/** Keeps only columns [first, end), in `memory`, of {@link heldColumnsSize} bytes. */
export function heldColumns(layout: BlobLayout, first: number, end: number, memory: Uint8Array): RepairColumns {
  const { symbolSize, rowCode } = layout;
  const rowSize = rowCode.recoveryCount * symbolSize;
  const heldSize = (end - first) * symbolSize;
  return {
    async put(firstRow, rows) {
      for (let at = first * symbolSize, row = firstRow; at < rows.length; at += rowSize, row += 1) {
        memory.set(rows.subarray(at, at + heldSize), row * heldSize);
      }
    },
    async get(row, firstColumn, into) {
      const at = row * heldSize + (firstColumn - first) * symbolSize;
      into.set(memory.subarray(at, at + into.length));
    },
  };
}

export function heldColumnsSize({ usedRows, symbolSize }: BlobLayout, columns: number): number {
  return usedRows * symbolSize * columns;
}
