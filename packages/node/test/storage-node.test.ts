import { concurrencyErrors, deferred, FloeError, iterateStream, noMetrics, silentLogger } from '@floe/platform';
import {
  createMemoryFileSystem,
  createMemoryStore,
  createMemoryTransport,
  createVirtualTime,
  seededRng,
} from '@floe/platform/memory';
import {
  AXES,
  blobIdBytes,
  decodeBatch,
  encodeBatch,
  type Epoch,
  type NodeId,
  type NodeRoute,
  parseObjectId,
  type SliverPairIndex,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { beforeAll, describe, expect, it } from 'vitest';
import { NODE_LIMITS, StorageNode } from '../src/index.ts';
import {
  type Blob,
  bls,
  bytesOf,
  certified,
  codec,
  committees,
  EPOCH,
  FakeLedger,
  get,
  type Harness,
  makeBlob,
  metadataBytes,
  NODE_ID,
  outcomeOf,
  pairsOf,
  put,
  registered,
  request,
  SECRET_KEY,
  sliverBytes,
  startNode,
  SYSTEM_ID,
} from './node-harness.ts';

let blob: Blob;
let other: Blob;

beforeAll(async () => {
  blob = await makeBlob(500, 11);
  other = await makeBlob(40_000, 12);
});

const confirm = (of: Blob): NodeRoute => ({
  name: 'getConfirmation',
  blobId: of.id,
  persistence: { kind: 'permanent' },
  waitForRegistration: false,
});

async function expectWhole({ call }: Harness, of: Blob): Promise<void> {
  expect((await call(confirm(of))).status).toBe(200);
  for (const pair of pairsOf(of)) {
    for (const axis of AXES) {
      expect(await bytesOf(call({ name: 'getSliver', blobId: of.id, pair, axis }))).toEqual(
        sliverBytes(of, pair, axis),
      );
    }
  }
}

describe('a storage node that is restarted', () => {
  it('has everything it had, and learns what happened meanwhile', async () => {
    const first = await startNode();
    const { ledger, fileSystem, store } = first;
    await ledger.emit(registered(blob), registered(other));
    await first.upload(blob);
    await ledger.emit(certified(blob));
    await first.node.close();
    await first.node.close();
    ledger.append(certified(other));
    ledger.append(registered({ ...blob, objectId: parseObjectId('0x99') }));
    const second = await startNode({ ledger, fileSystem, store });
    await ledger.emit();
    await expectWhole(second, blob);
    const [, status] = (await outcomeOf(second.call({ name: 'getBlobStatus', blobId: other.id }))) as [number, unknown];
    expect(status).toMatchObject({ permanent: { isCertified: true } });
    expect(second.node.status().health.eventProgress).toEqual({
      persisted: 10,
      pending: 0,
      highestFinishedEventIndex: 9,
    });
  });

  it('confirms nothing whose metadata went with its database, until it has that again', async () => {
    const first = await startNode();
    const { ledger, fileSystem } = first;
    await ledger.emit(registered(blob));
    await first.upload(blob);
    await first.node.close();
    const second = await startNode({ ledger, fileSystem });
    await ledger.emit();
    expect(second.node.status().store.slivers).toBe(2 * pairsOf(blob).length);
    expect(await outcomeOf(second.call(confirm(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'MISSING_SLIVERS']);
    const put = { name: 'putMetadata', blobId: blob.id, pending: false } as const;
    expect((await second.call(put, metadataBytes(blob))).status).toBe(201);
    await expectWhole(second, blob);
    await second.node.close();
  });

  it('keeps, without its database, the slivers of a blob that was deleted and registered again', async () => {
    const first = await startNode();
    const { ledger, fileSystem } = first;
    const deletable = { deletable: true };
    const again = { ...blob, objectId: parseObjectId('0x98') };
    await ledger.emit(registered(blob, deletable));
    await first.upload(blob);
    const { id: blobId, objectId } = blob;
    await ledger.emit(certified(blob, deletable), {
      kind: 'BlobDeleted',
      epoch: EPOCH,
      blobId,
      endEpoch: 20 as Epoch,
      objectId,
      wasCertified: true,
    });
    expect(first.node.status().store.slivers).toBe(0);
    await ledger.emit(registered(again));
    await first.upload(again);
    await ledger.emit(certified(again));
    await first.node.close();
    // There are no peers to get anything from.
    const second = await startNode({ ledger, fileSystem });
    await ledger.emit();
    const put = { name: 'putMetadata', blobId, pending: false } as const;
    expect((await second.call(put, metadataBytes(blob))).status).toBe(201);
    await expectWhole(second, again);
    await second.node.close();
  });

  it('gives back what was deleted while it was away', async () => {
    const first = await startNode();
    const { ledger, fileSystem, store } = first;
    await ledger.emit(registered(blob, { deletable: true }));
    await first.upload(blob);
    await first.node.close();
    const { id: blobId, objectId } = blob;
    const endEpoch = 20 as Epoch;
    ledger.append({ kind: 'BlobDeleted', epoch: EPOCH, blobId, endEpoch, objectId, wasCertified: false });
    const second = await startNode({ ledger, fileSystem, store });
    await ledger.emit();
    await second.time.advance(10_000);
    expect([second.node.status().store.slivers, store.count('metadata')]).toEqual([0, 0]);
    await second.node.close();
  });

  it('reads its history anew and opens again after it lost its database, also when its disk was tried before', async () => {
    const first = await startNode();
    const { ledger, fileSystem } = first;
    await ledger.emit(registered(blob));
    await first.upload(blob);
    ledger.current = { ...committees(EPOCH + 1), previous: committees(EPOCH).current };
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    expect(await first.node.probe()).toMatchObject({ ok: true });
    await first.node.close();
    const second = await startNode({ ledger, fileSystem });
    // It follows what is new only after the epoch's change in its history.
    await Promise.race([ledger.emit(), second.node.finished]);
    await second.node.close();
    const third = await startNode({ ledger, fileSystem, store: second.store });
    expect([third.node.status().epoch, third.node.status().store.slivers]).toEqual([
      EPOCH + 1,
      2 * pairsOf(blob).length,
    ]);
    await third.node.close();
  });

  it('takes metadata again whose row is damaged', async () => {
    const first = await startNode();
    const { ledger, fileSystem, store } = first;
    await ledger.emit(registered(blob));
    await first.upload(blob);
    await first.node.close();
    store.corrupt('metadata', blobIdBytes(blob.id));
    const second = await startNode({ ledger, fileSystem, store });
    expect(await outcomeOf(second.call(confirm(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'MISSING_SLIVERS']);
    const put = { name: 'putMetadata', blobId: blob.id, pending: false } as const;
    expect((await second.call(put, metadataBytes(blob))).status).toBe(201);
    await expectWhole(second, blob);
    await second.node.close();
  });

  it('goes on from the checkpoint after the last one it had completed', async () => {
    const asked: bigint[] = [];
    class WatchedLedger extends FakeLedger {
      override followCheckpoints(options: { from: bigint; signal: AbortSignal }) {
        asked.push(options.from);
        return super.followCheckpoints(options);
      }
    }
    const ledger = new WatchedLedger();
    const first = await startNode({ ledger });
    for (let i = 0; i < 5; i += 1) await ledger.emit();
    await first.node.close();
    const second = await startNode({ ledger, fileSystem: first.fileSystem, store: first.store });
    await ledger.emit();
    expect(asked).toEqual([0n, 5n]);
    await second.node.close();
  });

  it('loses nothing acknowledged when the power fails at any moment', async () => {
    for (let seed = 0; seed < 8; seed += 1) {
      const rng = seededRng(`power ${seed}`);
      const fileSystem = createMemoryFileSystem({ rng });
      const store = createMemoryStore({ rng });
      const first = await startNode({ fileSystem, store });
      const { ledger } = first;
      await ledger.emit(registered(blob), registered(other));
      await first.upload(blob);
      fileSystem.powerOffAfter(rng.below(30));
      // Until the power fails, every sliver that was answered with success counts.
      const kept = new Set<string>();
      const metadata = await first.call(
        { name: 'putMetadata', blobId: other.id, pending: false },
        metadataBytes(other),
      );
      const sent = pairsOf(other).flatMap((pair) => AXES.map((axis) => ({ pair, axis })));
      await Promise.all(
        sent.map(async ({ pair, axis }) => {
          const route: NodeRoute = { name: 'putSliver', blobId: other.id, pair, axis, pending: false };
          const { status } = await first.call(route, sliverBytes(other, pair, axis));
          if (status === 201) kept.add(`${pair} ${axis}`);
        }),
      );
      const reopened = store.crash();
      fileSystem.crash();
      const second = await startNode({ ledger, fileSystem, store: reopened });
      await ledger.emit();
      await expectWhole(second, blob);
      expect(metadata.status).toBe(201);
      for (const { pair, axis } of sent) {
        const got = await second.call({ name: 'getSliver', blobId: other.id, pair, axis });
        if (kept.has(`${pair} ${axis}`)) expect(got.status).toBe(200);
        if (got.status === 200) expect(await bytesOf(got)).toEqual(sliverBytes(other, pair, axis));
      }
      await second.upload(other);
      await expectWhole(second, other);
    }
  });
});

describe('a storage node refuses', () => {
  it('a ledger that is another chain, or ends before its cursor', async () => {
    const { ledger, fileSystem, store, node } = await startNode();
    await ledger.emit(registered(blob));
    await ledger.emit();
    await node.close();
    const stranger = new FakeLedger();
    stranger.chainId = 'chain-two';
    stranger.checkpoints.push(...ledger.checkpoints);
    await expect(startNode({ ledger: stranger, fileSystem, store })).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' });
    const shorter = new FakeLedger();
    shorter.checkpoints.push(...ledger.checkpoints.slice(0, 1));
    await expect(startNode({ ledger: shorter, fileSystem, store })).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
    await (await startNode({ ledger, fileSystem, store })).node.close();
  });

  it('a directory of another node or network', async () => {
    const { fileSystem, store, node } = await startNode();
    await node.close();
    const nodeId = parseObjectId('0xfe') as NodeId;
    await expect(startNode({ fileSystem, store, nodeId })).rejects.toMatchObject({ code: 'DIRECTORY_MISMATCH' });
    const systemObjectId = parseObjectId('0xfe');
    const refused = startNode({ fileSystem, store, systemObjectId });
    await expect(refused).rejects.toMatchObject({ code: 'DIRECTORY_MISMATCH', kind: 'conflict' });
    await (await startNode({ fileSystem, store })).node.close();
  });

  it('a directory whose identity is damaged twice, but mends one copy from the other', async () => {
    const { fileSystem, store, node } = await startNode();
    await node.close();
    for (const name of ['node.json', 'node.copy.json']) {
      fileSystem.flipBit(`/node/${name}`, 40);
      await (await startNode({ fileSystem, store })).node.close();
    }
    fileSystem.flipBit('/node/node.json', 40);
    fileSystem.flipBit('/node/node.copy.json', 41);
    await expect(startNode({ fileSystem, store })).rejects.toMatchObject({
      code: 'DIRECTORY_DAMAGED',
      kind: 'integrity',
    });
  });

  it('to go on after an event that contradicts the others', async () => {
    const { ledger, node } = await startNode();
    void ledger.emit(certified(blob));
    await expect(node.finished).rejects.toMatchObject({ code: 'EVENT_CONTRADICTS' });
    await node.close();
  });
});

describe('a storage node and its ledger', () => {
  it('waits for a ledger that is not there yet', async () => {
    class LateLedger extends FakeLedger {
      tries = 0;
      override async chain() {
        this.tries += 1;
        if (this.tries < 3)
          throw new FloeError({ code: 'LEDGER_UNREACHABLE', kind: 'unavailable', message: 'not yet' });
        return super.chain();
      }
    }
    const ledger = new LateLedger();
    const time = createVirtualTime();
    const node = await time.run(
      StorageNode.open(
        { directory: '/late', nodeId: NODE_ID, blsSecretKey: SECRET_KEY, ledger: { systemObjectId: SYSTEM_ID } },
        {
          store: createMemoryStore(),
          fileSystem: createMemoryFileSystem(),
          ledgerClient: ledger,
          transport: createMemoryTransport(new Map(), { scheduler: time }),
          codec,
          bls,
          clock: time,
          scheduler: time,
          rng: seededRng('late'),
          logger: silentLogger,
          metrics: noMetrics,
        },
      ),
    );
    expect(ledger.tries).toBeGreaterThanOrEqual(3);
    await node.close();
  });

  it('judges requests by the latest committee, which it waits for at an epoch change', async () => {
    const { ledger, call, time, node } = await startNode();
    await ledger.emit(registered(blob, { endEpoch: EPOCH + 2 }));
    const changed = ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    await time.advance(400);
    expect(node.status().epoch).toBe(EPOCH);
    ledger.current = committees(EPOCH + 1);
    await time.advance(200);
    await changed;
    expect(node.status().epoch).toBe(EPOCH + 1);
    ledger.current = committees(EPOCH + 2);
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 2) as Epoch });
    expect(await outcomeOf(call(confirm(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
  });

  it('is on standby outside the committee', async () => {
    const { ledger, node } = await startNode();
    ledger.current = committees(EPOCH + 1, []);
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    expect(node.status().health).toMatchObject({ nodeStatus: 'Standby', shardSummary: { owned: 0, readOnly: 3 } });
  });
});

/** A codec whose verification waits until it is let go. */
function heldCodec(): { codec: Codec; release: () => void; verifying: () => number } {
  const gate = deferred<void>();
  let verifying = 0;
  const held: Codec = {
    ...codec,
    encode: (...args) => codec.encode(...args),
    async verifySlivers(...args) {
      verifying += 1;
      await gate.promise;
      return codec.verifySlivers(...args);
    },
  };
  return { codec: held, release: () => gate.resolve(), verifying: () => verifying };
}

describe('a storage node under load', () => {
  const send = ({ call }: Harness, index: number): Promise<Response> => {
    const pair = pairsOf(blob)[index] as SliverPairIndex;
    const route: NodeRoute = { name: 'putSliver', blobId: blob.id, pair, axis: 'primary', pending: false };
    return call(route, sliverBytes(blob, pair, 'primary'));
  };

  it('lets a bounded number work and wait, and refuses the rest with Retry-After', async () => {
    const held = heldCodec();
    const limits = { dataWrites: 1, dataWritesWaiting: 1 };
    const harness = await startNode({ codec: held.codec, limits });
    await harness.ledger.emit(registered(blob));
    await harness.call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const answers = [send(harness, 0), send(harness, 1), send(harness, 2)] as const;
    const refused = await Promise.race(answers);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await outcomeOf(refused)).toEqual([429, 'RESOURCE_EXHAUSTED', 'TOO_MANY_REQUESTS']);
    // Small requests go on.
    expect((await harness.call({ name: 'getHealth', detailed: false })).status).toBe(200);
    expect(held.verifying()).toBe(1);
    held.release();
    expect((await answers[0]).status).toBe(201);
    expect((await answers[1]).status).toBe(201);
    expect((await send(harness, 2)).status).toBe(201);
    expect(harness.node.status().activeRequests).toBe(0);
  });

  describe('while uploads send one byte and stay', () => {
    const stalled = (): { body: AsyncIterable<Uint8Array>; leave: () => void } => {
      const leaving = deferred<void>();
      async function* body(): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(1);
        await leaving.promise;
      }
      return { body: body(), leave: () => leaving.resolve() };
    };
    const declaring = (sizeBytes: number): RequestInit => ({ headers: { 'content-length': `${sizeBytes}` } });
    const busy = [429, 'RESOURCE_EXHAUSTED', 'TOO_MANY_REQUESTS'];

    it('still gives slivers, status and metadata, however many there are and whatever they declare', async () => {
      const held = await makeBlob(1_500_000, 15);
      const wanted = await makeBlob(1_500_000, 16);
      const limits = { dataWrites: 2, dataWritesWaiting: 1, writeBytes: 400_000, metadataWrites: 1, smallRequests: 1 };
      const harness = await startNode({ limits });
      const { call } = harness;
      await harness.ledger.emit(registered(held), registered(wanted));
      await harness.upload(held);
      await call({ name: 'putMetadata', blobId: wanted.id, pending: false }, metadataBytes(wanted));
      const [pair, second] = pairsOf(wanted) as [SliverPairIndex, SliverPairIndex];
      const stay = stalled();
      const { length } = sliverBytes(wanted, pair, 'primary');
      const uploads = [
        call(put(wanted, pair, 'primary'), stay.body, declaring(length)),
        call(put(wanted, second, 'primary'), stalled().body, declaring(length)),
        call({ name: 'putSliverBatch', blobId: wanted.id, pending: false }, stalled().body),
        call({ name: 'putMetadata', blobId: other.id, pending: false }, stalled().body),
      ];
      await Promise.resolve();
      expect(await outcomeOf(call(put(wanted, pair, 'secondary'), sliverBytes(wanted, pair, 'secondary')))).toEqual(
        busy,
      );
      const [heldPair] = pairsOf(held) as [SliverPairIndex];
      expect((await bytesOf(call(get(held, heldPair, 'primary')))).length).toBeGreaterThan(256 * 1024);
      const batch: NodeRoute = { name: 'getSliverBatch', blobId: held.id, primary: [heldPair], secondary: [] };
      expect((await bytesOf(call(batch))).length).toBeGreaterThan(256 * 1024);
      expect((await call({ name: 'getMetadata', blobId: held.id })).status).toBe(200);
      expect((await call({ name: 'getBlobStatus', blobId: held.id })).status).toBe(200);
      expect(harness.node.status().activeRequests).toBe(uploads.length);
      stay.leave();
      expect(await outcomeOf(uploads[0] as Promise<Response>)).toMatchObject([
        400,
        'INVALID_ARGUMENT',
        expect.anything(),
      ]);
    });

    it('takes slivers that it lacks, though others send what it does not need', async () => {
      const limits = { unsolicitedWrites: 1, unsolicitedWritesWaiting: 0, unsolicitedBytes: 1 };
      const harness = await startNode({ limits });
      const { call } = harness;
      await harness.ledger.emit(registered(blob));
      await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
      const [pair] = pairsOf(blob) as [SliverPairIndex];
      const stay = stalled();
      const unknown = call(put(other, pair, 'primary'), stay.body, declaring(450_000));
      await Promise.resolve();
      expect((await send(harness, 0)).status).toBe(201);
      // The same again is nothing that it lacks, nor is more than a sliver of this blob.
      expect(await outcomeOf(send(harness, 0))).toEqual(busy);
      const large = call(put(blob, pair, 'secondary'), stalled().body, declaring(450_000));
      expect(await outcomeOf(large)).toEqual(busy);
      stay.leave();
      // A byte is no sliver, which comes before that its blob is not known.
      expect(await outcomeOf(unknown)).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE']);
      expect(await outcomeOf(send(harness, 0))).toEqual([200, expect.anything()]);
      const refused = call(put(other, pair, 'primary'), sliverBytes(other, pair, 'primary'));
      expect(await outcomeOf(refused)).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
      expect(harness.node.status().activeRequests).toBe(0);
    });
  });

  it('stops in order: lets nobody in, finishes what is under way, keeps what it acknowledged', async () => {
    const held = heldCodec();
    const harness = await startNode({ codec: held.codec });
    const { ledger, fileSystem, store, node } = harness;
    await ledger.emit(registered(blob));
    await harness.call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const underWay = send(harness, 0);
    while (held.verifying() === 0) await Promise.resolve();
    let isClosed = false;
    const closing = node.close().then(() => (isClosed = true));
    expect(await outcomeOf(send(harness, 1))).toEqual([503, 'UNAVAILABLE', 'UNAVAILABLE']);
    expect(isClosed).toBe(false);
    held.release();
    expect((await underWay).status).toBe(201);
    await closing;
    await node.finished;
    const again = await startNode({ ledger, fileSystem, store });
    expect(again.node.status().store.slivers).toBe(1);
  });

  it('does not wait for ever for a client when it stops', async () => {
    const held = heldCodec();
    const harness = await startNode({ codec: held.codec });
    await harness.ledger.emit(registered(blob));
    await harness.call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const waiting = harness.call({ ...confirm(blob), waitForRegistration: true } as NodeRoute);
    await waiting;
    const stuck = send(harness, 0);
    while (held.verifying() === 0) await Promise.resolve();
    const closing = harness.node.close();
    await harness.time.advance(NODE_LIMITS.shutdownMs);
    await closing;
    held.release();
    await stuck;
  });

  it('gives back what a request held when its client goes away', async () => {
    const large = await makeBlob(1_500_000, 13);
    const harness = await startNode({ limits: { dataReads: 1, dataReadsWaiting: 0 } });
    await harness.ledger.emit(registered(large));
    await harness.upload(large);
    const [pair] = pairsOf(large) as [SliverPairIndex];
    const target = `/v1/blobs/${large.id}/slivers?primary=${pair}&secondary=${pair}`;
    // One that reads a part and leaves, one that aborts before it reads anything.
    const reading = await harness.node.handler(request('GET', target));
    const reader = (reading.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const refused = await harness.node.handler(request('GET', target));
    expect(refused.status).toBe(429);
    await reader.cancel();
    const leaving = new AbortController();
    const unread = await harness.node.handler(request('GET', target, undefined, { signal: leaving.signal }));
    expect(unread.status).toBe(200);
    leaving.abort();
    expect(harness.node.status().activeRequests).toBe(0);
    expect((await bytesOf(harness.node.handler(request('GET', target)))).length).toBeGreaterThan(100_000);
    expect(harness.node.status().activeRequests).toBe(0);
  });

  it('answers each sliver of a batch when its codec is too busy, and cuts nothing off', async () => {
    const busy: Codec = {
      ...codec,
      verifySlivers: () => Promise.reject(concurrencyErrors.QUEUE_FULL({ queue: 'codec jobs', limit: 1 })),
    };
    const harness = await startNode({ codec: busy });
    await harness.ledger.emit(registered(blob));
    await harness.call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const frames = pairsOf(blob).map((pair) => {
      return {
        kind: 'sliver' as const,
        axis: 'primary' as const,
        pair,
        sliverData: sliverBytes(blob, pair, 'primary'),
      };
    });
    const route: NodeRoute = { name: 'putSliverBatch', blobId: blob.id, pending: false };
    const response = await harness.call(route, encodeBatch(frames));
    const limits = { maxSliverBytes: 1, maxFrames: 10 };
    const outcomes: unknown[] = [];
    for await (const frame of decodeBatch(iterateStream(response.body as ReadableStream<Uint8Array>), limits)) {
      outcomes.push(frame);
    }
    expect(outcomes).toMatchObject(frames.map(() => ({ kind: 'outcome', httpStatus: 503, reason: 'UNAVAILABLE' })));
    expect(await outcomeOf(send(harness, 0))).toEqual([503, 'UNAVAILABLE', 'UNAVAILABLE']);
  });

  it('stores what was buffered also when it is more than may be queued for the disk at once', async () => {
    const harness = await startNode({ limits: { commitQueueBytes: 1 << 20, commitBatchBytes: 1 << 18 } });
    const large = await makeBlob(1_500_000, 14);
    await harness.upload(large, true);
    await harness.ledger.emit(registered(large));
    expect((await harness.call(confirm(large))).status).toBe(200);
  });
});
