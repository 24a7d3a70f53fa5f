/** Arguments of `floe pool …` and `floe exchange …`. */
import type { Frost } from '@floe/protocol';
import type { Command } from 'commander';
import { type Amount, amountOf, sizeInBytes, walAmount } from '../amounts.ts';
import { EXAMPLE_BLOB, outputOf, withNetwork, withScratch, type NetworkOptions } from './blob-options.ts';
import { wholeNumber } from './dev-options.ts';
import { EXAMPLE_OBJECT, examples } from './examples.ts';
import type { PoolCreateOptions, PoolStoreOptions } from './pools.ts';

export function addPoolCommands(program: Command, signal: AbortSignal): void {
  const pool = program
    .command('pool')
    .description('storage pools: one reservation that many blobs share, extended as a whole');
  withNetwork(pool.command('create'))
    .argument('[size]', 'such as 10GiB', sizeInBytes)
    .description('buy a pool for so many bytes of encoded blobs, or make one of space that the wallet has')
    .option('--epochs <count>', 'for how many epochs', wholeNumber(1, 1000))
    .option('--storage <id>', 'make it of this space')
    .addHelpText(
      'after',
      examples('floe pool create 10GiB --epochs 10', `floe pool create --storage ${EXAMPLE_OBJECT}`),
    )
    .action(async (capacity: bigint | undefined, options: PoolCreateOptions) => {
      const { runPoolCreate } = await import('./pools.ts');
      await runPoolCreate(capacity, options, outputOf(options), signal);
    });
  withNetwork(pool.command('list'))
    .description("list the wallet's pools")
    .addHelpText('after', examples('floe pool list --json'))
    .action(async (options: NetworkOptions) => {
      const { runPoolList } = await import('./pools.ts');
      await runPoolList(options, outputOf(options), signal);
    });
  withNetwork(pool.command('show <pool-id>'))
    .description('list the blobs of a pool')
    .addHelpText('after', examples(`floe pool show ${EXAMPLE_OBJECT}`))
    .action(async (id: string, options: NetworkOptions) => {
      const { runPoolShow } = await import('./pools.ts');
      await runPoolShow(id, options, outputOf(options), signal);
    });
  withScratch(withNetwork(pool.command('store <pool-id> <files...>')))
    .description('store files, or standard input as -, in a pool; only the write fee is paid')
    .option('--permanent', 'so that nobody can delete them before the end of the pool (default: deletable)')
    .addHelpText('after', examples(`floe pool store ${EXAMPLE_OBJECT} a.bin b.bin`))
    .action(async (id: string, files: string[], options: PoolStoreOptions) => {
      const { runPoolStore } = await import('./pools.ts');
      await runPoolStore(id, files, options, outputOf(options), signal);
    });
  withNetwork(pool.command('delete <pool-id> <blob-ids...>'))
    .description('delete blobs of a pool; their place is free for others')
    .addHelpText('after', examples(`floe pool delete ${EXAMPLE_OBJECT} ${EXAMPLE_BLOB}`))
    .action(async (id: string, blobIds: string[], options: NetworkOptions) => {
      const { runPoolDelete } = await import('./pools.ts');
      await runPoolDelete(id, blobIds, options, outputOf(options), signal);
    });
  withNetwork(pool.command('extend <pool-id>'))
    .description('keep a pool, and all that is in it, longer')
    .requiredOption('--epochs <count>', 'how many epochs longer', wholeNumber(1, 1000))
    .addHelpText('after', examples(`floe pool extend ${EXAMPLE_OBJECT} --epochs 5`))
    .action(async (id: string, options: NetworkOptions & { epochs: number }) => {
      const { runPoolExtend } = await import('./pools.ts');
      await runPoolExtend(id, options.epochs, options, outputOf(options), signal);
    });
  addResizing(pool, signal);
}

