import { describe, expect, it } from 'vitest';
import { abortCode, abortCodes, abortName } from '../src/abort-codes.ts';

describe('abort codes', () => {
  it.each([
    ['system_state_inner', 'EStorageExceeded', 1n],
    ['system_state_inner', 'EInvalidEpochsAhead', 2n],
    ['system_state_inner', 'EInvalidResourceSize', 11n],
    ['blob', 'EAlreadyCertified', 5n],
    ['blob', 'EInvalidBlobObject', 10n],
    ['storage_resource', 'EIncompatibleAmount', 2n],
    ['bls_aggregate', 'ENotEnoughStake', 2n],
    ['messages', 'EInvalidKeyLength', 6n],
  ])('gives %s::%s code %d', (module, constant, code) => {
    expect(abortCode(module, constant)).toBe(code);
    expect(abortName(module, code)).toBe(constant);
  });

  it('keeps the hole at code 4 of the blob module', () => {
    expect(abortName('blob', 4n)).toBeUndefined();
  });

  it('tells a framework module from a Walrus one', () => {
    expect(abortName('balance', 2n, true)).toBe('ENotEnough');
    expect(abortName('balance', 2n)).toBeUndefined();
  });

  it('has no constant twice in a module', () => {
    for (const codes of Object.values(abortCodes)) {
      expect(new Set(Object.values(codes)).size).toBe(Object.keys(codes).length);
    }
  });

  it('throws on a name that the module does not have', () => {
    expect(() => abortCode('blob', 'ENothing')).toThrow(/no abort code/);
  });
});
