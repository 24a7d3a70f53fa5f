import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedCache } from '../src/bounded-cache.ts';

test('never holds more than its bound, and never another value than the last one set', () => {
  const step = fc.record({
    key: fc.nat(20),
    value: fc.integer({ min: 1, max: 9 }),
    kind: fc.constantFrom('get', 'set', 'delete'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const cache = new BoundedCache<number, number>(40, (value) => value);
      const model = new Map<number, number>();
      for (const { key, value, kind } of steps) {
        if (kind === 'set') {
          cache.set(key, value);
          model.set(key, value);
        } else if (kind === 'delete') {
          cache.delete(key);
          model.delete(key);
        }
        const found = cache.get(key);
        if (found !== undefined) expect(found).toBe(model.get(key));
        if (kind === 'set') expect(found).toBe(value);
        if (kind === 'delete') expect(found).toBeUndefined();
      }
      // No value weighs less than 1.
      expect(cache.size).toBeLessThanOrEqual(40);
    }),
  );
});

test('keeps what is used and forgets what is not', () => {
  const cache = new BoundedCache<string, number>(10);
  cache.set('used', 1);
  cache.set('unused', 2);
  for (let i = 0; i < 100; i += 1) {
    cache.set(`other ${i}`, i);
    expect(cache.get('used')).toBe(1);
  }
  expect(cache.get('unused')).toBeUndefined();
  expect(cache.size).toBeLessThanOrEqual(10);
  cache.clear();
  expect(cache.size).toBe(0);
});
