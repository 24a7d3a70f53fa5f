import { stakeWithNode, transactionOf } from '@floe/contracts';
import { createFloeClient, type FloeClient } from '@floe/client';
import { equalBytes } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import {
  AXES,
  type BlobId,
  type Frost,
  geometryOf,
  memberOfNode,
  type NodeId,
  nodeRequest,
  pairOfShard,
  parseObjectId,
} from '@floe/protocol';
import { createInlineCodec } from '@floe/redstuff';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bls, EPOCH_MS, type EpochNetwork, NODES, startEpochNetwork } from './epoch-network.ts';

const JITTER_MS = EPOCH_MS / 10 + 5_000;
const everyNode = Array.from({ length: NODES }, (_, index) => index);

let network: EpochNetwork;
let client: FloeClient;
const blobs = new Map<BlobId, Uint8Array>();

beforeEach(async () => {
  network = await startEpochNetwork();
  for (const index of everyNode) await network.start(index);
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
  blobs.clear();
});

afterEach(async () => {
  await network.during(client.close());
  await network.close();
});

async function store(size: number): Promise<void> {
  const bytes = seededRng(`blob ${size}`).bytes(size);
  const options = { epochs: 10, signer: network.someone, tail: 'wait' } as const;
  const { blobId } = await network.during(client.store(bytes, options));
  blobs.set(blobId, bytes);
}

async function expectReadable(): Promise<void> {
  for (const [blobId, bytes] of blobs) {
    expect(equalBytes(await network.during(client.read(blobId)), bytes)).toBe(true);
  }
}

/** At genesis 1,000 WAL are staked for each of the ten shards. */
async function stakeWith(index: number, wal: number): Promise<void> {
  const target = await network.client.systemState({ fresh: true });
  const amount = (BigInt(wal) * 1_000_000_000n) as Frost;
  const owner = parseObjectId(network.someone.toSuiAddress());
  const nodeId = network.ids[index]?.nodeId as NodeId;
  await network.execute(transactionOf((transaction) => stakeWithNode(transaction, target, { nodeId, amount, owner })));
}

async function nextEpoch(): Promise<void> {
  const { epoch } = await network.client.epochSchedule({ fresh: true });
  for (let waited = 0; waited < 3 * EPOCH_MS; waited += 30_000) {
    await network.pass(30_000);
    const now = await network.client.epochSchedule({ fresh: true });
    if (now.epoch > epoch && now.phase === 'done') return;
  }
  throw new Error(`epoch ${epoch + 1} did not open`);
}

async function shardCounts(): Promise<number[]> {
  const { current } = await network.client.committees({ fresh: true });
  return network.ids.map(({ nodeId }) => memberOfNode(current, nodeId)?.shards.length ?? 0);
}

/** Slivers that the committee assigns to running nodes and that these do not give. */
async function missingSlivers(): Promise<number> {
  const { current } = await network.client.committees({ fresh: true });
  const geometry = geometryOf(10);
  let missing = 0;
  for (const index of everyNode) {
    const open = network.nodes[index]?.open;
    const shards = memberOfNode(current, network.ids[index]?.nodeId as NodeId)?.shards ?? [];
    for (const blobId of open === undefined ? [] : blobs.keys()) {
      for (const shard of shards) {
        for (const axis of AXES) {
          const pair = pairOfShard(geometry, blobId, shard);
          const { target } = nodeRequest({ name: 'getSliver', blobId, pair, axis });
          const response = await open?.handler(new Request(`http://node.test${target}`));
          if (response?.status !== 200) missing += 1;
        }
      }
    }
  }
  return missing;
}

const attested = () => network.events().filter((event) => event === 'ShardsReceived').length;

describe('shards that stake moves', () => {
  it('are with their new owners when the epoch opens, epoch after epoch, and every blob is readable throughout', async () => {
    for (const size of [100, 5000, 60_000]) await store(size);
    const before = await shardCounts();
    await stakeWith(3, 3000);
    await nextEpoch();
    await expectReadable();
    expect(await missingSlivers()).toBe(0);
    const after = await shardCounts();
    expect(after).not.toEqual(before);
    expect(after[3]).toBeGreaterThan(before[3] as number);
    await store(7000);
    await stakeWith(2, 4000);
    await nextEpoch();
    await expectReadable();
    expect(await missingSlivers()).toBe(0);
    await nextEpoch();
    expect(await missingSlivers()).toBe(0);
    expect(attested()).toBe(4 * NODES);
    for (const { open } of network.nodes) expect(open?.status().health.nodeStatus).toBe('Active');
  }, 120_000);

  it('come to a node that slept through the change before last, which attests then and not before', async () => {
    for (const size of [300, 9000]) await store(size);
    await stakeWith(3, 2000);
    await network.stop(1);
    await nextEpoch();
    await expectReadable();
    await store(4000);
    await stakeWith(1, 1000);
    await nextEpoch();
    const before = attested();
    await network.start(1);
    for (let waited = 0; attested() === before && waited < EPOCH_MS / 4; waited += 5000) await network.pass(5000);
    expect(attested()).toBe(before + 1);
    expect(await missingSlivers()).toBe(0);
    await expectReadable();
    await network.pass(JITTER_MS);
    expect(attested()).toBe(before + 1);
  }, 120_000);
});
