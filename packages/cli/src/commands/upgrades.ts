/** `floe governance vote-upgrade`: a storage node's vote for the contracts' next version. */
import { contractsManifest, upgradeDigest, voteForUpgrade } from '@floe/contracts';
import { toHex } from '@floe/platform';
import { chainQuorum, type ObjectId, parseObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import type { Output } from '../output.ts';
import { execute, receipt, withPayer } from '../session.ts';
import { actingAs, type NodeOptions, someNode } from './commission.ts';

export interface VoteUpgradeOptions extends NodeOptions {
  readonly manager?: ObjectId;
  readonly rules?: bigint;
}

/** The packages that the contracts stand on, `std` and `sui`: part of what a digest is of. */
const DEPENDENCIES = ['0x1', '0x2'].map((id) => parseObjectId(id));

export async function runVoteUpgrade(
  given: Uint8Array | undefined,
  options: VoteUpgradeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { rules } = options;
  if ((given === undefined) === (rules === undefined)) {
    throw cliErrors.USAGE({ detail: 'give the digest of a package, or --rules with a version of built-in contracts' });
  }
  const digest = given ?? upgradeDigest([contractsManifest(rules as bigint)], DEPENDENCIES);
  await withPayer(options, signal, async (payer) => {
    const { session, system } = payer;
    const managerId = options.manager ?? session.network.description.ledger.upgradeManagerObjectId;
    if (managerId === undefined) {
      throw cliErrors.USAGE({ detail: "the network's description names no upgrade manager: give --manager" });
    }
    // What is no manager is refused by name, and before anything is paid.
    await session.ledger.upgradeProposal({ managerId, digest }, { signal });
    const named = await someNode(session, options, signal);
    const as = await actingAs(payer, named, 'govern', signal);
    const { nodeId, name } = named;
    const order = { upgradeManagerId: managerId, nodeId, as, digest };
    const executed = await execute(payer, (transaction) => voteForUpgrade(transaction, system, order), signal);
    const { current } = await session.ledger.committees({ signal });
    const proposal = await session.ledger.upgradeProposal({ managerId, digest }, { signal });
    // Someone may have redeemed the votes already.
    const weight = proposal?.votingWeight ?? 0;
    const isQuorum = chainQuorum(current.geometry, weight);
    output.line(`${name} votes for the upgrade to ${toHex(digest)}`);
    output.line(
      `votes of ${weight} of ${current.geometry.nShards} shards${isQuorum ? ', a quorum' : ''}; they count in epoch ${current.epoch}`,
    );
    output.result({
      nodeId,
      node: name,
      packageDigest: toHex(digest),
      version: proposal?.version,
      votingWeight: weight,
      isQuorum,
      epoch: current.epoch,
      ...receipt(executed),
    });
  });
}
