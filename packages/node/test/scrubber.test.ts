/** Every bad byte is found, set aside, and asked to be healed. */
import { noMetrics, silentLogger } from '@floe/platform';
import {
  createMemoryFileSystem,
  createMemoryStore,
  createVirtualTime,
  type MemoryFileSystem,
} from '@floe/platform/memory';
import { AXES, type BlobId, encodeSliverData, type Epoch, pairOfShard, sliverOfPair } from '@floe/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../src/limits.ts';
import { MetadataStore } from '../src/metadata-store.ts';
import { BlobRegistry } from '../src/registry/blob-registry.ts';
import { Scrubber } from '../src/scrubber.ts';
import type { SegmentLog } from '../src/segment-log/segment-log.ts';
import type { SliverKey } from '../src/sliver-store.ts';
import { type Blob, codec, digestOf, geometry, makeBlob, OWN_SHARDS, registered } from './node-harness.ts';
import { directory, openLog } from './segment-log-harness.ts';

let blobs: Blob[];

beforeAll(async () => {
  blobs = await Promise.all([makeBlob(3000, 1), makeBlob(3000, 2), makeBlob(10, 3)]);
});

function keysOf(blob: Blob): SliverKey[] {
  return OWN_SHARDS.flatMap((shard) => AXES.map((axis) => ({ blobId: blob.id, shard, axis })));
}

function bytesOf(blob: Blob, { shard, axis }: SliverKey): Uint8Array {
  return encodeSliverData(
    blob.encoded.sliver(axis, sliverOfPair(geometry, axis, pairOfShard(geometry, blob.id, shard))),
  );
}

async function startScrubber(limits: Partial<typeof defaultLimits> = {}) {
  const fileSystem = createMemoryFileSystem();
  const store = createMemoryStore();
  const time = createVirtualTime({ startMs: 0 });
  const slivers = await openLog(fileSystem, store);
  const metadata = new MetadataStore(
    { directory, limits: { ...defaultLimits, reserveBytes: 0 } },
    { store, fileSystem },
  );
  const registry = new BlobRegistry({ store });
  const events = blobs.map((blob, eventSeq) => ({ event: registered(blob), txDigest: digestOf(0n), eventSeq }));
  await registry.apply({ sequence: 0n, timestampMs: 0, events });
  for (const blob of blobs) {
    await metadata.put(blob.encoded.verified);
    for (const key of keysOf(blob)) await slivers.put(key, bytesOf(blob, key), 20 as Epoch);
  }
  const requested: BlobId[] = [];
  slivers.whenDamaged((blobId) => void requested.push(blobId));
  const modules = {
    registry,
    metadata,
    slivers,
    codec,
    store,
    clock: time,
    scheduler: time,
    committees: { geometry },
    healing: { request: (blobId: BlobId) => void requested.push(blobId) },
    metrics: noMetrics,
    logger: silentLogger,
  };
  const open = (): Scrubber => new Scrubber({ limits: { ...defaultLimits, ...limits } }, modules);
  const { signal } = new AbortController();
  const scrubber = open();
  const pass = (): Promise<void> => time.run(scrubber.pass(signal));
  return { fileSystem, store, slivers, metadata, requested, scrubber, pass, open, time, signal };
}

function count(slivers: SegmentLog): number {
  return blobs.flatMap(keysOf).filter((key) => slivers.has(key)).length;
}

async function sizes(fileSystem: MemoryFileSystem): Promise<[path: string, size: number][]> {
  const names = await fileSystem.list(directory);
  return Promise.all(
    names.map(async (name) => {
      const handle = await fileSystem.open(`${directory}/${name}`, 'read');
      return [`${directory}/${name}`, await handle.size()];
    }),
  );
}

