import {
  AXES,
  BATCH_CONTENT_TYPE,
  type BatchFrame,
  blobIdBytes,
  decodeBatch,
  encodeBatch,
  type NodeRoute,
  type SliverPairIndex,
} from '@floe/protocol';
import { iterateStream, toBase64 } from '@floe/platform';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Blob,
  bls,
  confirmation,
  EPOCH,
  foreignPair,
  get,
  makeBlob,
  metadataBytes,
  outcomeOf,
  OWN_SHARDS,
  pairsOf,
  put,
  registered,
  request,
  SECRET_KEY,
  sliverBytes,
  startNode,
  storedBlob,
} from './node-harness.ts';

let blob: Blob;
let other: Blob;

beforeAll(async () => {
  blob = await makeBlob(1000, 1);
  other = await makeBlob(1000, 2);
});

describe('batched slivers', () => {
  const frames = (of: Blob, pairs: readonly SliverPairIndex[]): BatchFrame[] =>
    pairs.flatMap((pair) =>
      AXES.map((axis) => ({ kind: 'sliver' as const, axis, pair, sliverData: sliverBytes(of, pair, axis) })),
    );
  const readFrames = async (response: Response): Promise<BatchFrame[]> => {
    expect(response.headers.get('content-type')).toBe(BATCH_CONTENT_TYPE);
    const result: BatchFrame[] = [];
    const limits = { maxSliverBytes: 1 << 20, maxFrames: 1000 };
    for await (const frame of decodeBatch(iterateStream(response.body as ReadableStream<Uint8Array>), limits)) {
      result.push(frame);
    }
    return result;
  };

  it('are offered as a capability', async () => {
    const { call } = await startNode();
    expect(await outcomeOf(call({ name: 'getCapabilities' }))).toEqual([
      200,
      { floe: 1, batchedSlivers: { maxReadSlivers: 2000, maxUploadSlivers: 2000 }, challenges: true, redundancy: true },
    ]);
  });

  it('are stored with an outcome each, and read back', async () => {
    const { call, ledger } = await startNode();
    await ledger.emit(registered(blob));
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const foreign = foreignPair(blob);
    const [first] = pairsOf(blob) as [SliverPairIndex];
    const wrong = sliverBytes(blob, first, 'primary').slice();
    wrong[30] = (wrong[30] as number) ^ 4;
    const sent: BatchFrame[] = [
      ...frames(blob, [foreign]).slice(0, 1),
      { kind: 'sliver', axis: 'primary', pair: first, sliverData: wrong },
      { kind: 'sliver', axis: 'primary', pair: 99 as SliverPairIndex, sliverData: sliverBytes(blob, first, 'primary') },
      ...frames(blob, pairsOf(blob)),
      ...frames(blob, [first]).slice(0, 1),
    ];
    const upload: NodeRoute = { name: 'putSliverBatch', blobId: blob.id, pending: false };
    const outcomes = await readFrames(await call(upload, encodeBatch(sent)));
    const seen = outcomes.map((frame) =>
      frame.kind === 'outcome' ? `${frame.pair} ${frame.axis} ${frame.httpStatus} ${frame.reason}` : 'sliver',
    );
    const expected = [
      `${foreign} primary 400 SHARD_NOT_ASSIGNED`,
      `${first} primary 400 INVALID_SLIVER`,
      '99 primary 400 INDEX_OUT_OF_RANGE',
      ...pairsOf(blob).flatMap((pair) => AXES.map((axis) => `${pair} ${axis} 201 `)),
      `${first} primary 200 `,
    ];
    expect(seen.toSorted()).toEqual(expected.toSorted());
    expect((await call(confirmation(blob))).status).toBe(200);

    const read: NodeRoute = {
      name: 'getSliverBatch',
      blobId: blob.id,
      primary: [...pairsOf(blob), foreign],
      secondary: [first],
    };
    const got = await readFrames(await call(read));
    expect(got.slice(0, 3)).toEqual(frames(blob, pairsOf(blob)).filter(({ axis }) => axis === 'primary'));
    expect(got[3]).toMatchObject({ kind: 'outcome', pair: foreign, httpStatus: 400, reason: 'SHARD_NOT_ASSIGNED' });
    expect(got[4]).toMatchObject({ kind: 'sliver', pair: first, axis: 'secondary' });
  });

  it('answer each sliver before the next is sent', async () => {
    const { call, ledger } = await startNode();
    await ledger.emit(registered(blob));
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    let resume: (() => void) | undefined;
    const body = (async function* () {
      let sent = 0;
      for await (const chunk of encodeBatch(frames(blob, pairsOf(blob)))) {
        yield chunk;
        sent += 1;
        // A frame is two chunks; after each whole one wait until its outcome was seen.
        if (sent % 2 === 0 && sent <= 12) await new Promise<void>((resolve) => (resume = resolve));
      }
    })();
    const response = await call({ name: 'putSliverBatch', blobId: blob.id, pending: false }, body);
    let seen = 0;
    const source = iterateStream(response.body as ReadableStream<Uint8Array>);
    for await (const frame of decodeBatch(source, { maxSliverBytes: 1000, maxFrames: 100 })) {
      expect(frame).toMatchObject({ kind: 'outcome', httpStatus: 201 });
      seen += 1;
      resume?.();
    }
    expect(seen).toBe(6);
  });

  it('are refused whole when they are not a batch, or the blob is unknown', async () => {
    const { call, ledger } = await startNode();
    const upload: NodeRoute = { name: 'putSliverBatch', blobId: blob.id, pending: false };
    expect(await outcomeOf(call(upload, encodeBatch(frames(blob, pairsOf(blob)))))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'NOT_REGISTERED',
    ]);
    await ledger.emit(registered(blob));
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    expect(await outcomeOf(call(upload, new Uint8Array(40).fill(9)))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'INVALID_BATCH',
    ]);
    const huge: BatchFrame = {
      kind: 'sliver',
      axis: 'primary',
      pair: 0 as SliverPairIndex,
      sliverData: new Uint8Array(9999),
    };
    expect(await outcomeOf(call(upload, encodeBatch([huge])))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'BATCH_FRAME_TOO_LARGE',
    ]);
    expect(await outcomeOf(call(upload, new Uint8Array(0)))).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_BATCH']);
    const read: NodeRoute = {
      name: 'getSliverBatch',
      blobId: other.id,
      primary: [0 as SliverPairIndex],
      secondary: [],
    };
    expect(await outcomeOf(call(read))).toEqual([404, 'NOT_FOUND', 'SLIVER_NOT_FOUND']);
  });
});

