import type { HttpHandler } from '@floe/platform';
import {
  blobIdFromBytes,
  encodeSyncShardResponse,
  type Epoch,
  pairOfShard,
  type ShardIndex,
  type Sliver,
  type SliverIndex,
} from '@floe/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Blob, EPOCH, geometry, makeBlob, outcomeOf, sliverBytes } from '../node-harness.ts';
import { Network, type NetworkNode, type NetworkOptions } from '../network-harness.ts';

/** Node 4 is no member at first. */
const BEFORE = [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9], []];
/** Two shards each from nodes 0 and 1 have gone to node 4. */
const AFTER = [[0], [3, 4], [6, 7], [8, 9], [1, 2, 5]];

let network: Network | undefined;

afterEach(async () => {
  await network?.close();
  network = undefined;
});

async function start(options: Partial<NetworkOptions> = {}): Promise<Network> {
  network = await Network.start({ shards: BEFORE, ...options });
  return network;
}

async function storeBlobs(net: Network, count = 8, size = 3000): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for (let seed = 0; seed < count; seed += 1) blobs.push(await makeBlob(size, seed));
  for (const blob of blobs) await net.storeBlob(blob);
  return blobs;
}

function moved(net: Network, index: number, path: string): number {
  return (net.nodes[index] as NetworkNode).metrics.of('floe_node_recovered_slivers_total', { path });
}

async function sliverStatus(net: Network, index: number, blob: Blob, shard: number): Promise<number> {
  const pair = pairOfShard(geometry, blob.id, shard as ShardIndex);
  return (await net.call(index, { name: 'getSliver', blobId: blob.id, pair, axis: 'primary' })).status;
}

