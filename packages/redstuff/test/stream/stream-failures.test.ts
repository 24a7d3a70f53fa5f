import { afterAll, describe, expect, it } from 'vitest';
import { deferred, FloeError } from '@floe/platform';
import { createMemoryFileSystem, type MemoryFileSystem } from '@floe/platform/memory';
import { geometryOf, maxBlobSize } from '@floe/protocol';
import type { Codec } from '../../src/codec.ts';
import { createInlineCodec } from '../../src/inline-codec.ts';
import { InlineRunner } from '../../src/inline-runner.ts';
import { createJobCodec } from '../../src/job-codec.ts';
import { createWorkerCodec, spawnThread, yieldToEventLoop } from '../../src/node/worker-codec.ts';
import { openFileScratchSpace } from '../../src/stream/file-scratch.ts';
import { openFileSourceOn } from '../../src/stream/file-source.ts';
import type { BlobSource, SliverSink } from '../../src/stream/ports.ts';
import { WorkerPool } from '../../src/worker-pool.ts';
import { seededBytes } from '../helpers.ts';
import { bytesSource, Collector, expectSame } from './helpers.ts';

const geometry = geometryOf(100);
const blob = seededBytes(400_000, 5);
const inline = createInlineCodec({ pause: yieldToEventLoop });
const pooled = createWorkerCodec({ workers: 2 });
afterAll(async () => {
  await inline.close();
  await pooled.close();
});

async function spaceOn(fileSystem: MemoryFileSystem) {
  const processes = { own: 'me', isAlive: () => true };
  return await openFileScratchSpace({ directory: '/scratch' }, { fileSystem, processes });
}

interface Attempt {
  readonly codec?: Codec;
  readonly source?: BlobSource;
  readonly sink?: SliverSink;
  readonly fileSystem?: MemoryFileSystem;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

/** A streamed encode of which nothing is left behind, however it ends. */
async function encode({ codec = pooled, source = bytesSource(blob), sink = new Collector(), ...rest }: Attempt) {
  const { fileSystem = createMemoryFileSystem(), ...options } = rest;
  const scratch = await spaceOn(fileSystem);
  try {
    return await codec.encodeStream(geometry, source, sink, { ...options, scratch, memorySizeBytes: 0 });
  } finally {
    expect(await fileSystem.list('/scratch')).toEqual([]);
  }
}

/** A source on which `then` happens when so many bytes have been read. */
function sourceUntil(sizeBytes: number, then: () => Promise<void> | void): BlobSource {
  const source = bytesSource(blob);
  let read = 0;
  return {
    ...source,
    async read(offset, into) {
      if (read + into.length > sizeBytes) await then();
      read += into.length;
      await source.read(offset, into);
    },
  };
}

/** Failures in the first pass over the source, and in the second. */
const MOMENTS = [0, blob.length / 2, blob.length * 1.5];

describe.each([
  ['in the calling thread', inline],
  ['on workers', pooled],
] as const)('a streamed encode that fails, %s', (_name, codec) => {
  it.each(MOMENTS)('because its source fails after %i bytes', async (moment) => {
    const source = sourceUntil(moment, () => Promise.reject(new Error('the disk is gone')));
    await expect(encode({ codec, source })).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      kind: 'internal',
      message: expect.stringContaining('the disk is gone'),
    });
  });

  it.each(MOMENTS)('because it is given up after %i bytes', async (moment) => {
    const stop = new AbortController();
    const source = sourceUntil(moment, () => stop.abort(new Error('enough')));
    await expect(encode({ codec, source, signal: stop.signal })).rejects.toThrow('enough');
  });

  it('because its sink fails', async () => {
    let underWay = 0;
    const sink: SliverSink = {
      async write({ axis, index }) {
        underWay += 1;
        await yieldToEventLoop();
        underWay -= 1;
        if (axis === 'secondary' && index === 42) throw new Error('no such shard');
      },
    };
    await expect(encode({ codec, sink })).rejects.toMatchObject({
      code: 'SINK_FAILED',
      data: { axis: 'secondary', index: 42, reason: 'no such shard' },
    });
    expect(underWay).toBe(0);
  });

  it('because the scratch is full, at the start or later', async () => {
    await expect(
      encode({ codec, fileSystem: createMemoryFileSystem({ capacityBytes: 150_000 }) }),
    ).rejects.toMatchObject({ code: 'SCRATCH_FULL', kind: 'exhausted' });
    const fileSystem = createMemoryFileSystem({ capacityBytes: 1e9 });
    const source = sourceUntil(blob.length / 2, () => fileSystem.setCapacity(100_000));
    await expect(encode({ codec, source, fileSystem })).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
  });