function addResizing(pool: Command, signal: AbortSignal): void {
  withNetwork(pool.command('grow'))
    .argument('<pool-id>', 'the pool')
    .argument('[size]', 'such as 1GiB', sizeInBytes)
    .description('buy more room for a pool until its end, or give it space of the wallet that ends when it does')
    .option('--storage <id>', 'give it this space')
    .addHelpText(
      'after',
      examples(`floe pool grow ${EXAMPLE_OBJECT} 1GiB`, `floe pool grow ${EXAMPLE_OBJECT} --storage 0x51`),
    )
    .action(async (id: string, additional: bigint | undefined, options: NetworkOptions & { storage?: string }) => {
      const { runPoolGrow } = await import('./pools.ts');
      await runPoolGrow(id, additional, options, outputOf(options), signal);
    });
  withNetwork(pool.command('shrink'))
    .argument('<pool-id>', 'the pool')
    .argument('<size>', 'such as 1GiB', sizeInBytes)
    .description('take room that no blob uses out of a pool; it becomes space of the wallet')
    .addHelpText('after', examples(`floe pool shrink ${EXAMPLE_OBJECT} 1GiB`))
    .action(async (id: string, sizeBytes: bigint, options: NetworkOptions) => {
      const { runPoolShrink } = await import('./pools.ts');
      await runPoolShrink(id, sizeBytes, options, outputOf(options), signal);
    });
  withNetwork(pool.command('destroy <pool-id>'))
    .description('end an empty pool; what was reserved for it becomes space of the wallet')
    .addHelpText('after', examples(`floe pool destroy ${EXAMPLE_OBJECT}`))
    .action(async (id: string, options: NetworkOptions) => {
      const { runPoolDestroy } = await import('./pools.ts');
      await runPoolDestroy(id, options, outputOf(options), signal);
    });
}

export function addExchangeCommands(program: Command, signal: AbortSignal): void {
  const exchange = program
    .command('exchange')
    .description('give SUI for WAL, or WAL for SUI, at an exchange on the ledger');
  withNetwork(exchange.command('swap'))
    .argument('<amount>', 'of SUI or of WAL', amountOf('SUI', 'WAL'))
    .description('give this much of one coin for the other')
    .requiredOption('--exchange <id>', 'the exchange')
    .addHelpText('after', examples(`floe exchange swap 1.5SUI --exchange ${EXAMPLE_OBJECT}`))
    .action(async (amount: Amount, options: NetworkOptions & { exchange: string }) => {
      const { runExchange } = await import('./exchanges.ts');
      await runExchange(amount, options, outputOf(options), signal);
    });
  withNetwork(exchange.command('show <exchange-id>'))
    .description('say what an exchange has, and at which rate it gives it')
    .addHelpText('after', examples(`floe exchange show ${EXAMPLE_OBJECT}`))
    .action(async (id: string, options: NetworkOptions) => {
      const { runExchangeShow } = await import('./exchanges.ts');
      await runExchangeShow(id, options, outputOf(options), signal);
    });
  withNetwork(exchange.command('create'))
    .argument('<amount>', 'such as 100WAL', walAmount)
    .description("make an exchange that has this much WAL of the wallet's; at first it gives one WAL for one SUI")
    .option('--package <id>', 'the exchange package (default: the one of this kind of ledger)')
    .addHelpText('after', examples('floe exchange create 100WAL'))
    .action(async (funds: Frost, options: NetworkOptions & { package?: string }) => {
      const { runExchangeCreate } = await import('./exchanges.ts');
      await runExchangeCreate(funds, options, outputOf(options), signal);
    });
  withNetwork(exchange.command('rate'))
    .argument('<exchange-id>', 'the exchange')
    .argument('<wal>', 'such as 2WAL', walAmount)
    .argument('<sui>', 'such as 1SUI', amountOf('SUI'))
    .description('set how much WAL an exchange gives for how much SUI; only for who made it')
    .addHelpText('after', examples(`floe exchange rate ${EXAMPLE_OBJECT} 2WAL 1SUI`))
    .action(async (id: string, wal: bigint, { value: sui }: Amount, options: NetworkOptions) => {
      const { runExchangeRate } = await import('./exchanges.ts');
      await runExchangeRate(id, { wal, sui }, options, outputOf(options), signal);
    });
}