describe('a node that gains shards', () => {
  it('copies them from their old owners, page by page, and says that it has them when it has', async () => {
    const net = await start({ limits: { shardPageSlivers: 3 } });
    const blobs = await storeBlobs(net);
    const epoch = (EPOCH + 1) as Epoch;
    const waiting = new AbortController();
    let isInPlace = false;
    const inPlace = net
      .node(4)
      .shardsInPlace(epoch, waiting.signal)
      .then(() => (isInPlace = true));
    let isBusy = true;
    (net.nodes[1] as NetworkNode).front = (handler) => (request) =>
      isBusy && isPage(request) ? new Response('busy', { status: 503 }) : handler(request);
    await net.changeCommittee(AFTER);
    await net.until(() => moved(net, 4, 'transfer') === 2 * 2 * blobs.length);
    await net.pass(5000);
    expect(isInPlace).toBe(false);
    isBusy = false;
    await net.time.run(inPlace);
    expect(net.isInPlace(4)).toBe(true);
    await net.untilHeld(4, ...blobs);
    // Three shards, both slivers of each blob; nothing had to be recovered.
    expect(moved(net, 4, 'transfer')).toBe(3 * 2 * blobs.length);
    expect(net.restored(4)).toBeGreaterThan(0.8 * net.received(4));
    for (const index of [0, 1, 2, 3]) await net.time.run(net.node(index).shardsInPlace(epoch, waiting.signal));
  });

  it('recovers them when an old owner is gone', async () => {
    const net = await start();
    const blobs = await storeBlobs(net);
    await net.stop(1);
    await net.changeCommittee(AFTER);
    await net.until(() => net.isInPlace(4));
    expect(await net.holds(4, blobs[0] as Blob)).toBe(true);
    await net.untilHeld(4, ...blobs);
    expect(moved(net, 4, 'transfer')).toBe(2 * 2 * blobs.length);
    expect(moved(net, 4, 'whole') + moved(net, 4, 'symbols')).toBe(2 * blobs.length);
  });

  it.each<[string, (handler: HttpHandler) => HttpHandler]>([
    ['changes bytes', (handler) => async (request) => changedPage(request, await handler(request))],
    ['gives empty pages', (handler) => (request) => (isPage(request) ? answer(Uint8Array.of(0, 0)) : handler(request))],
    [
      'gives nonsense',
      (handler) => (request) => (isPage(request) ? answer(new Uint8Array(300).fill(9)) : handler(request)),
    ],
    [
      'gives errors',
      (handler) => (request) => (isPage(request) ? new Response('no', { status: 500 }) : handler(request)),
    ],
    [
      'gives blobs that nobody knows, without end',
      (handler) => (request) => (isPage(request) ? unknownBlob() : handler(request)),
    ],
    ['never answers', (handler) => (request) => (isPage(request) ? new Promise(() => undefined) : handler(request))],
  ])('uses nothing bad of an old owner that %s, and recovers what it did not give', async (_, lie) => {
    const net = await start();
    const blobs = await storeBlobs(net, 4);
    (net.nodes[0] as NetworkNode).front = lie;
    await net.changeCommittee(AFTER);
    await net.until(() => net.isInPlace(4));
    await net.untilHeld(4, ...blobs);
  });

  it('goes on where it was after a crash in the middle of a page', async () => {
    const net = await start({ limits: { shardPageSlivers: 2, shardTransfers: 1 } });
    const blobs = await storeBlobs(net);
    await net.changeCommittee(AFTER);
    await net.until(() => moved(net, 4, 'transfer') >= 5);
    const before = moved(net, 4, 'transfer');
    await net.stop(4);
    (net.nodes[4] as NetworkNode).fileSystem.crash();
    await net.boot(4);
    await net.until(() => net.isInPlace(4));
    await net.untilHeld(4, ...blobs);
    expect(moved(net, 4, 'transfer')).toBeLessThanOrEqual(3 * 2 * blobs.length - before);
  });

  it('has them also when the next change comes before it is done', async () => {
    const net = await start({ limits: { shardPageSlivers: 2, shardTransfers: 1 } });
    const blobs = await storeBlobs(net);
    await net.changeCommittee(AFTER);
    await net.until(() => moved(net, 4, 'transfer') >= 3);
    const epoch = await net.changeCommittee([[], [3, 4], [6, 7], [8, 9], [0, 1, 2, 5]]);
    await net.until(() => net.isInPlace(4));
    expect(net.node(4).status().epoch).toBe(epoch);
    await net.untilHeld(4, ...blobs);
  });

  it('does not say so of shards that stayed and lack what was stored while it was away', async () => {
    const net = await start();
    await net.stop(3);
    const blob = await makeBlob(3000, 1);
    await net.storeBlob(blob, { without: [3] });
    const others = net.nodes.filter(({ index }) => index !== 3);
    for (const other of others) other.front = () => () => new Response('busy', { status: 503 });
    await net.boot(3);
    await net.changeCommittee(AFTER);
    const waiting = new AbortController();
    let isInPlace = false;
    const inPlace = net
      .node(3)
      .shardsInPlace((EPOCH + 1) as Epoch, waiting.signal)
      .then(() => (isInPlace = true));
    await net.pass(5000);
    expect(isInPlace).toBe(false);
    for (const other of others) other.front = (handler) => handler;
    await net.time.run(inPlace);
    expect(await net.holds(3, blob)).toBe(true);
  });

  it('tries ever more slowly for what nobody can give, and has it when somebody can', async () => {
    const net = await start();
    await net.stop(3);
    const blob = await makeBlob(3000, 1);
    await net.storeBlob(blob, { without: [3] });
    const others = net.nodes.filter(({ index }) => index !== 3);
    for (const other of others) other.front = () => () => new Response('busy', { status: 503 });
    await net.boot(3);
    await net.changeCommittee([[0, 1, 2], [3, 4, 5], [6, 7], [8, 9], []]);
    const waiting = new AbortController();
    const inPlace = net.node(3).shardsInPlace((EPOCH + 1) as Epoch, waiting.signal);
    net.requests.clear();
    await net.time.advance(60_000);
    const [requests] = [...net.requests.values()];
    expect([...net.requests.keys()]).toHaveLength(1);
    // Tries 0, 1, 3, 7, 15, 31 s after the first one, of three others each.
    expect(requests).toBeLessThanOrEqual(6 * 3);
    for (const other of others) other.front = (handler) => handler;
    await net.time.run(inPlace);
    expect(await net.holds(3, blob)).toBe(true);
  });

  it('does not have them for an epoch that has passed', async () => {
    const net = await start();
    await storeBlobs(net, 1);
    const gaveUp = new AbortController();
    const late = net.node(4).shardsInPlace(EPOCH, gaveUp.signal);
    await net.changeCommittee(AFTER);
    await net.until(() => net.isInPlace(4));
    gaveUp.abort(new Error('gave up'));
    await expect(late).rejects.toThrow('gave up');
  });
});

