import { describe, expect, it } from 'vitest';
import { amountOf, basisPoints, readAmount, sizeInBytes, walAmount } from '../src/amounts.ts';

describe('amounts', () => {
  it('are read to the last unit, never rounded', () => {
    expect(readAmount('1.5WAL')).toEqual({ coin: 'WAL', value: 1_500_000_000n });
    expect(readAmount('0.000000001 WAL')).toEqual({ coin: 'WAL', value: 1n });
    expect(readAmount('7FROST')).toEqual({ coin: 'WAL', value: 7n });
    expect(readAmount('0MIST')).toEqual({ coin: 'SUI', value: 0n });
    expect(readAmount('18446744073709551615FROST')?.value).toBe((1n << 64n) - 1n);
    expect(walAmount('18446744073.709551615WAL')).toBe((1n << 64n) - 1n);
  });

  it('without a unit, with another one, or with too many digits are none', () => {
    for (const text of [
      '',
      '1',
      'WAL',
      '1wal',
      '1.5FROST',
      '1.0000000001WAL',
      '-1WAL',
      '+1WAL',
      '1e3WAL',
      '01WAL',
      '.5WAL',
      '1.WAL',
      '1,5WAL',
      '1  WAL',
      ' 1WAL',
      '1WAL ',
      '1USD',
      '0x10FROST',
      '18446744073709551616FROST',
      '99999999999999999999WAL',
      '1constructor',
    ]) {
      expect(readAmount(text), text).toBeUndefined();
    }
  });

  it('of another coin than is asked for are refused with what is expected', () => {
    expect(() => walAmount('1SUI')).toThrow(
      'expected an amount with its unit, such as 1.5WAL or 1500000000FROST, got "1SUI"',
    );
    expect(amountOf('WAL', 'SUI')('1SUI')).toEqual({ coin: 'SUI', value: 1_000_000_000n });
  });
});

describe('sizes and shares', () => {
  it('are read exactly', () => {
    expect(sizeInBytes('1.5KiB')).toBe(1536n);
    expect(sizeInBytes('0B')).toBe(0n);
    expect(sizeInBytes('1 TiB')).toBe(1n << 40n);
    expect(basisPoints('7.5%')).toBe(750);
    expect(basisPoints('0.01%')).toBe(1);
    expect(basisPoints('100%')).toBe(10_000);
  });

  it('are refused without a unit, with parts of a byte, or out of range', () => {
    for (const text of ['1024', '1KB', '1.5B', '0.1KiB', '-1B', '16385PiB', '1e3B', '']) {
      expect(() => sizeInBytes(text), text).toThrow(`got "${text}"`);
    }
    for (const text of ['7.5', '100.01%', '-1%', '1000%', '7.555%', '%']) {
      expect(() => basisPoints(text), text).toThrow(`got "${text}"`);
    }
  });
});
