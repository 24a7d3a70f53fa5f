/** Arguments of the commands about a ledger's store: verify, snapshot, restore; and prove, which asks a running one. */
import type { Command } from 'commander';
import { outputOf } from './blob-options.ts';
import { examples } from './examples.ts';

export interface LedgerStoreOptions {
  readonly dir: string;
  readonly json?: boolean;
}

export interface SnapshotOptions extends LedgerStoreOptions {
  readonly out: string;
}

export interface ProveOptions {
  readonly network?: string;
  readonly key?: string;
  readonly json?: boolean;
}

export function addLedgerCommands(program: Command, signal: AbortSignal): void {
  const group = program
    .command('ledger')
    .description('verify, copy and prove the state of a ledger')
    .addHelpText('after', examples('floe ledger verify', 'floe ledger snapshot -o ledger.snapshot'));
  withStore(group.command('verify'))
    .description(
      'check a whole ledger: every signature, every checkpoint, and that executing everything again leads to the same state',
    )
    .addHelpText('after', examples('floe ledger verify', 'floe ledger verify --dir /srv/floe --json'))
    .action(async (options: LedgerStoreOptions) => {
      const { runLedgerVerify } = await import('./ledger.ts');
      await runLedgerVerify(options, outputOf(options), signal);
    });
  withStore(group.command('snapshot'))
    .description('write the whole chain of a ledger that is not running into one file')
    .requiredOption('-o, --out <file>', 'where to write it')
    .addHelpText('after', examples('floe ledger snapshot -o ledger.snapshot'))
    .action(async (options: SnapshotOptions) => {
      const { runLedgerSnapshot } = await import('./ledger.ts');
      await runLedgerSnapshot(options, outputOf(options), signal);
    });
  withStore(group.command('restore <file>'))
    .description('bring a snapshot into a directory that has no ledger, checking all of it')
    .addHelpText('after', examples('floe ledger restore ledger.snapshot --dir /srv/floe'))
    .action(async (file: string, options: LedgerStoreOptions) => {
      const { runLedgerRestore } = await import('./ledger.ts');
      await runLedgerRestore(file, options, outputOf(options), signal);
    });
  group
    .command('prove <object-id>')
    .description('have the ledger prove an object of its newest checkpoint, such as the certification of a blob')
    .option('--network <path-or-url>', 'the network.json to use (default FLOE_NETWORK, else .floe/network.json)')
    .option('--key <hex>', "the chain's public key; any other signature is refused")
    .option('--json', 'print JSON')
    .addHelpText('after', examples(`floe ledger prove 0x${'4f'.repeat(32)} --json`))
    .action(async (objectId: string, options: ProveOptions) => {
      const { runLedgerProve } = await import('./ledger.ts');
      await runLedgerProve(objectId, options, outputOf(options), signal);
    });
}

function withStore(command: Command): Command {
  return command
    .option('--dir <directory>', 'directory of the network, whose `ledger` holds the store', '.floe')
    .option('--json', 'print JSON');
}
