/** Arguments of the commands about the network and the wallet: info, faucet, wallet. */
import type { Command } from 'commander';
import { examples } from './examples.ts';
import { outputOf, withNetwork, type NetworkOptions } from './blob-options.ts';

export interface WalletImportOptions extends NetworkOptions {
  readonly force?: boolean;
}

export function addNetworkCommands(program: Command, signal: AbortSignal): void {
  withNetwork(program.command('info'))
    .description('describe the network: epoch, prices, capacity, nodes')
    .addHelpText('after', examples('floe info', 'floe info --network http://example.org/network.json --json'))
    .action(async (options: NetworkOptions) => {
      const { runInfo } = await import('./info.ts');
      await runInfo(options, outputOf(options), signal);
    });
  withNetwork(program.command('health'))
    .description('say how whole the blobs of the network are, as its nodes count them now')
    .addHelpText('after', examples('floe health', 'floe health --json'))
    .action(async (options: NetworkOptions) => {
      const { runHealth } = await import('./health.ts');
      await runHealth(options, outputOf(options), signal);
    });
  withNetwork(program.command('faucet [address]'))
    .description('get SUI and WAL from the faucet of a development network (default: for the wallet)')
    .addHelpText('after', examples('floe faucet'))
    .action(async (address: string | undefined, options: NetworkOptions) => {
      const { runFaucet } = await import('./wallet.ts');
      await runFaucet(address, options, outputOf(options));
    });
  const wallet = withNetwork(program.command('wallet'))
    .description("print the wallet's address and balances; made when there is none")
    .addHelpText('after', examples('floe wallet', 'floe wallet --wallet other.json'))
    .action(async (options: NetworkOptions) => {
      const { runWallet } = await import('./wallet.ts');
      await runWallet(options, outputOf(options), signal);
    });
  withNetwork(wallet.command('export'))
    .description('print the secret key (suiprivkey1…): whoever has it owns the wallet')
    .addHelpText('after', examples('floe wallet export > key.txt'))
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<NetworkOptions>();
      const { runWalletExport } = await import('./wallet.ts');
      await runWalletExport(options, outputOf(options));
    });
  withNetwork(wallet.command('import <secret-key>'))
    .description('make a wallet from a secret key (suiprivkey1…); - reads it from standard input')
    .addHelpText('after', examples('floe wallet import - --wallet other.json < key.txt'))
    .option('--force', 'replace the wallet that is there')
    .action(async (secretKey: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WalletImportOptions>();
      const { runWalletImport } = await import('./wallet.ts');
      await runWalletImport(secretKey, options, outputOf(options), signal);
    });
}
