/**
 * The shape of the code for a number of shards (Walrus encoding rules: encoding configuration, pairs and rotation).
 *
 * A blob is a matrix of `rows` x `columns` symbols, expanded to n x n. Primary sliver i is row i with `columns` symbols,
 * secondary sliver j is column j with `rows` symbols. Pair p holds primary sliver p and secondary sliver n-1-p.
 * Weights are counts of shards, never of nodes.
 */
import { assert } from '@floe/platform';
import { errors } from './errors.ts';
import type { Axis, BlobId, ShardIndex, SliverIndex, SliverPairIndex } from './ids.ts';
import { MAX_SHARDS, MAX_SYMBOL_SIZE_BYTES, MIN_SHARDS } from './limits.ts';

export interface Geometry {
  readonly nShards: number;
  /** f = floor((n-1)/3): the most shards that may be Byzantine. */
  readonly maxFaulty: number;
  /** P = n-2f: rows of the matrix, symbols of a secondary sliver. */
  readonly rows: number;
  /** S = n-f: columns of the matrix, symbols of a primary sliver. */
  readonly columns: number;
}

const memo = new Map<number, Geometry>();

/**
 * The geometry for `nShards`; the same object for the same number.
 * @throws INVALID_SHARD_COUNT unless an integer in 4..1000.
 */
export function geometryOf(nShards: number): Geometry {
  const known = memo.get(nShards);
  if (known !== undefined) return known;
  if (!Number.isInteger(nShards) || nShards < MIN_SHARDS || nShards > MAX_SHARDS) {
    throw errors.INVALID_SHARD_COUNT({ nShards });
  }
  const maxFaulty = Math.floor((nShards - 1) / 3);
  const geometry = Object.freeze({ nShards, maxFaulty, rows: nShards - 2 * maxFaulty, columns: nShards - maxFaulty });
  memo.set(nShards, geometry);
  return geometry;
}

/**
 * Bytes of one symbol: the smallest even size with which the blob fits the matrix; 2 for an empty blob.
 * @throws BLOB_TOO_LARGE
 */
export function symbolSizeOf(geometry: Geometry, unencodedLength: number): number {
  assert(Number.isInteger(unencodedLength) && unencodedLength >= 0, 'a blob length is a whole number of bytes', {
    unencodedLength,
  });
  const maxBytes = maxBlobSize(geometry);
  if (unencodedLength > maxBytes) {
    throw errors.BLOB_TOO_LARGE({ sizeBytes: unencodedLength, maxBytes, nShards: geometry.nShards });
  }
  const bytesPerSymbol = Math.ceil(Math.max(unencodedLength, 1) / (geometry.rows * geometry.columns));
  return 2 * Math.ceil(bytesPerSymbol / 2);
}

/** Largest blob in bytes that these shards can hold. */
export function maxBlobSize(geometry: Geometry): number {
  return geometry.rows * geometry.columns * MAX_SYMBOL_SIZE_BYTES;
}

/** Symbols in one sliver of `axis`. */
export function symbolsPerSliver(geometry: Geometry, axis: Axis): number {
  return axis === 'primary' ? geometry.columns : geometry.rows;
}

/** How many distinct slivers of `axis` decode a blob; also the number of systematic ones (indices below it). */
export function sourceSymbols(geometry: Geometry, axis: Axis): number {
  return axis === 'primary' ? geometry.rows : geometry.columns;
}

/** Bytes of data in one sliver of `axis`. */
export function sliverSize(geometry: Geometry, axis: Axis, symbolSize: number): number {
  return symbolsPerSliver(geometry, axis) * symbolSize;
}

/** Bytes of metadata that every shard is charged for: two 32-byte hashes per pair and the blob id. */
export function metadataLength(geometry: Geometry): number {
  return 64 * geometry.nShards + 32;
}

/**
 * Bytes that are paid for: all slivers, and the metadata once per shard.
 * @throws BLOB_TOO_LARGE
 */
export function encodedLength(geometry: Geometry, unencodedLength: number): number {
  const symbolSize = symbolSizeOf(geometry, unencodedLength);
  return geometry.nShards * ((geometry.rows + geometry.columns) * symbolSize + metadataLength(geometry));
}

/** The sliver of `axis` in `pair`. */
export function sliverOfPair(geometry: Geometry, axis: Axis, pair: SliverPairIndex): SliverIndex {
  return (axis === 'primary' ? pair : geometry.nShards - 1 - pair) as number as SliverIndex;
}

/** The pair that holds `sliver` of `axis`. */
export function pairOfSliver(geometry: Geometry, axis: Axis, sliver: SliverIndex): SliverPairIndex {
  return (axis === 'primary' ? sliver : geometry.nShards - 1 - sliver) as number as SliverPairIndex;
}

/** The shard that stores `pair` of the blob. */
export function shardOfPair(geometry: Geometry, blobId: BlobId, pair: SliverPairIndex): ShardIndex {
  return ((pair + rotationOf(geometry, blobId)) % geometry.nShards) as ShardIndex;
}

/** The pair of the blob that `shard` stores. */
export function pairOfShard(geometry: Geometry, blobId: BlobId, shard: ShardIndex): SliverPairIndex {
  return ((geometry.nShards + shard - rotationOf(geometry, blobId)) % geometry.nShards) as SliverPairIndex;
}

/**
 * By how much a blob's pairs are rotated over the shards: its 32 bytes read **big-endian**, modulo n.
 * Folds the text six bits at a time, so that asking for every pair of a blob decodes no base64; the last
 * character carries four bits of the id and two zero bits.
 */
export function rotationOf(geometry: Geometry, blobId: BlobId): number {
  const n = geometry.nShards;
  let offset = 0;
  for (let i = 0; i < 42; i += 1) offset = (offset * 64 + sextet(blobId.charCodeAt(i))) % n;
  return (offset * 16 + (sextet(blobId.charCodeAt(42)) >> 2)) % n;
}

/** Value of one character of URL-safe base64. */
function sextet(code: number): number {
  if (code >= 97) return code - 71; // a-z
  if (code === 95) return 63; // _
  if (code >= 65) return code - 65; // A-Z
  if (code >= 48) return code + 4; // 0-9
  return 62; // -
}

/** More than 2f: enough to say that something is not there, or that a read is complete. */
export function isQuorum(geometry: Geometry, weight: number): boolean {
  return weight > 2 * geometry.maxFaulty;
}

/** At least n-f: what a client gathers for a certificate; always satisfies {@link chainQuorum}. */
export function isMinCorrect(geometry: Geometry, weight: number): boolean {
  return weight >= geometry.nShards - geometry.maxFaulty;
}

/** More than f: at least one honest shard is among them. */
export function isValidity(geometry: Geometry, weight: number): boolean {
  return weight > geometry.maxFaulty;
}

/** The ledger's quorum: 3w >= 2n + 1. Larger than {@link isQuorum} unless n = 3f + 1. */
export function chainQuorum(geometry: Geometry, weight: number): boolean {
  return 3 * weight >= 2 * geometry.nShards + 1;
}

/** The ledger's "one correct node": 3w >= n + 1. */
export function chainOneHonest(geometry: Geometry, weight: number): boolean {
  return 3 * weight >= geometry.nShards + 1;
}
