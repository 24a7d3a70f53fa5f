import type { ErrorKind } from '@floe/platform';
import { FloeError } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, EXIT_INTERRUPTED, exitCodeOf, fetchFailure } from '../src/errors.ts';

describe('exit codes', () => {
  it('are one for each kind of error, and none is 0', () => {
    const codes = Object.values(EXIT_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes).not.toContain(0);
    for (const [kind, code] of Object.entries(EXIT_CODES)) {
      expect(exitCodeOf(new FloeError({ code: 'X', kind: kind as ErrorKind, message: 'x' }))).toBe(code);
    }
  });

  it('of an interrupt is 130, of a bug 1', () => {
    expect(exitCodeOf(new DOMException('interrupted', 'AbortError'))).toBe(EXIT_INTERRUPTED);
    expect(exitCodeOf(new TypeError('bug'))).toBe(1);
    expect(exitCodeOf('not an error')).toBe(1);
  });
});

it('a failed fetch is explained by its cause', async () => {
  // A port that no browser connects to.
  const failure: unknown = await fetch('http://127.0.0.1:9').catch((error: unknown) => error);
  expect(fetchFailure(failure)).toBe('bad port');
  expect(fetchFailure(new Error('fetch failed', { cause: Object.assign(new Error('x'), { code: 'EPIPE' }) }))).toBe(
    'EPIPE',
  );
});
