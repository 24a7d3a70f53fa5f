/** Arguments of `floe node …`. */
import type { Command } from 'commander';
import { basisPoints, sizeInBytes, walAmount } from '../amounts.ts';
import { outputOf, withNetwork } from './blob-options.ts';
import { examples } from './examples.ts';
import type { NodeOptions } from './node-care.ts';
import type { NodeDrainOptions } from './node-drain.ts';
import type { NodeInitOptions } from './node-init.ts';
import type { MakeKeyOptions } from './node-key.ts';
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
    .option('--json', 'print one line of JSON when ready')
    .addHelpText(
      'after',
      examples(
        'floe node run --config /var/lib/floe/node.json',
        'FLOE_NODE_LISTEN_PORT=9186 floe node run --set limits.healingBlobs=2',
      ),
    )
    .action(async (options: NodeRunOptions) => {
      const { runNode } = await import('./node-run.ts');
      await runNode(options, outputOf(options), signal);
    });
  addWatchCommands(node, signal);
  addCareCommands(node, signal);
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
  withJson(node.command('make-key <file>'))
    .description('make a key for a storage node to change to (nextProtocolKeyFile); a file that is there is kept')
    .addHelpText('after', examples('floe node make-key /var/lib/floe/next-bls.key'))
    .action(async (file: string, options: MakeKeyOptions) => {
      const { runMakeKey } = await import('./node-key.ts');
      await runMakeKey(file, outputOf(options));
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

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

function ofNode(command: Command): Command {
  return withJson(withConfig(command));
}

/** What a running node is asked. */
function addWatchCommands(node: Command, signal: AbortSignal): void {
  ofNode(node.command('status'))
    .description(
      'say what a running storage node is doing: shards, blobs, disk, events, healing, scrubbing, challenges',
    )
    .addHelpText('after', examples('floe node status --config /var/lib/floe', 'floe node status --json | jq .healing'))
    .action(async (options: NodeOptions) => {
      const { runNodeStatus } = await import('./node-status.ts');
      await runNodeStatus(options, outputOf(options), signal);
    });
  ofNode(node.command('health'))
    .description(
      'say whether a storage node does its work, after storing and reading back a record; ends with 7 if not',
    )
    .addHelpText(
      'after',
      examples('floe node health --config /var/lib/floe', 'floe node health --json || echo look after it'),
    )
    .action(async (options: NodeOptions) => {
      const { runNodeHealth } = await import('./node-status.ts');
      await runNodeHealth(options, outputOf(options), signal);
    });
  ofNode(node.command('gc'))
    .description('have a running storage node give back the space of what has ended; it does so by itself every hour')
    .option('--dry-run', 'only say what would go')
    .addHelpText('after', examples('floe node gc --dry-run', 'floe node gc --config /var/lib/floe'))
    .action(async (options: NodeOptions & { readonly dryRun?: boolean }) => {
      const { runNodeGc } = await import('./node-care.ts');
      await runNodeGc(options, outputOf(options), signal);
    });
}

/** What is done with all that a node has. */
function addCareCommands(node: Command, signal: AbortSignal): void {
  ofNode(node.command('backup <directory>'))
    .description('make a consistent copy of a storage node, running or not: configuration, keys, database, slivers')
    .option('--previous <directory>', 'an earlier backup; files that are the same are shared with it')
    .option('--copy', 'share no files with the node, also where the volume allows it')
    .addHelpText(
      'after',
      examples(
        'floe node backup /mnt/backup/monday --config /var/lib/floe',
        'floe node backup /mnt/backup/tuesday --previous /mnt/backup/monday',
      ),
    )
    .action(
      async (directory: string, options: NodeOptions & { readonly previous?: string; readonly copy?: boolean }) => {
        const { runNodeBackup } = await import('./node-care.ts');
        await runNodeBackup(directory, options, outputOf(options), signal);
      },
    );
  withJson(node.command('restore <backup> <directory>'))
    .description('make a storage node out of a backup, every file compared with its checksum')
    .option('--skip-damaged', 'leave damaged segments out instead of stopping; the node has their slivers healed')
    .addHelpText('after', examples('floe node restore /mnt/backup/tuesday /var/lib/floe'))
    .action(async (backup: string, directory: string, options: NodeRestoreOptions) => {
      const { runNodeRestore } = await import('./node-care.ts');
      await runNodeRestore(backup, directory, options, outputOf(options), signal);
    });
  ofNode(node.command('drain'))
    .description('let a storage node leave: ask its stake back, and wait until others hold its shards')
    .option('--no-wait', 'only ask, and say how far it is')
    .addHelpText('after', examples('floe node drain --config /var/lib/floe', 'floe node drain --no-wait --json'))
    .action(async (options: NodeDrainOptions) => {
      const { runNodeDrain } = await import('./node-drain.ts');
      await runNodeDrain(options, outputOf(options), signal);
    });
  ofNode(node.command('verify'))
    .description('check every byte that a stopped storage node has, or every file of a backup, and change nothing')
    .option('--backup <directory>', 'check this backup instead')
    .addHelpText(
      'after',
      examples('floe node verify --config /var/lib/floe', 'floe node verify --backup /mnt/backup/tuesday'),
    )
    .action(async (options: NodeOptions & { readonly backup?: string }) => {
      const { runNodeVerify } = await import('./node-care.ts');
      await runNodeVerify(options, outputOf(options), signal);
    });
}

interface NodeRestoreOptions {
  readonly skipDamaged?: boolean;
  readonly json?: boolean;
}
