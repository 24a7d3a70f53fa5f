/**
 * A blob beyond 4 GiB, where offsets no longer fit 32 bits. The official encoder cannot hold it, so slivers from all over
 * it are checked one by one against the metadata, by code that the other oracle test holds against the official encoder.
 */
import { tmpdir } from 'node:os';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Axis, geometryOf, type Sliver, type SliverIndex, sliverSize } from '@floe/protocol';
import { createWorkerCodec, openScratchSpace } from '../../src/node/index.ts';
import type { BlobSource } from '../../src/stream/ports.ts';
import { Collector } from './helpers.ts';

const geometry = geometryOf(1000);
const sizeBytes = 4.5 * 1024 ** 3;
const codec = createWorkerCodec({ workers: 2 });
afterAll(() => codec.close());

/** Bytes that are different at every offset that two confused offsets could name. */
const source: BlobSource = {
  sizeBytes,
  async read(offset, into) {
    for (let at = 0; at < into.length;) {
      const page = Math.floor((offset + at) / 4096);
      const end = Math.min(into.length, (page + 1) * 4096 - offset);
      into.fill(page ^ (page >>> 8) ^ (page >>> 16), at, end);
      at = end;
    }
  },
};

it('encodes 4.5 GiB over 1,000 shards', { timeout: 3_600_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'floe-large-'));
  const space = await openScratchSpace({ directory });
  const wanted: Record<Axis, number[]> = { primary: [334, 700, 999], secondary: [0, 400, 666, 667, 999] };
  const collector = new Collector((axis, index) => wanted[axis].includes(index));
  try {
    const verified = await codec.encodeStream(geometry, source, collector, { scratch: space });
    const { symbolSize } = verified;
    const slivers: Sliver[] = [...collector.slivers].map(([name, data]) => {
      const [axis, index] = name.split(' ') as [Axis, string];
      return { axis, index: Number(index) as SliverIndex, symbolSize, data };
    });
    const rowSize = sliverSize(geometry, 'primary', symbolSize);
    for (const row of [0, 317, 333]) {
      const data = new Uint8Array(rowSize);
      await source.read(row * rowSize, data.subarray(0, Math.min(rowSize, sizeBytes - row * rowSize)));
      slivers.push({ axis: 'primary', index: row as SliverIndex, symbolSize, data });
    }
    expect(slivers).toHaveLength(11);
    for (const sliver of slivers) expect(await codec.verifySlivers(verified, [sliver])).toEqual(['ok']);
    expect(await readdir(directory)).toEqual([]);
  } finally {
    await space.close();
    await rm(directory, { recursive: true, force: true });
  }
});
