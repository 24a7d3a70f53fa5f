import {
  AXES,
  decodeMessage,
  decodeMetadataWithId,
  encodeSliverData,
  type Epoch,
  type NodeRoute,
  parseObjectId,
  parseSignedMessageJson,
  type ShardIndex,
  sliverOfPair,
  type SliverPairIndex,
} from '@floe/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Blob,
  bls,
  bytesOf,
  certified,
  committees,
  confirmation,
  digestOf,
  EPOCH,
  foreignPair,
  geometry,
  get,
  makeBlob,
  metadataBytes,
  N_SHARDS,
  outcomeOf,
  OWN_SHARDS,
  pairsOf,
  put,
  registered,
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

describe('metadata routes', () => {
  it('store for a registered blob, once, and give back what was stored with its id', async () => {
    const { call, ledger } = await startNode();
    await ledger.emit(registered(blob));
    const route: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: false };
    const status: NodeRoute = { name: 'getMetadataStatus', blobId: blob.id };
    expect(await outcomeOf(call(status))).toEqual([200, 'nonexistent']);
    expect(await outcomeOf(call(route, metadataBytes(blob)))).toEqual([201, 'metadata successfully stored']);
    expect(await outcomeOf(call(route, metadataBytes(other)))).toEqual([200, 'metadata already stored']);
    expect(await outcomeOf(call(status))).toEqual([200, 'stored']);
    const bytes = await bytesOf(call({ name: 'getMetadata', blobId: blob.id }));
    expect(decodeMetadataWithId(bytes)).toEqual({ blobId: blob.id, metadata: blob.encoded.verified.metadata });
  });

  it('refuse metadata of an unregistered blob, unless it may be buffered', async () => {
    const { call } = await startNode();
    const route = { name: 'putMetadata', blobId: blob.id } as const;
    expect(await outcomeOf(call({ ...route, pending: false }, metadataBytes(blob)))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'NOT_REGISTERED',
    ]);
    expect(await outcomeOf(call({ ...route, pending: true }, metadataBytes(blob)))).toEqual([
      202,
      'metadata buffered pending registration',
    ]);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'buffered']);
    expect(await outcomeOf(call({ name: 'getMetadata', blobId: blob.id }))).toEqual([
      404,
      'NOT_FOUND',
      'METADATA_NOT_FOUND',
    ]);
  });

  it.each([
    ['metadata of another blob', () => metadataBytes(other), 'INVALID_METADATA'],
    ['a truncated body', () => metadataBytes(blob).subarray(0, 100), 'INVALID_CONTENT_TYPE'],
    ['a body with bytes behind', () => Uint8Array.of(...metadataBytes(blob), 0), 'INVALID_CONTENT_TYPE'],
    ['an empty body', () => new Uint8Array(0), 'INVALID_CONTENT_TYPE'],
    ['a body that is not BCS', () => new Uint8Array(500).fill(0xff), 'INVALID_CONTENT_TYPE'],
    ['an oversized body', () => new Uint8Array(1 << 20), 'INVALID_CONTENT_TYPE'],
  ])('refuse %s', async (_name, body, reason) => {
    const { call, ledger } = await startNode();
    await ledger.emit(registered(blob));
    const route: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: false };
    expect(await outcomeOf(call(route, body()))).toEqual([400, 'INVALID_ARGUMENT', reason]);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
  });

  it('refuse another content type than BCS', async () => {
    const { call, ledger } = await startNode();
    await ledger.emit(registered(blob));
    const route: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: false };
    const headers = { 'content-type': 'application/json' };
    expect(await outcomeOf(call(route, metadataBytes(blob), { headers }))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'INVALID_CONTENT_TYPE',
    ]);
    const fine = { 'content-type': 'application/octet-stream; charset=x' };
    expect((await call(route, metadataBytes(blob), { headers: fine })).status).toBe(201);
  });
});