  it.each(['write', 'read'] as const)('because a %s of the scratch fails', async (operation) => {
    const fileSystem = createMemoryFileSystem();
    fileSystem.failNext(operation, 1, 'scratch');
    await expect(encode({ codec, fileSystem })).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});

describe('a streamed encode', () => {
  it.each([
    ['shrinks', -1000],
    ['grows', 1],
    ['is written to', 0],
  ])('refuses a file that %s meanwhile', async (_what, growth) => {
    const fileSystem = createMemoryFileSystem();
    const file = await fileSystem.open('/blob', 'create');
    await file.write([blob], 0);
    const source = await openFileSourceOn('/blob', { fileSystem });
    for (const moment of MOMENTS) {
      const changing = sourceUntil(moment, async () => {
        if (growth === 0) await file.write([new Uint8Array(1)], 5);
        else await file.truncate(blob.length + growth);
      });
      const read: BlobSource = {
        ...source,
        async read(offset, into) {
          await changing.read(offset, into);
          await source.read(offset, into);
        },
      };
      await expect(encode({ source: read, fileSystem })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
      await expect(pooled.computeMetadataOf(geometry, read, { memorySizeBytes: 0 })).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      });
    }
  });

  it('passes on what its ports throw as errors of their own', async () => {
    const own = new FloeError({ code: 'NO_SUCH_NODE', kind: 'unavailable', message: 'no such node' });
    await expect(encode({ sink: { write: () => Promise.reject(own) } })).rejects.toBe(own);
    await expect(encode({ source: sourceUntil(0, () => Promise.reject(own)) })).rejects.toBe(own);
  });

  it('refuses a blob that is too large before it reads any of it', async () => {
    const source = { sizeBytes: maxBlobSize(geometry) + 1, read: () => Promise.reject(new Error('it was read')) };
    await expect(encode({ source })).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
    await expect(pooled.computeMetadataOf(geometry, source)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
  });

  it('waits for a slow sink, and then goes on', async () => {
    const gate = deferred<void>();
    const [reached, collector] = [deferred<void>(), new Collector()];
    let [read, writes, mostWrites] = [0, 0, 0];
    const source = bytesSource(blob);
    const counting: BlobSource = {
      ...source,
      async read(offset, into) {
        read += into.length;
        await source.read(offset, into);
      },
    };
    const encoding = encode({
      source: counting,
      sink: {
        async write(run) {
          writes += 1;
          mostWrites = Math.max(mostWrites, writes);
          if (writes === 8) reached.resolve();
          await gate.promise;
          await collector.write(run);
          writes -= 1;
        },
      },
    });
    await reached.promise;
    // Everything that can go on without the sink has an unbounded number of turns to do so.
    for (let turn = 0; turn < 200; turn += 1) await yieldToEventLoop();
    expect(mostWrites).toBe(8);
    expect(read).toBeLessThan(1.5 * blob.length); // one pass, and no more of the second than there are slots
    gate.resolve();
    await encoding;
    expect(mostWrites).toBe(8);
    expectSame(collector, geometry, await inline.encode(geometry, blob));
  });

  it('reports progress that never falls and ends at 1, large or small', async () => {
    for (const memorySizeBytes of [0, 1e9]) {
      const fractions: number[] = [];
      const onProgress = (fraction: number) => fractions.push(fraction);
      const scratch = await spaceOn(createMemoryFileSystem());
      const options = { scratch, memorySizeBytes, onProgress };
      await pooled.encodeStream(geometry, bytesSource(blob), new Collector(), options);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBeCloseTo(1);
      expect(fractions.length).toBeGreaterThan(3);
    }
  });

  it('is refused by a codec that was closed, and ends when it is closed', async () => {
    const codec = createWorkerCodec({ workers: 1 });
    const begun = deferred<void>();
    const encoding = encode({ codec, source: sourceUntil(blob.length * 1.2, () => begun.resolve()) });
    const outcome = expect(encoding).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
    await begun.promise;
    await codec.close();
    await outcome;
    await expect(encode({ codec })).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
  });
});

describe('streams on workers that crash', () => {
  /** A pool of two threads of which one is ended in the middle of each job that `crashes` names, counted from 1. */
  function crashingPool(crashes: (job: number) => boolean) {
    let jobs = 0;
    const pool = new WorkerPool(
      { workers: 2, maxQueued: 16 },
      {
        spawn() {
          const thread = spawnThread(new URL('../../dist/node/worker.js', import.meta.url));
          return {
            ...thread,
            post(message, transfer) {
              thread.post(message, transfer);
              jobs += 1;
              if (crashes(jobs)) void thread.terminate();
            },
          };
        },
        local: new InlineRunner({ pause: yieldToEventLoop }),
        fallBack: false,
      },
    );
    return createJobCodec(pool);
  }

  it('give what they give without', async () => {
    const codec = crashingPool((job) => job % 5 === 2);
    const collector = new Collector();
    const encoded = await inline.encode(geometry, blob);
    expect((await encode({ codec, sink: collector })).blobId).toBe(encoded.verified.blobId);
    expectSame(collector, geometry, encoded);
    await codec.close();
  });

  it('fail when a task crashes every time, and the pool goes on', async () => {
    let isBad = true;
    const codec = crashingPool(() => isBad);
    await expect(encode({ codec })).rejects.toMatchObject({ code: 'CODEC_WORKER_FAILED' });
    isBad = false;
    await encode({ codec });
    await codec.close();
  });
});
