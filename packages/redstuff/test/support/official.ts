/** The official encoder, in Node.js and in pages alike, and what of ours differs from it. */
import { BlobEncoder } from '@mysten/walrus-wasm';
import { equalBytes } from '@floe/platform';
import {
  type Axis,
  blobIdFromBytes,
  encodeSliverData,
  type Geometry,
  type SliverPairIndex,
  sliverDataSize,
  sliverHash,
  sliverOfPair,
  sliverSize,
  symbolSizeOf,
} from '@floe/protocol';
import type { EncodedBlob } from '../../src/codec.ts';

interface OfficialMetadata {
  readonly blob_id: number[];
  readonly metadata: {
    readonly V1: {
      readonly hashes: readonly { primary_hash: { Digest: number[] }; secondary_hash: { Digest: number[] } }[];
    };
  };
}

/** Slivers as BCS in pair order, and metadata. */
export interface OfficialBlob {
  readonly slivers: Readonly<Record<Axis, readonly Uint8Array[]>>;
  readonly metadata: OfficialMetadata;
}

export function encodeOfficially(geometry: Geometry, blob: Uint8Array): OfficialBlob {
  const { nShards } = geometry;
  const symbolSize = symbolSizeOf(geometry, blob.length);
  const buffers = (axis: Axis) => {
    const size = sliverDataSize(sliverSize(geometry, axis, symbolSize));
    return Array.from({ length: nShards }, () => new Uint8Array(size));
  };
  const slivers = { primary: buffers('primary'), secondary: buffers('secondary') };
  const encoder = new BlobEncoder(nShards);
  try {
    const [metadata] = encoder.encode(blob, slivers.primary, slivers.secondary) as [OfficialMetadata, unknown];
    const [id] = encoder.compute_metadata(blob) as [number[]];
    if (!equalBytes(Uint8Array.from(id), Uint8Array.from(metadata.blob_id))) throw new Error('two official ids');
    return { slivers, metadata };
  } finally {
    encoder.free();
  }
}

/** What is not the same: the id, a sliver or its hash. Undefined when all is. */
export function differenceFrom(
  expected: OfficialBlob,
  { verified, sliver }: Pick<EncodedBlob, 'verified' | 'sliver'>,
): string | undefined {
  const { geometry, blobId } = verified;
  const expectedId = blobIdFromBytes(Uint8Array.from(expected.metadata.blob_id));
  if (blobId !== expectedId) return `the id is ${blobId}, not ${expectedId}`;
  for (let pair = 0; pair < geometry.nShards; pair += 1) {
    const hashes = expected.metadata.metadata.V1.hashes[pair];
    const digests = { primary: hashes?.primary_hash.Digest ?? [], secondary: hashes?.secondary_hash.Digest ?? [] };
    for (const axis of ['primary', 'secondary'] as const) {
      const index = sliverOfPair(geometry, axis, pair as SliverPairIndex);
      const bytes = encodeSliverData(sliver(axis, index));
      if (!equalBytes(bytes, expected.slivers[axis][pair] as Uint8Array)) return `${axis} sliver ${index} differs`;
      if (!equalBytes(sliverHash(verified, axis, index), Uint8Array.from(digests[axis]))) {
        return `the hash of ${axis} sliver ${index} differs`;
      }
    }
  }
  return undefined;
}
