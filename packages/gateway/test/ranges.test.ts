import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRange, matchesEtag, rangeStillApplies } from '../src/ranges.ts';

const part = (start: number, end: number) => ({ kind: 'part', start, end });

describe('the Range header', () => {
  it('takes closed, open and suffix ranges, clamped to the blob', () => {
    expect(chooseRange('bytes=0-9', 100)).toEqual(part(0, 9));
    expect(chooseRange('bytes=90-', 100)).toEqual(part(90, 99));
    expect(chooseRange('bytes=-10', 100)).toEqual(part(90, 99));
    expect(chooseRange('bytes=-1000', 100)).toEqual(part(0, 99));
    expect(chooseRange('bytes=50-1000', 100)).toEqual(part(50, 99));
  });

  it('is unsatisfiable outside the blob', () => {
    expect(chooseRange('bytes=100-', 100)).toEqual({ kind: 'unsatisfiable' });
    expect(chooseRange('bytes=-0', 100)).toEqual({ kind: 'unsatisfiable' });
    expect(chooseRange('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' });
  });

  it('is ignored when it is malformed, of several ranges, or of another unit', () => {
    for (const header of [null, '', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=5-2', 'bytes=0-1,3-4', 'items=0-1']) {
      expect(chooseRange(header, 100)).toEqual({ kind: 'whole' });
    }
  });

  it('never chooses bytes outside the blob', () => {
    const header = fc.tuple(fc.option(fc.nat(300)), fc.option(fc.nat(300)));
    fc.assert(
      fc.property(header, fc.nat(200), ([first, last], size) => {
        const choice = chooseRange(`bytes=${first ?? ''}-${last ?? ''}`, size);
        if (choice.kind !== 'part') return;
        expect(choice.start).toBeGreaterThanOrEqual(0);
        expect(choice.start).toBeLessThanOrEqual(choice.end);
        expect(choice.end).toBeLessThan(size);
      }),
    );
  });
});

describe('conditional requests', () => {
  it('match an entity tag in a list, weak or not, and any with a star', () => {
    expect(matchesEtag('"a", W/"b"', '"b"')).toBe(true);
    expect(matchesEtag('*', '"b"')).toBe(true);
    expect(matchesEtag('"a"', '"b"')).toBe(false);
    expect(matchesEtag(null, '"b"')).toBe(false);
  });

  it('drop the range when If-Range names another representation', () => {
    expect(rangeStillApplies(null, '"a"')).toBe(true);
    expect(rangeStillApplies('"a"', '"a"')).toBe(true);
    expect(rangeStillApplies('W/"a"', '"a"')).toBe(false);
    expect(rangeStillApplies('"b"', '"a"')).toBe(false);
  });
});
