/** What a node says that it lacks is what it lacks. */
import { deferred } from '@floe/platform';
import type { NodeRedundancy } from '@floe/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Blob, makeBlob, outcomeOf } from './node-harness.ts';
import { Network } from './network-harness.ts';

const SHARDS = [
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
  [8, 9],
];
let network: Network | undefined;

afterEach(async () => {
  await network?.close();
  network = undefined;
});

async function start(): Promise<{ net: Network; blobs: Blob[] }> {
  const net = await Network.start({ shards: SHARDS, limits: { recountAgeMs: 100, recountSample: 2 } });
  network = net;
  const blobs = await Promise.all([1, 2, 3].map((seed) => makeBlob(900, 700 + seed)));
  for (const blob of blobs) await net.storeBlob(blob);
  return { net, blobs };
}

async function redundancyOf(net: Network, index: number): Promise<NodeRedundancy> {
  const [status, data] = (await outcomeOf(await net.call(index, { name: 'getRedundancy' }))) as [
    number,
    NodeRedundancy,
  ];
  expect(status).toBe(200);
  return data;
}

describe('a node', () => {
  it('that holds all it owes says so', async () => {
    const { net } = await start();
    const { count, healing } = await redundancyOf(net, 0);
    expect(count).toMatchObject({ blobs: 3, incomplete: 0, sample: [] });
    expect(healing).toEqual({ waiting: 0, active: 0 });
  });

  it('that lost its disk counts what it lacks, names some, and reports nothing healed before it is', async () => {
    const { net, blobs } = await start();
    await net.stop(0);
    net.wipe(0);
    // Too few are left to heal from, so it stays as it is.
    for (const index of [2, 3, 4]) await net.stop(index);
    await net.boot(0);
    await net.until(async () => (await net.node(0).handler(new Request('http://node.test/v1/redundancy'))).ok);
    await net.pass(2000);
    const lacking = await redundancyOf(net, 0);
    expect(lacking.count).toMatchObject({ blobs: 3, incomplete: 3 });
    expect(lacking.count?.sample).toHaveLength(2);
    expect(lacking.healing.waiting + lacking.healing.active).toBe(3);
    for (const index of [2, 3, 4]) await net.boot(index);
    await net.untilHeld(0, ...blobs);
    await net.pass(200);
    expect((await redundancyOf(net, 0)).count).toMatchObject({ blobs: 3, incomplete: 0 });
  });

  it('that lost its disk does not count before it knows again what it owes', async () => {
    const { net } = await start();
    await net.stop(0);
    net.wipe(0);
    const told = deferred<void>();
    const follow = net.ledger.followCheckpoints.bind(net.ledger);
    net.ledger.followCheckpoints = async function* later(options) {
      await told.promise;
      yield* follow(options);
    };
    await net.boot(0);
    expect((await redundancyOf(net, 0)).count).toBeUndefined();
    told.resolve();
    await net.pass(2000);
    expect((await redundancyOf(net, 0)).count).toMatchObject({ blobs: 3 });
  });

  it('counts a sliver that was found damaged as lost, until it is back', async () => {
    const { net, blobs } = await start();
    const { fileSystem } = net.nodes[0] as { fileSystem: Network['nodes'][number]['fileSystem'] };
    for (const index of [2, 3, 4]) await net.stop(index);
    for (const name of await fileSystem.list('/node/slivers')) {
      fileSystem.flipBit(`/node/slivers/${name}`, 64 + 72 + 100, 3);
    }
    for (const blob of blobs) {
      for (const axis of ['primary', 'secondary'] as const) {
        for (const each of net.pairsOf(0, blob.id)) {
          await net.call(0, { name: 'getSliver', blobId: blob.id, pair: each, axis });
        }
      }
    }
    await net.pass(200);
    expect((await redundancyOf(net, 0)).count).toMatchObject({ blobs: 3, incomplete: 1 });
    for (const index of [2, 3, 4]) await net.boot(index);
    await net.untilHeld(0, ...blobs);
    await net.pass(200);
    expect((await redundancyOf(net, 0)).count).toMatchObject({ incomplete: 0 });
  });
});
