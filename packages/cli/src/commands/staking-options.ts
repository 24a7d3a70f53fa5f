/** Arguments of the commands about stake, votes, epochs and prices. */
import type { Command } from 'commander';
import { sizeInBytes, walAmount } from '../amounts.ts';
import type { Frost } from '@floe/protocol';
import { outputOf, withNetwork, type NetworkOptions } from './blob-options.ts';
import type { CommitteeOptions } from './economy.ts';
import { EXAMPLE_OBJECT, examples } from './examples.ts';
import type { VotePriceOptions } from './votes.ts';

const NODE_OPTION = 'the node, by name or id (default: the only one that the wallet operates)';

export function addStakingCommands(program: Command, signal: AbortSignal): void {
  withNetwork(program.command('stake'))
    .argument('<node>', 'by name or id')
    .argument('<amount>', 'such as 1000WAL', walAmount)
    .description('stake WAL with a storage node, by its name or id; at least 1WAL')
    .addHelpText('after', examples('floe stake node-03 1000WAL', `floe stake ${EXAMPLE_OBJECT} 1500000000FROST --json`))
    .action(async (node: string, amount: Frost, options: NetworkOptions) => {
      const { runStake } = await import('./staking.ts');
      await runStake(node, amount, options, outputOf(options), signal);
    });
  withNetwork(program.command('unstake <stake-id>'))
    .description('take stake back: at once where it is free, else it is asked for, and a second call withdraws it')
    .option('--amount <amount>', 'only so much of it, such as 5WAL', walAmount)
    .addHelpText('after', examples(`floe unstake ${EXAMPLE_OBJECT}`, `floe unstake ${EXAMPLE_OBJECT} --amount 5WAL`))
    .action(async (id: string, options: NetworkOptions & { amount?: bigint }) => {
      const { runUnstake } = await import('./staking.ts');
      await runUnstake(id, options, outputOf(options), signal);
    });
  withNetwork(program.command('list-stake'))
    .description("list the wallet's stakes: what they hold, have earned, and when they can be had")
    .addHelpText('after', examples('floe list-stake', 'floe list-stake --json'))
    .action(async (options: NetworkOptions) => {
      const { runListStakes } = await import('./staking.ts');
      await runListStakes(options, outputOf(options), signal);
    });
  withNetwork(program.command('join-stake <stake-ids...>'))
    .description('put stakes of one node, of the same age and state, together into the first')
    .addHelpText('after', examples(`floe join-stake ${EXAMPLE_OBJECT} 0x51`))
    .action(async (ids: string[], options: NetworkOptions) => {
      const { runJoinStakes } = await import('./staking.ts');
      await runJoinStakes(ids, options, outputOf(options), signal);
    });
  addVotes(program, signal);
  addState(program, signal);
}

function addVotes(program: Command, signal: AbortSignal): void {
  withNetwork(program.command('vote-price'))
    .description(
      "vote for prices as a storage node's operator, and have the prices that a quorum votes for put in force",
    )
    .option('--storage <amount>', 'per encoded MiB and epoch, such as 100000FROST', walAmount)
    .option('--write <amount>', 'per encoded MiB written', walAmount)
    .option('--node <node>', NODE_OPTION)
    .option('--no-apply', 'only vote: leave the prices in force to the next update')
    .addHelpText(
      'after',
      examples('floe vote-price --storage 90000FROST --write 0FROST --wallet .floe/nodes/node-00/operator.json'),
    )
    .action(async (options: VotePriceOptions) => {
      const { runVotePrice } = await import('./votes.ts');
      await runVotePrice(options, outputOf(options), signal);
    });
  withNetwork(program.command('vote-capacity'))
    .argument('<size>', 'such as 10TiB', sizeInBytes)
    .description(
      "vote, as a storage node's operator, for how much the node holds; it counts from the next voting end on",
    )
    .option('--node <node>', NODE_OPTION)
    .addHelpText('after', examples('floe vote-capacity 10TiB --wallet .floe/nodes/node-00/operator.json'))
    .action(async (capacity: bigint, options: NetworkOptions & { node?: string }) => {
      const { runVoteCapacity } = await import('./votes.ts');
      await runVoteCapacity(capacity, options, outputOf(options), signal);
    });
}

function addState(program: Command, signal: AbortSignal): void {
  withNetwork(program.command('epoch'))
    .description('say which epoch it is, how far it has come, and when the next one begins')
    .addHelpText('after', examples('floe epoch', 'floe epoch --json'))
    .action(async (options: NetworkOptions) => {
      const { runEpoch } = await import('./economy.ts');
      await runEpoch(options, outputOf(options), signal);
    });
  withNetwork(program.command('committee'))
    .description('list the storage nodes of the committee: shards, stake, commission')
    .option('--next', 'the one of the next epoch, once voting has ended')
    .option('--previous', 'the one of the epoch before')
    .addHelpText('after', examples('floe committee', 'floe committee --next --json'))
    .action(async (options: CommitteeOptions) => {
      const { runCommittee } = await import('./economy.ts');
      await runCommittee(options, outputOf(options), signal);
    });
  withNetwork(program.command('prices'))
    .description('list the prices in force, and what each storage node votes for')
    .addHelpText('after', examples('floe prices', 'floe prices --json'))
    .action(async (options: NetworkOptions) => {
      const { runPrices } = await import('./economy.ts');
      await runPrices(options, outputOf(options), signal);
    });
}
