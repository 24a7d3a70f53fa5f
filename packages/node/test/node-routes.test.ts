import {
  AXES,
  BATCH_CONTENT_TYPE,
  type BatchFrame,
  decodeBatch,
  decodeDecodingSymbolMap,
  decodeGeneralRecoverySymbols,
  decodeMessage,
  decodeMetadataWithId,
  encodeBatch,
  encodeInconsistencyProof,
  encodeSliverData,
  type Epoch,
  type NodeRoute,
  orthogonal,
  parseObjectId,
  parseSignedMessageJson,
  type RecoverySymbol,
  sealMetadata,
  type ShardIndex,
  type SliverIndex,
  type SliverPairIndex,
  sliverOfPair,
  symbolIdOf,
} from '@floe/protocol';
import { makeInconsistencyProof, verifyRecoverySymbol } from '@floe/redstuff';
import { iterateStream, toBase64 } from '@floe/platform';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Blob,
  bls,
  bytesOf,
  certified,
  codec,
  committees,
  digestOf,
  EPOCH,
  geometry,
  makeBlob,
  metadataBytes,
  N_SHARDS,
  outcomeOf,
  OWN_SHARDS,
  pairsOf,
  registered,
  request,
  SECRET_KEY,
  sliverBytes,
  startNode,
} from './node-harness.ts';

let blob: Blob;
let other: Blob;

beforeAll(async () => {
  blob = await makeBlob(1000, 1);
  other = await makeBlob(1000, 2);
});

function foreignPair(of: Blob): SliverPairIndex {
  return pairsOf(of, [2 as ShardIndex])[0] as SliverPairIndex;
}

function put(of: Blob, pair: number, axis: 'primary' | 'secondary', pending = false): NodeRoute {
  return { name: 'putSliver', blobId: of.id, pair: pair as SliverPairIndex, axis, pending };
}

function get(of: Blob, pair: number, axis: 'primary' | 'secondary'): NodeRoute {
  return { name: 'getSliver', blobId: of.id, pair: pair as SliverPairIndex, axis };
}

function confirmation(of: Blob, options: { deletable?: boolean; wait?: boolean; waitMs?: number } = {}): NodeRoute {
  return {
    name: 'getConfirmation',
    blobId: of.id,
    persistence: options.deletable === true ? { kind: 'deletable', objectId: of.objectId } : { kind: 'permanent' },
    waitForRegistration: options.wait ?? false,
    waitMs: options.waitMs,
  };
}

