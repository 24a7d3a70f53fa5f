/** Nodes prove to each other that they hold what they signed for. */
import {
  AXES,
  type BlobId,
  type Committee,
  type CommitteeMember,
  type Epoch,
  type NodeId,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { deferred } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { challengedSliver, challengeTargets, planChallenge } from '../src/challenges/challenge-plan.ts';
import { EPOCH, geometry, makeBlob, outcomeOf } from './node-harness.ts';
import { Network, type NetworkNode, type NetworkOptions } from './network-harness.ts';

const NODES = 5;
const SHARDS = [
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
  [8, 9],
];
const NEXT = (EPOCH + 1) as Epoch;
const QUICK = { challengesPerPeer: 4, challengeIntervalMs: 100, challengeGossipMs: 1000 };
let network: Network | undefined;

afterEach(async () => {
  await network?.close();
  network = undefined;
});

/** A network with blobs that were certified in the epoch before. */
async function start(options: Partial<NetworkOptions> = {}, blobs = 3): Promise<Network> {
  const limits = { ...QUICK, ...options.limits };
  const net = await Network.start({ shards: SHARDS, ...options, limits });
  network = net;
  for (let seed = 0; seed < blobs; seed += 1) await net.storeBlob(await makeBlob(900, 500 + seed));
  await net.changeCommittee(SHARDS);
  await net.openEpoch();
  return net;
}

interface Answer {
  readonly epoch: number;
  readonly results: readonly { nodeId: string; passed: number; failed: number; silent: number }[];
}

/** What a node says of its challenges. */
async function bookOf(net: Network, index: number): Promise<Answer['results']> {
  const [, answer] = (await outcomeOf(await net.call(index, { name: 'getChallenges', epoch: NEXT }))) as [
    number,
    Answer,
  ];
  return answer.results;
}

const nodeIdOf = (net: Network, index: number): NodeId => (net.nodes[index] as NetworkNode).nodeId;

async function untilAsked(net: Network, index: number, count: number): Promise<void> {
  await net.until(async () => {
    const book = await net.node(index).handler(new Request(`http://node.test/v1/challenges?epoch=${NEXT}`));
    const { success } = (await book.json()) as { success: { data: Answer } };
    const asked = success.data.results.map(({ passed, failed, silent }) => passed + failed + silent);
    return asked.reduce((sum, each) => sum + each, 0) >= count;
  });
}

describe('challenges', () => {
  it('are passed by nodes that hold what they owe, and end when each has had its share', async () => {
    const net = await start();
    await untilAsked(net, 0, 4 * (NODES - 1));
    await net.pass(2000);
    const book = await bookOf(net, 0);
    expect(book).toHaveLength(NODES - 1);
    for (const { passed, failed, silent } of book) expect([passed, failed, silent]).toEqual([4, 0, 0]);
    expect(net.node(0).status().failingNodes).toEqual([]);
  });

  it.each([
    ['lost its slivers', 'lost'],
    ['answers with something else', 'lies'],
    ['is silent', 'down'],
  ])('are failed by a node that %s, and every other node sees it', async (_what, how) => {
    const net = await start();
    const target = net.nodes[4] as NetworkNode;
    if (how === 'down') await net.stop(4);
    else {
      target.front = (handler) => async (request) => {
        if (!request.url.includes('recoverySymbols')) return handler(request);
        // As it answers for a blob of which it has nothing.
        if (how === 'lost') return handler(new Request(request.url.replace(/blobs\/[^/]+/, `blobs/${'A'.repeat(43)}`)));
        const response = await handler(request);
        const bytes = new Uint8Array(await response.arrayBuffer()).map((byte, at) => (at === 20 ? byte ^ 1 : byte));
        return new Response(bytes, { status: 200, headers: response.headers });
      };
    }
    await net.until(() =>
      [0, 1, 2, 3].every((index) => net.node(index).status().failingNodes.includes(nodeIdOf(net, 4))),
    );
    for (const index of [0, 1, 2, 3]) expect(net.node(index).status().failingNodes).toEqual([nodeIdOf(net, 4)]);
    const result = (await bookOf(net, 0)).find(({ nodeId }) => nodeId === nodeIdOf(net, 4));
    expect(result?.passed).toBe(0);
    expect(how === 'down' ? result?.silent : result?.failed).toBeGreaterThan(0);
  });

  it('let no f of the shards make a node look as if it failed', async () => {
    const net = await start();
    (net.nodes[3] as NetworkNode).front = (handler) => async (request) => {
      if (!request.url.includes('/v1/challenges')) return handler(request);
      const results = [{ nodeId: nodeIdOf(net, 1), passed: 0, failed: 4_000_000, silent: 0 }];
      return Response.json({ success: { code: 200, data: { epoch: NEXT, results } } });
    };
    await untilAsked(net, 0, 4 * (NODES - 1));
    await net.pass(3000);
    expect(net.node(0).status().failingNodes).toEqual([]);
  });

  it('ask nothing about blobs of this epoch, nor while shards are on their way', async () => {
    const limits = { challengesPerPeer: 4, challengeIntervalMs: 100 };
    const net = await Network.start({ shards: SHARDS, limits });
    network = net;
    await net.storeBlob(await makeBlob(900, 600));
    await net.pass(5000);
    const route = { name: 'getChallenges', epoch: EPOCH } as const;
    expect(await outcomeOf(await net.call(0, route))).toEqual([200, { epoch: EPOCH, results: [] }]);
  });

  it('blame nobody for slivers of a member that gained its shards in this epoch and has not copied them yet', async () => {
    const net = await Network.start({ shards: [...SHARDS, []], limits: QUICK, down: [5] });
    network = net;
    for (const seed of [1, 2, 3]) await net.storeBlob(await makeBlob(900, 500 + seed));
    await net.changeCommittee([[0, 1], [2, 3], [4, 5], [6], [8], [7, 9]]);
    // A quorum has attested without it.
    await net.openEpoch();
    await untilAsked(net, 0, 4 * 4);
    const asked = (await bookOf(net, 0)).map(({ nodeId }) => nodeId);
    expect(asked.toSorted()).toEqual([1, 2, 3, 4].map((index) => nodeIdOf(net, index)).toSorted());
    for (const index of [0, 1, 2, 3, 4]) expect(net.node(index).status().failingNodes).toEqual([]);
  });

  it.each([
    ['was away while they were deleted', 'away'],
    ['lags behind its ledger', 'lags'],
  ])('are about no blobs of which a node does not know yet that they are gone, when it %s', async (_what, how) => {
    const net = await Network.start({ shards: SHARDS, limits: QUICK });
    network = net;
    const blobs = [await makeBlob(900, 501), await makeBlob(900, 502)];
    for (const blob of blobs) await net.storeBlob(blob, { deletable: true });
    await net.changeCommittee(SHARDS);
    await net.stop(0);
    await net.openEpoch();
    const told = deferred<void>();
    const known = net.ledger.checkpoints.length;
    const follow = net.ledger.followCheckpoints.bind(net.ledger);
    net.ledger.followCheckpoints = async function* later(options) {
      for await (const checkpoint of follow(options)) {
        if (checkpoint.sequence >= known) await told.promise;
        yield checkpoint;
      }
    };
    if (how === 'lags') await net.boot(0);
    const deleted = blobs.map(({ id: blobId, objectId }) => {
      return { kind: 'BlobDeleted', epoch: NEXT, blobId, endEpoch: 20 as Epoch, objectId, wasCertified: true } as const;
    });
    const handled = net.ledger.emit(...deleted);
    await net.until(() => [1, 2, 3, 4].every((index) => net.node(index).status().store.slivers === 0));
    if (how === 'away') await net.boot(0);
    await net.pass(1500);
    told.resolve();
    await net.time.run(handled);
    await net.pass(500);
    for (const { failed, silent } of await bookOf(net, 0)) expect([failed, silent]).toEqual([0, 0]);
  });

  it('are put again to a node that has no room, which counts as silence only after some time', async () => {
    const net = await start({ limits: { challengeBusyTries: 3, challengeBusyPauseMs: 2000 } });
    let isBusy = true;
    for (const index of [3, 4]) {
      (net.nodes[index] as NetworkNode).front = (handler) => (request) =>
        request.url.includes('recoverySymbols') && (index === 4 || isBusy)
          ? new Response('busy', { status: index === 4 ? 503 : 429 })
          : handler(request);
    }
    await untilAsked(net, 0, 4 * 2);
    await net.pass(1000);
    expect((await bookOf(net, 0)).map(({ nodeId }) => nodeId).toSorted()).toEqual([nodeIdOf(net, 1), nodeIdOf(net, 2)]);
    isBusy = false;
    await net.until(() => net.node(0).status().failingNodes.includes(nodeIdOf(net, 4)));
    const book = await bookOf(net, 0);
    expect(book.find(({ nodeId }) => nodeId === nodeIdOf(net, 3))).toMatchObject({ passed: 4, failed: 0, silent: 0 });
    expect(book.find(({ nodeId }) => nodeId === nodeIdOf(net, 4))).toMatchObject({ passed: 0, failed: 0 });
    expect(net.node(0).status().failingNodes).toEqual([nodeIdOf(net, 4)]);
  });

  it('are remembered through a restart, so that nobody is asked the same twice', async () => {
    const net = await start();
    await untilAsked(net, 0, 5);
    const before = await bookOf(net, 0);
    await net.stop(0);
    await net.boot(0);
    const after = await bookOf(net, 0);
    for (const { nodeId, passed } of before) {
      expect(after.find((each) => each.nodeId === nodeId)?.passed).toBeGreaterThanOrEqual(passed);
    }
  });
});

describe('the plan of challenges', () => {
  const target: CommitteeMember = {
    index: 0,
    name: 'target',
    networkAddress: '127.0.0.1:1',
    nodeId: parseObjectId('0x7') as NodeId,
    publicKey: new Uint8Array(48),
    networkPublicKey: new Uint8Array(33),
    shards: [3, 5, 8] as ShardIndex[],
  };
  const seed = {
    randomness: seededRng('plan').bytes(32),
    epoch: NEXT,
    challenger: parseObjectId('0x1') as NodeId,
    target,
  };

  it('is the same for everybody, stays within the target’s shards, and is about slivers that it owes', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (number) => {
        const challenge = planChallenge(geometry, { ...seed, number });
        expect(planChallenge(geometry, { ...seed, number })).toEqual(challenge);
        expect(target.shards).toContain(challenge.shard);
        expect(challenge.place).toBeLessThan(geometry.nShards);
        expect(challengedSliver(geometry, challenge.from, challenge)).toBeLessThan(geometry.nShards);
      }),
    );
  });

  it('is about shards that the target had in the epoch before as well', () => {
    const committee = (epoch: number, assigned: readonly (readonly number[])[]): Committee => ({
      epoch: epoch as Epoch,
      geometry,
      members: assigned.map((shards, index) => {
        const nodeId = parseObjectId(`0x${index + 1}`) as NodeId;
        return { ...target, index, nodeId, shards: shards as ShardIndex[] };
      }),
    });
    const current = committee(6, [
      [0, 1, 2, 7],
      [3, 4],
      [5, 6, 8, 9],
    ]);
    const previous = committee(5, [
      [2, 3, 0],
      [1, 7, 8, 9],
      [4, 5, 6],
    ]);
    const targets = challengeTargets({ current, previous, phase: 'done' });
    expect(targets.map(({ index, shards }) => [index, shards])).toEqual([
      [0, [0, 2]],
      [2, [5, 6]],
    ]);
    expect(challengeTargets({ current, phase: 'done' })).toEqual([]);
  });

  it('is spread over shards, axes and places, and other with every part of its seed', () => {
    const plans = Array.from({ length: 400 }, (_, number) => planChallenge(geometry, { ...seed, number }));
    const count = (key: (plan: (typeof plans)[number]) => unknown) => new Set(plans.map(key)).size;
    expect(count(({ shard }) => shard)).toBe(3);
    expect(count(({ axis }) => axis)).toBe(AXES.length);
    expect(count(({ place }) => place)).toBe(geometry.nShards);
    expect(count(({ from }) => from)).toBe(400);
    const [first] = plans as [(typeof plans)[number]];
    const others: { from: BlobId }[] = [
      planChallenge(geometry, { ...seed, number: 0, epoch: (NEXT + 1) as Epoch }),
      planChallenge(geometry, { ...seed, number: 0, challenger: parseObjectId('0x2') as NodeId }),
      planChallenge(geometry, { ...seed, number: 0, target: { ...target, nodeId: parseObjectId('0x8') as NodeId } }),
      planChallenge(geometry, { ...seed, number: 0, randomness: new Uint8Array(32) }),
    ];
    for (const { from } of others) expect(from).not.toBe(first.from);
  });
});
