/** Arguments of `floe commission …` and `floe governance …`: what a storage node earns, and who acts in its name. */
import { type Command, InvalidArgumentError } from 'commander';
import { isFloeError } from '@floe/platform';
import { type ObjectId, parseObjectId } from '@floe/protocol';
import { fromHex } from '@floe/platform';
import { basisPoints } from '../amounts.ts';
import { outputOf, withNetwork } from './blob-options.ts';
import type { AuthorityOptions, NodeOptions } from './commission.ts';
import { EXAMPLE_OBJECT, examples } from './examples.ts';
import type { VoteUpgradeOptions } from './upgrades.ts';

const OPERATOR = '--wallet .floe/nodes/node-00/operator.json';

function withNode(command: Command): Command {
  return withNetwork(command).option(
    '--node <node>',
    'the node, by name or id (default: the only one that the wallet operates)',
  );
}

function id(text: string): ObjectId {
  try {
    return parseObjectId(text);
  } catch (error) {
    if (!isFloeError(error, 'INVALID_OBJECT_ID')) throw error;
    throw new InvalidArgumentError(`expected an address or object id such as ${EXAMPLE_OBJECT}, got "${text}".`);
  }
}

function digest(text: string): Uint8Array {
  const bytes = fromHex(text.replace(/^0x/, ''));
  if (bytes?.length !== 32) throw new InvalidArgumentError(`expected 64 hexadecimal digits, got "${text}".`);
  return bytes;
}

function version(text: string): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw new InvalidArgumentError(`expected a version such as 5, got "${text}".`);
  return BigInt(text);
}

function withHeir(command: Command): Command {
  return withNode(command)
    .option('--address <address>', 'an account', id)
    .option('--object <object-id>', 'whoever holds this object, such as the capability of the node', id);
}

export function addCommissionCommands(program: Command, signal: AbortSignal): void {
  const commission = program.command('commission').description('what a storage node keeps of its rewards');
  withNode(commission.command('show'))
    .description('show the rate, the rates to come, what has been earned, and who may collect it')
    .addHelpText('after', examples('floe commission show --node node-00', `floe commission show ${OPERATOR} --json`))
    .action(async (options: NodeOptions) => {
      const { runShowCommission } = await import('./commission.ts');
      await runShowCommission(options, outputOf(options), signal);
    });
  withNode(commission.command('set'))
    .argument('<share>', 'such as 6%', basisPoints)
    .description("set, as a storage node's operator, what the node keeps from the epoch after the next on")
    .addHelpText('after', examples(`floe commission set 6% ${OPERATOR}`))
    .action(async (share: number, options: NodeOptions) => {
      const { runSetCommission } = await import('./commission.ts');
      await runSetCommission(share, options, outputOf(options), signal);
    });
  withNode(commission.command('collect'))
    .description('pay out what a storage node has earned, all that is not held back until voting ends, to the wallet')
    .addHelpText('after', examples(`floe commission collect ${OPERATOR}`))
    .action(async (options: NodeOptions) => {
      const { runCollectCommission } = await import('./commission.ts');
      await runCollectCommission(options, outputOf(options), signal);
    });
  withHeir(commission.command('receiver'))
    .description('say who may collect the commission from now on; only who may collect it now can')
    .addHelpText('after', examples(`floe commission receiver --address ${EXAMPLE_OBJECT} ${OPERATOR}`))
    .action(async (options: AuthorityOptions) => {
      const { runHandOver } = await import('./commission.ts');
      await runHandOver('collect', options, outputOf(options), signal);
    });
  const governance = program.command('governance').description("who votes in a storage node's name");
  withHeir(governance.command('authorize'))
    .description('say who may vote on slashing and upgrades for a node from now on; only who may vote now can')
    .addHelpText('after', examples(`floe governance authorize --object ${EXAMPLE_OBJECT} ${OPERATOR}`))
    .action(async (options: AuthorityOptions) => {
      const { runHandOver } = await import('./commission.ts');
      await runHandOver('govern', options, outputOf(options), signal);
    });
  withNode(governance.command('vote-upgrade'))
    .argument('[digest]', 'digest of the package to upgrade to, 64 hexadecimal digits', digest)
    .description("vote in a storage node's name for an upgrade of the contracts; the vote counts in this epoch only")
    .option('--rules <version>', 'instead of a digest: the rules of that version, built into the ledger', version)
    .option('--manager <object-id>', "the upgrade manager (default: the one in the network's description)", id)
    .addHelpText('after', examples(`floe governance vote-upgrade --rules 4 ${OPERATOR}`))
    .action(async (voted: Uint8Array | undefined, options: VoteUpgradeOptions) => {
      const { runVoteUpgrade } = await import('./upgrades.ts');
      await runVoteUpgrade(voted, options, outputOf(options), signal);
    });
}
