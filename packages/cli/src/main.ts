/**
 * The `floe` command: reads arguments and environment, runs one command, and turns its end into an exit code. The only
 * place of Floe that does so. Commands are loaded when they are called, so that `floe --help` is quick.
 */
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { guardBlobIds, unguardBlobIds } from './blob-id-arguments.ts';
import { addDevCommands } from './commands/dev-options.ts';
import { addBlobCommands } from './commands/blob-options.ts';
import { addCommissionCommands } from './commands/commission-options.ts';
import { addNodeCommands } from './commands/node-options.ts';
import { addObjectCommands } from './commands/object-options.ts';
import { addExchangeCommands, addPoolCommands } from './commands/pool-options.ts';
import { addStakingCommands } from './commands/staking-options.ts';
import { addOfflineCommands } from './commands/offline-options.ts';
import { addLedgerCommands } from './commands/ledger-options.ts';
import { addNetworkCommands } from './commands/network-options.ts';
import { cliErrors, EXIT_BROKEN_PIPE, EXIT_CODES, EXIT_INTERRUPTED, exitCodeOf, systemErrorCode } from './errors.ts';
import { unwritable } from './files.ts';
import { MAX_LISTENERS } from './limits.ts';
import { createOutput, type Output } from './output.ts';

/** Runs the command line `args` (without the program's own name); resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  setMaxListeners(MAX_LISTENERS);
  const ending = watchForEnd();
  const output = createOutput(json);
  try {
    await createProgram(ending.signal, { json }).parseAsync(guardBlobIds(args), { from: 'user' });
    await flush(process.stdout);
    ending.throwIfBroken();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, output);
    // What stopped the command is why it ended, whatever its parts said on their way out.
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    if (isBrokenPipe(reason)) return EXIT_BROKEN_PIPE;
    output.fail(reason);
    return exitCodeOf(reason);
  } finally {
    ending.stop();
  }
}

/** Help and version end with 0; what commander refused it has printed itself, unless the output is for machines. */
function endOfParsing(error: CommanderError, output: Output): number {
  if (error.exitCode === 0) return 0;
  if (output.json) output.fail(cliErrors.USAGE({ detail: error.message.replace(/^error: /, '') }));
  return EXIT_CODES.invalid;
}

/**
 * The whole command tree; exported for the generated reference and its test. With `json`, errors in the arguments are
 * thrown and not printed.
 */
export function createProgram(signal: AbortSignal, options: { readonly json?: boolean } = {}): Command {
  const program = new Command('floe')
    .description(
      'Store blobs that survive the loss of their machines: a whole network on yours, and the tools to use it',
    )
    .version(version(), '-V, --version', 'print the version')
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .configureOutput(options.json === true ? { writeErr: () => undefined } : {});
  addDevCommands(program, signal);
  addNodeCommands(program, signal);
  addBlobCommands(program, signal);
  addObjectCommands(program, signal);
  addPoolCommands(program, signal);
  addStakingCommands(program, signal);
  addCommissionCommands(program, signal);
  addExchangeCommands(program, signal);
  addOfflineCommands(program, signal);
  addNetworkCommands(program, signal);
  addLedgerCommands(program, signal);
  unguardBlobIds(program);
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

interface Ending {
  readonly signal: AbortSignal;
  /** @throws what writing to standard output failed with */
  throwIfBroken(): void;
  stop(): void;
}

/**
 * Aborts on the first SIGINT or SIGTERM, so that what runs can close; a second one ends the process at once. Aborts too
 * when standard output can take no more: its reader left, or its disk is full.
 */
function watchForEnd(): Ending {
  const controller = new AbortController();
  let broken: Error | undefined;
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort(new DOMException('interrupted', 'AbortError'));
  };
  const onOutputError = (error: Error): void => {
    broken ??= isBrokenPipe(error) ? error : unwritable('standard output', error);
    controller.abort(broken);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    throwIfBroken: () => {
      if (broken !== undefined) throw broken;
    },
    stop: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.stdout.off('error', onOutputError);
    },
  };
}

/** Resolves when all that was written is out, or has failed. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

function isBrokenPipe(error: unknown): boolean {
  return systemErrorCode(error) === 'EPIPE';
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
