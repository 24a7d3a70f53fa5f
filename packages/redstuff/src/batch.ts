/**
 * Small blobs encoded together: those with symbols of one size stand side by side, so that one call extends the rows of
 * all of them, one the columns, and one hashes all symbols or a level of all trees. What a blob alone spends on set-up and
 * on short lanes, and on vectors that it cannot fill, is then shared.
 *
 * Only as many as share a second-level cache are taken at once. Blobs of which not even two fit, all of them at 1,000
 * shards, have enough lanes of their own and are encoded one after another.
 */
import type { CodeKernel } from '@floe/kernels';
import { type Geometry, HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES, symbolSizeOf } from '@floe/protocol';
import { type BlobLayout, blobLayout, isLeafTableWorth } from './blob-layout.ts';
import { setPaddingHashes } from './column-block.ts';
import { type EncodedParts, encodeSteps, pairHashSteps } from './encode.ts';
import { BATCH_SIZE_BYTES, MAX_BATCH_BLOBS } from './limits.ts';
import { paddingHashes } from './padding.ts';
import { perStep, type Steps } from './steps.ts';

/** What encoding adds to each blob; only hashes when no slivers are wanted. */
export interface BatchParts {
  readonly pairHashes: Uint8Array<ArrayBuffer>[];
  readonly repairPrimary: Uint8Array[];
  readonly secondary: Uint8Array[];
}

/** Encodes blobs, none of them too large. @throws OUT_OF_MEMORY */
export function* batchSteps(
  kernel: CodeKernel,
  geometry: Geometry,
  blobs: readonly Uint8Array[],
  wantSlivers: boolean,
): Steps<BatchParts> {
  const parts: BatchParts = { pairHashes: [], repairPrimary: [], secondary: [] };
  const put = (place: number, blobParts: Partial<EncodedParts>): void => {
    for (const kind of ['pairHashes', 'repairPrimary', 'secondary'] as const) {
      const bytes = blobParts[kind];
      if (bytes !== undefined) (parts[kind] as Uint8Array[])[place] = bytes;
    }
  };
  let done = 0;
  for (const [symbolSize, places] of bySymbolSize(geometry, blobs)) {
    const { nShards } = geometry;
    const atOnce = perStep(BATCH_SIZE_BYTES, nShards * nShards * (symbolSize + HASH_SIZE_BYTES), MAX_BATCH_BLOBS);
    for (let first = 0; first < places.length; first += atOnce) {
      const batch = places.slice(first, first + atOnce);
      const [only, second] = batch as [number, number | undefined];
      if (second === undefined) {
        const blob = blobs[only] as Uint8Array;
        const share = { from: done / blobs.length, size: 1 / blobs.length };
        if (wantSlivers) put(only, yield* within(encodeSteps(kernel, geometry, blob, undefined), share));
        else put(only, { pairHashes: yield* within(pairHashSteps(kernel, geometry, blob), share) });
      } else {
        const together = batch.map((place) => blobs[place] as Uint8Array);
        const results = encodeTogether(kernel, geometry, symbolSize, together, wantSlivers);
        results.forEach((result, i) => put(batch[i] as number, result));
      }
      done += batch.length;
      yield done / blobs.length;
    }
  }
  return parts;
}

/** Indices of blobs by the size of their symbols, in order. */
function bySymbolSize(geometry: Geometry, blobs: readonly Uint8Array[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  blobs.forEach((blob, place) => {
    const symbolSize = symbolSizeOf(geometry, blob.length);
    const group = groups.get(symbolSize);
    if (group === undefined) groups.set(symbolSize, [place]);
    else group.push(place);
  });
  return groups;
}

/** Steps whose progress is a share of the whole. */
function* within<T>(steps: Steps<T>, share: { readonly from: number; readonly size: number }): Steps<T> {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    yield share.from + share.size * next.value;
  }
}

/** What one batch works on: everything lies blob by blob, but for results of a code, which lie lane by lane. */
interface Batch {
  readonly kernel: CodeKernel;
  /** Of each blob. */
  readonly layouts: readonly BlobLayout[];
  /** Of the largest. */
  readonly layout: BlobLayout;
  readonly count: number;
  /** Rows before this one are not padding in all blobs; at least 1. */
  readonly usedRows: number;
}

