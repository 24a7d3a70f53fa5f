import { afterAll, describe, expect, it } from 'vitest';
import { type Axis, type Geometry, geometryOf, maxBlobSize, type SliverIndex } from '@floe/protocol';
import type { Codec, EncodedBlob } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import { InlineRunner } from '../src/inline-runner.ts';
import type { Job } from '../src/jobs.ts';
import { createJobCodec } from '../src/job-codec.ts';
import { createWorkerCodec, spawnThread, yieldToEventLoop } from '../src/node/worker-codec.ts';
import { createSliverMemory } from '../src/sliver-memory.ts';
import { TeamRunner } from '../src/team/team-runner.ts';
import { WorkerPool } from '../src/worker-pool.ts';
import { lengthFor, sameBytes, seededBytes, sliversOf } from './helpers.ts';

const MIB = 1024 * 1024;
const inline = createInlineCodec();
const team = createWorkerCodec({ workers: 2, keptMemorySizeBytes: 256 * MIB });
afterAll(async () => {
  await inline.close();
  await team.close();
});

function expectSame(geometry: Geometry, came: EncodedBlob, expected: EncodedBlob): void {
  expect(came.verified.blobId).toBe(expected.verified.blobId);
  expect(sameBytes(came.verified.metadata.pairHashes, expected.verified.metadata.pairHashes)).toBe(true);
  for (const axis of ['primary', 'secondary'] as const) {
    for (let index = 0; index < geometry.nShards; index += 1) {
      const at = index as SliverIndex;
      if (!sameBytes(came.sliver(axis, at).data, expected.sliver(axis, at).data)) {
        throw new Error(`${axis} sliver ${index} differs`);
      }
    }
  }
}

/** A pool of real threads without the rule that small jobs stay here, so that every size is shared. */
class SharingCodec {
  readonly pool: WorkerPool;
  readonly codec: Codec;

  constructor(members: number) {
    this.pool = new WorkerPool(
      { workers: members, maxQueued: 16 },
      {
        spawn: () => spawnThread(new URL('../dist/node/worker.js', import.meta.url)),
        local: new InlineRunner({ pause: yieldToEventLoop }),
        fallBack: false,
      },
    );
    const isCheap = () => false;
    this.codec = createJobCodec(
      new TeamRunner({ members, keptSizeBytes: 64 * MIB }, { pool: this.pool, pause: yieldToEventLoop, isCheap }),
    );
  }
}

describe('an encode that workers share', () => {
  const sharing = new SharingCodec(3);
  afterAll(() => sharing.codec.close());

  it(
    'gives what one thread gives for every tail of a symbol, at low and at high rate',
    { timeout: 60_000 },
    async () => {
      for (const nShards of [7, 10]) {
        const geometry = geometryOf(nShards);
        for (let symbolSize = 2; symbolSize <= 130; symbolSize += 2) {
          const blob = seededBytes(lengthFor(geometry, symbolSize, symbolSize % 7), symbolSize);
          const expected = await inline.encode(geometry, blob);
          expectSame(geometry, await sharing.codec.encode(geometry, blob), expected);
          expect((await sharing.codec.computeMetadata(geometry, blob)).blobId).toBe(expected.verified.blobId);
        }
      }
    },
  );

  it(
    'gives what one thread gives for every number of shards to 40, as does one thread in memory of its caller',
    { timeout: 60_000 },
    async () => {
      for (let nShards = 4; nShards <= 40; nShards += 1) {
        const geometry = geometryOf(nShards);
        const { rows, columns } = geometry;
        for (const size of [0, 1, 2 * columns - 1, 2 * columns + 1, rows * columns * 70 + 1]) {
          const blob = seededBytes(size, nShards);
          const expected = await inline.encode(geometry, blob);
          expectSame(geometry, await sharing.codec.encode(geometry, blob), expected);
          const into = createSliverMemory(geometry, size);
          expectSame(geometry, await inline.encode(geometry, blob, { into }), expected);
        }
      }
    },
  );

  it(
    'is correct at 1,000 shards, with tables of leaf hashes and padding and without',
    { timeout: 120_000 },
    async () => {
      const geometry = geometryOf(1000);
      // Nothing, one row in part, the first row in full, some rows, all rows; then symbols of 4 bytes and 152 bytes.
      for (const size of [0, 1, 700, 1334, 1335, 100_001, 445_556, 600_000]) {
        const blob = seededBytes(size, size);
        expectSame(geometry, await team.encode(geometry, blob), await inline.encode(geometry, blob));
      }
    },
  );
});

