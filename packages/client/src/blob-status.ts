/**
 * Agreement of the storage nodes on a blob's status.
 *
 * A status is believed when shards of more than f say so: at least one of them is honest. Of several such the most
 * advanced one counts, since nodes that lag behind the ledger are honest too.
 */
import { type Scheduler, withDeadline } from '@floe/platform';
import {
  type BlobId,
  type BlobStatus,
  blobStatusToJson,
  type Committee,
  compareBlobStatus,
  isQuorum,
  isValidity,
} from '@floe/protocol';
import { clientErrors } from './errors.ts';
import { fanOut } from './fan-out.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeClient } from './node-client.ts';

interface Answers {
  /** By the status's JSON, so that equal ones add up. */
  readonly byStatus: Map<string, { readonly status: BlobStatus; weight: number }>;
  weight: number;
}

/** @throws NO_STATUS_AGREEMENT when no quorum answers, or none of its answers is backed by an honest node */
export async function agreeOnStatus(
  blobId: BlobId,
  committee: Committee,
  nodes: readonly NodeClient[],
  modules: { scheduler: Scheduler; limits: ClientLimits; signal: AbortSignal | undefined },
): Promise<BlobStatus> {
  const { scheduler, limits, signal: parent } = modules;
  let answered = 0;
  const noAgreement = () =>
    clientErrors.NO_STATUS_AGREEMENT({ blobId, answered, quorum: 2 * committee.geometry.maxFaulty + 1 });
  const options = { scheduler, timeoutMs: limits.statusTimeoutMs, parent, onTimeout: noAgreement };
  return await withDeadline(options, async (signal) => {
    for (let round = 0; round < limits.maxAttempts; round += 1) {
      if (round > 0) await scheduler.sleep(limits.minBackoffMs * 2 ** round, signal);
      const answers = await askAll(blobId, committee, nodes, { scheduler, signal });
      answered = answers.weight;
      const status = agreed(committee, answers);
      if (status !== undefined) return status;
    }
    throw noAgreement();
  });
}

async function askAll(
  blobId: BlobId,
  committee: Committee,
  nodes: readonly NodeClient[],
  modules: { scheduler: Scheduler; signal: AbortSignal },
): Promise<Answers> {
  const answers: Answers = { byStatus: new Map(), weight: 0 };
  await fanOut({
    nodes,
    initial: nodes.length,
    hedgeDelayMs: () => nodes[0]?.hedgeDelayMs(0) ?? 0,
    ask: (node, signal) => node.blobStatus(blobId, signal),
    onReply(node, status) {
      const key = JSON.stringify(blobStatusToJson(status));
      const known = answers.byStatus.get(key) ?? { status, weight: 0 };
      known.weight += node.weight;
      answers.weight += node.weight;
      answers.byStatus.set(key, known);
      // A quorum that is of one mind, or of several of which one can be believed.
      return isQuorum(committee.geometry, answers.weight) && agreed(committee, answers) !== undefined
        ? 'enough'
        : 'continue';
    },
    // Who is silent now will not be a quorum's missing part in the next second either: ask again, or say so.
    impatient: true,
    ...modules,
  });
  return answers;
}

function agreed({ geometry }: Committee, { byStatus, weight }: Answers): BlobStatus | undefined {
  if (!isQuorum(geometry, weight)) return undefined;
  return [...byStatus.values()]
    .filter((answer) => isValidity(geometry, answer.weight))
    .map(({ status }) => status)
    .sort((a, b) => compareBlobStatus(b, a))[0];
}
