import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { guardBlobIds, unguardBlobIds } from '../src/blob-id-arguments.ts';

const ID = '-C5vYIISq1CF0khJqtWsiGqlJqu9Dd24cH5DZeLcUS8';
const OTHER = '--Zux1y8aYIW5RQLwvOP3bMoqyKjNaWPLNq0JHAc6i0';

/** What a command gets of its arguments. */
function seen(...args: string[]): unknown {
  let result: unknown;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  const group = program.command('group');
  group
    .command('take <one> [more...]')
    .option('--id <id>')
    .option('-o <file>')
    .action((one, more, options) => (result = { one, more, ...options }));
  unguardBlobIds(program);
  program.parse(guardBlobIds(['group', 'take', ...args]), { from: 'user' });
  return result;
}

describe('arguments', () => {
  it('may be blob ids that begin with a hyphen, wherever they stand', () => {
    expect(seen(ID)).toEqual({ one: ID, more: [] });
    expect(seen('-o', 'file', OTHER, ID, OTHER)).toEqual({ one: OTHER, more: [ID, OTHER], o: 'file' });
    expect(seen(ID, '--id', OTHER)).toEqual({ one: ID, more: [], id: OTHER });
    expect(seen('--', ID)).toEqual({ one: ID, more: [] });
  });

  it('are options else', () => {
    expect(() => seen(ID.slice(0, -1))).toThrow('unknown option');
    // Not canonical: its last character has bits beyond the 32 bytes.
    expect(() => seen(`${ID.slice(0, -1)}9`)).toThrow('unknown option');
  });
});
