/** What a writer that cheats would upload: slivers that all hash to the metadata, and are no encoding of any blob. */
import {
  type Axis,
  encodeBlobMetadata,
  geometryOf,
  metadataRoot,
  sealMetadata,
  type Sliver,
  type SliverPairIndex,
  sliverOfPair,
} from '@floe/protocol';
import { createInlineCodec } from '@floe/redstuff';

export interface InconsistentBlob {
  readonly blobId: string;
  readonly rootHash: Uint8Array;
  readonly size: number;
  /** BCS `BlobMetadata`. */
  readonly metadata: Uint8Array;
  readonly slivers: (axis: Axis, pair: number) => Sliver;
}

/** The encoding of `bytes`, in which one secondary sliver is that of other bytes, hash and all. */
export async function inconsistentBlob(nShards: number, bytes: Uint8Array): Promise<InconsistentBlob> {
  const codec = createInlineCodec();
  const geometry = geometryOf(nShards);
  const honest = await codec.encode(geometry, bytes);
  const other = await codec.encode(
    geometry,
    bytes.map((byte) => byte ^ 0x55),
  );
  await codec.close();
  const foreignPair = 1;
  const pairHashes = Uint8Array.from(honest.verified.metadata.pairHashes);
  const at = foreignPair * 64 + 32;
  pairHashes.set(other.verified.metadata.pairHashes.subarray(at, at + 32), at);
  const { blobId, metadata } = sealMetadata(geometry, { unencodedLength: bytes.length, pairHashes });
  return {
    blobId,
    rootHash: metadataRoot(metadata),
    size: bytes.length,
    metadata: encodeBlobMetadata(metadata),
    slivers: (axis, pair) => {
      const source = axis === 'secondary' && pair === foreignPair ? other : honest;
      return source.sliver(axis, sliverOfPair(geometry, axis, pair as SliverPairIndex));
    },
  };
}
