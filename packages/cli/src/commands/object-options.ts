/** Arguments of the commands about blob objects and the space they are in: extend, burn, share, fund, attributes, storage. */
import type { Frost } from '@floe/protocol';
import type { Command } from 'commander';
import { sizeInBytes, walAmount } from '../amounts.ts';
import type { ExtendOptions } from './blob-objects.ts';
import { EXAMPLE_BLOB, outputOf, withNetwork, type NetworkOptions } from './blob-options.ts';
import { wholeNumber } from './dev-options.ts';
import { EXAMPLE_OBJECT, examples } from './examples.ts';
import type { StorageBuyOptions, StorageSplitOptions } from './storages.ts';

export function addObjectCommands(program: Command, signal: AbortSignal): void {
  withNetwork(program.command('extend <id>'))
    .description('keep a blob longer, by blob id or object id; a shared one is paid for out of its funds')
    .option('--epochs <count>', 'how many epochs longer', wholeNumber(1, 1000))
    .option('--storage <id>', 'use this space of the wallet instead of paying')
    .addHelpText(
      'after',
      examples(`floe extend ${EXAMPLE_BLOB} --epochs 10`, `floe extend ${EXAMPLE_OBJECT} --storage 0x51`),
    )
    .action(async (id: string, options: ExtendOptions) => {
      const { runExtend } = await import('./blob-objects.ts');
      await runExtend(id, options, outputOf(options), signal);
    });
  withNetwork(program.command('burn <ids...>'))
    .description('give up blob objects; what they stand for stays stored until its end')
    .addHelpText('after', examples(`floe burn ${EXAMPLE_BLOB}`))
    .action(async (ids: string[], options: NetworkOptions) => {
      const { runBurn } = await import('./blob-objects.ts');
      await runBurn(ids, options, outputOf(options), signal);
    });
  withNetwork(program.command('share <id>'))
    .description("make a blob everyone's to fund and extend, for good: nobody can delete it any more")
    .option('--fund <amount>', 'WAL for its extension, such as 5WAL', walAmount)
    .addHelpText('after', examples(`floe share ${EXAMPLE_BLOB} --fund 5WAL`))
    .action(async (id: string, options: NetworkOptions & { fund?: bigint }) => {
      const { runShare } = await import('./blob-objects.ts');
      await runShare(id, options, outputOf(options), signal);
    });
  withNetwork(program.command('fund'))
    .argument('<shared-id>', 'the shared object')
    .argument('<amount>', 'such as 5WAL', walAmount)
    .description('add WAL to the funds of a shared blob')
    .addHelpText('after', examples(`floe fund ${EXAMPLE_OBJECT} 5WAL`))
    .action(async (id: string, amount: Frost, options: NetworkOptions) => {
      const { runFund } = await import('./blob-objects.ts');
      await runFund(id, amount, options, outputOf(options), signal);
    });
  addAttributes(program, signal);
  addStorage(program, signal);
}

function addAttributes(program: Command, signal: AbortSignal): void {
  const attributes = program.command('attributes').description('read and change the attributes of blob objects');
  withNetwork(attributes.command('get <id>'))
    .description('list the attributes of a blob object, by blob id or object id')
    .addHelpText('after', examples(`floe attributes get ${EXAMPLE_BLOB}`))
    .action(async (id: string, options: NetworkOptions) => {
      const { runAttributesGet } = await import('./blob-objects.ts');
      await runAttributesGet(id, options, outputOf(options), signal);
    });
  withNetwork(attributes.command('set <id> <pairs...>'))
    .description('set attributes of a blob of the wallet, each as key=value; others stay as they are')
    .addHelpText('after', examples(`floe attributes set ${EXAMPLE_BLOB} content-type=image/jpeg title=Floe`))
    .action(async (id: string, pairs: string[], options: NetworkOptions) => {
      const { readPairs, runAttributesChange } = await import('./blob-objects.ts');
      await runAttributesChange(id, readPairs(pairs), options, outputOf(options), signal);
    });
  withNetwork(attributes.command('remove <id> <keys...>'))
    .description('remove attributes of a blob of the wallet; those that are not there are passed over')
    .addHelpText('after', examples(`floe attributes remove ${EXAMPLE_BLOB} title`))
    .action(async (id: string, keys: string[], options: NetworkOptions) => {
      const { runAttributesChange } = await import('./blob-objects.ts');
      const changes = Object.fromEntries(keys.map((key) => [key, null]));
      await runAttributesChange(id, changes, options, outputOf(options), signal);
    });
}

function addStorage(program: Command, signal: AbortSignal): void {
  const storage = program
    .command('storage')
    .description('space that is paid for and holds nothing yet: what deleted blobs left, and what is bought ahead');
  withNetwork(storage.command('list'))
    .description("list the wallet's space; a store uses it before it buys")
    .addHelpText('after', examples('floe storage list'))
    .action(async (options: NetworkOptions) => {
      const { runStorageList } = await import('./storages.ts');
      await runStorageList(options, outputOf(options), signal);
    });
  withNetwork(storage.command('buy'))
    .argument('<size>', 'such as 500MiB', sizeInBytes)
    .description('buy space for encoded blobs, from this epoch or a later one on')
    .option('--epochs <count>', 'for how many epochs', wholeNumber(1, 1000), 1)
    .option('--from <epoch>', 'the first of them (default: the current one)', wholeNumber(0, 2 ** 32 - 1))
    .addHelpText('after', examples('floe storage buy 500MiB --epochs 10', 'floe storage buy 1GiB --epochs 5 --from 12'))
    .action(async (sizeBytes: bigint, options: StorageBuyOptions) => {
      const { runStorageBuy } = await import('./storages.ts');
      await runStorageBuy(sizeBytes, options, outputOf(options), signal);
    });
  withNetwork(storage.command('split <id>'))
    .description('cut space in two, by size or by epoch')
    .option('--size <size>', 'what the first part keeps, such as 100MiB', sizeInBytes)
    .option('--epoch <epoch>', 'where the second part begins', wholeNumber(0, 2 ** 32 - 1))
    .addHelpText('after', examples(`floe storage split ${EXAMPLE_OBJECT} --size 100MiB`))
    .action(async (id: string, options: StorageSplitOptions) => {
      const { runStorageSplit } = await import('./storages.ts');
      await runStorageSplit(id, options, outputOf(options), signal);
    });
  withNetwork(storage.command('fuse <ids...>'))
    .description('put space together into the first: of the same epochs, or of the same size one after the other')
    .addHelpText('after', examples(`floe storage fuse ${EXAMPLE_OBJECT} 0x51`))
    .action(async (ids: string[], options: NetworkOptions) => {
      const { runStorageFuse } = await import('./storages.ts');
      await runStorageFuse(ids, options, outputOf(options), signal);
    });
  withNetwork(storage.command('destroy <ids...>'))
    .description('end space for good; nothing is paid back')
    .addHelpText('after', examples(`floe storage destroy ${EXAMPLE_OBJECT}`))
    .action(async (ids: string[], options: NetworkOptions) => {
      const { runStorageDestroy } = await import('./storages.ts');
      await runStorageDestroy(ids, options, outputOf(options), signal);
    });
}
