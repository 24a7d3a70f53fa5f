/** A count is of what is owed now, and costs others little. */
import type { Clock } from '@floe/platform';
import { createVirtualTime } from '@floe/platform/memory';
import { type BlobId, blobIdBytes, blobIdFromBytes, type Epoch, type ShardIndex } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/limits.ts';
import { Recount } from '../../src/recovery/recount.ts';

const BLOBS: readonly BlobId[] = Array.from({ length: 300 }, (_, index) =>
  blobIdFromBytes(
    new Uint8Array(32)
      .fill(0)
      .with(0, index >> 8)
      .with(1, index & 0xff),
  ),
);

const LOOK_MS = 10;

/** A node with these shards, that holds what `holds` says; a look at a blob takes `LOOK_MS`. */
function start(shards: readonly number[], holds: (blobId: BlobId, shards: readonly ShardIndex[]) => boolean) {
  const time = createVirtualTime();
  const assignment = { epoch: 1 as Epoch, ownShards: shards as ShardIndex[] };
  const seen = { looks: 0, pages: [] as number[], idleMs: 0, onPage: (): void => undefined };
  const clock: Clock = {
    nowMs: () => time.nowMs(),
    monotonicMs: () => seen.looks * LOOK_MS + seen.idleMs,
  };
  const recount = new Recount(
    { limits: defaultLimits, caughtUpAt: 0n, signal: new AbortController().signal },
    {
      registry: {
        handled: { nextCheckpoint: 1n, events: 0n },
        certifiedPage: ({ from, limit }) => {
          seen.onPage();
          const at = from === undefined ? 0 : (from[0] as number) * 256 + (from[1] as number);
          const blobs = BLOBS.slice(at, at + limit).map((blobId) => ({ blobId, since: 0 as Epoch }));
          seen.pages.push(blobs.length);
          const following = BLOBS[at + limit];
          return { blobs, next: following && blobIdBytes(following) };
        },
      },
      committees: assignment,
      holdings: {
        isComplete: (blobId, of) => {
          seen.looks += 1;
          return holds(blobId, of);
        },
      },
      clock,
      scheduler: time,
    },
  );
  return { assignment, seen, latest: () => time.run(recount.latest()) };
}

describe('a count of incomplete blobs', () => {
  it('is not said in an epoch, or of shards, that it is not of', async () => {
    const { assignment, latest } = start([1, 2], (_, shards) => !shards.includes(3 as ShardIndex));
    expect(await latest()).toMatchObject({ epoch: 1, shards: [1, 2], blobs: 300, incomplete: 0 });
    Object.assign(assignment, { epoch: 2, ownShards: [1, 3] });
    expect(await latest()).toMatchObject({ epoch: 2, shards: [1, 3], blobs: 300, incomplete: 300 });
    Object.assign(assignment, { ownShards: [1] });
    expect(await latest()).toMatchObject({ epoch: 2, shards: [1], incomplete: 0 });
  });

  it('is dropped when what is owed changes while it is under way', async () => {
    const { assignment, seen, latest } = start([1, 2, 4, 5, 6], () => true);
    seen.onPage = () => {
      if (seen.pages.length === 1) Object.assign(assignment, { epoch: 2, ownShards: [3] });
    };
    expect(await latest()).toBeUndefined();
    expect(await latest()).toMatchObject({ epoch: 2, shards: [3], blobs: 300 });
  });

  it('lets others have their turn after as many look-ups as any walk', async () => {
    const { seen, latest } = start(
      Array.from({ length: 100 }, (_, shard) => shard),
      () => true,
    );
    await latest();
    // Two slivers of each shard, and metadata: 201 look-ups of 2,000.
    expect(Math.max(...seen.pages)).toBe(9);
  });

  it('is followed by a rest of several times as long as it took, however often it is asked for', async () => {
    const { seen, latest } = start([1], () => true);
    await latest();
    expect(seen.looks).toBe(300);
    const tookMs = 300 * LOOK_MS;
    for (const idleMs of [defaultLimits.recountAgeMs, 4 * tookMs - 1]) {
      seen.idleMs = idleMs;
      expect(await latest()).toMatchObject({ blobs: 300 });
      expect(seen.looks).toBe(300);
    }
    seen.idleMs = 4 * tookMs;
    await latest();
    expect(seen.looks).toBe(600);
  });

  it('says nothing while the rows cannot be read, whatever was counted before', async () => {
    const { seen, latest } = start([1], () => true);
    await latest();
    seen.idleMs += 100_000;
    seen.onPage = () => {
      throw new Error('damaged');
    };
    await expect(latest()).rejects.toThrow('damaged');
    expect(await latest()).toBeUndefined();
  });
});