describe('the service', () => {
  it('answers health with what is true', async () => {
    const { call, ledger, time } = await startNode();
    await ledger.emit(registered(blob), registered(other));
    await ledger.emit();
    await time.advance(61_500);
    const [, health] = (await outcomeOf(call({ name: 'getHealth', detailed: true }))) as [number, unknown];
    expect(health).toEqual({
      uptime: { secs: 61, nanos: 500_000_000 },
      epoch: EPOCH,
      publicKey: toBase64(bls.publicKey(SECRET_KEY)),
      nodeStatus: 'Active',
      eventProgress: { persisted: 4, pending: 0, highestFinishedEventIndex: 3 },
      shardSummary: {
        owned: 3,
        ownedShardStatus: { unknown: 0, ready: 3, inTransfer: 0, inRecovery: 0 },
        readOnly: 0,
      },
      shardDetail: { owned: OWN_SHARDS.map((shard) => ({ shard, status: 'ready' })), other: [] },
      latestCheckpointSequenceNumber: 1,
      probe: { ok: true, tookMs: 0, ageMs: 0 },
    });
    const [, plain] = (await outcomeOf(call({ name: 'getHealth', detailed: false }))) as [number, object];
    expect(plain).not.toHaveProperty('shardDetail');
  });

  it.each([
    ['GET', '/v1/nothing', 404],
    ['GET', '/', 404],
    ['POST', '/v1/migrate/sync_shard', 401],
    ['GET', '/v1/api', 404],
    ['DELETE', '/v1/health', 405],
    ['GET', '/v1/blobs/short/status', 400],
    ['GET', '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB/status', 400],
    ['GET', '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/slivers/x/primary', 400],
    ['GET', '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/slivers/70000/primary', 400],
    ['GET', '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/slivers/1/tertiary', 400],
    ['PUT', '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/metadata?nonsense=1', 400],
    ['GET', '/v1/health?detailed=maybe', 400],
    [
      'GET',
      '/v1/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/recoverySymbols?id=1-2&targetSliver=1&targetType=primary',
      400,
    ],
  ])('answers %s %s with %i in plain text', async (method, target, status) => {
    const { node } = await startNode();
    const response = await node.handler(request(method, target));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type') ?? 'text/plain').toContain('text/plain');
  });

  it('lets browsers of any origin in', async () => {
    const { node, call } = await startNode();
    const headers = { 'access-control-request-headers': 'content-type, x-thing', origin: 'http://x.test' };
    const preflight = await node.handler(request('OPTIONS', '/v1/health', undefined, { headers }));
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type, x-thing');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
    const refused = await call(get(blob, 0, 'primary'));
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('answers HEAD without a body', async () => {
    const { node, call } = await storedBlob(blob);
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const response = await node.handler(request('HEAD', `/v1/blobs/${blob.id}/slivers/${pair}/primary`));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(node.status().activeRequests).toBe(0);
    expect((await call(get(blob, pair, 'primary'))).status).toBe(200);
  });

  it('tells a full disk from a fault and goes on reading and deleting', async () => {
    const { call, fileSystem, ledger, node } = await storedBlob(blob);
    await ledger.emit(registered(other));
    fileSystem.setCapacity(fileSystem.usedBytes + 10);
    const route: NodeRoute = { name: 'putMetadata', blobId: other.id, pending: false };
    const full = [429, 'RESOURCE_EXHAUSTED', 'INSUFFICIENT_STORAGE'];
    const response = await call(route, metadataBytes(other));
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await response.clone().text()).not.toContain('/node');
    expect(await outcomeOf(response)).toEqual(full);
    fileSystem.setCapacity(Number.MAX_SAFE_INTEGER);
    await call(route, metadataBytes(other));
    fileSystem.setCapacity(fileSystem.usedBytes + 80);
    const [pair] = pairsOf(other) as [SliverPairIndex];
    expect(await outcomeOf(call(put(other, pair, 'primary'), sliverBytes(other, pair, 'primary')))).toEqual(full);
    const [own] = pairsOf(blob) as [SliverPairIndex];
    expect((await call(get(blob, own, 'primary'))).status).toBe(200);
    fileSystem.setCapacity(fileSystem.usedBytes + 1000);
    await ledger.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: blob.id });
    expect(node.status().store.slivers).toBe(0);
  });

  it('hides its own faults behind a trace id', async () => {
    const { call, store, ledger } = await startNode();
    await ledger.emit(registered(blob));
    store.corrupt('blobs', blobIdBytes(blob.id));
    const response = await call({ name: 'getBlobStatus', blobId: blob.id });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).toContain('TraceID: ');
    expect(text).not.toContain('checksum');
  });
});
