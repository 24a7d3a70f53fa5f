/** Reading: healthy, ranged, streamed, and through every fault that f shards may have. */
import { concurrencyErrors, shuffled } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import { type BlobId, createCommittee, type Epoch, pairOfSliver, shardOfPair, type SliverIndex } from '@floe/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadProgress } from '../src/blob-reader.ts';
import type { FakeNode, NodeFaults } from './support/fake-node.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

function bytes(size: number, seed = 1): Uint8Array {
  return seededRng(seed).bytes(size);
}

/** A network that holds `blob` on every node. */
async function storing(
  blob: Uint8Array,
  options: Parameters<typeof createTestNetwork>[0] = {},
): Promise<{ net: TestNetwork; blobId: BlobId }> {
  const net = await createTestNetwork(options);
  const { blobId } = await net.run(net.client.store(blob, { epochs: 3, signer: net.signer, tail: 'wait' }));
  return { net, blobId };
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

function holderOf(net: TestNetwork, blobId: BlobId, axis: 'primary' | 'secondary', index: number): FakeNode {
  const { geometry } = net.committee;
  const shard = shardOfPair(geometry, blobId, pairOfSliver(geometry, axis, index as SliverIndex));
  return net.nodes.find((node) => node.member.shards.includes(shard)) as FakeNode;
}

function requests(net: TestNetwork, route: string): number {
  return net.nodes.reduce((sum, node) => sum + (node.requests.get(route) ?? 0), 0);
}

describe('a healthy network', () => {
  test.each([0, 1, 17, 1000, 50_000])('a blob of %i bytes reads back equal', async (size) => {
    const blob = bytes(size);
    const { net, blobId } = await storing(blob);
    expect(await net.run(net.client.read(blobId))).toEqual(blob);
  });

  test('a whole read decodes nothing and asks each node once', async () => {
    const blob = bytes(50_000);
    const { net, blobId } = await storing(blob);
    net.codec.decode = () => Promise.reject(new Error('a healthy read needs no decoding'));
    expect(await net.run(net.client.read(blobId))).toEqual(blob);
    expect(requests(net, 'getSliverBatch') + requests(net, 'getSliver')).toBeLessThanOrEqual(net.nodes.length);
  });

  test('a codec that is busy is waited for: a stream that has begun is not cut off', async () => {
    const blob = bytes(50_000);
    const { net, blobId } = await storing(blob);
    const verify = net.codec.verifySlivers.bind(net.codec);
    let calls = 0;
    net.codec.verifySlivers = (...parts) => {
      calls += 1;
      const isBusy = calls % 4 !== 1;
      return isBusy ? Promise.reject(concurrencyErrors.QUEUE_FULL({ queue: 'the codec', limit: 1 })) : verify(...parts);
    };
    expect(await net.run(collect(net.client.readStream(blobId)))).toEqual(Buffer.from(blob));
    expect(calls).toBeGreaterThan(4);
  });

  test.each(['whole', 'stream'])('a codec that is busy is waited for when a blob is decoded: %s', async (how) => {
    const blob = bytes(5_000);
    const { net, blobId } = await storing(blob);
    const { codec, client } = net;
    const refused: string[] = [];
    const refusedOnce = <T extends unknown[], R>(name: string, work: (...parts: T) => Promise<R>) => {
      return (...parts: T): Promise<R> => {
        if (refused.includes(name)) return work(...parts);
        refused.push(name);
        return Promise.reject(concurrencyErrors.QUEUE_FULL({ queue: 'the codec', limit: 1 }));
      };
    };
    codec.decode = refusedOnce('decode', codec.decode.bind(codec));
    codec.checkConsistency = refusedOnce('check', codec.checkConsistency.bind(codec));
    const options = { prefer: 'repair' } as const;
    const read = how === 'whole' ? client.read(blobId, options) : collect(client.readStream(blobId, options));
    expect(Buffer.from(await net.run(read))).toEqual(Buffer.from(blob));
    expect(refused).toEqual(['decode', 'check']);
  });

  test('a codec that stays busy ends a read within its time, as something that passes', async () => {
    const { net, blobId } = await storing(bytes(500));
    net.codec.decode = () => Promise.reject(concurrencyErrors.QUEUE_FULL({ queue: 'the codec', limit: 1 }));
    const startMs = net.time.monotonicMs();
    const read = net.run(net.client.read(blobId, { prefer: 'repair' }));
    await expect(read).rejects.toMatchObject({ code: 'QUEUE_FULL', kind: 'exhausted' });
    const tookMs = net.time.monotonicMs() - startMs;
    expect([tookMs > 30_000, tookMs <= 60_000]).toEqual([true, true]);
  });

  test('nodes without batches serve the same bytes one by one', async () => {
    const net = await createTestNetwork();
    for (const node of net.nodes) node.faults.plain = true;
    const blob = bytes(50_000);
    const { blobId } = await net.run(net.client.store(blob, { epochs: 1, signer: net.signer }));
    expect(await net.run(net.client.read(blobId))).toEqual(blob);
    expect(requests(net, 'getSliverBatch') + requests(net, 'putSliverBatch')).toBe(0);
  });

  test('reading for repair takes parity slivers and decodes the same bytes', async () => {
    const blob = bytes(50_000);
    const { net, blobId } = await storing(blob);
    const stages = new Set<string>();
    const read = net.client.read(blobId, { prefer: 'repair', onProgress: ({ stage }) => stages.add(stage) });
    expect(await net.run(read)).toEqual(blob);
    expect(stages).toContain('decoding');
  });

  test('strict consistency accepts a blob that was encoded as the rules say', async () => {
    const blob = bytes(5_000);
    const { net, blobId } = await storing(blob);
    expect(await net.run(net.client.read(blobId, { consistency: 'strict' }))).toEqual(blob);
  });
});

describe('ranges and streams', () => {
  test('any range reads the same bytes as the blob has there, whole and streamed', async () => {
    const blob = bytes(20_000);
    const { net, blobId } = await storing(blob);
    await fc.assert(
      fc.asyncProperty(fc.nat(blob.length - 1), fc.nat(blob.length), async (start, length) => {
        const end = Math.min(blob.length, start + Math.max(1, length));
        expect(await net.run(net.client.read(blobId, { range: { start, end } }))).toEqual(blob.subarray(start, end));
        const streamed = await net.run(collect(net.client.readStream(blobId, { range: { start, end } })));
        expect(new Uint8Array(streamed)).toEqual(blob.subarray(start, end));
      }),
      { numRuns: 15 },
    );
  });

  test('a range fetches only the row that it touches', async () => {
    const { net, blobId } = await storing(bytes(50_000));
    const before = requests(net, 'getSliver') + requests(net, 'getSliverBatch');
    await net.run(net.client.read(blobId, { range: { start: 10, end: 20 } }));
    expect(requests(net, 'getSliver') + requests(net, 'getSliverBatch') - before).toBe(1);
  });

  test('a row whose node is dead is rebuilt from recovery symbols, not by fetching the blob', async () => {
    const blob = bytes(400_000);
    const { net, blobId } = await storing(blob, { nShards: 13, nodes: 13 });
    net.kill([holderOf(net, blobId, 'primary', 0)]);
    const before = requests(net, 'getSliver') + requests(net, 'getSliverBatch');
    expect(await net.run(net.client.read(blobId, { range: { start: 5, end: 50 } }))).toEqual(blob.subarray(5, 50));
    expect(requests(net, 'getSliver') + requests(net, 'getSliverBatch') - before).toBe(0);
    expect(requests(net, 'getRecoverySymbols')).toBeGreaterThan(0);
  });

  test('a node that forges recovery symbols is found out and the row rebuilt all the same', async () => {
    const blob = bytes(400_000);
    const { net, blobId } = await storing(blob, { nShards: 13, nodes: 13 });
    const dead = holderOf(net, blobId, 'primary', 0);
    net.kill([dead]);
    for (const node of net.nodes.filter((each) => each !== dead).slice(0, 3)) node.faults.wrongSlivers = true;
    expect(await net.run(net.client.read(blobId, { range: { start: 5, end: 50 } }))).toEqual(blob.subarray(5, 50));
  });

  test('a stream hands out rows in order and ends where the blob ends', async () => {
    const blob = bytes(100_000);
    const { net, blobId } = await storing(blob, { limits: { streamWindowBytes: 20_000 } });
    const sizes: number[] = [];
    const read = async () => {
      for await (const part of net.client.readStream(blobId)) sizes.push(part.length);
    };
    await net.run(read());
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(blob.length);
  });

  test('a stream fetches no more than its windows ahead of a reader that stopped', async () => {
    const { net, blobId } = await storing(bytes(400_000), {
      nShards: 31,
      nodes: 31,
      limits: { streamWindowBytes: 1 },
    });
    const before = requests(net, 'getSliver');
    const first = async () => {
      for await (const part of net.client.readStream(blobId)) return part.length;
      return 0;
    };
    expect(await net.run(first())).toBeGreaterThan(0);
    await net.time.advance(5_000);
    expect(requests(net, 'getSliver') - before).toBeLessThanOrEqual(2);
  });

  test.each([
    { start: 5, end: 5 },
    { start: 7, end: 3 },
    { start: 0, end: 101 },
    { start: -1, end: 5 },
    { start: 0.5, end: 5 },
    { start: Number.NaN },
  ])('range $start to $end of 100 bytes is refused with the size', async (range) => {
    const { net, blobId } = await storing(bytes(100));
    const refused = { code: 'INVALID_RANGE', data: { sizeBytes: 100 } };
    await expect(net.run(net.client.read(blobId, { range }))).rejects.toMatchObject(refused);
  });
});

describe('faulty nodes', () => {
  const kinds: readonly NodeFaults[] = [
    { blackHole: true },
    { fails: true },
    { delayMs: 8_000 },
    { wrongSlivers: true },
    { wrongMetadata: true, wrongSlivers: true },
    { truncates: true },
    { oversized: true },
    { forgets: true },
    { forbids: true },
    { loses: 'primary' },
    { plain: true, wrongSlivers: true },
  ];

  test('with any f shards faulty in any way, reads give the same bytes within seconds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 4, max: 25 }), fc.nat(30_000), async (seed, nShards, size) => {
        const blob = bytes(size, seed);
        const nodes = Math.min(nShards, 4 + (Math.abs(seed) % 9));
        const { net, blobId } = await storing(blob, { seed, nShards, nodes });
        const rng = seededRng(seed);
        for (const node of net.someNodes(net.committee.geometry.maxFaulty)) {
          const kind = rng.below(kinds.length + 1);
          if (kind === kinds.length) net.kill([node]);
          else Object.assign(node.faults, kinds[kind]);
        }
        const client = net.newClient();
        const startMs = net.time.monotonicMs();
        expect(await net.run(client.read(blobId))).toEqual(blob);
        expect(net.time.monotonicMs() - startMs).toBeLessThan(6_000);
        expect(new Uint8Array(await net.run(collect(client.readStream(blobId))))).toEqual(blob);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test('with any 2f shards lost, reads still give the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 4, max: 25 }), async (seed, nShards) => {
        const blob = bytes(3_000, seed);
        const { net, blobId } = await storing(blob, { seed, nShards, nodes: nShards });
        const { maxFaulty } = net.committee.geometry;
        const dead = shuffled(net.nodes, seededRng(seed)).slice(0, 2 * maxFaulty);
        net.kill(dead.slice(0, maxFaulty));
        for (const node of dead.slice(maxFaulty)) node.faults.blackHole = true;
        expect(await net.run(net.client.read(blobId))).toEqual(blob);
        const range = { start: 100, end: 2_000 };
        expect(await net.run(net.client.read(blobId, { range }))).toEqual(blob.subarray(100, 2_000));
      }),
      { numRuns: 6 },
    );
  }, 60_000);

  test('with more than 2f shards lost, a clear error tells how many slivers there were', async () => {
    const { net, blobId } = await storing(bytes(3_000), { nShards: 10, nodes: 10 });
    await net.run(net.client.metadata(blobId));
    net.kill(net.nodes.slice(0, 7));
    const refused = { code: 'SLIVERS_UNAVAILABLE', kind: 'unavailable', data: { found: 3, needed: 4 } };
    await expect(net.run(net.client.read(blobId))).rejects.toMatchObject(refused);
  });

  test('with all nodes silent a read ends at its deadline, naming what was found', async () => {
    const { net, blobId } = await storing(bytes(3_000));
    for (const node of net.nodes) node.faults.blackHole = true;
    const startMs = net.time.monotonicMs();
    const read = net.newClient().read(blobId, { timeoutMs: 3_000 });
    await expect(net.run(read)).rejects.toMatchObject({ code: 'READ_TIMEOUT', kind: 'unavailable' });
    expect(net.time.monotonicMs() - startMs).toBeLessThan(3_100);
  });

  test('silent nodes cost one hedge, and nothing once they are known', async () => {
    const blob = bytes(20_000);
    const { net, blobId } = await storing(blob, { nShards: 13, nodes: 13 });
    for (const node of net.nodes.slice(0, 4)) node.faults.blackHole = true;
    const client = net.newClient();
    const timed = async () => {
      const startMs = net.time.monotonicMs();
      expect(await net.run(client.read(blobId))).toEqual(blob);
      return net.time.monotonicMs() - startMs;
    };
    expect(await timed()).toBeLessThan(2_000);
    expect(await timed()).toBeLessThan(100);
  });

  test('a node that drips, each sliver just in time, costs no more than its share, and then is asked last', async () => {
    const blob = bytes(200_000);
    const limits = { initialHedgeMs: 400, minHedgeMs: 400 };
    const { net, blobId } = await storing(blob, { nShards: 100, nodes: 4, limits });
    const [dripper] = net.nodes;
    (dripper as FakeNode).faults.dripMs = 390;
    const timed = async () => {
      const startMs = net.time.monotonicMs();
      expect(await net.run(net.client.read(blobId))).toEqual(blob);
      return net.time.monotonicMs() - startMs;
    };
    // Its eight or nine rows would take more than three seconds.
    expect(await timed()).toBeLessThan(1_500);
    expect(await timed()).toBeLessThan(100);
  });

  test('a large sliver that is on its way is waited for: no other node is asked meanwhile', async () => {
    const blob = bytes(50_000);
    const limits = { initialHedgeMs: 400, minHedgeMs: 400 };
    const { net, blobId } = await storing(blob, { nShards: 10, nodes: 10, limits });
    holderOf(net, blobId, 'primary', 0).faults.pieceMs = 180;
    const client = net.newClient(limits);
    expect(await net.run(client.read(blobId, { range: { start: 5, end: 50 } }))).toEqual(blob.subarray(5, 50));
    expect([requests(net, 'getSliver'), requests(net, 'getRecoverySymbols')]).toEqual([1, 0]);
    // One that stops in the middle is overtaken.
    holderOf(net, blobId, 'primary', 0).faults.pieceMs = 2_000;
    expect(await net.run(net.newClient(limits).read(blobId, { range: { start: 5, end: 50 } }))).toEqual(
      blob.subarray(5, 50),
    );
    expect(requests(net, 'getRecoverySymbols')).toBeGreaterThan(0);
  });

  test('a row is decoded within seconds when silent nodes leave too few symbols to rebuild it', async () => {
    const blob = bytes(400_000);
    const { net, blobId } = await storing(blob, { nShards: 13, nodes: 13 });
    const holder = holderOf(net, blobId, 'primary', 0);
    const others = net.nodes.filter((node) => node !== holder);
    for (const node of [holder, ...others.slice(0, 7)]) node.faults.blackHole = true;
    const client = net.newClient();
    const startMs = net.time.monotonicMs();
    expect(await net.run(client.read(blobId, { range: { start: 5, end: 50 } }))).toEqual(blob.subarray(5, 50));
    expect(net.time.monotonicMs() - startMs).toBeLessThan(6_000);
  });

  test('when primary slivers are lost everywhere the blob is decoded from its columns', async () => {
    const blob = bytes(3_000);
    const { net, blobId } = await storing(blob, { nShards: 10, nodes: 10 });
    const { geometry } = net.committee;
    for (const node of net.nodes.slice(0, geometry.nShards - geometry.rows + 1)) node.faults.loses = 'primary';
    net.codec.recoverSliver = () => Promise.reject(new Error('no rebuilding here'));
    expect(await net.run(net.client.read(blobId))).toEqual(blob);
  });

  test('what a listener throws while columns are gathered ends the read, and is its error', async () => {
    const { net, blobId } = await storing(bytes(3_000), { nShards: 10, nodes: 10 });
    const { rows } = net.committee.geometry;
    for (const node of net.nodes) node.faults.loses = 'primary';
    net.codec.recoverSliver = () => Promise.reject(new Error('no rebuilding here'));
    const noRoom = new Error('no room for a whole blob');
    const onProgress = ({ sliversNeeded }: ReadProgress) => {
      if (sliversNeeded > rows) throw noRoom;
    };
    await expect(net.run(net.client.read(blobId, { onProgress }))).rejects.toBe(noRoom);
    await expect(net.run(collect(net.client.readStream(blobId, { onProgress })))).rejects.toBe(noRoom);
  });
});

