/** The official encoder (`@mysten/walrus-wasm`) behind the calls that the codec benchmark compares. */
import {
  encodeSliverData,
  type Geometry,
  type SliverIndex,
  sliverDataSize,
  sliverSize,
  symbolSizeOf,
} from '@floe/protocol';
import type { Axis } from '@floe/protocol';
import { BlobEncoder } from '@mysten/walrus-wasm';

/** Everything prepared that the official encoder wants from its caller, so that only its own work is timed. */
export class Official {
  readonly #encoder: BlobEncoder;
  readonly #buffers: Readonly<Record<Axis, Uint8Array[]>>;
  readonly #output: Uint8Array;

  /** @param forSlivers - whether to make buffers for all slivers, which `encode` fills */
  constructor(geometry: Geometry, sizeBytes: number, forSlivers: boolean) {
    this.#encoder = new BlobEncoder(geometry.nShards);
    const symbolSize = symbolSizeOf(geometry, sizeBytes);
    const buffers = (axis: Axis) => {
      const size = sliverDataSize(sliverSize(geometry, axis, symbolSize));
      return Array.from({ length: forSlivers ? geometry.nShards : 0 }, () => new Uint8Array(size));
    };
    this.#buffers = { primary: buffers('primary'), secondary: buffers('secondary') };
    this.#output = new Uint8Array(sizeBytes);
  }

  /** All slivers, copied into the caller's buffers, and the metadata. */
  encode(blob: Uint8Array): void {
    this.#encoder.encode(blob, this.#buffers.primary, this.#buffers.secondary);
  }

  blobId(blob: Uint8Array): void {
    this.#encoder.compute_metadata(blob);
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
