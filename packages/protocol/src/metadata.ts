/**
 * Blob metadata: the two sliver hashes of every pair, from which the blob id follows (Walrus encoding rules: root hash
 * and blob id, BCS layouts). {@link VerifiedMetadata} is proof that the hashes belong to the id; only this file makes it.
 *
 * Hashes are digests here. The wire's `Empty` node is refused: no sliver hashes to it, so such a blob could never be
 * stored, and accepting it would only make two wire forms of one metadata.
 */
import { blake2b256Batch } from '@floe/kernels';
import { assert } from '@floe/platform';
import { type BcsReader, type BcsWriter, decodeBcs, encodeBcs, ulebSize } from './bcs.ts';
import { errors } from './errors.ts';
import { type Geometry, maxBlobSize, pairOfSliver, symbolSizeOf } from './geometry.ts';
import { blake2b256, HASH_SIZE_BYTES } from './hash.ts';
import { type Axis, type BlobId, blobIdBytes, blobIdFromBytes, ID_SIZE_BYTES, type SliverIndex } from './ids.ts';
import { MAX_LIST_ITEMS } from './limits.ts';
import { merkleRootOfHashes } from './merkle.ts';

/** The encoding type's byte: Reed-Solomon Red Stuff, the only one there is. */
export const ENCODING_TYPE_RS2 = 1;

/** Bytes of `pairHashes` per pair. */
export const PAIR_HASHES_SIZE_BYTES = 2 * HASH_SIZE_BYTES;

/** On the wire each of the two hashes has a tag byte. */
const WIRE_PAIR_SIZE_BYTES = 2 * (1 + HASH_SIZE_BYTES);
const DIGEST_TAG = 1;

export interface BlobMetadata {
  /** Bytes of the blob before encoding. */
  readonly unencodedLength: number;
  /** n x 64 bytes: primary hash ‖ secondary hash of pair 0, 1, … */
  readonly pairHashes: Uint8Array;
}

declare const verified: unique symbol;

/** Metadata that hashes to its blob id under its geometry. */
export interface VerifiedMetadata {
  readonly [verified]: true;
  readonly blobId: BlobId;
  readonly geometry: Geometry;
  readonly metadata: BlobMetadata;
  /** Bytes of one symbol. */
  readonly symbolSize: number;
}

/** BCS `BlobMetadata`: the body of `PUT …/metadata`. */
export function encodeBlobMetadata(metadata: BlobMetadata): Uint8Array {
  return encodeBcs((writer) => writeBlobMetadata(writer, metadata), metadataSize(metadata));
}

/** @throws INVALID_BCS */
export function decodeBlobMetadata(bytes: Uint8Array): BlobMetadata {
  return decodeBcs(bytes, 'blob metadata', readBlobMetadata);
}

/** BCS `BlobMetadataWithId`: the body of the answer to `GET …/metadata`. */
export function encodeMetadataWithId(blobId: BlobId, metadata: BlobMetadata): Uint8Array {
  return encodeBcs(
    (writer) => {
      writer.fixed(blobIdBytes(blobId));
      writeBlobMetadata(writer, metadata);
    },
    ID_SIZE_BYTES + metadataSize(metadata),
  );
}

/** The id is what the sender claims; check it with {@link verifyMetadata}. @throws INVALID_BCS */
export function decodeMetadataWithId(bytes: Uint8Array): { blobId: BlobId; metadata: BlobMetadata } {
  return decodeBcs(bytes, 'blob metadata with id', (reader) => {
    const blobId = blobIdFromBytes(reader.fixed(ID_SIZE_BYTES, 'a blob id'));
    return { blobId, metadata: readBlobMetadata(reader) };
  });
}

/** Bytes of {@link encodeBlobMetadata} for `nShards` shards: what a body limit needs. */
export function encodedMetadataSize(nShards: number): number {
  return 1 + 1 + 8 + ulebSize(nShards) + nShards * WIRE_PAIR_SIZE_BYTES;
}

/** Merkle root over the pairs' hashes (64 bytes per leaf), in pair order. */
export function metadataRoot(metadata: BlobMetadata): Uint8Array {
  const { pairHashes } = metadata;
  const count = pairHashes.length / PAIR_HASHES_SIZE_BYTES;
  assert(Number.isInteger(count) && count > 0, 'pair hashes are 64 bytes each', { sizeBytes: pairHashes.length });
  // A leaf is H(0x00 ‖ 64 bytes), which is what the batch kernel computes, two messages at a time.
  return merkleRootOfHashes(blake2b256Batch(pairHashes, PAIR_HASHES_SIZE_BYTES));
}

/**
 * H(encoding type ‖ length as u64le ‖ root). The ledger, which must answer for any u64 and any type byte that a
 * transaction names, passes them as they came.
 */
