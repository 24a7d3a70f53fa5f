import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../src/durations.ts';

describe('a length of time', () => {
  it.each([
    ['30s', 30_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['90 min', 5_400_000],
    ['14d', 1_209_600_000],
    ['2 days', 172_800_000],
    ['1W', 604_800_000],
  ])('%s is %i ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['', '30', 's', '30 parsecs', '-5s', '5s x', '1e400d', '5s,'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('reads as it is written, to the second smaller unit', () => {
    expect(formatDuration(5_400_000)).toBe('1 h 30 min');
    expect(formatDuration(0)).toBe('0 s');
    expect(formatDuration(90_061_001)).toBe('1 d 1 h');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.constantFrom('ms', 's', 'min', 'h', 'd'), (count, unit) => {
        const ms = parseDuration(`${count}${unit}`) as number;
        const shown = parseDuration(formatDuration(ms)) as number;
        expect(shown).toBeLessThanOrEqual(ms);
        expect(shown).toBeGreaterThan(ms * 0.9);
      }),
    );
  });
});
