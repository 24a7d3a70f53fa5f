import { describe, expect, it } from 'vitest';
import { rowsOf } from '../limits.mjs';

describe('the table of limits', () => {
  it('takes names and values from the code and meanings from its comments', () => {
    const source = `
/** Longest name. */
export const MAX_NAME_BYTES = 64 * 1024;
export const UNEXPLAINED_COUNT = 1_000;
export interface Limits {
  /**
   * How long it waits,
   * at most.
   */
  readonly waitMs: number;
}
export const defaults: Limits = {
  waitMs: 2500,
  // The rest | of it.
  restBytes: 100,
};
export const label = 'text';`;
    const values = {
      MAX_NAME_BYTES: 65_536,
      UNEXPLAINED_COUNT: 1000,
      defaults: { waitMs: 2500, restBytes: 100 },
      label: 'text',
    };
    expect(rowsOf(source, values)).toEqual([
      { name: 'MAX_NAME_BYTES', value: '64 KiB', meaning: 'Longest name.' },
      { name: 'UNEXPLAINED_COUNT', value: '1,000', meaning: '' },
      { name: 'waitMs', value: '2.5 s', meaning: 'How long it waits, at most.' },
      { name: 'restBytes', value: '100 bytes', meaning: 'The rest \\| of it.' },
    ]);
  });

  it('writes bigints and odd sizes in full', () => {
    expect(
      rowsOf('export const A_BYTES = 1;\nexport const PRICE = 2n;', { A_BYTES: 65_534, PRICE: 1_000_000n }),
    ).toMatchObject([{ value: '65,534 bytes' }, { value: '1,000,000' }]);
  });
});