async function storedBlob() {
  const harness = await startNode();
  await harness.ledger.emit(registered(blob));
  await harness.upload(blob);
  return harness;
}

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
    const { call } = await storedBlob();
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
    const { call } = await storedBlob();
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
    denied.clear();
    ledger.current = committees(EPOCH + 1);
    await ledger.emit({ kind: 'EpochChangeStart', epoch: (EPOCH + 1) as Epoch });
    expect(await outcomeOf(call(get(blob, pair, 'primary')))).toEqual(notFound);
    expect(await outcomeOf(call({ name: 'getBlobStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
  });

  it('go on serving shards that moved away, and take no more for them', async () => {
    const { call, ledger } = await storedBlob();
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
    const { call, fileSystem } = await storedBlob();
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
    const waiting = call(confirmation(blob, { wait: true, waitMs: 60_000 }));
    await time.advance(5000);
    expect(await outcomeOf(waiting)).toEqual(notRegistered);
    expect(time.sleepers).toBe(0);
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
    const { call, ledger, node } = await storedBlob();
    expect(node.status().store.slivers).toBe(2 * OWN_SHARDS.length);
    await ledger.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: blob.id });
    expect(node.status().store.slivers).toBe(0);
    expect(await outcomeOf(call({ name: 'getMetadataStatus', blobId: blob.id }))).toEqual([200, 'nonexistent']);
    const again: NodeRoute = { name: 'putMetadata', blobId: blob.id, pending: true };
    expect(await outcomeOf(call(again, metadataBytes(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'INVALID_BLOB']);
    expect(await outcomeOf(call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
  });
});

describe('recovery symbols', () => {
  it('are given for a target from every own sliver, with proofs that hold', async () => {
    const { call } = await storedBlob();
    for (const axis of AXES) {
      for (const index of [0, N_SHARDS - 1] as SliverIndex[]) {
        const route: NodeRoute = {
          name: 'getRecoverySymbols',
          blobId: blob.id,
          filter: { kind: 'target', axis, index },
        };
        const symbols = decodeGeneralRecoverySymbols(await bytesOf(call(route)));
        expect(symbols).toHaveLength(OWN_SHARDS.length);
        for (const symbol of symbols) {
          expect(symbol).toMatchObject({ axis, targetIndex: index });
          expect(verifyRecoverySymbol(blob.encoded.verified, axis, index, symbol)).toBe(true);
        }
      }
    }
  });

  it('are given by id in order, once each, those that are here', async () => {
    const { call } = await storedBlob();
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const row = sliverOfPair(geometry, 'primary', pair);
    const id = (primary: number, secondary: number) => ({
      primary: primary as SliverIndex,
      secondary: secondary as SliverIndex,
    });
    const foreignRow = sliverOfPair(geometry, 'primary', foreignPair(blob));
    const foreignColumns = [...Array(N_SHARDS).keys()].filter(
      (column) => !pairsOf(blob).some((own) => sliverOfPair(geometry, 'secondary', own) === column),
    );
    const ids = [id(row, 9), id(row, 3), id(row, 9), id(foreignRow, foreignColumns[0] as number)];
    const route: NodeRoute = { name: 'getRecoverySymbols', blobId: blob.id, filter: { kind: 'ids', ids } };
    const symbols = decodeGeneralRecoverySymbols(await bytesOf(call(route)));
    expect(symbols.map(symbolIdOf)).toEqual([id(row, 3), id(row, 9)]);
    expect(symbols.map(({ axis }) => axis)).toEqual(['secondary', 'secondary']);
    expect(symbols.every((s) => verifyRecoverySymbol(blob.encoded.verified, 'secondary', s.targetIndex, s))).toBe(true);
    const absent: NodeRoute = { ...route, filter: { kind: 'ids', ids: ids.slice(3) } };
    expect(await outcomeOf(call(absent))).toEqual([400, 'FAILED_PRECONDITION', 'SYMBOL_NOT_PRESENT_AT_SHARDS']);
    const none: NodeRoute = { ...route, filter: { kind: 'ids', ids: [] } };
    expect(await outcomeOf(call(none))).toEqual([400, 'FAILED_PRECONDITION', 'NO_SYMBOLS_SPECIFIED']);
    const outside: NodeRoute = { ...route, filter: { kind: 'ids', ids: [id(N_SHARDS, 0)] } };
    expect(await outcomeOf(call(outside))).toEqual([400, 'INVALID_ARGUMENT', 'INDEX_OUT_OF_RANGE']);
  });

  it('come from the proof axis asked for', async () => {
    const { call } = await storedBlob();
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const ids = [{ primary: 2 as SliverIndex, secondary: sliverOfPair(geometry, 'secondary', pair) }];
    const route: NodeRoute = {
      name: 'getRecoverySymbols',
      blobId: blob.id,
      proofAxis: 'secondary',
      filter: { kind: 'ids', ids },
    };
    const symbols = decodeGeneralRecoverySymbols(await bytesOf(call(route)));
    expect(symbols).toMatchObject([{ axis: 'primary', targetIndex: 2, index: ids[0]?.secondary }]);
  });

  it('of a blob without metadata here are 404, of one that is not registered too', async () => {
    const { call, ledger } = await startNode();
    const filter = { kind: 'target', axis: 'primary', index: 0 as SliverIndex } as const;
    const route: NodeRoute = { name: 'getRecoverySymbols', blobId: blob.id, filter };
    expect(await outcomeOf(call(route))).toEqual([404, 'NOT_FOUND', 'SLIVER_NOT_FOUND']);
    await ledger.emit(registered(blob));
    expect(await outcomeOf(call(route))).toEqual([404, 'NOT_FOUND', 'METADATA_NOT_FOUND']);
  });

  it('and decoding symbols are refused when too many ask at once', async () => {
    const { call } = await startNode({ limits: { symbolRequests: 0 } });
    const filter = { kind: 'target', axis: 'primary', index: 0 as SliverIndex } as const;
    const response = await call({ name: 'getRecoverySymbols', blobId: blob.id, filter });
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await outcomeOf(response)).toEqual([503, 'UNAVAILABLE', 'UNAVAILABLE']);
    const decoding: NodeRoute = {
      name: 'getDecodingSymbols',
      blobId: blob.id,
      axis: 'primary',
      targets: [0 as SliverIndex],
    };
    expect(await outcomeOf(call(decoding))).toEqual([503, 'UNAVAILABLE', 'UNAVAILABLE']);
  });
});

describe('decoding symbols', () => {
  it('are those of the expanded matrix, for systematic targets only', async () => {
    const { call } = await storedBlob();
    const { symbolSize } = blob.encoded.verified;
    for (const axis of AXES) {
      const targets = [0, 2] as SliverIndex[];
      const route: NodeRoute = { name: 'getDecodingSymbols', blobId: blob.id, axis, targets };
      const map = decodeDecodingSymbolMap(await bytesOf(call(route)));
      expect([...map.keys()]).toEqual(targets);
      for (const [target, symbols] of map) {
        expect(symbols).toHaveLength(OWN_SHARDS.length);
        for (const symbol of symbols) {
          const source = blob.encoded.sliver(orthogonal(axis), symbol.index);
          const [expected] = await codec.recoverySymbols(geometry, source, [target]);
          expect(symbol).toEqual({ axis, index: symbol.index, data: expected?.data });
          expect(symbol.data).toHaveLength(symbolSize);
        }
      }
    }
    const route: NodeRoute = { name: 'getDecodingSymbols', blobId: blob.id, axis: 'primary', targets: [] };
    expect(await outcomeOf(call(route))).toEqual([400, 'FAILED_PRECONDITION', 'NO_TARGET_SLIVERS_SPECIFIED']);
    const outside: NodeRoute = { ...route, targets: [geometry.rows as SliverIndex] };
    expect(await outcomeOf(call(outside))).toEqual([400, 'INVALID_ARGUMENT', 'RECOVERY_SYMBOL_OUT_OF_RANGE']);
  });
});

describe('inconsistency proofs', () => {
  it('are attested when they hold', async () => {
    // A writer that lies about one sliver's hash: its metadata still hashes to its id.
    const honest = blob.encoded.verified;
    const pairHashes = honest.metadata.pairHashes.slice();
    pairHashes[3 * 64] = (pairHashes[3 * 64] as number) ^ 1;
    const lie = sealMetadata(geometry, { ...honest.metadata, pairHashes });
    const bad: Blob = { ...blob, id: lie.blobId, encoded: { ...blob.encoded, verified: lie } };
    const { call, ledger } = await startNode();
    await ledger.emit(registered(bad));
    expect((await call({ name: 'putMetadata', blobId: bad.id, pending: false }, metadataBytes(bad))).status).toBe(201);
    const target = 3 as SliverIndex;
    const symbols: RecoverySymbol[] = [];
    for (let index = 0; index < geometry.columns; index += 1) {
      const source = blob.encoded.sliver('secondary', index as SliverIndex);
      symbols.push(...(await codec.recoverySymbols(geometry, source, [target])));
    }
    const proof = await makeInconsistencyProof(codec, lie, { axis: 'primary', index: target }, symbols);
    const route: NodeRoute = { name: 'postInconsistencyProof', blobId: bad.id, axis: 'primary' };
    const [status, data] = (await outcomeOf(call(route, encodeInconsistencyProof(proof)))) as [number, unknown];
    expect(status).toBe(200);
    const signed = parseSignedMessageJson(data);
    expect(bls.verify(bls.publicKey(SECRET_KEY), signed.serializedMessage, signed.signature)).toBe(true);
    expect(decodeMessage(signed.serializedMessage)).toMatchObject({ epoch: EPOCH, blobId: bad.id });
  });

  it('are refused when the sliver is consistent, malformed, or the metadata is missing', async () => {
    const { call } = await storedBlob();
    const target = 3 as SliverIndex;
    const symbols: RecoverySymbol[] = [];
    for (let index = 0; index < geometry.columns; index += 1) {
      const source = blob.encoded.sliver('secondary', index as SliverIndex);
      symbols.push(...(await codec.recoverySymbols(geometry, source, [target])));
    }
    const body = encodeInconsistencyProof({ axis: 'primary', targetIndex: target, symbols });
    const route: NodeRoute = { name: 'postInconsistencyProof', blobId: blob.id, axis: 'primary' };
    expect(await outcomeOf(call(route, body))).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_PROOF']);
    expect(await outcomeOf(call(route, body.subarray(0, 50)))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'INVALID_CONTENT_TYPE',
    ]);
    expect(await outcomeOf(call({ ...route, blobId: other.id }, body))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'METADATA_NOT_FOUND',
    ]);
  });
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
      { floe: 1, batchedSlivers: { maxReadSlivers: 2000, maxUploadSlivers: 2000 } },
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
    });
    const [, plain] = (await outcomeOf(call({ name: 'getHealth', detailed: false }))) as [number, object];
    expect(plain).not.toHaveProperty('shardDetail');
  });

  it.each([
    ['GET', '/v1/nothing', 404],
    ['GET', '/', 404],
    ['POST', '/v1/migrate/sync_shard', 404],
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
    const { node, call } = await storedBlob();
    const [pair] = pairsOf(blob) as [SliverPairIndex];
    const response = await node.handler(request('HEAD', `/v1/blobs/${blob.id}/slivers/${pair}/primary`));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(node.status().activeRequests).toBe(0);
    expect((await call(get(blob, pair, 'primary'))).status).toBe(200);
  });

  it('tells a full disk from a fault and goes on reading and deleting', async () => {
    const { call, fileSystem, ledger, node } = await storedBlob();
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
    store.corrupt('blobs', new Uint8Array([...Buffer.from(blob.id, 'base64url')]));
    const response = await call({ name: 'getBlobStatus', blobId: blob.id });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).toContain('TraceID: ');
    expect(text).not.toContain('checksum');
  });
});