describe('sliver routes', () => {
  it('store verified slivers and give back the same bytes', async () => {
    const { call } = await storedBlob(blob);
    for (const pair of pairsOf(blob)) {
      for (const axis of AXES) {
        expect(await bytesOf(call(get(blob, pair, axis)))).toEqual(sliverBytes(blob, pair, axis));
        expect(await outcomeOf(call({ name: 'getSliverStatus', blobId: blob.id, pair, axis }))).toEqual([
          200,
          'stored',
        ]);
        expect(await outcomeOf(call(put(blob, pair, axis), sliverBytes(blob, pair, axis)))).toEqual([
          200,
          'sliver already stored',
        ]);
      }
    }
  });

  it('check in the order that clients rely on', async () => {
    const { call, ledger } = await startNode();
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const good = sliverBytes(blob, pair, 'primary');
    const refusal = (...reason: string[]) => [400, ...reason];
    expect(await outcomeOf(call(put(blob, 60_000, 'primary'), Uint8Array.of(1)))).toEqual(
      refusal('INVALID_ARGUMENT', 'INVALID_CONTENT_TYPE'),
    );
    expect(await outcomeOf(call(put(blob, N_SHARDS, 'primary'), good))).toEqual(
      refusal('INVALID_ARGUMENT', 'INDEX_OUT_OF_RANGE'),
    );
    expect(await outcomeOf(call(put(blob, (pair + 1) % N_SHARDS, 'primary'), good))).toEqual(
      refusal('INVALID_ARGUMENT', 'SLIVER_INDEX_MISMATCH'),
    );
    expect(await outcomeOf(call(put(blob, pair, 'primary'), good))).toEqual(
      refusal('FAILED_PRECONDITION', 'NOT_REGISTERED'),
    );
    expect(await outcomeOf(call(put(blob, pair, 'primary', true), good))).toEqual(
      refusal('FAILED_PRECONDITION', 'METADATA_NOT_FOUND'),
    );
    await ledger.emit(registered(blob));
    expect(await outcomeOf(call(put(blob, pair, 'primary'), good))).toEqual(
      refusal('FAILED_PRECONDITION', 'METADATA_NOT_FOUND'),
    );
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    const foreign = foreignPair(blob);
    expect(await outcomeOf(call(put(blob, foreign, 'primary'), sliverBytes(blob, foreign, 'primary')))).toEqual(
      refusal('FAILED_PRECONDITION', 'SHARD_NOT_ASSIGNED'),
    );
    const flipped = good.slice();
    flipped[20] = (flipped[20] as number) ^ 1;
    expect(await outcomeOf(call(put(blob, pair, 'primary'), flipped))).toEqual(
      refusal('INVALID_ARGUMENT', 'INVALID_SLIVER'),
    );
    const sliver = blob.encoded.sliver('primary', sliverOfPair(geometry, 'primary', pair));
    const short = encodeSliverData({ ...sliver, data: sliver.data.slice(0, -sliver.symbolSize) });
    expect(await outcomeOf(call(put(blob, pair, 'primary'), short))).toEqual(
      refusal('INVALID_ARGUMENT', 'INVALID_SLIVER'),
    );
    expect(await outcomeOf(call(put(blob, pair, 'primary'), good))).toEqual([201, 'sliver stored successfully']);
  });

  it('refuse a body over the largest sliver in plain text', async () => {
    const { call } = await storedBlob(blob);
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const [status] = (await outcomeOf(call(put(blob, pair, 'primary'), new Uint8Array(7 * 65_534 + 200)))) as [number];
    expect(status).toBe(413);
  });

  it('serve nothing that is unregistered, expired, denied, foreign or missing', async () => {
    const { call, ledger, denied } = await startNode();
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const notFound = [404, 'NOT_FOUND', 'SLIVER_NOT_FOUND'];
    expect(await outcomeOf(call(get(blob, N_SHARDS, 'primary')))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'INDEX_OUT_OF_RANGE',
    ]);
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual(notFound);
    await ledger.emit(registered(blob, { endEpoch: EPOCH + 1 }));
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual(notFound);
    expect(await outcomeOf(call(get(blob, foreignPair(blob), 'primary')))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'SHARD_NOT_ASSIGNED',
    ]);
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    await call(put(blob, pair, 'primary'), sliverBytes(blob, pair, 'primary'));
    expect((await call(get(blob, pair, 'primary'))).status).toBe(200);
    denied.add(blob.id);
    const forbidden = [451, 'UNAVAILABLE_FOR_LEGAL_REASONS', 'FORBIDDEN_BLOB'];
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual(forbidden);
    expect(await outcomeOf(call({ name: 'getMetadata', blobId: blob.id }))).toEqual(forbidden);
    const metadata = { name: 'putMetadata', blobId: blob.id, pending: true } as const;
    expect(await outcomeOf(call(metadata, metadataBytes(blob)))).toEqual(forbidden);
    expect(await outcomeOf(call(put(blob, pair, 'secondary'), sliverBytes(blob, pair, 'secondary')))).toEqual(
      forbidden,
    );
    // Who asks what became of the blob is told.
    expect(await outcomeOf(call({ name: 'getBlobStatus', blobId: blob.id }))).not.toEqual(forbidden);
    denied.clear();
    ledger.current = committees(EPOCH + 1);
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual(notFound);
    expect(await outcomeOf(call({ name: 'getBlobStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
  });

  it('go on serving shards that moved away, and take no more for them', async () => {
    const { call, ledger } = await storedBlob(blob);
    ledger.current = committees(EPOCH + 1, [4, 7] as ShardIndex[]);
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    const [moved] = pairsOf(blob, [1 as ShardIndex]) as [SliverPairIndex];
    expect((await call(get(blob, moved, 'primary'))).status).toBe(200);
    await ledger.emit(registered(other));
    await call({ name: 'putMetadata', blobId: other.id, pending: false }, metadataBytes(other));
    const [pair] = pairsOf(other, [1 as ShardIndex]) as [SliverPairIndex];
    expect(await outcomeOf(call(put(other, pair, 'primary'), sliverBytes(other, pair, 'primary')))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'SHARD_NOT_ASSIGNED',
    ]);
    const health = (await outcomeOf(call({ name: 'getHealth', detailed: true }))) as [number, Record<string, unknown>];
    expect(health[1]).toMatchObject({
      shardSummary: { owned: 2, readOnly: 1 },
      shardDetail: { other: [{ shard: 1, status: 'readOnly' }] },
    });
  });

  it('count a sliver that rotted on disk as missing, until it is sent again', async () => {
    const { call, fileSystem } = await storedBlob(blob);
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    for (const name of await fileSystem.list('/node/slivers')) {
      const handle = await fileSystem.open(`/node/slivers/${name}`, 'read');
      // Right behind the segment's header and the first record's: the first sliver stored.
      if ((await handle.size()) > 200) fileSystem.flipBit(`/node/slivers/${name}`, 64 + 72 + 10);
      await handle.close();
    }
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual([404, 'NOT_FOUND', 'SLIVER_NOT_FOUND']);
    expect(await outcomeOf(call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'MISSING_SLIVERS']);
    expect((await call(put(blob, pair, 'primary'), sliverBytes(blob, pair, 'primary'))).status).toBe(201);
    expect(await bytesOf(call(get(blob, pair, 'primary')))).toEqual(sliverBytes(blob, pair, 'primary'));
  });
});

describe('confirmations', () => {
  it('are signed over the current epoch once every own sliver is held', async () => {
    const { call, ledger } = await startNode();
    expect(await outcomeOf(call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
    await ledger.emit(registered(blob));
    await call({ name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob));
    for (const pair of pairsOf(blob)) {
      for (const axis of AXES) {
        expect(await outcomeOf(call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'MISSING_SLIVERS']);
        await call(put(blob, pair, axis), sliverBytes(blob, pair, axis));
      }
    }
    const [status, data] = (await outcomeOf(call(confirmation(blob)))) as [number, { signed: unknown }];
    expect(status).toBe(200);
    const signed = parseSignedMessageJson(data.signed);
    expect(bls.verify(bls.publicKey(SECRET_KEY), signed.serializedMessage, signed.signature)).toBe(true);
    expect(decodeMessage(signed.serializedMessage)).toMatchObject({
      epoch: EPOCH,
      blobId: blob.id,
      persistence: { kind: 'permanent' },
    });
  });

  it('for a deletable object need that object to be registered for that blob', async () => {
    const { call, ledger, upload } = await startNode();
    await ledger.emit(registered(blob, { deletable: true }), registered(other, { deletable: true }));
    await upload(blob);
    const [status, data] = (await outcomeOf(call(confirmation(blob, { deletable: true })))) as [
      number,
      { signed: unknown },
    ];
    expect(status).toBe(200);
    expect(decodeMessage(parseSignedMessageJson(data.signed).serializedMessage)).toMatchObject({
      persistence: { kind: 'deletable', objectId: blob.objectId },
    });
    const notRegistered = [400, 'FAILED_PRECONDITION', 'NOT_REGISTERED'];
    const foreign = { ...blob, objectId: other.objectId };
    expect(await outcomeOf(call(confirmation(foreign, { deletable: true })))).toEqual(notRegistered);
    const unknown = { ...blob, objectId: parseObjectId('0x9') };
    expect(await outcomeOf(call(confirmation(unknown, { deletable: true })))).toEqual(notRegistered);
    await ledger.emit(registered({ ...blob, objectId: parseObjectId('0x77') }), {
      kind: 'BlobDeleted',
      epoch: EPOCH,
      blobId: blob.id,
      endEpoch: 20 as Epoch,
      objectId: blob.objectId,
      wasCertified: false,
    });
    expect(await outcomeOf(call(confirmation(blob, { deletable: true })))).toEqual(notRegistered);
    expect((await call(confirmation(blob))).status).toBe(200);
  });

  it('wait for the registration of a buffered blob, and store it then', async () => {
    const { call, ledger, upload, time } = await startNode();
    await upload(blob, true);
    const waiting = call(confirmation(blob, { wait: true, waitMs: 3000 }));
    await time.advance(2999);
    await ledger.emit(registered(blob));
    expect((await waiting).status).toBe(200);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'stored']);
  });

  it('give up waiting in time, and do not wait for a blob of which nothing is buffered', async () => {
    const { call, upload, time } = await startNode();
    const notRegistered = [400, 'FAILED_PRECONDITION', 'NOT_REGISTERED'];
    expect(await outcomeOf(call(confirmation(other, { wait: true })))).toEqual(notRegistered);
    await upload(blob, true);
    const { sleepers } = time;
    const waiting = call(confirmation(blob, { wait: true, waitMs: 60_000 }));
    await time.advance(5000);
    expect(await outcomeOf(waiting)).toEqual(notRegistered);
    expect(time.sleepers).toBe(sleepers);
  });
});

describe('uploads before registration', () => {
  it('are buffered, flushed by the registration, and served then', async () => {
    const { call, ledger, upload } = await startNode();
    await upload(blob, true);
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    expect(await outcomeOf(call({ name: 'getSliverStatus', blobId: blob.id, pair, axis: 'primary' }))).toEqual([
      200,
      'buffered',
    ]);
    await ledger.emit(registered(blob));
    expect((await call(confirmation(blob))).status).toBe(200);
    expect(await bytesOf(call(get(blob, pair, 'primary')))).toEqual(sliverBytes(blob, pair, 'primary'));
  });

  it('are forgotten after their time', async () => {
    const { call, upload, time } = await startNode();
    await upload(blob, true);
    await time.advance(60_000);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
  });

  it('are refused when they are turned off or do not fit', async () => {
    const saturated = [400, 'FAILED_PRECONDITION', 'CACHE_SATURATED'];
    const off = await startNode({ limits: { pendingTtlMs: 0 } });
    const route: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: true };
    expect(await outcomeOf(off.call(route, metadataBytes(blob)))).toEqual(saturated);
    const small = await startNode({ limits: { pendingMetadata: 1, pendingSlivers: 1 } });
    expect((await small.call(route, metadataBytes(blob))).status).toBe(202);
    expect(await outcomeOf(small.call({ ...route, blobId: other.id }, metadataBytes(other)))).toEqual(saturated);
    const [first, second] = pairsOf(blob) as [SliverPairIndex, SliverPairIndex];
    expect((await small.call(put(blob, first, 'primary', true), sliverBytes(blob, first, 'primary'))).status).toBe(202);
    expect(
      await outcomeOf(small.call(put(blob, second, 'primary', true), sliverBytes(blob, second, 'primary'))),
    ).toEqual(saturated);
  });
});

