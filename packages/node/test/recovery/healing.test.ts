import type { HttpHandler } from '@floe/platform';
import { streamResponse } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Blob, EPOCH, makeBlob } from '../node-harness.ts';
import { Network, type NetworkNode, type NetworkOptions } from '../network-harness.ts';

/** Stake-weighted: f = 3 of 10 shards; nodes 1 and 4 together, or any other with less, may fail. */
const SHARDS = [[0, 5], [1, 6], [2, 7, 9], [3, 8], [4]];

let network: Network | undefined;

afterEach(async () => {
  await network?.close();
  network = undefined;
});

async function start(options: Partial<NetworkOptions> = {}): Promise<Network> {
  network = await Network.start({ shards: SHARDS, ...options });
  return network;
}

/** A node that is there, but does not answer. */
const silent = (): HttpHandler => () => new Promise<Response>(() => undefined);

describe('a node that lacks a certified blob', () => {
  it('gets metadata and slivers from the others, moving little more than it lost', async () => {
    const net = await start();
    const blob = await makeBlob(200_000);
    await net.storeBlob(blob, { without: [0] });
    await net.untilHeld(0, blob);
    const lost = net.restored(0);
    expect(lost).toBeGreaterThan(60_000);
    // Two pairs: 2 (S + P - 2) symbols for 2 (S + P); proofs and framing add less than a tenth at this size.
    expect(net.received(0) / lost).toBeLessThan(1);
    expect(net.node(0).status().healing).toEqual({ waiting: 0, active: 0, walking: false });
  });

  it('waits for a writer that is still sending, and then recovers nothing', async () => {
    const net = await start();
    const blob = await makeBlob(30_000);
    await net.storeBlob(blob, { without: [3] });
    await net.pass(10_000);
    expect(await net.holds(3, blob)).toBe(false);
    await net.send(3, blob);
    await net.pass(30_000);
    expect(net.received(3)).toBe(0);
    const { metrics } = net.nodes[3] as NetworkNode;
    expect(metrics.of('walrus_live_upload_deferral_outcome_total', { outcome: 'avoided_recovery' })).toBe(1);
  });

  it('does so around dead and silent nodes', async () => {
    const net = await start();
    const blob = await makeBlob(50_000);
    await net.storeBlob(blob, { without: [3] });
    await net.stop(4);
    (net.nodes[0] as NetworkNode).front = silent;
    await net.untilHeld(3, blob);
  });

  it('waits for enough nodes to come back, however long', async () => {
    const net = await start();
    const blob = await makeBlob(20_000);
    await net.storeBlob(blob, { without: [3] });
    for (const index of [0, 1, 2]) await net.stop(index);
    await net.pass(200_000);
    expect(await net.holds(3, blob)).toBe(false);
    for (const index of [0, 1, 2]) await net.boot(index);
    await net.untilHeld(3, blob);
  });

  it.each<[string, boolean, (handler: HttpHandler) => HttpHandler]>([
    [
      'symbols of other slivers',
      true,
      (handler) => (request) =>
        handler(redirected(request, /id=(\d+)-(\d+)/g, (_, p, s) => `id=${(Number(p) + 1) % 10}-${s}`)),
    ],
    ['bytes changed on the way', true, (handler) => async (request) => changed(await handler(request))],
    [
      'nonsense',
      true,
      () => () =>
        new Response(new Uint8Array(500).fill(7), { headers: { 'content-type': 'application/octet-stream' } }),
    ],
    [
      'answers without end',
      false,
      () => () => streamResponse(endless(), { headers: { 'content-type': 'application/octet-stream' } }),
    ],
    ['a byte now and then', false, () => () => dripping()],
  ])('uses nothing of a node that sends %s, and asks it last', async (_, isLie, lie) => {
    const net = await start();
    const blobs = await Promise.all([makeBlob(40_000, 1), makeBlob(40_000, 2), makeBlob(40_000, 3)]);
    for (const blob of blobs) await net.storeBlob(blob, { without: [0] });
    (net.nodes[2] as NetworkNode).front = lie;
    await net.untilHeld(0, ...blobs);
    expect(net.restored(0)).toBeGreaterThan(0);
    const { metrics } = net.nodes[0] as NetworkNode;
    expect(metrics.of('floe_node_peer_lies_total') > 0).toBe(isLie);
  });

  it('gives up what is deleted, ended or invalid', async () => {
    const net = await start();
    const [deleted, ended, invalid] = await Promise.all([makeBlob(9000, 1), makeBlob(9000, 2), makeBlob(9000, 3)]);
    await net.storeBlob(deleted as Blob, { without: [0], deletable: true });
    await net.storeBlob(ended as Blob, { without: [0], endEpoch: EPOCH + 1 });
    await net.storeBlob(invalid as Blob, { without: [0] });
    const { id: blobId, objectId } = deleted as Blob;
    const endEpoch = 20 as Epoch;
    await net.emit({ kind: 'BlobDeleted', epoch: EPOCH, blobId, endEpoch, objectId, wasCertified: true });
    await net.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: (invalid as Blob).id });
    net.ledger.current = { ...net.committeesOf(EPOCH + 1, SHARDS, SHARDS), phase: 'done' };
    await net.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    await net.pass(60_000);
    expect(net.received(0)).toBe(0);
    expect(net.node(0).status().store.slivers).toBe(0);
    expect(net.node(0).status().healing).toEqual({ waiting: 0, active: 0, walking: false });
  });
});

