/** Ports of the streaming codec in memory, and what a stream gave compared with an encode in memory; for pages too. */
import { equalBytes } from '@floe/platform';
import type { Axis, Geometry, Sliver, SliverIndex } from '@floe/protocol';
import type { Codec, EncodedBlob } from '../../src/codec.ts';
import { systematicPrimaries } from '../../src/encoded-blob.ts';
import { createMemoryScratchSpace } from '../../src/stream/memory-scratch.ts';
import type { BlobSource, SliverRun, SliverSink } from '../../src/stream/ports.ts';

export function bytesSource(bytes: Uint8Array): BlobSource {
  return {
    sizeBytes: bytes.length,
    async read(offset, into) {
      if (offset + into.length > bytes.length) throw new Error('read beyond the end');
      into.set(bytes.subarray(offset, offset + into.length));
    },
  };
}

/** Puts runs together, and holds the sink's contract: each run follows the one before of its sliver. */
export class Collector implements SliverSink {
  readonly slivers = new Map<string, Uint8Array>();
  readonly wants: (axis: Axis, index: SliverIndex) => boolean;
  readonly #underWay = new Set<string>();

  constructor(wants: (axis: Axis, index: SliverIndex) => boolean = () => true) {
    this.wants = wants;
  }

  async write({ axis, index, offset, data }: SliverRun): Promise<void> {
    const name = `${axis} ${index}`;
    if (!this.wants(axis, index)) throw new Error(`${name} was not wanted`);
    if (this.#underWay.has(name)) throw new Error(`two runs of ${name} at once`);
    this.#underWay.add(name);
    await Promise.resolve();
    const before = this.slivers.get(name) ?? new Uint8Array(0);
    if (before.length !== offset) throw new Error(`a run of ${name} at ${offset} after ${before.length} bytes`);
    const joined = new Uint8Array(offset + data.length);
    joined.set(before);
    joined.set(data, offset);
    this.slivers.set(name, joined);
    this.#underWay.delete(name);
  }
}

/** A streamed encode's result in the form of one in memory. */
export async function encodeByStream(
  codec: Codec,
  geometry: Geometry,
  blob: Uint8Array,
): Promise<Pick<EncodedBlob, 'verified' | 'sliver'>> {
  const collector = new Collector();
  const scratch = createMemoryScratchSpace({ maxBytes: 2 ** 30 });
  const verified = await codec.encodeStream(geometry, bytesSource(blob), collector, { scratch, memorySizeBytes: 0 });
  const { symbolSize } = verified;
  const rows = systematicPrimaries(geometry, blob, symbolSize);
  return {
    verified,
    sliver(axis, index) {
      const data = (axis === 'primary' ? rows[index] : undefined) ?? collector.slivers.get(`${axis} ${index}`);
      if (data === undefined) throw new Error(`${axis} sliver ${index} did not come`);
      return { axis, index, symbolSize, data };
    },
  };
}

/** The blob from slivers of an encoded one, as a stream. */
export async function decodeByStream(
  codec: Codec,
  { verified }: Pick<EncodedBlob, 'verified'>,
  slivers: readonly Sliver[],
): Promise<Uint8Array> {
  const stored = slivers.map(({ axis, index, data }) => ({
    axis,
    index,
    async read(offset: number, into: Uint8Array) {
      into.set(data.subarray(offset, offset + into.length));
    },
  }));
  const blob = new Uint8Array(verified.metadata.unencodedLength);
  const scratch = createMemoryScratchSpace({ maxBytes: 2 ** 30 });
  let size = 0;
  for await (const piece of codec.decodeStream(verified, stored, { scratch, memorySizeBytes: 0 })) {
    blob.set(piece, size);
    size += piece.length;
  }
  return blob.subarray(0, size);
}

/** All slivers that are wanted, and no others, are those of an encode in memory. */
export function expectSame(collector: Collector, geometry: Geometry, encoded: EncodedBlob): void {
  let wanted = 0;
  for (const axis of ['primary', 'secondary'] as const) {
    for (let i = axis === 'primary' ? geometry.rows : 0; i < geometry.nShards; i += 1) {
      const index = i as SliverIndex;
      if (!collector.wants(axis, index)) continue;
      wanted += 1;
      const came = collector.slivers.get(`${axis} ${i}`);
      if (came === undefined) throw new Error(`${axis} sliver ${i} did not come`);
      if (!equalBytes(came, encoded.sliver(axis, index).data)) throw new Error(`${axis} sliver ${i} differs`);
    }
  }
  if (collector.slivers.size !== wanted) throw new Error(`${collector.slivers.size} slivers came of ${wanted}`);
}
