import { describe, expect, it } from 'vitest';
import { assert, AssertionError, errorCatalogue, FloeError, isFloeError, spec } from '../src/errors.ts';

const errors = errorCatalogue({
  BLOB_TOO_LARGE: spec<{ sizeBytes: bigint; maxBytes: number }>(
    'invalid',
    ({ sizeBytes, maxBytes }) => `blob of ${sizeBytes} bytes is larger than ${maxBytes}`,
  ),
});

describe('an error of a catalogue', () => {
  it('has code, kind, message, data and cause', () => {
    const cause = new Error('why');
    const error = errors.BLOB_TOO_LARGE({ sizeBytes: 5n, maxBytes: 4 }, cause);
    expect(error).toBeInstanceOf(FloeError);
    expect(error).toMatchObject({
      code: 'BLOB_TOO_LARGE',
      kind: 'invalid',
      message: 'blob of 5 bytes is larger than 4',
      cause,
    });
    expect(error.data).toEqual({ sizeBytes: 5n, maxBytes: 4 });
  });

  it('can be printed as JSON, without stack or cause', () => {
    const text = JSON.stringify(errors.BLOB_TOO_LARGE({ sizeBytes: 5n, maxBytes: 4 }, new Error('secret')));
    expect(JSON.parse(text)).toEqual({
      code: 'BLOB_TOO_LARGE',
      kind: 'invalid',
      message: 'blob of 5 bytes is larger than 4',
      data: { sizeBytes: '5', maxBytes: 4 },
    });
  });

  it('is recognised by name and code', () => {
    const error = errors.BLOB_TOO_LARGE({ sizeBytes: 5n, maxBytes: 4 });
    expect(isFloeError(error)).toBe(true);
    expect(isFloeError(error, 'BLOB_TOO_LARGE')).toBe(true);
    expect(isFloeError(error, 'OTHER')).toBe(false);
    for (const other of [new Error('x'), 'text', undefined, { name: 'FloeError' }])
      expect(isFloeError(other)).toBe(false);
  });
});

describe('an assertion', () => {
  it('is silent when it holds, and tells its data when not', () => {
    assert(true, 'fine');
    expect(() => assert(false, 'index in range', { index: 7n })).toThrow(AssertionError);
    expect(() => assert(0, 'index in range', { index: 7n })).toThrow('index in range {"index":"7"}');
  });
});
