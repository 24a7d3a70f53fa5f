/** `floe vote-price`, `floe vote-capacity`: what a storage node's operator votes for. */
import { type NodeVotes, setNodeVotes, updatePrices } from '@floe/contracts';
import { formatBytes, type Output } from '../output.ts';
import { execute, receipt, withPayer } from '../session.ts';
import { cliErrors } from '../errors.ts';
import type { NetworkOptions } from './blob-options.ts';
import { findCap } from './nodes.ts';

export interface VotePriceOptions extends NetworkOptions {
  readonly node?: string;
  readonly storage?: bigint;
  readonly write?: bigint;
  readonly apply: boolean;
}

export async function runVotePrice(options: VotePriceOptions, output: Output, signal: AbortSignal): Promise<void> {
  const { storage: storagePrice, write: writePrice, node, apply } = options;
  if (storagePrice === undefined && writePrice === undefined) {
    throw cliErrors.USAGE({ detail: 'nothing to vote for: give --storage, --write or both' });
  }
  const votes: NodeVotes = {
    ...(storagePrice === undefined ? {} : { storagePrice }),
    ...(writePrice === undefined ? {} : { writePrice }),
  };
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { nodeCapId, nodeId, name } = await findCap(session, wallet.address, node, signal);
    const executed = await execute(
      payer,
      (transaction) => {
        setNodeVotes(transaction, system, { nodeCapId, votes });
        if (apply) updatePrices(transaction, system);
      },
      signal,
    );
    const prices = await session.ledger.prices({ signal });
    const voted = Object.entries({ storage: storagePrice, write: writePrice }).flatMap(([what, price]) =>
      price === undefined ? [] : [`${price} FROST for ${what}`],
    );
    output.line(`${name} votes for ${voted.join(' and ')}`);
    output.line(
      `in force: ${prices.storagePrice} FROST per encoded MiB and epoch, ${prices.writePrice} per encoded MiB written`,
    );
    output.result({
      nodeId,
      node: name,
      votes,
      applied: apply,
      storagePrice: prices.storagePrice,
      writePrice: prices.writePrice,
      ...receipt(executed),
    });
  });
}

export async function runVoteCapacity(
  capacity: bigint,
  options: NetworkOptions & { readonly node?: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { nodeCapId, nodeId, name } = await findCap(session, wallet.address, options.node, signal);
    const votes = { capacity };
    const executed = await execute(
      payer,
      (transaction) => setNodeVotes(transaction, system, { nodeCapId, votes }),
      signal,
    );
    output.line(`${name} offers ${formatBytes(Number(capacity))}; it counts from the next voting end on`);
    output.result({ nodeId, node: name, votes, ...receipt(executed) });
  });
}
