import {
  AXES,
  decodeDecodingSymbolMap,
  decodeGeneralRecoverySymbols,
  decodeMessage,
  encodeInconsistencyProof,
  type NodeRoute,
  orthogonal,
  parseSignedMessageJson,
  type RecoverySymbol,
  sealMetadata,
  type SliverIndex,
  sliverOfPair,
  type SliverPairIndex,
  symbolIdOf,
} from '@floe/protocol';
import { makeInconsistencyProof, verifyRecoverySymbol } from '@floe/redstuff';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Blob,
  bls,
  bytesOf,
  codec,
  EPOCH,
  foreignPair,
  geometry,
  makeBlob,
  metadataBytes,
  N_SHARDS,
  outcomeOf,
  OWN_SHARDS,
  pairsOf,
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

describe('recovery symbols', () => {
  it('are given for a target from every own sliver, with proofs that hold', async () => {
    const { call } = await storedBlob(blob);
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
    const { call } = await storedBlob(blob);
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
    const { call } = await storedBlob(blob);
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
    const { call } = await storedBlob(blob);
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

describe('a large answer with symbols', () => {
  it('holds the place of its request until it is sent', async () => {
    const large = await makeBlob(1_200_000, 3);
    const { call, ledger } = await startNode({ limits: { symbolRequests: 1 } });
    await ledger.emit(registered(large));
    const upload = metadataBytes(large);
    expect((await call({ name: 'putMetadata', blobId: large.id, pending: false }, upload)).status).toBe(201);
    const [pair] = pairsOf(large) as [SliverPairIndex];
    for (const axis of AXES) {
      const route = { name: 'putSliver', blobId: large.id, pair, axis, pending: false } as const;
      expect((await call(route, sliverBytes(large, pair, axis))).status).toBe(201);
    }
    const primary = sliverOfPair(geometry, 'primary', pair);
    const ids = Array.from({ length: N_SHARDS }, (_, secondary) => ({ primary, secondary: secondary as SliverIndex }));
    const targets = Array.from({ length: geometry.columns }, (_, target) => target as SliverIndex);
    const routes: NodeRoute[] = [
      { name: 'getRecoverySymbols', blobId: large.id, filter: { kind: 'ids', ids } },
      { name: 'getDecodingSymbols', blobId: large.id, axis: 'secondary', targets },
    ];
    for (const route of routes) {
      const answer = await call(route);
      expect((await call(route)).status).toBe(503);
      const sizeBytes = (await bytesOf(answer)).length;
      expect(answer.headers.get('content-length')).toBe(`${sizeBytes}`);
      const left = await call(route);
      await left.body?.cancel();
      expect(await bytesOf(call(route))).toHaveLength(sizeBytes);
    }
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
    const { call } = await storedBlob(blob);
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