describe('where slivers go', () => {
  const geometry = geometryOf(100);
  const sizes = [maxBlobSize(geometryOf(4)), 300_001, 1_000_000];

  const forms = [
    ['one thread', inline, false],
    ['workers, memory of the caller', team, false],
    ['workers, shared memory of the caller', team, true],
  ] as const;
  it.each(forms)('overwrites all of the memory that is given: %s', async (_, codec, shared) => {
    for (const [i, size] of [...sizes, 10, 0].entries()) {
      const blob = seededBytes(size, i);
      const into = createSliverMemory(geometry, size, { shared });
      into.primary.fill(0xaa);
      into.secondary.fill(0xaa);
      const came = await codec.encode(geometry, blob, { into });
      expectSame(geometry, came, await inline.encode(geometry, blob));
      expect(came.sliver('primary', 0 as SliverIndex).data.buffer).toBe(into.primary.buffer);
      expect(came.sliver('secondary', 99 as SliverIndex).data.buffer).toBe(into.secondary.buffer);
    }
  });

  it('refuses memory of another size', async () => {
    const into = createSliverMemory(geometry, 10_000_000);
    await expect(inline.encode(geometry, new Uint8Array(10), { into })).rejects.toThrow('memory of the size');
    await expect(inline.decode(geometry, 10, [], { into: new Uint8Array(11) })).rejects.toThrow('memory of the size');
  });

  it('lends slivers that stay as they are until they are released, whatever else is encoded', async () => {
    const first = seededBytes(500_000, 1);
    const lent = await team.encode(geometry, first, { lend: true });
    const others = [2, 3].map((seed) => team.encode(geometry, seededBytes(500_000, seed), { lend: true }));
    for (const other of await Promise.all(others)) other.release();
    expectSame(geometry, lent, await inline.encode(geometry, first));
    lent.release();
    lent.release();
    const again = await team.encode(geometry, seededBytes(500_000, 4), { lend: true });
    expectSame(geometry, again, await inline.encode(geometry, seededBytes(500_000, 4)));
    again.release();
  });

  it('gives slivers in memory that is not shared unless asked', async () => {
    const encoded = await team.encode(geometry, seededBytes(500_000, 5));
    for (const axis of ['primary', 'secondary'] as Axis[]) {
      expect(encoded.sliver(axis, 99 as SliverIndex).data.buffer).toBeInstanceOf(ArrayBuffer);
    }
  });

  it('decodes into the memory that is given', async () => {
    const blob = seededBytes(300_001, 6);
    const encoded = await inline.encode(geometry, blob);
    for (const codec of [inline, team]) {
      for (const first of [0, 66]) {
        const into = new Uint8Array(blob.length).fill(0xaa);
        const indices = Array.from({ length: 34 }, (_, i) => first + i);
        expect(await codec.decode(geometry, blob.length, sliversOf(encoded, 'primary', indices), { into })).toBe(into);
        expect(sameBytes(into, blob)).toBe(true);
      }
    }
  });
});

describe('an encode that workers share, when things go wrong', () => {
  const geometry = geometryOf(1000);
  const blob = seededBytes(1_000_000, 7);

  it('stops with the reason of the signal, and the next encode is right', { timeout: 60_000 }, async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    await expect(team.encode(geometry, blob, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const small = geometryOf(100);
    expectSame(small, await team.encode(small, blob), await inline.encode(small, blob));
  });

  it('gives memory back to its caller only when nobody works in it any more', { timeout: 60_000 }, async () => {
    const some = blob.subarray(0, 100_001);
    const into = createSliverMemory(geometry, some.length, { shared: true });
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const { signal } = controller;
    await expect(team.encode(geometry, some, { into, signal, onProgress })).rejects.toThrow('enough');
    const other = seededBytes(some.length, 8);
    expectSame(geometry, await team.encode(geometry, other, { into }), await inline.encode(geometry, other));
  });

  it('needs no worker for a brief encode, but takes what help there is', async () => {
    const silent = { post() {}, onMessage() {}, onFailure() {}, async terminate() {}, keepAlive() {} };
    const pool = new WorkerPool(
      { workers: 2, maxQueued: 4 },
      { spawn: () => silent, local: new InlineRunner({ pause: yieldToEventLoop }), fallBack: false },
    );
    const isCheap = () => false;
    const codec = createJobCodec(
      new TeamRunner({ members: 2, keptSizeBytes: 64 * MIB }, { pool, pause: yieldToEventLoop, isCheap }),
    );
    const small = geometryOf(100);
    expectSame(small, await codec.encode(small, blob), await inline.encode(small, blob));
    expect(pool.queued).toBe(0);
    await codec.close();
  });

  it('reports progress that never falls and ends at 1', async () => {
    const fractions: number[] = [];
    await team.computeMetadata(geometryOf(100), blob, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  });

  it(
    'fails when a worker ends in the middle, stops the others, and goes on with new ones',
    { timeout: 60_000 },
    async () => {
      const handles: { terminate(): Promise<void> }[] = [];
      const pool = new WorkerPool(
        { workers: 2, maxQueued: 4 },
        {
          spawn() {
            const handle = spawnThread(new URL('../dist/node/worker.js', import.meta.url));
            handles.push(handle);
            return handle;
          },
          local: new InlineRunner({ pause: yieldToEventLoop }),
          fallBack: false,
        },
      );
      const isCheap = (job: Job) => job.kind === 'decode';
      const codec = createJobCodec(
        new TeamRunner({ members: 2, keptSizeBytes: 64 * MIB }, { pool, pause: yieldToEventLoop, isCheap }),
      );
      let ended = false;
      const onProgress = () => {
        if (!ended) void handles[0]?.terminate();
        ended = true;
      };
      await expect(codec.computeMetadata(geometry, blob, { onProgress })).rejects.toMatchObject({
        code: 'CODEC_WORKER_FAILED',
      });
      const small = geometryOf(10);
      expectSame(small, await codec.encode(small, blob), await inline.encode(small, blob));
      await codec.close();
    },
  );
});