describe('a node that lost its disk', () => {
  it('comes back to everything it owes, large and small', async () => {
    const net = await start();
    const blobs = [];
    for (let seed = 0; seed < 12; seed += 1) blobs.push(await makeBlob([40, 3000, 100_000][seed % 3] as number, seed));
    for (const blob of blobs) await net.storeBlob(blob);
    await net.stop(2);
    net.wipe(2);
    await net.boot(2);
    await net.untilHeld(2, ...blobs);
    const { metrics } = net.nodes[2] as NetworkNode;
    // Small blobs are cheaper whole than by symbols with proofs.
    expect(metrics.of('floe_node_recovered_slivers_total', { path: 'whole' })).toBeGreaterThan(0);
    expect(metrics.of('floe_node_recovered_slivers_total', { path: 'symbols' })).toBeGreaterThan(0);
    await net.until(() => net.node(2).status().health.shardSummary.ownedShardStatus.ready === 3);
  });

  it('goes on after a crash in the middle', async () => {
    const net = await start({ limits: { healingBlobs: 1 } });
    const blobs = [];
    for (let seed = 0; seed < 6; seed += 1) blobs.push(await makeBlob(60_000, seed));
    for (const blob of blobs) await net.storeBlob(blob);
    await net.stop(3);
    net.wipe(3);
    await net.boot(3);
    await net.until(() => net.restored(3) > 0);
    await net.stop(3);
    (net.nodes[3] as NetworkNode).fileSystem.crash();
    await net.boot(3);
    await net.untilHeld(3, ...blobs);
  });
});

describe('a damaged sliver', () => {
  it('is healed once somebody stumbles over it', async () => {
    const net = await start();
    const blob = await makeBlob(30_000);
    await net.storeBlob(blob);
    const { fileSystem } = net.nodes[1] as NetworkNode;
    const names = await fileSystem.list('/node/slivers');
    for (const name of names) fileSystem.flipBit(`/node/slivers/${name}`, 64 + 72 + 100, 3);
    expect(await net.holds(1, blob)).toBe(false);
    await net.untilHeld(1, blob);
  });
});

function redirected(request: Request, pattern: RegExp, replace: (...parts: string[]) => string): Request {
  return new Request(request.url.replaceAll(pattern, replace), { signal: request.signal });
}

async function changed(response: Response): Promise<Response> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.headers.get('content-type') !== 'application/octet-stream') return response.clone();
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  return new Response(bytes, { status: response.status, headers: response.headers });
}

/** Never silent for long, and never done. */
function dripping(): Response {
  const { time } = network as Network;
  async function* drops(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let count = 0; count < 10_000; count += 1) {
      await time.sleep(1000);
      yield Uint8Array.of(0);
    }
  }
  return streamResponse(drops(), { headers: { 'content-type': 'application/octet-stream' } });
}

async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
  for (let sent = 0; sent < 1 << 30; sent += 65_536) yield new Uint8Array(65_536);
}
