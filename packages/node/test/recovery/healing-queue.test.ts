import { type BlobId, blobIdFromBytes } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { type HealingEntry, HealingQueue, type HealingReason } from '../../src/recovery/healing-queue.ts';

function blob(index: number): BlobId {
  return blobIdFromBytes(new Uint8Array(32).fill(index));
}

function entry(index: number, reason: HealingReason = 'walk', dueMs = 0): HealingEntry {
  return { blobId: blob(index), reason, dueMs, attempts: 0 };
}

function taken(queue: HealingQueue, nowMs = 0): BlobId[] {
  const ids: BlobId[] = [];
  for (let next = queue.take(nowMs); next !== undefined; next = queue.take(nowMs)) ids.push(next.blobId);
  return ids;
}

describe('blobs that wait for healing', () => {
  it('come the urgent first, and then in the order in which they were added', () => {
    const queue = new HealingQueue({ capacity: 10 });
    for (const each of [entry(1), entry(2, 'certified'), entry(3, 'damaged'), entry(4), entry(5, 'damaged')])
      queue.add(each, 0);
    expect(taken(queue)).toEqual([3, 5, 2, 1, 4].map(blob));
    expect(queue.size).toBe(0);
  });

  it('come when they are due and not before', () => {
    const queue = new HealingQueue({ capacity: 10 });
    for (const each of [entry(1, 'certified', 300), entry(2, 'damaged', 100), entry(3, 'walk', 200)])
      queue.add(each, 0);
    expect([queue.ready, queue.nextDueMs]).toEqual([0, 100]);
    expect(taken(queue, 99)).toEqual([]);
    expect(taken(queue, 200)).toEqual([2, 3].map(blob));
    expect(queue.nextDueMs).toBe(300);
    expect(taken(queue, 300)).toEqual([blob(1)]);
    expect([queue.size, queue.ready, queue.nextDueMs]).toEqual([0, 0, undefined]);
  });

  it('are there once, at the earlier time or with the greater urgency', () => {
    const queue = new HealingQueue({ capacity: 10 });
    expect(queue.add(entry(1, 'certified', 500), 0)).toBe('added');
    expect(queue.add(entry(1, 'certified', 600), 0)).toBe('known');
    expect(queue.add(entry(1, 'walk', 100), 0)).toBe('added');
    expect(queue.size).toBe(1);
    expect(taken(queue, 100)).toEqual([blob(1)]);
    expect(taken(queue, 1000)).toEqual([]);
    queue.add(entry(2), 0);
    queue.add(entry(3), 0);
    expect(queue.add(entry(3, 'damaged'), 0)).toBe('added');
    expect([queue.size, queue.ready]).toEqual([2, 2]);
    expect(taken(queue)).toEqual([3, 2].map(blob));
  });

  it('wait for the time of their next try, whoever asks for them again, until something was found damaged or missing', () => {
    const queue = new HealingQueue({ capacity: 10 });
    queue.add({ ...entry(1, 'walk', 500), attempts: 3 }, 0);
    for (const reason of ['walk', 'certified', 'shard'] as const) expect(queue.add(entry(1, reason), 0)).toBe('known');
    expect(queue.take(499)).toBeUndefined();
    expect(queue.add(entry(1, 'shard', 500), 500)).toBe('known');
    expect(queue.take(500)).toMatchObject({ reason: 'walk', attempts: 3 });
    for (const reason of ['damaged', 'missing'] as const) {
      queue.add({ ...entry(1, 'walk', 500), attempts: 3 }, 0);
      expect(queue.add(entry(1, reason), 0)).toBe('added');
      expect(queue.take(0)).toMatchObject({ reason, attempts: 0 });
    }
  });

  it('are bounded, and room comes back with every one that goes', () => {
    const queue = new HealingQueue({ capacity: 2 });
    queue.add(entry(1), 0);
    queue.add(entry(2, 'walk', 50), 0);
    expect(queue.add(entry(3), 0)).toBe('full');
    queue.remove(blob(2));
    expect(queue.add(entry(3), 0)).toBe('added');
    queue.remove(blob(1));
    queue.remove(blob(9));
    expect([queue.size, queue.ready]).toEqual([1, 1]);
    expect(taken(queue)).toEqual([blob(3)]);
  });
});
