/**
 * The `floe` command: reads arguments and environment, runs one command, and turns its end into an exit code. The only
 * place of Floe that does so. Commands are loaded when they are called, so that `floe --help` is quick.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addDevCommands } from './commands/dev-options.ts';
import { addBlobCommands } from './commands/blob-options.ts';
import { addOfflineCommands } from './commands/offline-options.ts';
import { addNetworkCommands } from './commands/network-options.ts';
import { EXIT_CODES, EXIT_INTERRUPTED, exitCodeOf } from './errors.ts';
import { createOutput } from './output.ts';

/** Runs the command line `args` (without the program's own name); resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const interrupt = interruptSignal();
  const program = createProgram(interrupt.signal);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.invalid;
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    createOutput(args.includes('--json')).fail(error);
    return exitCodeOf(error);
  } finally {
    interrupt.stop();
  }
}

/** The whole command tree; exported for the generated reference and its test. */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command('floe')
    .description(
      'Store blobs that survive the loss of their machines: a whole network on yours, and the tools to use it',
    )
    .version(version(), '-V, --version', 'print the version')
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride();
  addDevCommands(program, signal);
  addBlobCommands(program, signal);
  addOfflineCommands(program, signal);
  addNetworkCommands(program, signal);
  program.addHelpText(
    'after',
    `
Examples:
  floe dev                          a whole network on this machine
  floe store photo.jpg --epochs 5   store a file for five epochs
  floe read BLOB_ID -o photo.jpg    read it back, every byte verified

Exit codes: 0 done, 1 internal, 2 bad input, 3 not found, 4 conflict, 5 unauthorized, 6 out of funds or space,
7 unavailable, 8 failed verification, 130 interrupted.`,
  );
  return program;
}

/** Aborts on the first SIGINT or SIGTERM, so that what runs can close; a second one ends the process at once. */
function interruptSignal(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort(new DOMException('interrupted', 'AbortError'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
