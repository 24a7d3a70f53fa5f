/** Arguments of `floe dev`. */
import { type Command, InvalidArgumentError } from 'commander';
import { createOutput } from '../output.ts';
import { DEFAULT_BASE_PORT, DEFAULT_DIRECTORY } from '../defaults.ts';
import { NODE_ACTIONS } from '../dev/node-actions.ts';
import { parseDuration } from '../durations.ts';
import { LONGEST_EPOCH_MS, MAX_DEV_NODES, SHORTEST_EPOCH_MS } from '../limits.ts';
import { examples } from './examples.ts';

export interface DevOptions {
  readonly dir: string;
  readonly nodes?: number;
  readonly shards?: number;
  readonly regions?: number;
  readonly port?: number;
  /** Milliseconds. */
  readonly epochDuration?: number;
  readonly keepCheckpoints?: number;
  readonly tls?: boolean;
  readonly denyList?: string;
  readonly isolate?: boolean;
  readonly withoutNodes?: boolean;
  readonly once?: boolean;
  readonly demo?: boolean;
  readonly json?: boolean;
  readonly logLevel: string;
}

/** A parser of whole numbers in `[min, max]` for a named option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}, got "${text}".`);
    }
    return value;
  };
}

function epochDuration(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined || durationMs < SHORTEST_EPOCH_MS || durationMs > LONGEST_EPOCH_MS) {
    throw new InvalidArgumentError(`expected a length of time such as 30s, 10min or 14d, from 1s on, got "${text}".`);
  }
  return durationMs;
}

export function addDevCommands(program: Command, signal: AbortSignal): void {
  const dev = program
    .command('dev')
    .description('run a whole network on this machine: ledger, storage nodes, gateway and faucet')
    .option('--dir <dir>', 'where the network keeps its state; resumed when there is one', DEFAULT_DIRECTORY)
    .option('--nodes <count>', 'storage nodes (default 13)', wholeNumber(1, MAX_DEV_NODES))
    .option('--shards <count>', 'shards, dealt out over the nodes (default 100)', wholeNumber(4, 1000))
    .option('--regions <count>', 'regions to label the nodes with (default 4)', wholeNumber(1, 26))
    .option('--port <base>', `first port; 0 takes free ones (default ${DEFAULT_BASE_PORT})`, wholeNumber(0, 65_000))
    .option('--epoch-duration <time>', 'how long an epoch lasts, such as 30s or 1h (default 14d)', epochDuration)
    .option(
      '--keep-checkpoints <count>',
      'prune the ledger: keep so many of its newest checkpoints, and what is stored (default: all)',
      wholeNumber(1, 1_000_000_000),
    )
    .option('--tls', 'storage nodes serve TLS with their own keys, as they do outside of development')
    .option('--deny-list <file>', 'blob ids that no node takes or serves, one a line; read again when it changes')
    .option('--isolate', 'run each storage node as a process of its own')
    .option('--without-nodes', 'prepare the storage nodes, and leave it to you to run them: floe node run')
    .option('--demo', 'store a sample file, read it back and compare, then go on serving')
    .option('--once', 'the same, then exit: 0 only if the bytes were equal')
    .option('--json', 'print one line of JSON when ready')
    .option('--log-level <level>', 'debug, info, warn or error', 'warn')
    .action(async (options: DevOptions) => {
      const { runDev } = await import('./dev.ts');
      await runDev(options, createOutput(options.json === true), signal);
    });
  dev.addHelpText(
    'after',
    examples(
      'floe dev                                  13 nodes, 100 shards, state in ./.floe',
      'floe dev --dir /tmp/net --port 0 --once   a throw-away check that everything works',
      'floe dev --dir net --epoch-duration 30s   a network whose epochs turn while you watch',
      'floe dev --isolate                        then: floe dev kill node-03',
    ),
  );
  for (const [action, description] of Object.entries(NODE_ACTIONS)) {
    dev
      .command(`${action} <node>`)
      .description(description)
      .option('--dir <dir>', "the network's directory", DEFAULT_DIRECTORY)
      .option('--json', 'print JSON')
      .addHelpText('after', examples(`floe dev ${action} node-03`))
      // The parent has --dir and --json too: commander gives an option to whichever stands nearer in the line.
      .action(async (node: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<{ dir: string; json?: boolean }>();
        const { runNodeAction } = await import('./dev-action.ts');
        await runNodeAction(action, node, options.dir, createOutput(options.json === true));
      });
  }
}
