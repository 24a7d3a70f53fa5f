import { describe, expect, it } from 'vitest';
import { seededRng } from '../../src/memory/rng.ts';
import { systemRng } from '../../src/node/time.ts';
import { type Rng, shuffled } from '../../src/time.ts';
import { webRng } from '../../src/web/time.ts';

const generators: [string, () => Rng][] = [
  ['seeded', () => seededRng(7)],
  ['system', () => systemRng],
  ['web', () => webRng],
];

describe.each(generators)('the %s generator', (_name, make) => {
  it('gives as many bytes as asked for, past one block too', () => {
    const rng = make();
    for (const size of [0, 1, 5, 70_000]) expect(rng.bytes(size).length).toBe(size);
    const tail = rng.bytes(70_000).subarray(65_536);
    expect(new Set(tail).size).toBeGreaterThan(200);
  });

  it('draws every number below a bound about equally often', () => {
    const rng = make();
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const value = rng.below(10);
      counts[value] = (counts[value] as number) + 1;
    }
    // 1000 expected each, standard deviation 30.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200);
    expect(rng.below(1)).toBe(0);
    expect(rng.below(2 ** 32)).toBeLessThan(2 ** 32);
  });
});

describe('the seeded generator', () => {
  it('repeats itself for the same seed only', () => {
    const first = (seed: number | string): string => seededRng(seed).bytes(16).join();
    expect(first(1)).toBe(first(1));
    expect(first('1')).toBe(first(1));
    expect(new Set([first(1), first(2), first('x'), first(-1)]).size).toBe(4);
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const mixed = shuffled(items, seededRng(3));
    expect(mixed).not.toEqual(items);
    expect(mixed.toSorted((a, b) => a - b)).toEqual(items);
  });
});
