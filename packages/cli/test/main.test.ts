import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS_DOCUMENT, commandsDocument } from '../../../tools/commands.mjs';
import { createProgram, main } from '../src/main.ts';

const { signal } = new AbortController();

/** What only holds other commands. */
const GROUPS = new Set(
  ['node', 'attributes', 'storage', 'pool', 'exchange', 'commission', 'governance'].map((name) => `floe ${name}`),
);

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
      if (GROUPS.has(title)) continue;
      expect(section, title).toMatch(/Examples?:\n {2}floe/);
    }
  });

  it('lets every command on blobs of any size choose where large ones are put aside', () => {
    const chosen = everyCommand(createProgram(signal)).filter(({ options }) =>
      options.some(({ long }) => long === '--scratch'),
    );
    const names = chosen.map((command) => `${command.parent?.name()} ${command.name()}`);
    expect(names.toSorted()).toEqual(
      ['blob-id', 'decode', 'encode', 'quote', 'read', 'store'].map((name) => `floe ${name}`).concat('pool store'),
    );
  });

  it('lets a thousand calls share a signal without a warning', async () => {
    await main(['--version']);
    const shared = new AbortController().signal;
    const warned = once(process, 'warning', { signal: AbortSignal.timeout(5_000) });
    for (let call = 0; call < 1_000; call += 1) shared.addEventListener('abort', () => undefined);
    process.emitWarning('the first one');
    expect(await warned).toMatchObject([{ message: 'the first one' }]);
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
      ['store', 'file', '--max-cost', '5'],
      ['store', 'file', '--max-cost', '5SUI'],
      ['stake', 'node-00', '1'],
      ['stake', 'node-00'],
      ['vote-price', '--storage', '100000'],
      ['vote-capacity', '10TB'],
      ['fund', '0x1', '-1WAL'],
      ['pool', 'create', '10'],
      ['pool', 'extend', '0x1'],
      ['exchange', 'swap', '1WAL'],
      ['exchange', 'rate', '0x1', '1SUI', '1WAL'],
      ['storage', 'buy', '1.5B'],
      ['node', 'init', 'directory'],
      ['node', 'register', '--capacity', '10'],
      ['attributes', 'set', '0x1'],
    ]) {
      const program = createProgram(signal, { json: true });
      await expect(program.parseAsync(args, { from: 'user' }), args.join(' ')).rejects.toMatchObject({ exitCode: 1 });
    }
  });
});