interface Place {
  /** The used rows of each blob. */
  readonly matrix: number;
  /** What the row code makes of them, at (lane, blob, row). */
  readonly extension: number;
  /** All n columns of each blob: its secondary slivers. */
  readonly columns: number;
  /** What the column code makes of those, at (lane, blob, column). */
  readonly repair: number;
  readonly leaves: number;
  readonly nodes: number;
  readonly padding: number;
  readonly pairHashes: number;
  /** Repair primary slivers of each blob. */
  readonly repairPrimary: number;
}

function encodeTogether(
  kernel: CodeKernel,
  geometry: Geometry,
  symbolSize: number,
  blobs: readonly Uint8Array[],
  wantSlivers: boolean,
): Partial<EncodedParts>[] {
  const layouts = blobs.map((blob) => blobLayout(geometry, blob.length));
  const layout = layouts.reduce((most, next) => (next.blobSize > most.blobSize ? next : most));
  const batch = { kernel, layouts, layout, count: blobs.length, usedRows: Math.max(1, layout.usedRows) };
  const hashed = (geometry.nShards - geometry.rows + batch.usedRows) * geometry.nShards * blobs.length;
  if (isLeafTableWorth(symbolSize, hashed)) kernel.keepLeafTable();
  const padding = paddingHashes(geometry.nShards, symbolSize);
  const place = layOut(batch, padding.nodes.length, wantSlivers);
  kernel.bytes.set(padding.nodes, place.padding);
  extendRows(batch, blobs, place);
  extendColumns(batch, place, wantSlivers);
  hashAll(batch, place);
  return layouts.map((blobsLayout, blob) => {
    const pairHashes = copyOf(kernel, place.pairHashes, blob, geometry.nShards * PAIR_HASHES_SIZE_BYTES);
    setPaddingHashes(blobsLayout, padding.root, pairHashes);
    if (!wantSlivers) return { pairHashes };
    return {
      pairHashes,
      repairPrimary: copyOf(kernel, place.repairPrimary, blob, (geometry.nShards - geometry.rows) * layout.rowSize),
      secondary: copyOf(kernel, place.columns, blob, geometry.nShards * layout.columnSize),
    };
  });
}

function layOut({ kernel, layout, count, usedRows }: Batch, paddingSize: number, wantSlivers: boolean): Place {
  const { geometry, symbolSize, rowSize, columnSize, rowCode, columnCode } = layout;
  const { nShards: n } = geometry;
  const repairSize = columnCode.recoveryCount * count * n * symbolSize;
  const [matrix, extension, columns, repair, leaves, nodes, padding, pairHashes, repairPrimary] = kernel.layout(
    [
      count * usedRows * rowSize,
      rowCode.recoveryCount * count * usedRows * symbolSize,
      count * n * columnSize,
      repairSize,
      n * count * n * HASH_SIZE_BYTES,
      n * count * Math.ceil(n / 2) * HASH_SIZE_BYTES,
      paddingSize,
      count * n * PAIR_HASHES_SIZE_BYTES,
      wantSlivers ? repairSize : 0,
    ],
    rowCode,
    columnCode,
  ) as [number, number, number, number, number, number, number, number, number];
  return { matrix, extension, columns, repair, leaves, nodes, padding, pairHashes, repairPrimary };
}

/** Extends all rows and puts the columns of each blob one after another. */
function extendRows(batch: Batch, blobs: readonly Uint8Array[], place: Place): void {
  const { kernel, layout, layouts, count, usedRows } = batch;
  const { geometry, symbolSize, rowSize, columnSize, rowCode } = layout;
  const { nShards: n, columns } = geometry;
  const { bytes } = kernel;
  const blobSize = usedRows * rowSize;
  blobs.forEach((blob, i) => {
    const at = place.matrix + i * blobSize;
    bytes.set(blob, at);
    bytes.fill(0, at + blob.length, at + blobSize);
  });
  const runSize = usedRows * symbolSize;
  const used = Math.max(1, ...layouts.map(({ usedColumns }) => usedColumns));
  kernel.encode(
    rowCode,
    { symbolSize, slots: count * usedRows },
    Math.min(rowCode.sourceCount, used),
    { address: place.matrix, laneStep: symbolSize, slotStep: rowSize },
    { address: place.extension, laneStep: count * runSize, slotStep: symbolSize },
  );
  if (usedRows < geometry.rows) bytes.fill(0, place.columns, place.columns + count * n * columnSize);
  for (let blob = 0; blob < count; blob += 1) {
    const to = place.columns + blob * n * columnSize;
    kernel.copySymbols(
      { symbolSize, slots: usedRows },
      columns,
      { address: place.matrix + blob * blobSize, laneStep: symbolSize, slotStep: rowSize },
      { address: to, laneStep: columnSize, slotStep: symbolSize },
    );
    kernel.copySymbols(
      { symbolSize: runSize, slots: 1 },
      rowCode.recoveryCount,
      { address: place.extension + blob * runSize, laneStep: count * runSize, slotStep: 0 },
      { address: to + columns * columnSize, laneStep: columnSize, slotStep: 0 },
    );
  }
}

