import { FloeError } from '@floe/platform';
import { expect, test } from 'vitest';
import { errors } from '../../src/errors.ts';
import { ExecutionFailure, failureOf } from '../../src/execution/failure.ts';

test('what blames its input is on record and charged; a defect or a broken store is not', () => {
  expect(failureOf(new ExecutionFailure({ kind: 'FunctionNotFound' }))).toEqual({ kind: 'FunctionNotFound' });
  const blaming = errors.INVALID_TYPE({ text: 'vector<u8>', reason: 'deeper than types can be' });
  expect(blaming).toBeInstanceOf(FloeError);
  expect(failureOf(blaming)).toEqual({ kind: 'InvariantViolation' });
  expect(failureOf(errors.LEDGER_CORRUPT({ what: 'object', reason: 'cut short' }))).toBeUndefined();
  expect(failureOf(new TypeError('not a function'))).toBeUndefined();
  expect(failureOf(new RangeError('Maximum call stack size exceeded'))).toBeUndefined();
});