export function blobIdOf(parts: {
  readonly rootHash: Uint8Array;
  readonly unencodedLength: number | bigint;
  readonly encodingType?: number;
}): BlobId {
  assert(parts.rootHash.length === HASH_SIZE_BYTES, 'a root hash has 32 bytes', { came: parts.rootHash.length });
  const message = encodeBcs((writer) => {
    writer.u8(parts.encodingType ?? ENCODING_TYPE_RS2);
    writer.u64(parts.unencodedLength);
    writer.fixed(parts.rootHash);
  }, 41);
  return blobIdFromBytes(blake2b256(message));
}

/**
 * Checks that the metadata fits the geometry and hashes to `blobId`.
 * @throws INVALID_METADATA
 */
export function verifyMetadata(geometry: Geometry, blobId: BlobId, metadata: BlobMetadata): VerifiedMetadata {
  const pairs = metadata.pairHashes.length / PAIR_HASHES_SIZE_BYTES;
  if (pairs !== geometry.nShards) {
    throw errors.INVALID_METADATA({ blobId, expected: `hashes of ${geometry.nShards} sliver pairs`, came: `${pairs}` });
  }
  if (metadata.unencodedLength > maxBlobSize(geometry)) {
    throw errors.INVALID_METADATA({
      blobId,
      expected: `a length of at most ${maxBlobSize(geometry)} bytes`,
      came: `${metadata.unencodedLength}`,
    });
  }
  const sealed = sealMetadata(geometry, metadata);
  if (sealed.blobId !== blobId) {
    throw errors.INVALID_METADATA({ blobId, expected: 'hashes that give this id', came: `hashes of ${sealed.blobId}` });
  }
  return sealed;
}

/**
 * Verified metadata from hashes that the caller computed itself, as an encoder does: the id is what they give.
 * @throws BLOB_TOO_LARGE
 */
export function sealMetadata(geometry: Geometry, metadata: BlobMetadata): VerifiedMetadata {
  const expected = geometry.nShards * PAIR_HASHES_SIZE_BYTES;
  assert(metadata.pairHashes.length === expected, 'two hashes per shard', {
    expected,
    came: metadata.pairHashes.length,
  });
  const symbolSize = symbolSizeOf(geometry, metadata.unencodedLength);
  const blobId = blobIdOf({ rootHash: metadataRoot(metadata), unencodedLength: metadata.unencodedLength });
  return Object.freeze({ blobId, geometry, metadata, symbolSize }) as VerifiedMetadata;
}

/** The 32-byte hash that the sliver must have, as a view. */
export function sliverHash(verifiedMetadata: VerifiedMetadata, axis: Axis, sliver: SliverIndex): Uint8Array {
  const { geometry, metadata } = verifiedMetadata;
  assert(sliver >= 0 && sliver < geometry.nShards, 'a sliver of this geometry', { sliver, nShards: geometry.nShards });
  const pair = pairOfSliver(geometry, axis, sliver);
  const at = pair * PAIR_HASHES_SIZE_BYTES + (axis === 'primary' ? 0 : HASH_SIZE_BYTES);
  return metadata.pairHashes.subarray(at, at + HASH_SIZE_BYTES);
}

function metadataSize(metadata: BlobMetadata): number {
  return encodedMetadataSize(metadata.pairHashes.length / PAIR_HASHES_SIZE_BYTES);
}

function writeBlobMetadata(writer: BcsWriter, metadata: BlobMetadata): void {
  const { pairHashes, unencodedLength } = metadata;
  assert(pairHashes.length % PAIR_HASHES_SIZE_BYTES === 0, 'pair hashes are 64 bytes each', {
    size: pairHashes.length,
  });
  writer.uleb(0).u8(ENCODING_TYPE_RS2).u64(unencodedLength);
  writer.uleb(pairHashes.length / PAIR_HASHES_SIZE_BYTES);
  for (let at = 0; at < pairHashes.length; at += HASH_SIZE_BYTES) {
    writer.u8(DIGEST_TAG).fixed(pairHashes.subarray(at, at + HASH_SIZE_BYTES));
  }
}

function readBlobMetadata(reader: BcsReader): BlobMetadata {
  reader.variant(['V1'], 'the metadata version');
  const encodingType = reader.u8('the encoding type');
  if (encodingType !== ENCODING_TYPE_RS2) {
    reader.fail(`encoding type ${ENCODING_TYPE_RS2} (RS2)`, `${encodingType}`, reader.offset - 1);
  }
  const unencodedLength = reader.u64Number('the unencoded length');
  const count = reader.count(WIRE_PAIR_SIZE_BYTES, MAX_LIST_ITEMS, 'sliver pair hashes');
  const pairHashes = new Uint8Array(count * PAIR_HASHES_SIZE_BYTES);
  for (let at = 0; at < pairHashes.length; at += HASH_SIZE_BYTES) {
    const tag = reader.uleb('a hash tag');
    if (tag !== DIGEST_TAG) reader.fail(`hash tag ${DIGEST_TAG} (a digest)`, `${tag}`, reader.offset - 1);
    pairHashes.set(reader.fixed(HASH_SIZE_BYTES, 'a hash'), at);
  }
  return { unencodedLength, pairHashes };
}