describe('committees', () => {
  test('while shards move, a blob of an earlier epoch is read from the committee that had it', async () => {
    const blob = bytes(3_000);
    const { net, blobId } = await storing(blob, { nShards: 10, nodes: 10 });
    const previous = net.committee;
    const shards = previous.members.map((member) => member.shards);
    const members = previous.members.map((member, i) => ({ ...member, shards: shards[(i + 1) % 10] ?? [] }));
    const current = createCommittee({ epoch: 8 as Epoch, nShards: 10, members });
    net.ledger.committeesNow = { current, previous, phase: 'sync' };
    expect(await net.run(net.newClient().read(blobId))).toEqual(blob);
    // Once the move is said to be done the new owners are asked, and in this network they have nothing.
    net.ledger.committeesNow = { current, previous, phase: 'done' };
    await expect(net.run(net.newClient().read(blobId))).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  test('an open stream goes on where it was when its committee has moved meanwhile', async () => {
    const blob = bytes(60_000);
    const { net, blobId } = await storing(blob, { limits: { streamWindowBytes: 10_000 } });
    const { current } = net.ledger.committeesNow;
    const stream = (await net.run(net.client.open(blobId))).stream({ range: { start: 100, end: 59_000 } });
    const parts: Uint8Array[] = [];
    const readAll = async (): Promise<void> => {
      for await (const part of stream) {
        parts.push(part);
        if (parts.length > 1) continue;
        net.kill(net.nodes);
        const members = current.members.map((member, i) => ({ ...member, networkAddress: `127.0.0.1:${100 + i}` }));
        for (const [i, node] of net.nodes.entries()) net.serveAt(node, `127.0.0.1:${100 + i}`);
        net.ledger.committeesNow = { current: { ...current, epoch: 8 as Epoch, members }, phase: 'done' };
      }
    };
    await net.run(readAll());
    expect(Buffer.concat(parts)).toEqual(Buffer.from(blob.subarray(100, 59_000)));
  });

  test('an open stream whose nodes are gone fails when no other committee has come', async () => {
    const { net, blobId } = await storing(bytes(60_000), { limits: { streamWindowBytes: 10_000 } });
    const stream = (await net.run(net.client.open(blobId))).stream();
    net.kill(net.nodes);
    await expect(net.run(collect(stream))).rejects.toMatchObject({ code: 'SLIVERS_UNAVAILABLE' });
  });

  test('a read that fails with a committee of yesterday is tried again with the one of today', async () => {
    const blob = bytes(3_000);
    const { net, blobId } = await storing(blob);
    const { current } = net.ledger.committeesNow;
    const members = current.members.map((member, i) => ({ ...member, networkAddress: `127.0.0.1:${100 + i}` }));
    net.ledger.committeesNow = { current: { ...current, epoch: 6 as Epoch, members }, phase: 'done' };
    const client = net.newClient();
    await client.committees();
    net.ledger.committeesNow = { current, phase: 'done' };
    expect(await net.run(client.read(blobId))).toEqual(blob);
  });

  test('committees and metadata are asked for once by reads in a row', async () => {
    const blob = bytes(3_000);
    const { net, blobId } = await storing(blob);
    let asked = 0;
    net.ledger.committees = async () => {
      asked += 1;
      return net.ledger.committeesNow;
    };
    const client = net.newClient();
    const before = requests(net, 'getMetadata');
    for (let i = 0; i < 5; i += 1) expect(await net.run(client.read(blobId))).toEqual(blob);
    expect(asked).toBe(1);
    expect(requests(net, 'getMetadata') - before).toBeLessThanOrEqual(2);
  });
});

describe('blobs that are not there', () => {
  const unknown = 'A'.repeat(43) as BlobId;

  test('an unknown blob is not found, by a quorum', async () => {
    const net = await createTestNetwork();
    await expect(net.run(net.client.read(unknown))).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
      kind: 'not-found',
    });
    expect(await net.run(net.client.status(unknown))).toEqual({ kind: 'nonexistent' });
  });

  test('with f shards silent an unknown blob is still not found', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    for (const node of net.nodes.slice(0, 3)) node.faults.blackHole = true;
    await expect(net.run(net.client.read(unknown))).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  test('when too few nodes answer nobody says that a blob does not exist', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    net.kill(net.nodes.slice(0, 4));
    const refused = { code: 'METADATA_UNAVAILABLE', kind: 'unavailable' };
    await expect(net.run(net.client.read(unknown))).rejects.toMatchObject(refused);
    await expect(net.run(net.client.status(unknown))).rejects.toMatchObject({ code: 'NO_STATUS_AGREEMENT' });
  });

  test('a blob that a quorum forbids is forbidden; fewer cannot forbid it', async () => {
    const blob = bytes(3_000);
    const { net, blobId } = await storing(blob, { nShards: 10, nodes: 10 });
    for (const node of net.nodes.slice(0, 3)) node.faults.forbids = true;
    expect(await net.run(net.newClient().read(blobId))).toEqual(blob);
    for (const node of net.nodes.slice(0, 7)) node.faults.forbids = true;
    await expect(net.run(net.client.read(blobId))).rejects.toMatchObject({ code: 'BLOB_FORBIDDEN' });
  });

  test('a deleted blob is not found, though its metadata was read before', async () => {
    const net = await createTestNetwork();
    const { signer } = net;
    const stored = await net.run(net.client.store(bytes(500), { epochs: 3, deletable: true, signer }));
    if (stored.kind !== 'newlyCreated') throw new Error('a new blob is newly created');
    expect(await net.run(net.client.read(stored.blobId))).toEqual(bytes(500));
    await net.run(net.client.deleteBlob(stored.objectId, { signer }));
    await expect(net.run(net.client.read(stored.blobId))).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  test('an abort ends a read with its reason', async () => {
    const { net, blobId } = await storing(bytes(3_000));
    for (const node of net.nodes) node.faults.blackHole = true;
    const abort = new AbortController();
    const read = net.client.read(blobId, { signal: abort.signal });
    const reason = new Error('the user went away');
    setImmediate(() => abort.abort(reason));
    await expect(net.run(read)).rejects.toBe(reason);
  });
});
