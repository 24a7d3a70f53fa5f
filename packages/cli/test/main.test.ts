import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS_DOCUMENT, commandsDocument } from '../../../tools/commands.mjs';
import { createProgram } from '../src/main.ts';

const { signal } = new AbortController();

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

describe('the command tree', () => {
  it('is described in docs/COMMANDS.md as it is (else run node tools/commands.mjs)', async () => {
    expect(await readFile(COMMANDS_DOCUMENT, 'utf8')).toBe(commandsDocument(createProgram(signal)));
  });

  it('has a description of every command and option, and an example for every command that does something', () => {
    const reference = commandsDocument(createProgram(signal));
    for (const command of everyCommand(createProgram(signal))) {
      expect(command.description(), command.name()).not.toBe('');
      for (const option of command.options) expect(option.description, option.flags).not.toBe('');
    }
    const sections = reference.split('\n## ').slice(1);
    expect(sections.length).toBeGreaterThan(20);
    for (const section of sections) {
      const title = section.slice(0, section.indexOf('\n'));
      if (title === 'floe node') continue;
      expect(section, title).toMatch(/Examples?:\n {2}floe/);
    }
  });

  it('refuses what it does not know, before anything is done', async () => {
    for (const args of [
      ['nonsense'],
      ['store'],
      ['store', 'file', '--epochs', '0'],
      ['store', 'file', '--epochs', '1.5'],
      ['store', 'file', '--unknown'],
      ['blob-id', 'file', '--shards', '3'],
      ['encode', 'file', '--shards', '1001', '-o', 'out'],
      ['encode', 'file', '-o', 'out'],
      ['read', 'one', 'two'],
      ['dev', 'kill'],
      ['dev', '--nodes', '0'],
      ['dev', '--port', '-1'],
      ['wallet', 'nonsense'],
    ]) {
      const program = createProgram(signal, { json: true });
      await expect(program.parseAsync(args, { from: 'user' }), args.join(' ')).rejects.toMatchObject({ exitCode: 1 });
    }
  });
});
