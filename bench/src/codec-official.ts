/** The official encoder (`@mysten/walrus-wasm`) behind the calls that the codec benchmark compares. */
import { equalBytes } from '@floe/platform';
import {
  AXES,
  type Axis,
  decodeSliverData,
  encodeSliverData,
  type Geometry,
  type SliverIndex,
  type SliverPairIndex,
  sliverDataSize,
  sliverOfPair,
  sliverSize,
  symbolSizeOf,
} from '@floe/protocol';
import type { SliverMemory } from '@floe/redstuff';
import { BlobEncoder } from '@mysten/walrus-wasm';

/** Everything prepared that the official encoder wants from its caller, so that only its own work is timed. */
export class Official {
  readonly #encoder: BlobEncoder;
  readonly #buffers: Readonly<Record<Axis, Uint8Array[]>>;
  readonly #output: Uint8Array;
  readonly #geometry: Geometry;

  /** @param forSlivers - whether to make buffers for all slivers, which `encode` fills */
  constructor(geometry: Geometry, sizeBytes: number, forSlivers: boolean) {
    this.#geometry = geometry;
    this.#encoder = new BlobEncoder(geometry.nShards);
    const symbolSize = symbolSizeOf(geometry, sizeBytes);
    const buffers = (axis: Axis) => {
      const size = sliverDataSize(sliverSize(geometry, axis, symbolSize));
      return Array.from({ length: forSlivers ? geometry.nShards : 0 }, () => new Uint8Array(size));
    };
    this.#buffers = { primary: buffers('primary'), secondary: buffers('secondary') };
    this.#output = new Uint8Array(sizeBytes);
  }

  /** All slivers, copied into the caller's buffers, and the metadata. Gives its root hash. */
  encode(blob: Uint8Array): Uint8Array {
    const { primary, secondary } = this.#buffers;
    const [, root] = this.#encoder.encode(blob, primary, secondary) as [unknown, { readonly Digest: number[] }];
    return Uint8Array.from(root.Digest);
  }

  /** The 32 bytes of the id. */
  blobId(blob: Uint8Array): Uint8Array {
    const [id] = this.#encoder.compute_metadata(blob) as [number[]];
    return Uint8Array.from(id);
  }

  /** Whether a sliver of the last {@link encode} is not as ours in `memory`, and which. */
  difference(memory: SliverMemory): string | undefined {
    const { nShards } = this.#geometry;
    for (const axis of AXES) {
      const size = memory[axis].length / nShards;
      for (let pair = 0; pair < nShards; pair += 1) {
        const index = sliverOfPair(this.#geometry, axis, pair as SliverPairIndex);
        const data = memory[axis].subarray(index * size, (index + 1) * size);
        const expected = decodeSliverData(this.#buffers[axis][pair] as Uint8Array, axis);
        if (!equalBytes(data, expected.data)) return `${axis} sliver ${index} differs from the official one`;
      }
    }
    return undefined;
  }

  /** From primary slivers as {@link officialSlivers} gives them; the id is not looked at. */
  decode(slivers: Uint8Array[]): Uint8Array {
    this.#encoder.decode(new Uint8Array(32), BigInt(this.#output.length), slivers, this.#output);
    return this.#output;
  }

  close(): void {
    this.#encoder.free();
  }
}

/** Primary slivers in the form that the official decoder takes. */
export function officialSlivers(
  slivers: readonly { axis: Axis; index: SliverIndex; symbolSize: number; data: Uint8Array }[],
): Uint8Array[] {
  return slivers.map((sliver) => encodeSliverData(sliver));
}