describe('a node that loses shards', () => {
  it('reads but does not write them for one epoch, and then has room again', async () => {
    const net = await start();
    const blobs = await storeBlobs(net, 3);
    const [blob] = blobs as [Blob];
    const whole = net.node(0).status().store.slivers;
    await net.changeCommittee(AFTER);
    expect(await sliverStatus(net, 0, blob, 1)).toBe(200);
    const fresh = await makeBlob(2000, 77);
    await net.storeBlob(fresh);
    const pair = pairOfShard(geometry, fresh.id, 1 as ShardIndex);
    const put = { name: 'putSliver', blobId: fresh.id, pair, axis: 'primary', pending: false } as const;
    const refused = await outcomeOf(await net.call(0, put, sliverBytes(fresh, pair, 'primary')));
    expect(refused).toEqual([400, 'FAILED_PRECONDITION', 'SHARD_NOT_ASSIGNED']);
    await net.until(() => net.isInPlace(4));
    await net.openEpoch();
    expect(await sliverStatus(net, 0, blob, 1)).toBe(200);
    await net.changeCommittee(AFTER);
    await net.until(() => net.node(0).status().store.slivers < whole);
    expect(await sliverStatus(net, 0, blob, 1)).toBe(400);
    expect(net.node(0).status().store.slivers).toBe(2 * (blobs.length + 1));
    expect(await net.holds(0, blob)).toBe(true);
  });

  it('has one that comes back at once, with what was stored meanwhile', async () => {
    const net = await start();
    const blobs = await storeBlobs(net, 3);
    await net.changeCommittee(AFTER);
    await net.until(() => net.isInPlace(4));
    const meanwhile = await makeBlob(2500, 50);
    await net.storeBlob(meanwhile);
    await net.changeCommittee(BEFORE);
    await net.until(() => net.isInPlace(0));
    await net.untilHeld(0, ...blobs, meanwhile);
    // Only what it lacked was moved: one blob, two shards.
    expect(moved(net, 0, 'copy')).toBe(4);
    expect(moved(net, 0, 'transfer')).toBe(0);
  });
});

describe('a network', () => {
  it('moves all ten shards at once, one node being dead, and every sliver is in its new place', async () => {
    const net = await start();
    const blobs = await storeBlobs(net, 5);
    await net.stop(3);
    await net.changeCommittee([[6, 7], [8, 9, 0], [1, 2, 3], [], [4, 5]]);
    for (const index of [0, 1, 2, 4]) await net.until(() => net.isInPlace(index));
    for (const index of [0, 1, 2, 4]) await net.untilHeld(index, ...blobs);
  });

  it('takes a node back that slept through two changes in which it lost and gained shards', async () => {
    const net = await start();
    const blobs = await storeBlobs(net, 3);
    await net.stop(2);
    await net.changeCommittee([[0, 1, 2, 6], [3, 4], [5, 7], [8, 9], []]);
    const first = await makeBlob(4000, 60);
    await net.storeBlob(first);
    await net.changeCommittee([[0, 1, 6], [3, 4], [2, 5, 7], [8, 9], []]);
    const second = await makeBlob(4000, 61);
    await net.storeBlob(second);
    await net.boot(2);
    const never = new AbortController();
    await net.time.run(net.node(2).shardsInPlace((EPOCH + 2) as Epoch, never.signal));
    for (const blob of [...blobs, first]) expect(await net.holds(2, blob)).toBe(true);
    await net.untilHeld(2, second);
    // Shard 6 left while it slept.
    expect(await sliverStatus(net, 2, first, 6)).toBe(400);
  });

  it('stores and reads through a change', async () => {
    const net = await start({ limits: { shardPageSlivers: 2, shardTransfers: 1 } });
    const blobs = await storeBlobs(net);
    const [old] = blobs as [Blob];
    await net.changeCommittee(AFTER);
    const fresh = await makeBlob(5000, 90);
    await net.storeBlob(fresh);
    for (const index of [0, 1, 2, 3, 4]) expect(await net.holds(index, fresh)).toBe(true);
    const route = {
      name: 'getConfirmation',
      blobId: fresh.id,
      persistence: { kind: 'permanent' },
      waitForRegistration: false,
    } as const;
    expect((await net.call(4, route)).status).toBe(200);
    // Old blobs are with their old owners until the new ones have them.
    for (const shard of [0, 1, 2]) expect(await sliverStatus(net, 0, old, shard)).toBe(200);
    await net.until(() => net.isInPlace(4));
    for (const shard of [1, 2, 5]) expect(await sliverStatus(net, 4, old, shard)).toBe(200);
  });
});

function isPage(request: Request): boolean {
  return request.url.endsWith('/v1/migrate/sync_shard');
}

async function changedPage(request: Request, response: Response): Promise<Response> {
  if (!isPage(request) || response.status !== 200) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
  return new Response(bytes, { headers: response.headers });
}

let unknownBlobs = 0;

/** A page with one blob behind all those before. */
async function unknownBlob(): Promise<Response> {
  await network?.time.sleep(1000);
  unknownBlobs += 1;
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, unknownBlobs);
  const sliver: Sliver = { axis: 'primary', index: 0 as SliverIndex, symbolSize: 2, data: new Uint8Array(20) };
  return answer(encodeSyncShardResponse([{ blobId: blobIdFromBytes(id), sliver }]) as Uint8Array<ArrayBuffer>);
}

function answer(bytes: Uint8Array<ArrayBuffer>): Response {
  return new Response(bytes, { headers: { 'content-type': 'application/octet-stream' } });
}