describe('blob status', () => {
  it('follows the events of the ledger, with their ids', async () => {
    const { call, ledger } = await startNode();
    const status = () => outcomeOf(call({ name: 'getBlobStatus', blobId: blob.id }));
    expect(await status()).toEqual([200, 'nonexistent']);
    await ledger.emit(registered(other), registered(blob));
    const permanent = {
      endEpoch: 20,
      isCertified: false,
      statusEvent: { txDigest: digestOf(0n), eventSeq: '1' },
      deletableCounts: { count_deletable_total: 0, count_deletable_certified: 0 },
      initialCertifiedEpoch: null,
    };
    expect(await status()).toEqual([200, { permanent }]);
    await ledger.emit(certified(blob));
    const certifiedStatus = {
      ...permanent,
      isCertified: true,
      statusEvent: { txDigest: digestOf(1n), eventSeq: '0' },
      initialCertifiedEpoch: EPOCH,
    };
    expect(await status()).toEqual([200, { permanent: certifiedStatus }]);
    await ledger.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: blob.id });
    expect(await status()).toEqual([200, { invalid: { event: { txDigest: digestOf(2n), eventSeq: '0' } } }]);
  });

  it('of an invalid blob is final, and its data is gone', async () => {
    const { call, ledger, node } = await storedBlob(blob);
    expect(node.status().store.slivers).toBe(2 * OWN_SHARDS.length);
    await ledger.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: blob.id });
    expect(node.status().store.slivers).toBe(0);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
    const again: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: true };
    expect(await outcomeOf(call(again, metadataBytes(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'INVALID_BLOB']);
    expect(await outcomeOf(call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
  });
});