/** Extends all columns and takes the repair primary slivers of each blob out of the result. */
function extendColumns({ kernel, layout, count, usedRows }: Batch, place: Place, wantSlivers: boolean): void {
  const { geometry, symbolSize, rowSize, columnSize, columnCode } = layout;
  const { nShards: n } = geometry;
  const laneStep = count * n * symbolSize;
  kernel.encode(
    columnCode,
    { symbolSize, slots: count * n },
    usedRows,
    { address: place.columns, laneStep: symbolSize, slotStep: columnSize },
    { address: place.repair, laneStep, slotStep: symbolSize },
  );
  kernel.copySymbols(
    { symbolSize: rowSize, slots: count },
    wantSlivers ? columnCode.recoveryCount : 0,
    { address: place.repair, laneStep, slotStep: n * symbolSize },
    { address: place.repairPrimary, laneStep: rowSize, slotStep: columnCode.recoveryCount * rowSize },
  );
}

/** Hashes all symbols, then level by level all row trees, then all column trees. */
function hashAll({ kernel, layout, count, usedRows }: Batch, place: Place): void {
  const { geometry, symbolSize, columnSize } = layout;
  const { nShards: n, rows } = geometry;
  const { leaves, nodes } = place;
  const shape = { symbolSize, slots: count * n };
  const sources = { address: place.columns, laneStep: symbolSize, slotStep: columnSize };
  const targets = { address: place.repair, laneStep: count * n * symbolSize, slotStep: symbolSize };
  kernel.hashLeaves(shape, usedRows, sources, leaves);
  kernel.hashLeaves(shape, n - rows, targets, leaves + rows * count * n * HASH_SIZE_BYTES);
  let from = leaves;
  for (let length = n; length > 1; length = Math.ceil(length / 2)) {
    const skipped = rows * count * HASH_SIZE_BYTES;
    const parents = Math.ceil(length / 2);
    kernel.reduceRows(from, usedRows * count, length, nodes);
    kernel.reduceRows(from + skipped * length, (n - rows) * count, length, nodes + skipped * parents);
    from = nodes;
  }
  kernel.reduceColumns(leaves, n, count * n, { from: usedRows, to: rows, address: place.padding });
  // Pair by pair: the hash of primary sliver i, then that of secondary sliver n - 1 - i.
  const hashes = { symbolSize: HASH_SIZE_BYTES, slots: count };
  const steps = { laneStep: PAIR_HASHES_SIZE_BYTES, slotStep: n * PAIR_HASHES_SIZE_BYTES };
  for (const [first, end] of [
    [0, usedRows],
    [rows, n],
  ] as const) {
    kernel.copySymbols(
      hashes,
      end - first,
      {
        address: from + first * count * HASH_SIZE_BYTES,
        laneStep: count * HASH_SIZE_BYTES,
        slotStep: HASH_SIZE_BYTES,
      },
      { address: place.pairHashes + first * PAIR_HASHES_SIZE_BYTES, ...steps },
    );
  }
  kernel.copySymbols(
    hashes,
    n,
    { address: leaves, laneStep: HASH_SIZE_BYTES, slotStep: n * HASH_SIZE_BYTES },
    {
      address: place.pairHashes + (n - 1) * PAIR_HASHES_SIZE_BYTES + HASH_SIZE_BYTES,
      laneStep: -steps.laneStep,
      slotStep: steps.slotStep,
    },
  );
}

/** A blob's part of an area. */
function copyOf(kernel: CodeKernel, address: number, blob: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  return kernel.bytes.slice(address + blob * sizeBytes, address + (blob + 1) * sizeBytes);
}
