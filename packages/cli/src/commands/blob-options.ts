/** Arguments of the commands that use a network: store, read, status, list, delete. */
import type { Command } from 'commander';
import { walAmount } from '../amounts.ts';
import { createOutput, type Output } from '../output.ts';
import { examples } from './examples.ts';
import { wholeNumber } from './dev-options.ts';
import type { QuoteOptions } from './quote.ts';

/** Options that every command with a network takes. */
export interface NetworkOptions {
  readonly network?: string;
  readonly wallet?: string;
  /** Where large blobs are put aside, for the commands that move blobs. */
  readonly scratch?: string;
  readonly json?: boolean;
}

export interface StoreOptions extends NetworkOptions {
  readonly epochs: number;
  readonly permanent?: boolean;
  /** FROST. */
  readonly maxCost?: bigint;
}

export interface ReadOptions extends NetworkOptions {
  readonly out?: string;
  readonly strict?: boolean;
}

/** Adds the options that find network and wallet. */
export function withNetwork(command: Command): Command {
  return command
    .option('--network <path-or-url>', 'the network.json to use (default FLOE_NETWORK, else .floe/network.json)')
    .option('--wallet <file>', "the wallet to use (default FLOE_WALLET, else the one in the network's directory)")
    .option('--json', 'print JSON');
}

/** Adds the option that says where large blobs are put aside. */
export function withScratch(command: Command): Command {
  return command.option(
    '--scratch <dir>',
    'where large blobs are put aside, up to 3.5 times their size (default FLOE_SCRATCH, else ~/.cache/floe)',
  );
}

/** A blob id to show in examples. */
export const EXAMPLE_BLOB = 'mqsrt3yTNwd5ZnDXNCSNL65SWE1iLvt2Z-KVaMMyNv0';

export interface StatusOptions extends NetworkOptions {
  readonly audit: boolean;
}

export function outputOf(options: { readonly json?: boolean }): Output {
  return createOutput(options.json === true);
}

export function addBlobCommands(program: Command, signal: AbortSignal): void {
  withScratch(withNetwork(program.command('store <files...>')))
    .description('store files, or standard input as -, and print their blob ids')
    .option('--epochs <count>', 'how many epochs to keep them, the current one included', wholeNumber(1, 1000), 1)
    .option('--permanent', 'store so that nobody can delete them before their end (default: deletable)')
    .option('--max-cost <amount>', 'store nothing if all of them cost more than this, such as 0.5WAL', walAmount)
    .addHelpText(
      'after',
      examples(
        'floe store a.bin b.bin --epochs 10',
        'floe store notes.txt --permanent --json',
        'tar c photos | floe store -',
        'floe store video.mp4 --epochs 5 --max-cost 0.5WAL',
      ),
    )
    .action(async (files: string[], options: StoreOptions) => {
      const { runStore } = await import('./store.ts');
      await runStore(files, options, outputOf(options), signal);
    });
  withScratch(withNetwork(program.command('quote <files...>')))
    .description('say what storing files would charge now: storage, write fee and gas, each to the last unit')
    .option('--epochs <count>', 'how many epochs to keep them, the current one included', wholeNumber(1, 1000), 1)
    .option('--permanent', 'for a store with --permanent')
    .addHelpText('after', examples('floe quote a.bin b.bin --epochs 10', 'floe quote video.mp4 --epochs 5 --json'))
    .action(async (files: string[], options: QuoteOptions) => {
      const { runQuote } = await import('./quote.ts');
      await runQuote(files, options, outputOf(options), signal);
    });
  withScratch(withNetwork(program.command('read <blob-id>')))
    .description('read a blob, verified, to a file or to standard output')
    .option('-o, --out <file>', 'where to write it (default: standard output)')
    .option('--strict', 'also re-encode the whole blob and compare its id')
    .addHelpText('after', examples(`floe read ${EXAMPLE_BLOB} -o file.bin`, `floe read ${EXAMPLE_BLOB} | sha256sum`))
    .action(async (blobId: string, options: ReadOptions) => {
      const { runRead } = await import('./read.ts');
      await runRead(blobId, options, outputOf(options), signal);
    });
  withNetwork(program.command('status <blob-id>'))
    .description('say what the network knows of a blob, and how many of its slivers nodes prove to have')
    .option('--no-audit', 'do not ask the nodes to prove their slivers, for which each reads what it holds of the blob')
    .addHelpText('after', examples(`floe status ${EXAMPLE_BLOB}`, `floe status ${EXAMPLE_BLOB} --no-audit --json`))
    .action(async (blobId: string, options: StatusOptions) => {
      const { runStatus } = await import('./blobs.ts');
      await runStatus(blobId, options, outputOf(options), signal);
    });
  withNetwork(program.command('list'))
    .description('list the blobs that the wallet owns')
    .addHelpText('after', examples('floe list', 'floe list --json'))
    .action(async (options: NetworkOptions) => {
      const { runList } = await import('./blobs.ts');
      await runList(options, outputOf(options), signal);
    });
  withNetwork(program.command('delete <ids...>'))
    .description('delete deletable blobs of the wallet, by blob id or object id; the freed storage goes to the wallet')
    .addHelpText('after', examples(`floe delete ${EXAMPLE_BLOB}`))
    .action(async (ids: string[], options: NetworkOptions) => {
      const { runDelete } = await import('./blobs.ts');
      await runDelete(ids, options, outputOf(options), signal);
    });
}
