import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { geometryOf, maxBlobSize } from '../src/geometry.ts';
import { blobIdFromBytes, blobIdToU256, parseBlobId, type SliverIndex, u256FromBytes } from '../src/ids.ts';
import {
  type BlobMetadata,
  blobIdOf,
  decodeBlobMetadata,
  decodeMetadataWithId,
  encodeBlobMetadata,
  encodedMetadataSize,
  encodeMetadataWithId,
  metadataRoot,
  sealMetadata,
  sliverHash,
  verifyMetadata,
} from '../src/metadata.ts';
import { bytes, contracts, encoding, hex } from './support/vectors.ts';

type BlobVector = (typeof encoding.blobs)[number];

const complete = encoding.blobs.filter((blob) => blob.pairs.length === blob.n_shards);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const metadataOf = (blob: BlobVector): BlobMetadata => ({
  unencodedLength: blob.length,
  pairHashes: bytes(blob.pairs.map((pair) => pair.primary_hash + pair.secondary_hash).join('')),
});

describe('blobs of the official encoder', () => {
  it.each(complete)('n = $n_shards, $length bytes: root, id and bytes of the metadata', (blob) => {
    const metadata = metadataOf(blob);
    const id = parseBlobId(blob.blob_id_base64url);
    expect(hex(metadataRoot(metadata))).toBe(blob.root_hash);
    const sealed = sealMetadata(geometryOf(blob.n_shards), metadata);
    expect(sealed.blobId).toBe(id);
    expect(sealed.symbolSize).toBe(blob.symbol_size);
    expect(verifyMetadata(geometryOf(blob.n_shards), id, metadata)).toEqual(sealed);

    const encoded = encodeBlobMetadata(metadata);
    expect(encoded.length).toBe(blob.blob_metadata_bcs_length);
    expect(encodedMetadataSize(blob.n_shards)).toBe(encoded.length);
    expect(sha256(encoded)).toBe(blob.blob_metadata_bcs_sha256);
    expect(sha256(encodeMetadataWithId(id, metadata))).toBe(blob.blob_metadata_with_id_bcs_sha256);
    for (const pair of blob.pairs) {
      expect(hex(sliverHash(sealed, 'primary', pair.primary_sliver_index as SliverIndex))).toBe(pair.primary_hash);
      expect(hex(sliverHash(sealed, 'secondary', pair.secondary_sliver_index as SliverIndex))).toBe(
        pair.secondary_hash,
      );
    }
  });

  it.each(encoding.blobs)('n = $n_shards, $length bytes: the id follows from root and length', (blob) => {
    const id = blobIdOf({ rootHash: bytes(blob.root_hash), unencodedLength: blob.length });
    expect(id).toBe(blob.blob_id_base64url);
  });

  it('decodes the bytes that the official encoder made', () => {
    const plain = bytes(encoding.bcs.find(({ what }) => what.startsWith('BlobMetadata n=4'))?.bcs ?? '');
    const withId = bytes(encoding.bcs.find(({ what }) => what.startsWith('BlobMetadataWithId'))?.bcs ?? '');
    const { blobId, metadata } = decodeMetadataWithId(withId);
    expect(decodeBlobMetadata(plain)).toEqual(metadata);
    expect(encodeBlobMetadata(metadata)).toEqual(plain);
    expect(encodeMetadataWithId(blobId, metadata)).toEqual(withId);
    expect(verifyMetadata(geometryOf(4), blobId, metadata).symbolSize).toBe(2);
  });
});

it.each(contracts.blob_id)('the contract derives blob id $blob_id_hex', (vector) => {
  const id = blobIdOf({
    rootHash: bytes(vector.root_hash_hex),
    unencodedLength: BigInt(vector.size),
    encodingType: vector.encoding_type,
  });
  expect(id).toBe(blobIdFromBytes(bytes(vector.blob_id_hex)));
  expect(blobIdToU256(id)).toBe(BigInt(vector.blob_id_u256));
  expect(u256FromBytes(bytes(vector.root_hash_hex))).toBe(BigInt(vector.root_hash_u256));
});

describe('verifying', () => {
  const blob = complete.find(({ n_shards: n, length }) => n === 7 && length === 1000)!;
  const geometry = geometryOf(7);
  const id = parseBlobId(blob.blob_id_base64url);
  const metadata = metadataOf(blob);

  it('refuses any changed hash', () => {
    for (let at = 0; at < metadata.pairHashes.length; at += 31) {
      const pairHashes = metadata.pairHashes.slice();
      pairHashes[at]! ^= 1;
      expect(() => verifyMetadata(geometry, id, { ...metadata, pairHashes })).toThrow(
        'expected hashes that give this id',
      );
    }
  });

  it('refuses another length, though symbols would be as large', () => {
    expect(() => verifyMetadata(geometry, id, { ...metadata, unencodedLength: 1001 })).toThrow('metadata of blob');
  });

  it('refuses metadata for another number of shards', () => {
    expect(() => verifyMetadata(geometryOf(8), id, metadata)).toThrow('expected hashes of 8 sliver pairs, came 7');
  });

  it('refuses a length that no blob has', () => {
    const unencodedLength = maxBlobSize(geometry) + 1;
    expect(() => verifyMetadata(geometry, id, { ...metadata, unencodedLength })).toThrow(
      'expected a length of at most 983010 bytes, came 983011',
    );
  });

  it('refuses a hash of a sliver that does not exist, as a bug', () => {
    const verified = verifyMetadata(geometry, id, metadata);
    expect(() => sliverHash(verified, 'primary', 7 as SliverIndex)).toThrow('a sliver of this geometry');
  });
});

describe('decoding', () => {
  const encoded = encodeBlobMetadata(metadataOf(complete[0]!));
  const changed = (at: number, value: number) => {
    const copy = encoded.slice();
    copy[at] = value;
    return copy;
  };

  it.each([
    ['another version', 0, 1, 'expected the metadata version, one of V1, came tag 1'],
    ['the retired encoding', 1, 0, 'expected encoding type 1 (RS2), came 0'],
    ['an unknown encoding', 1, 2, 'expected encoding type 1 (RS2), came 2'],
    ['a length beyond 2^53', 9, 0xff, 'the unencoded length below 2^53'],
    ['more hashes than bytes', 10, 5, 'sliver pair hashes of at most 4 elements, came 5'],
    ['an empty node for a hash', 11, 0, 'expected hash tag 1 (a digest), came 0'],
  ])('refuses %s', (_what, at, value, message) => {
    expect(() => decodeBlobMetadata(changed(at, value))).toThrow(message);
  });

  it('allocates nothing for a count that is not backed by bytes', () => {
    const claim = Uint8Array.of(...encoded.subarray(0, 10), 0xff, 0xff, 0x03);
    expect(() => decodeBlobMetadata(claim)).toThrow('sliver pair hashes of at most 0 elements, came 65535');
  });
});
