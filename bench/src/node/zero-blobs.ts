/**
 * Blobs of zeros, as many as wanted: each a byte longer than the one before, so that all have ids of their own. Every sliver of such a blob is zeros
 * too, and all blobs of one symbol size have the same hashes: 100 GB of them cost a few encodes.
 */
import {
  AXES,
  type Axis,
  encodeBatchEnd,
  type Epoch,
  type Geometry,
  geometryOf,
  pairOfShard,
  sealMetadata,
  type ShardIndex,
  sliverDataEnds,
  sliverDataSize,
  sliverFrameHeader,
  type SliverPairIndex,
  sliverOfPair,
  sliverSize,
  symbolSizeOf,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';

export const GEOMETRY: Geometry = geometryOf(100);
/** The shards of the node that is measured. */
export const OWN_SHARDS: readonly ShardIndex[] = Array.from({ length: 10 }, (_, shard) => shard as ShardIndex);
/** The epoch in which all are stored, and the one that begins when half of them end. */
export const FIRST_EPOCH = 5 as Epoch;
export const SECOND_EPOCH = 6 as Epoch;

const SMALLEST_BYTES = 16 * 2 ** 20;
const EXTENDED_TO = 20 as Epoch;

/** How many it takes until the node's slivers have so many bytes. */
export function blobsFor(bytes: number): number {
  const symbolSize = symbolSizeOf(GEOMETRY, SMALLEST_BYTES);
  const ofAxis = (axis: Axis): number => sliverDataSize(sliverSize(GEOMETRY, axis, symbolSize));
  return Math.ceil(bytes / (OWN_SHARDS.length * (ofAxis('primary') + ofAxis('secondary'))));
}

/** Every other one ends with the first epoch, the others in the course of several. */
export function endEpochOf(blob: number): Epoch {
  return blob % 2 === 0 ? SECOND_EPOCH : ((10 + ((blob >> 1) % 8)) as Epoch);
}

/** One in 32 of those that would end with the first epoch was extended. */
export function extensionOf(blob: number): Epoch | undefined {
  return blob % 64 === 0 ? EXTENDED_TO : undefined;
}

export function outlivesFirstEpoch(blob: number): boolean {
  return (extensionOf(blob) ?? endEpochOf(blob)) > SECOND_EPOCH;
}

export class ZeroBlobs {
  readonly #codec: Codec;
  /** By symbol size. */
  readonly #pairHashes = new Map<number, Uint8Array>();

  constructor(modules: { readonly codec: Codec }) {
    this.#codec = modules.codec;
  }

  async metadataOf(blob: number): Promise<VerifiedMetadata> {
    const unencodedLength = SMALLEST_BYTES + blob;
    const symbolSize = symbolSizeOf(GEOMETRY, unencodedLength);
    let pairHashes = this.#pairHashes.get(symbolSize);
    if (pairHashes === undefined) {
      const encoded = await this.#codec.computeMetadata(GEOMETRY, new Uint8Array(unencodedLength));
      pairHashes = encoded.metadata.pairHashes;
      this.#pairHashes.set(symbolSize, pairHashes);
    }
    return sealMetadata(GEOMETRY, { unencodedLength, pairHashes });
  }
}

/** The pairs of a blob that the node keeps. */
export function ownPairs({ blobId }: VerifiedMetadata): SliverPairIndex[] {
  return OWN_SHARDS.map((shard) => pairOfShard(GEOMETRY, blobId, shard));
}

/** The frames of a batch with all slivers of the blob that the node keeps, and how many there are. */
export function ownSlivers(verified: VerifiedMetadata): { readonly count: number; body(): AsyncGenerator<Uint8Array> } {
  const { symbolSize } = verified;
  const pairs = ownPairs(verified);
  return {
    count: AXES.length * pairs.length,
    async *body() {
      for (const axis of AXES) {
        const sizeBytes = sliverSize(GEOMETRY, axis, symbolSize);
        for (const pair of pairs) {
          const { head, tail } = sliverDataEnds({ symbolSize, index: sliverOfPair(GEOMETRY, axis, pair) }, sizeBytes);
          yield sliverFrameHeader(axis, pair, sliverDataSize(sizeBytes));
          yield head;
          yield zeros(sizeBytes);
          yield tail;
        }
      }
      yield encodeBatchEnd(AXES.length * pairs.length);
    },
  };
}

/** Memory for as many slivers as are wanted at once, used again and again. */
export class SliverBuffers {
  readonly #buffers: Uint8Array[] = [];

  /** BCS `SliverData`, in the buffer at `at`: the one given for it before is no more. */
  sliver(at: number, { symbolSize }: VerifiedMetadata, axis: Axis, pair: SliverPairIndex): Uint8Array {
    const sizeBytes = sliverSize(GEOMETRY, axis, symbolSize);
    const { head, tail } = sliverDataEnds({ symbolSize, index: sliverOfPair(GEOMETRY, axis, pair) }, sizeBytes);
    const size = head.length + sizeBytes + tail.length;
    const known = this.#buffers[at];
    const buffer = known?.length === size ? known : new Uint8Array(size);
    this.#buffers[at] = buffer;
    // Between them it is as it was made.
    buffer.set(head, 0);
    buffer.set(tail, head.length + sizeBytes);
    return buffer;
  }
}

let allZeros = new Uint8Array(0);

/** Of an array that all share. */
function zeros(size: number): Uint8Array {
  if (allZeros.length < size) allZeros = new Uint8Array(size);
  return allZeros.subarray(0, size);
}
