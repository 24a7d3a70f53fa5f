/**
 * One blob id in 64 begins with a hyphen, which the parser of arguments takes for an option. So such ids pass the parser behind a
 * character that no argument can hold, which is taken off again before a command runs.
 */
import { parseBlobId } from '@floe/protocol';
import type { Command } from 'commander';

/** The operating system ends an argument at this character. */
const GUARD = '\0';

/** `args`, with blob ids that look like options guarded. */
export function guardBlobIds(args: readonly string[]): string[] {
  return args.map((arg) => (arg.startsWith('-') && isBlobId(arg) ? GUARD + arg : arg));
}

/** Takes the guards off the arguments and options of every command of `program`. */
export function unguardBlobIds(program: Command): void {
  program.hook('preAction', (_, command) => {
    command.processedArgs = command.processedArgs.map(unguarded);
    for (const [name, value] of Object.entries(command.opts())) {
      command.setOptionValueWithSource(name, unguarded(value), command.getOptionValueSource(name));
    }
  });
}

function unguarded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unguarded);
  return typeof value === 'string' && value.startsWith(GUARD) ? value.slice(GUARD.length) : value;
}

function isBlobId(text: string): boolean {
  try {
    parseBlobId(text);
    return true;
  } catch {
    return false;
  }
}
