/** Arguments of the commands that need no network: blob-id, encode, decode. */
import type { Command } from 'commander';
import { examples } from './examples.ts';
import { outputOf, withScratch } from './blob-options.ts';
import { wholeNumber } from './dev-options.ts';

export interface BlobIdOptions {
  readonly network?: string;
  readonly shards?: number;
  readonly scratch?: string;
  readonly json?: boolean;
}

export interface EncodeOptions {
  readonly shards: number;
  readonly out: string;
  readonly force?: boolean;
  readonly scratch?: string;
  readonly json?: boolean;
}

export interface DecodeOptions {
  readonly out: string;
  readonly scratch?: string;
  readonly json?: boolean;
}

const shards = wholeNumber(4, 1000);

export function addOfflineCommands(program: Command, signal: AbortSignal): void {
  withScratch(program.command('blob-id <files...>'))
    .description('compute the blob ids of files without storing them')
    .addHelpText('after', examples('floe blob-id file.bin', 'floe blob-id *.bin --shards 1000 --json'))
    .option('--shards <count>', "number of shards (default: the network's, else 1000)", shards)
    .option('--network <path-or-url>', 'the network whose number of shards to use')
    .option('--json', 'print JSON')
    .action(async (files: string[], options: BlobIdOptions) => {
      const { runBlobId } = await import('./offline.ts');
      await runBlobId(files, options, outputOf(options), signal);
    });
  withScratch(program.command('encode <file>'))
    .description('encode a file into a directory: primary-<i> and secondary-<i> by sliver index, and metadata.bcs')
    .addHelpText('after', examples('floe encode file.bin --shards 100 -o slivers'))
    .requiredOption('--shards <count>', 'number of shards', shards)
    .requiredOption('-o, --out <dir>', 'where to write; made when absent')
    .option('--force', 'replace the encoding that is there')
    .option('--json', 'print JSON')
    .action(async (file: string, options: EncodeOptions) => {
      const { runEncode } = await import('./offline.ts');
      await runEncode(file, options, outputOf(options), signal);
    });
  withScratch(program.command('decode <dir>'))
    .description('rebuild a file from any sufficient part of what encode wrote')
    .addHelpText('after', examples('floe decode slivers -o file.bin'))
    .requiredOption('-o, --out <file>', 'where to write it')
    .option('--json', 'print JSON')
    .action(async (directory: string, options: DecodeOptions) => {
      const { runDecode } = await import('./offline.ts');
      await runDecode(directory, options, outputOf(options), signal);
    });
}
