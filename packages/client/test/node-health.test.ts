/** What is remembered of nodes. */
import { createVirtualTime } from '@floe/platform/memory';
import { parseObjectId } from '@floe/protocol';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../src/limits.ts';
import { NodeHealth } from '../src/node-health.ts';

const a = parseObjectId('0xa');
const b = parseObjectId('0xb');
const sample = (latencyMs: number) => ({ latencyMs, sizeBytes: 100, bodyMs: 1 });

function create(limits = {}) {
  const time = createVirtualTime();
  return { time, health: new NodeHealth({ ...DEFAULT_LIMITS, ...limits }, { clock: time }) };
}

describe('a node that failed', () => {
  test('is suspect for a pause that doubles with each failure in a row, up to the maximum', async () => {
    const { time, health } = create();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      health.failed(a);
      await time.advance(pauseMs - 1);
      expect(health.isSuspect(a)).toBe(true);
      await time.advance(1);
      expect(health.isSuspect(a)).toBe(false);
    }
  });

  test('failing many times at once counts once', async () => {
    const { time, health } = create();
    for (let i = 0; i < 10; i += 1) health.failed(a);
    await time.advance(1_000);
    expect(health.isSuspect(a)).toBe(false);
  });

  test('is trusted again as soon as it answers; one that lied is not', async () => {
    const { time, health } = create();
    health.failed(a);
    health.lied(b);
    health.succeeded(a, sample(5));
    health.succeeded(b, sample(5));
    expect([health.isSuspect(a), health.isSuspect(b)]).toEqual([false, true]);
    await time.advance(DEFAULT_LIMITS.suspectMaxMs);
    expect(health.isSuspect(b)).toBe(false);
  });

  test('ranks behind every other node, however slow', () => {
    const { health } = create();
    health.succeeded(a, sample(1));
    health.succeeded(b, sample(30_000));
    expect(health.rank(a)).toBeLessThan(health.rank(b));
    health.failed(a);
    expect(health.rank(a)).toBeGreaterThan(health.rank(b));
  });
});

describe('the hedge delay', () => {
  test('starts from the initial one and follows what nodes need, within its bounds', () => {
    const { health } = create();
    expect(health.hedgeDelayMs(0)).toBe(DEFAULT_LIMITS.initialHedgeMs);
    health.succeeded(a, sample(100));
    expect(health.hedgeDelayMs(0)).toBe(300);
    for (let i = 0; i < 50; i += 1) health.succeeded(a, sample(1));
    expect(health.hedgeDelayMs(0)).toBe(DEFAULT_LIMITS.minHedgeMs);
    for (let i = 0; i < 50; i += 1) health.succeeded(a, sample(20_000));
    expect(health.hedgeDelayMs(0)).toBe(DEFAULT_LIMITS.maxHedgeMs);
  });

  test('leaves large slivers the time that their bytes take', () => {
    const { health } = create();
    health.succeeded(a, { latencyMs: 10, sizeBytes: 1_000_000, bodyMs: 100 });
    expect(health.hedgeDelayMs(1_000_000)).toBeCloseTo(3 * (10 + 100), 0);
  });
});

test('no more nodes are remembered than the limit: the least recently used is forgotten', () => {
  const { health } = create({ maxRememberedNodes: 2 });
  health.failed(a);
  health.failed(b);
  health.succeeded(parseObjectId('0xc'), sample(1));
  expect([health.isSuspect(a), health.isSuspect(b)]).toEqual([false, true]);
});
