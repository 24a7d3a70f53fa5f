/**
 * Identifiers. Texts are canonical (two equal ids are equal strings, so they work as `Map` keys) and numbers are
 * branded so that what must not mix does not. Parse at the edge; inside, a `BlobId` is always valid.
 */
import { assert, fromBase64Url, fromHex, toBase64Url, toPrefixedHex } from '@floe/platform';
import { errors } from './errors.ts';

declare const brand: unique symbol;

/** Nominal type: a `Base` that only the functions of this package hand out (numbers may be cast with `as`). */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** 32 bytes as URL-safe base64 without padding: exactly 43 characters. */
export type BlobId = Branded<string, 'BlobId'>;

/** 32 bytes as `0x` and 64 lower-case hex digits. */
export type ObjectId = Branded<string, 'ObjectId'>;

/** The object id of a storage node's staking pool, which names the node. */
export type NodeId = ObjectId;

/** A Sui address; the same form as an object id. */
export type SuiAddress = ObjectId;

/** Number of an epoch, u32. An end epoch is always exclusive. */
export type Epoch = Branded<number, 'Epoch'>;

/** Shard, 0..n-1. */
export type ShardIndex = Branded<number, 'ShardIndex'>;

/** Row (primary) or column (secondary) of the expanded matrix, 0..n-1. */
export type SliverIndex = Branded<number, 'SliverIndex'>;

/** Sliver pair, 0..n-1: primary sliver p with secondary sliver n-1-p. */
export type SliverPairIndex = Branded<number, 'SliverPairIndex'>;

/** Amount of the storage token; 1 WAL = 10^9 FROST. */
export type Frost = Branded<bigint, 'Frost'>;

/** Which way a sliver lies: primary = row, secondary = column. */
export type Axis = 'primary' | 'secondary';

/** Both axes, in wire order (0 = primary, 1 = secondary). */
export const AXES: readonly [Axis, Axis] = ['primary', 'secondary'];

/** Size of blob and object ids in bytes. */
export const ID_SIZE_BYTES = 32;

/** The other axis. */
export function orthogonal(axis: Axis): Axis {
  return axis === 'primary' ? 'secondary' : 'primary';
}

/** @throws INVALID_BLOB_ID unless `text` is the canonical 43 characters. */
export function parseBlobId(text: string): BlobId {
  const bytes = text.length === 43 ? fromBase64Url(text) : undefined;
  if (bytes?.length !== ID_SIZE_BYTES) throw errors.INVALID_BLOB_ID({ text });
  return text as BlobId;
}

/** The blob id of its 32 bytes in stored order. */
export function blobIdFromBytes(bytes: Uint8Array): BlobId {
  assert(bytes.length === ID_SIZE_BYTES, 'a blob id has 32 bytes', { came: bytes.length });
  return toBase64Url(bytes) as BlobId;
}

/** The 32 bytes of a blob id in stored order. */
export function blobIdBytes(id: BlobId): Uint8Array {
  const bytes = fromBase64Url(id);
  assert(bytes?.length === ID_SIZE_BYTES, 'a BlobId is canonical', { id });
  return bytes;
}

/** The id as the ledger's `u256`: its bytes read little-endian. Not the number that the pair rotation uses. */
export function blobIdToU256(id: BlobId): bigint {
  return u256FromBytes(blobIdBytes(id));
}

/** @throws INVALID_BLOB_ID unless 0 <= `value` < 2^256. */
export function blobIdFromU256(value: bigint): BlobId {
  if (value < 0n || value >= 1n << 256n) throw errors.INVALID_BLOB_ID({ text: value.toString() });
  return blobIdFromBytes(u256Bytes(value));
}

/** 32 bytes read as a little-endian integer, as BCS does with `u256`. */
export function u256FromBytes(bytes: Uint8Array): bigint {
  assert(bytes.length === ID_SIZE_BYTES, 'a u256 has 32 bytes', { came: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, ID_SIZE_BYTES);
  const [low, high] = [0, 16].map((at) => view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n));
  return (low as bigint) | ((high as bigint) << 128n);
}

/** The little-endian 32 bytes of a `u256`. */
export function u256Bytes(value: bigint): Uint8Array {
  assert(value >= 0n && value < 1n << 256n, 'a u256 is from 0 to 2^256 - 1', { value });
  const bytes = new Uint8Array(ID_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0, rest = value; at < ID_SIZE_BYTES; at += 8, rest >>= 64n) view.setBigUint64(at, rest, true);
  return bytes;
}

/**
 * Accepts short forms (`0x6`), upper case and a missing `0x`.
 * @throws INVALID_OBJECT_ID
 */
export function parseObjectId(text: string): ObjectId {
  const digits = /^(?:0x)?([0-9a-fA-F]{1,64})$/.exec(text)?.[1];
  if (digits === undefined) throw errors.INVALID_OBJECT_ID({ text });
  return `0x${digits.toLowerCase().padStart(64, '0')}` as ObjectId;
}

/** The object id of its 32 bytes. */
export function objectIdFromBytes(bytes: Uint8Array): ObjectId {
  assert(bytes.length === ID_SIZE_BYTES, 'an object id has 32 bytes', { came: bytes.length });
  return toPrefixedHex(bytes) as ObjectId;
}

/** The 32 bytes of an object id. */
export function objectIdBytes(id: ObjectId): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== ID_SIZE_BYTES) assert(false, 'an ObjectId is canonical', { id });
  return bytes;
}
