import { deferred } from '@floe/platform';
import { type BatchFrame, protocolErrors, type SliverFrame, type SliverPairIndex } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { readBatch, storeBatch } from '../src/http/sliver-batches.ts';
import type { UploadOutcome } from '../src/uploads.ts';

const window = { maxBytes: 400, maxSlivers: 6 };

function frame(pair: number, size = 100): SliverFrame {
  return { kind: 'sliver', axis: 'primary', pair: pair as SliverPairIndex, sliverData: new Uint8Array(size) };
}

describe('storing a batch', () => {
  it('holds no more than what is written and one window, however fast frames come', async () => {
    const total = 200;
    let pulled = 0;
    let stored = 0;
    let mostHeld = 0;
    async function* source(): AsyncGenerator<BatchFrame> {
      for (; pulled < total;) {
        pulled += 1;
        mostHeld = Math.max(mostHeld, pulled - stored);
        yield frame(pulled);
      }
    }
    const store = async (group: readonly SliverFrame[]): Promise<UploadOutcome[]> => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(group.reduce((sum, { sliverData }) => sum + sliverData.length, 0)).toBeLessThanOrEqual(500);
      stored += group.length;
      return group.map(() => 'new');
    };
    let outcomes = 0;
    for await (const outcome of storeBatch(source(), { window, newStatus: 201 }, store)) {
      expect(outcome.httpStatus).toBe(201);
      outcomes += 1;
    }
    expect(outcomes).toBe(total);
    // Four of 100 bytes are a window of 400: one written, one full, and the frame that waits to be taken.
    expect(mostHeld).toBeLessThanOrEqual(9);
    expect(mostHeld).toBeGreaterThan(4);
  });

  it('stores together what arrives while another group is written', async () => {
    const groups: number[] = [];
    const first = deferred<void>();
    async function* source(): AsyncGenerator<BatchFrame> {
      for (let i = 0; i < 4; i += 1) yield frame(i, 10);
      first.resolve();
    }
    const store = async (group: readonly SliverFrame[]): Promise<UploadOutcome[]> => {
      groups.push(group.length);
      await first.promise;
      return group.map(() => 'existing');
    };
    const statuses: number[] = [];
    for await (const { httpStatus } of storeBatch(source(), { window, newStatus: 202 }, store))
      statuses.push(httpStatus);
    expect(groups).toEqual([1, 3]);
    expect(statuses).toEqual([200, 200, 200, 200]);
  });

  it('passes on what is wrong with the stream after what was stored before it', async () => {
    let returned = false;
    async function* source(): AsyncGenerator<BatchFrame> {
      try {
        yield frame(1);
        await new Promise<void>((resolve) => setImmediate(resolve));
        throw protocolErrors.INVALID_BATCH({ expected: 'a frame', came: 'noise' });
      } finally {
        returned = true;
      }
    }
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      const outcomes = storeBatch(source(), { window, newStatus: 201 }, async (group) =>
        group.map(() => 'new' as const),
      );
      for await (const { pair } of outcomes) seen.push(pair);
    };
    await expect(run()).rejects.toMatchObject({ code: 'INVALID_BATCH' });
    expect(seen).toEqual([1]);
    expect(returned).toBe(true);
  });

  it('waits for what is being written when the listener leaves, and stops the source', async () => {
    let writing = 0;
    async function* source(): AsyncGenerator<BatchFrame> {
      for (let i = 0; ; i += 1) yield frame(i);
    }
    const store = async (group: readonly SliverFrame[]): Promise<UploadOutcome[]> => {
      writing += 1;
      await new Promise<void>((resolve) => setImmediate(resolve));
      writing -= 1;
      return group.map(() => 'new');
    };
    for await (const outcome of storeBatch(source(), { window, newStatus: 201 }, store)) {
      if (outcome.pair === 20) break;
    }
    expect(writing).toBe(0);
  });
});

describe('reading a batch', () => {
  it('reads one ahead and tells what it cannot give', async () => {
    const wanted = [1, 2, 3, 4].map((pair) => ({ axis: 'primary' as const, pair: pair as SliverPairIndex }));
    let reading = 0;
    const frames = readBatch(wanted, async ({ pair }) => {
      reading += 1;
      if (pair === 2) throw new Error('a secret');
      return Uint8Array.of(pair);
    });
    const first = await frames.next();
    expect(first.value).toMatchObject({ kind: 'sliver', pair: 1 });
    expect(reading).toBe(2);
    const rest: BatchFrame[] = [];
    for await (const next of frames) rest.push(next);
    expect(rest).toMatchObject([
      { kind: 'outcome', pair: 2, httpStatus: 500, reason: 'INTERNAL', message: 'an internal error has occurred' },
      { kind: 'sliver', pair: 3 },
      { kind: 'sliver', pair: 4 },
    ]);
  });
});
