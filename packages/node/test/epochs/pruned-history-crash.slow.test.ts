/** Nodes that learn of what they owe from a ledger that keeps only the newest checkpoints, and those that living blobs need. */
import { AXES, type BlobId, geometryOf, memberOfNode, type NodeId, nodeRequest, pairOfShard } from '@floe/protocol';
import { transactionOf } from '@floe/contracts';
import { createFloeClient, type FloeClient } from '@floe/client';
import { seededRng } from '@floe/platform/memory';
import { createInlineCodec } from '@floe/redstuff';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bls, EPOCH_MS, type EpochNetwork, startEpochNetwork } from './epoch-network.ts';

/** The least that a ledger may be told to keep. */
const KEPT = 256;

let network: EpochNetwork;
let client: FloeClient;

beforeEach(async () => {
  network = await startEpochNetwork({ pruning: { keepCheckpoints: KEPT } });
  for (const index of [0, 1, 2]) await network.start(index);
  client = createFloeClient(
    { nodeUrlScheme: 'http' },
    {
      transport: network.transport,
      codec: createInlineCodec(),
      bls,
      ledgerClient: network.client,
      clock: network.time,
      scheduler: network.time,
      rng: seededRng('client'),
    },
  );
});

afterEach(async () => {
  await network.during(client.close());
  await network.close();
});

async function store(seed: number, epochs: number): Promise<BlobId> {
  const options = { epochs, signer: network.someone } as const;
  return (await network.during(client.store(seededRng(seed).bytes(500), options))).blobId;
}

async function nextEpoch(): Promise<void> {
  const { epoch } = await network.client.epochSchedule({ fresh: true });
  for (let waited = 0; waited < 2 * EPOCH_MS; waited += 30_000) {
    await network.pass(30_000);
    const now = await network.client.epochSchedule({ fresh: true });
    if (now.epoch > epoch && now.phase === 'done') return;
  }
  throw new Error(`epoch ${epoch + 1} did not open`);
}

/** A transaction that has nothing to do with storage. */
function payment() {
  return transactionOf((transaction) => {
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [1])], network.someone.toSuiAddress());
  });
}

/** Answers of the node to requests for each of its slivers of a blob. */
async function answersOf(index: number, blobId: BlobId): Promise<Set<number>> {
  const { current } = await network.client.committees({ fresh: true });
  const statuses = new Set<number>();
  for (const shard of memberOfNode(current, network.ids[index]?.nodeId as NodeId)?.shards ?? []) {
    for (const axis of AXES) {
      const pair = pairOfShard(geometryOf(10), blobId, shard);
      const { target } = nodeRequest({ name: 'getSliver', blobId, pair, axis });
      const response = await network.nodes[index]?.open?.handler(new Request(`http://node.test${target}`));
      statuses.add(response?.status ?? 0);
    }
  }
  return statuses;
}

describe('a ledger that has forgotten how it began', () => {
  it('still tells a node without a disk, and one that comes late, of every blob that lives', async () => {
    const ended = await store(1, 1);
    const lives = [await store(2, 9), await store(3, 9)];
    await nextEpoch();
    const { latestCheckpoint } = await network.client.chain();
    for (let count = 0; count < KEPT + 16; count += 1) await network.client.execute(payment(), network.someone);
    await network.pass(1000);
    expect(network.ledger.lowestCheckpoint()).toBeGreaterThan(latestCheckpoint);

    await network.stop(1);
    network.wipe(1);
    for (const index of [1, 3]) await network.start(index);
    await network.pass(60_000);
    for (const index of [1, 3]) {
      for (const blobId of lives) expect(await answersOf(index, blobId)).toEqual(new Set([200]));
      expect(await answersOf(index, ended)).toEqual(new Set([404]));
      expect(network.nodes[index]?.open?.status().health.nodeStatus).toBe('Active');
    }
  });
});