describe('a scrubber', () => {
  it('finds nothing in a healthy store, and says when it has seen everything', async () => {
    const { scrubber, pass, requested, slivers } = await startScrubber();
    await pass();
    await pass();
    expect(requested).toEqual([]);
    expect(count(slivers)).toBe(18);
    expect(scrubber.status()).toMatchObject({ passes: 2, bytes: 0, bad: 0 });
    expect(scrubber.status().lastPass).toBeDefined();
  });

  it('finds rot anywhere in a record: what it hit is set aside and asked for, all else is kept', async () => {
    const { fileSystem } = await startScrubber();
    const places = (await sizes(fileSystem)).flatMap(([path, size]) =>
      // Past the segment's header, which damages no sliver.
      Array.from({ length: Math.floor((size - 64) / 41) }, (_, at) => [path, 64 + at * 41] as const),
    );
    expect(places.length).toBeGreaterThan(100);
    for (const [path, offset] of places) {
      const damaged = await startScrubber();
      damaged.fileSystem.flipBit(path, offset);
      await damaged.pass();
      expect([path, offset, damaged.requested.length, count(damaged.slivers)]).toEqual([path, offset, 1, 17]);
      expect(damaged.slivers.status().damaged).toBe(1);
      await damaged.pass();
      expect(damaged.requested.length).toBe(1);
    }
  });

  it('sets aside what the disk cannot read, asks for it, and goes on to the end', async () => {
    const { fileSystem, slivers, requested, scrubber, pass } = await startScrubber();
    const [[path]] = (await sizes(fileSystem)) as [[string, number]];
    fileSystem.breakPage(path, 600);
    await pass();
    const { passes, lastPass } = scrubber.status();
    expect([passes, lastPass === undefined]).toEqual([1, false]);
    expect(requested.length).toBeGreaterThan(0);
    expect(count(slivers)).toBe(18 - requested.length);
    expect(slivers.status().damaged).toBe(requested.length);
    await pass();
    expect(count(slivers)).toBe(18 - slivers.status().damaged);
  });

  it('finds a sliver that is whole and not the right one', async () => {
    const { slivers, requested, pass } = await startScrubber();
    const [blob, other] = [blobs[0] as Blob, blobs[1] as Blob];
    const key = keysOf(blob)[3] as SliverKey;
    const swapped = { ...key, blobId: other.id };
    for (const [target, bytes] of [
      [key, bytesOf(other, swapped)],
      [swapped, new Uint8Array(7)],
    ] as const) {
      await slivers.remove([target]);
      await slivers.put(target, bytes, 20 as Epoch);
    }
    await pass();
    expect(new Set(requested)).toEqual(new Set([blob.id, other.id]));
    expect([slivers.has(key), slivers.has(swapped), count(slivers)]).toEqual([false, false, 16]);
  });

  it('asks for metadata that are gone or damaged', async () => {
    const { metadata, store, requested, pass, open, time, signal } = await startScrubber();
    await metadata.remove([(blobs[0] as Blob).id]);
    await pass();
    expect(requested).toEqual([(blobs[0] as Blob).id]);
    const [key] = Array.from(store.entries('metadata'), ([each]) => each);
    store.corrupt('metadata', key as Uint8Array);
    // Another one, as metadata stay in the cache of the first.
    await time.run(open().pass(signal));
    expect(requested.length).toBeGreaterThan(1);
  });

  it('asks for slivers whose index rows are damaged, and sees those behind them', async () => {
    const { store, requested, pass, scrubber } = await startScrubber();
    for (const [key] of [...store.entries('slivers')].slice(2, 4)) store.corrupt('slivers', key);
    await pass();
    expect(requested.length).toBe(2);
    expect(scrubber.status().passes).toBe(1);
  });

  it('keeps to its rate', async () => {
    const rate = 1000;
    const limits = { scrubMinBytesPerSecond: rate, scrubMaxBytesPerSecond: rate };
    const { pass, slivers, time } = await startScrubber(limits);
    await pass();
    expect(time.nowMs()).toBeCloseTo((slivers.status().liveBytes / rate) * 1000, -1);
  });

  it('goes on where it was when it was stopped', async () => {
    const { scrubber, open, time } = await startScrubber();
    const stop = new AbortController();
    const running = scrubber.run(stop.signal);
    await time.advance(1);
    stop.abort(new Error('closing'));
    await running;
    const again = open();
    expect(again.status().passes).toBe(scrubber.status().passes);
  });
});
