import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SliverIndex, SliverPairIndex } from '../../src/ids.ts';
import { matchNodeRoute, type NodeRoute, nodeRequest } from '../../src/node-api/routes.ts';
import { axis, blobId, objectId, sliverIndex, u16 } from '../support/arbitraries.ts';

const ID = 'CmzciFdWJP1IIM-rD3cqXlVBXYM0fpAfHahZBvkaZUI';
const pair = u16.map((value) => value as SliverPairIndex);
const pairs = fc.array(pair, { maxLength: 5 });
const named = <Name extends string>(name: Name) => fc.constant(name);
const symbolId = fc.record({ primary: sliverIndex, secondary: sliverIndex });
const filter = fc.oneof(
  fc.record({ kind: named('ids'), ids: fc.array(symbolId, { maxLength: 5 }) }),
  fc.record({ kind: named('target'), axis, index: sliverIndex }),
);
const persistence = fc.oneof(
  fc.constant({ kind: 'permanent' as const }),
  fc.record({ kind: named('deletable'), objectId }),
);
const route: fc.Arbitrary<NodeRoute> = fc.oneof(
  fc.record({ name: fc.constantFrom('getMetadata', 'getMetadataStatus', 'getBlobStatus'), blobId }),
  fc.record({ name: fc.constantFrom('putMetadata', 'putSliverBatch'), blobId, pending: fc.boolean() }),
  fc.record({ name: fc.constantFrom('getSliver', 'getSliverStatus'), blobId, pair, axis }),
  fc.record({ name: named('putSliver'), blobId, pair, axis, pending: fc.boolean() }),
  fc.record({ name: named('getConfirmation'), blobId, persistence, waitForRegistration: fc.constant(false) }),
  fc.record({
    name: named('getConfirmation'),
    blobId,
    persistence,
    waitForRegistration: fc.constant(true),
    waitMs: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.record({ name: named('getRecoverySymbols'), blobId, proofAxis: fc.option(axis, { nil: undefined }), filter }),
  fc.record({ name: named('getDecodingSymbols'), blobId, axis, targets: fc.array(sliverIndex, { maxLength: 5 }) }),
  fc.record({ name: named('postInconsistencyProof'), blobId, axis }),
  fc.record({ name: named('getHealth'), detailed: fc.boolean() }),
  fc.record({ name: fc.constantFrom('postSyncShard', 'getApi', 'getCapabilities', 'getRedundancy') }),
  fc.record({ name: fc.constant('getChallenges'), epoch: fc.nat(0xffff_ffff) }),
  fc
    .record({ name: named('getSliverBatch'), blobId, primary: pairs, secondary: pairs })
    .filter(({ primary, secondary }) => primary.length + secondary.length > 0),
) as fc.Arbitrary<NodeRoute>;

describe('paths', () => {
  it('a server reads the route that a client wrote', () => {
    fc.assert(
      fc.property(route, (wanted) => {
        const { method, target } = nodeRequest(wanted);
        expect(matchNodeRoute(method, target)).toEqual({ kind: 'route', route: wanted });
        expect(matchNodeRoute(method, `http://node:9185${target}`)).toEqual({ kind: 'route', route: wanted });
      }),
      { numRuns: 300 },
    );
  });

  const blob = { blobId: ID as never };
  const pairSeven = 7 as SliverPairIndex;
  it.each<[NodeRoute, string]>([
    [{ name: 'getMetadata', ...blob }, `GET /v1/blobs/${ID}/metadata`],
    [{ name: 'putMetadata', ...blob, pending: false }, `PUT /v1/blobs/${ID}/metadata`],
    [{ name: 'putMetadata', ...blob, pending: true }, `PUT /v1/blobs/${ID}/metadata?pending=true`],
    [{ name: 'getMetadataStatus', ...blob }, `GET /v1/blobs/${ID}/metadata/status`],
    [{ name: 'getSliver', ...blob, pair: pairSeven, axis: 'primary' }, `GET /v1/blobs/${ID}/slivers/7/primary`],
    [
      { name: 'getConfirmation', ...blob, persistence: { kind: 'permanent' }, waitForRegistration: true, waitMs: 900 },
      `GET /v1/blobs/${ID}/confirmation/permanent?wait_for_registration=true&wait_millis=900`,
    ],
    [
      {
        name: 'getConfirmation',
        ...blob,
        persistence: { kind: 'deletable', objectId: `0x${'ab'.repeat(32)}` as never },
        waitForRegistration: false,
      },
      `GET /v1/blobs/${ID}/confirmation/deletable/0x${'ab'.repeat(32)}`,
    ],
    [
      {
        name: 'getRecoverySymbols',
        ...blob,
        proofAxis: 'secondary',
        filter: { kind: 'ids', ids: [{ primary: 1 as SliverIndex, secondary: 2 as SliverIndex }] },
      },
      `GET /v1/blobs/${ID}/recoverySymbols?id=1-2&proofAxis=secondary`,
    ],
    [
      { name: 'getDecodingSymbols', ...blob, axis: 'primary', targets: [3, 4] as SliverIndex[] },
      `GET /v1/blobs/${ID}/decodingSymbols?targetSlivers=3&targetSlivers=4&targetType=primary`,
    ],
    [
      { name: 'postInconsistencyProof', ...blob, axis: 'secondary' },
      `POST /v1/blobs/${ID}/inconsistencyProof/secondary`,
    ],
    [{ name: 'postSyncShard' }, 'POST /v1/migrate/sync_shard'],
    [{ name: 'getHealth', detailed: true }, 'GET /v1/health?detailed=true'],
    [
      { name: 'getSliverBatch', ...blob, primary: [0, 5] as SliverPairIndex[], secondary: [3] as SliverPairIndex[] },
      `GET /v1/blobs/${ID}/slivers?primary=0,5&secondary=3`,
    ],
  ])('%j is %s', (wanted, expected) => {
    const { method, target } = nodeRequest(wanted);
    expect(`${method} ${target}`).toBe(expected);
  });
});

describe('what is not a route', () => {
  it.each([
    ['GET', '/', 404],
    ['GET', '/v1', 404],
    ['GET', '//', 404],
    ['GET', 'http://[', 404],
    ['GET', `/v1/blobs/%2e%2e/metadata`, 404],
    ['GET', `/v1/blobs/${ID}`, 404],
    ['GET', `/v1/blobs/${ID}/metadata/`, 404],
    ['GET', `/v2/blobs/${ID}/metadata`, 404],
    ['GET', `/v1/blobs/${ID}/slivers/1`, 404],
    ['DELETE', `/v1/blobs/${ID}/metadata`, 405],
    ['POST', `/v1/blobs/${ID}/slivers/1/primary`, 405],
    ['GET', '/v1/migrate/sync_shard', 405],
    ['constructor', '/v1/health', 405],
  ])('%s %s is %d without a text', (method, url, httpStatus) => {
    expect(matchNodeRoute(method, url)).toEqual({ kind: 'refused', httpStatus, message: '' });
  });

  const blob = `/v1/blobs/${ID}`;
  it.each([
    ['GET', `/v1/blobs/${ID.slice(1)}/metadata`, 'blob id'],
    ['GET', `/v1/blobs/%2f/metadata`, 'blob id'],
    ['GET', `${blob}/slivers/65536/primary`, 'pair index "65536" is not 0..65535'],
    ['GET', `${blob}/slivers/-1/primary`, 'pair index'],
    ['GET', `${blob}/slivers/1/tertiary`, 'sliver type "tertiary" is not primary or secondary'],
    ['PUT', `${blob}/metadata?pending=yes`, 'query pending is not true or false'],
    ['PUT', `${blob}/metadata?pending=true&pending=true`, 'query has pending 2 times, expected once'],
    ['PUT', `${blob}/metadata?other=1`, 'query has an unknown key "other"'],
    ['PUT', `${blob}/slivers/1/primary?pending`, 'query pending is not true or false'],
    ['GET', `${blob}/confirmation/permanent?wait_millis=-1`, 'query wait_millis is not a number of milliseconds'],
    ['GET', `${blob}/confirmation/deletable/xyz`, 'object id'],
    ['GET', `${blob}/recoverySymbols?id=1-2&targetSliver=1&targetType=primary`, 'query has both id and targetSliver'],
    ['GET', `${blob}/recoverySymbols?targetSliver=1`, 'query has only one of targetSliver and targetType'],
    ['GET', `${blob}/recoverySymbols?id=1`, 'query id "1" is not row-column'],
    ['GET', `${blob}/recoverySymbols?id=1-2&proofAxis=both`, 'query proofAxis'],
    ['GET', `${blob}/decodingSymbols?targetSlivers=1`, 'query lacks targetType'],
    ['GET', `${blob}/slivers`, 'query names no sliver pair'],
    ['GET', `${blob}/slivers?primary=1,,2`, 'query primary "" is not 0..65535'],
    ['GET', `/v1/health?detailed=1`, 'query detailed is not true or false'],
  ])('%s %s is refused with a reason', (method, url, message) => {
    const match = matchNodeRoute(method, url);
    expect(match).toMatchObject({ kind: 'refused', httpStatus: 400 });
    expect((match as { message: string }).message).toContain(message);
  });

  it('a query of more values than allowed is refused, in every form', () => {
    const values = (count: number, text: string) => Array.from({ length: count }, () => text);
    for (const target of [
      `${blob}/recoverySymbols?${values(4097, 'id=1-2').join('&')}`,
      `${blob}/decodingSymbols?targetType=primary&${values(5000, 'targetSlivers=1').join('&')}`,
      `${blob}/slivers?primary=${values(4097, '1').join(',')}`,
    ]) {
      expect(matchNodeRoute('GET', target)).toMatchObject({ kind: 'refused', httpStatus: 400 });
    }
  });

  it('unknown keys are ignored where a route takes no query', () => {
    expect(matchNodeRoute('GET', `${blob}/metadata?pending=true`)).toMatchObject({ kind: 'route' });
  });

  it('no symbol and no target is left to the service, which has a reason for it', () => {
    const expected = { kind: 'route', route: { filter: { kind: 'ids', ids: [] } } };
    expect(matchNodeRoute('GET', `${blob}/recoverySymbols`)).toMatchObject(expected);
    const none = { kind: 'route', route: { targets: [] } };
    expect(matchNodeRoute('GET', `${blob}/decodingSymbols?targetType=primary`)).toMatchObject(none);
  });
});
