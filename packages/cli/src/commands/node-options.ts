/** Arguments of `floe node …`. */
import type { Command } from 'commander';
import { basisPoints, sizeInBytes, walAmount } from '../amounts.ts';
import { outputOf, withNetwork } from './blob-options.ts';
import { examples } from './examples.ts';
import type { NodeInitOptions } from './node-init.ts';
import type { NodeRegisterOptions } from './node-register.ts';
import type { NodeRunOptions } from './node-run.ts';

/** Adds the option that names a node's configuration. */
function withConfig(command: Command): Command {
  return command.option('--config <file>', "the node's configuration (default FLOE_NODE_CONFIG, else node.json)");
}

function withOverrides(command: Command): Command {
  const collect = (assignment: string, before: readonly string[] = []): string[] => [...before, assignment];
  return command.option(
    '--set <key=value>',
    'override a setting of the configuration for this run; may come often',
    collect,
  );
}

export function addNodeCommands(program: Command, signal: AbortSignal): void {
  const node = program.command('node').description('run one storage node, and register new ones');
  withOverrides(withConfig(node.command('run')))
    .description('run the storage node that a configuration file describes, until interrupted')
    .option('--log-level <level>', 'debug, info, warn or error (default: as configured)')
    .option('--with-parent', 'close when standard input closes')
    .addHelpText(
      'after',
      examples(
        'floe node run --config /var/lib/floe/node.json',
        'FLOE_NODE_LISTEN_PORT=9186 floe node run --set limits.healingBlobs=2',
      ),
    )
    .action(async (options: NodeRunOptions) => {
      const { runNode } = await import('./node-run.ts');
      await runNode(options, signal);
    });
  withNetwork(node.command('init <directory>'))
    .description('make the directory of a new storage node: keys, and a configuration file that explains itself')
    .requiredOption('--name <name>', 'what it is called, at most 100 bytes')
    .requiredOption('--address <host:port>', 'where clients and other nodes will reach it')
    .option('--listen <host:port>', 'where it listens (default: that port on all addresses)')
    .option('--capacity <size>', 'how many encoded bytes it offers, such as 10TiB', '1TiB')
    .option('--commission <share>', 'what it keeps of its rewards, such as 6%', '0%')
    .option('--region <label>', 'where it stands, for people')
    .addHelpText(
      'after',
      examples(
        'floe node init /var/lib/floe --name north --address node.example.org:9185 --capacity 10TiB --network network.json',
      ),
    )
    .action(async (directory: string, options: NodeInitOptions) => {
      const { runNodeInit } = await import('./node-init.ts');
      await runNodeInit(directory, options, outputOf(options));
    });
  withNetwork(withConfig(node.command('register')))
    .description('register a storage node on the ledger, with a proof that its key is held; stake then gives it shards')
    .option('--name <name>', 'what it is called, at most 100 bytes')
    .option('--address <host:port>', 'where others reach it')
    .option('--capacity <size>', 'how many encoded bytes it offers, such as 10TiB', sizeInBytes)
    .option('--keys <dir>', 'without a configuration: directory of its keys, made where missing')
    .option('--commission <share>', 'what it keeps of its rewards, such as 6% (default: 0%)', basisPoints)
    .option('--storage-price <amount>', 'its vote, per encoded MiB and epoch (default: 100000FROST)', walAmount)
    .option('--write-price <amount>', 'its vote, per encoded MiB written (default: 20000FROST)', walAmount)
    .option('--image-url <url>', 'shown by explorers')
    .option('--project-url <url>', 'shown by explorers')
    .option('--description <text>', 'shown by explorers')
    .addHelpText(
      'after',
      examples(
        'floe node register --config /var/lib/floe',
        'floe node register --name north --address node.example.org:9185 --capacity 10TiB --commission 6% --keys keys',
      ),
    )
    .action(async (options: NodeRegisterOptions) => {
      const { runNodeRegister } = await import('./node-register.ts');
      await runNodeRegister(options, outputOf(options), signal);
    });
}
