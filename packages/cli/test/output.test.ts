import { FloeError } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../src/errors.ts';
import { createOutput, formatBytes, formatCoin } from '../src/output.ts';

function capture(json: boolean, isTTY = false) {
  const written = { out: '', err: '' };
  const output = createOutput(json, {
    stdout: { write: (text: string) => (written.out += text) !== '' },
    stderr: { write: (text: string) => (written.err += text) !== '', isTTY, columns: 60 },
  });
  return { output, written };
}

const error = new FloeError({ code: 'SOME_CODE', kind: 'not-found', message: 'no such thing', data: { amount: 5n } });

describe('output', () => {
  it('prints lines for people and results for machines, never both', () => {
    const people = capture(false);
    people.output.line('hello');
    people.output.result({ a: 1 });
    expect(people.written).toEqual({ out: 'hello\n', err: '' });
    const machine = capture(true);
    machine.output.line('hello');
    machine.output.result({ amount: 10n ** 20n });
    expect(JSON.parse(machine.written.out)).toEqual({ amount: '100000000000000000000' });
  });

  it('prints errors on standard error, with code and data as JSON when asked', () => {
    const people = capture(false);
    people.output.fail(error);
    expect(people.written).toEqual({ out: '', err: 'error: no such thing (SOME_CODE)\n' });
    const machine = capture(true);
    machine.output.fail(error);
    expect(JSON.parse(machine.written.err)).toEqual({
      error: { code: 'SOME_CODE', kind: 'not-found', message: 'no such thing', data: { amount: '5' } },
    });
    expect(exitCodeOf(error)).toBe(3);
  });

  it('draws a bar on a terminal, one line per stage elsewhere, nothing with --json', () => {
    const terminal = capture(false, true);
    const bar = terminal.output.progress('file');
    bar.update('encoding', 0.5);
    bar.done();
    expect(terminal.written.err).toContain('[############............] 50 %');
    const pipe = capture(false);
    const lines = pipe.output.progress('file');
    lines.update('encoding', 0.1);
    lines.update('encoding', 0.9);
    lines.update('uploading', 0);
    expect(pipe.written.err).toBe('file: encoding\nfile: uploading\n');
    const machine = capture(true, true);
    machine.output.progress('file').update('encoding', 0.1);
    expect(machine.written.err).toBe('');
  });

  it('formats sizes and coins', () => {
    expect([0, 1023, 1536, 104_857_600].map(formatBytes)).toEqual(['0 B', '1023 B', '1.50 KiB', '100 MiB']);
    expect(formatCoin(1_500_000_000n, 'WAL')).toBe('1.5 WAL');
    expect(formatCoin(1n, 'SUI')).toBe('0.000000001 SUI');
  });
});
