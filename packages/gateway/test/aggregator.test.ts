import { clientErrors, type FloeClient } from '@floe/client';
import { type BlobObject, ledgerErrors } from '@floe/contracts';
import { equalBytes, utf8 } from '@floe/platform';
import { type Frost, parseObjectId } from '@floe/protocol';
import { quiltPatchId, redstuffErrors } from '@floe/redstuff';
import { describe, expect, it } from 'vitest';
import { createGateway, type GatewayOptions } from '../src/index.ts';
import {
  BLOB_ID,
  BLOB_OBJECT,
  clientWith,
  fakeBlob,
  fakeClient,
  OBJECT_ID,
  OTHER_BLOB_ID,
  pattern,
} from './support/fake-client.ts';

const bytes = pattern(100);
const ETAG = `"${BLOB_ID}"`;
const BLOB_PATH = `/v1/blobs/${BLOB_ID}`;

async function ask(
  client: FloeClient,
  path: string,
  init: RequestInit = {},
  options: GatewayOptions = {},
): Promise<Response> {
  return createGateway(options, { client }).handler(new Request(`http://gateway${path}`, init));
}

const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as {
    error: { status: string; code: number; message: string; details: { reason: string; domain: string }[] };
  };
  return { ...error, reason: error.details[0]?.reason };
};

describe('GET of a blob', () => {
  it('sends all of it, immutable and under its id', async () => {
    const response = await ask(clientWith(fakeBlob(bytes)), BLOB_PATH);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag: ETAG,
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'content-length': '100',
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
    });
    expect(equalBytes(await bytesOf(response), bytes)).toBe(true);
  });

  it.each([
    ['bytes=10-19', 10, 20],
    ['bytes=90-', 90, 100],
    ['bytes=0-', 0, 100],
    ['bytes=-5', 95, 100],
    ['bytes=95-1000', 95, 100],
  ])('sends the part that Range %s names', async (range, start, end) => {
    const blob = fakeBlob(bytes);
    const response = await ask(clientWith(blob), BLOB_PATH, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/100`);
    expect(response.headers.get('content-length')).toBe(String(end - start));
    expect(equalBytes(await bytesOf(response), bytes.subarray(start, end))).toBe(true);
    expect(blob.asked).toEqual([{ start, end, consistency: 'default' }]);
  });

  it.each(['bytes=0-1,5-6', 'bytes=x-y', 'items=0-1', 'bytes=9-3'])('sends all of it for Range %s', async (range) => {
    const response = await ask(clientWith(fakeBlob(bytes)), BLOB_PATH, { headers: { range } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-range')).toBeNull();
  });

  it('refuses a range that lies outside, and says how large the blob is', async () => {
    const blob = fakeBlob(bytes);
    const response = await ask(clientWith(blob), BLOB_PATH, { headers: { range: 'bytes=100-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */100');
    expect(await errorOf(response)).toMatchObject({ status: 'RANGE_NOT_SATISFIABLE', reason: 'INVALID_BYTE_RANGE' });
    expect(blob.asked).toEqual([]);
  });

  it.each([ETAG, '*', `"other", W/${ETAG}`])('answers 304 to If-None-Match: %s', async (ifNoneMatch) => {
    const blob = fakeBlob(bytes);
    const headers = { 'if-none-match': ifNoneMatch, range: 'bytes=0-1' };
    const response = await ask(clientWith(blob), BLOB_PATH, { headers });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(ETAG);
    expect(await response.text()).toBe('');
    expect(blob.asked).toEqual([]);
  });

  it('ignores the range when If-Range names something else', async () => {
    const headers = { 'if-range': '"older"', range: 'bytes=0-1' };
    expect((await ask(clientWith(fakeBlob(bytes)), BLOB_PATH, { headers })).status).toBe(200);
    const same = { 'if-range': ETAG, range: 'bytes=0-1' };
    expect((await ask(clientWith(fakeBlob(bytes)), BLOB_PATH, { headers: same })).status).toBe(206);
  });

  it('answers HEAD without fetching a byte', async () => {
    const blob = fakeBlob(bytes);
    const response = await ask(clientWith(blob), BLOB_PATH, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('100');
    expect(await response.text()).toBe('');
    const part = await ask(clientWith(blob), BLOB_PATH, { method: 'HEAD', headers: { range: 'bytes=10-' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-length')).toBe('90');
    expect(blob.asked).toEqual([]);
  });

  it('sends an empty blob', async () => {
    const response = await ask(clientWith(fakeBlob(new Uint8Array(0))), BLOB_PATH);
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '0']);
    expect(await response.text()).toBe('');
  });

  it.each([
    ['?strict_consistency_check=true', 'strict'],
    ['?skip_consistency_check', 'skip'],
    ['?skip_consistency_check=false', 'default'],
  ])('reads with the check that %s asks for', async (query, consistency) => {
    const blob = fakeBlob(bytes);
    await ask(clientWith(blob), BLOB_PATH + query);
    expect(blob.asked[0]?.consistency).toBe(consistency);
  });

  it.each([
    ['?strict_consistency_check=true&skip_consistency_check=true', 'INVALID_CONSISTENCY_CHECK'],
    ['?strict_consistency_check=maybe', 'INVALID_PARAMETER'],
    ['?cb=1', 'UNKNOWN_PARAMETER'],
  ])('refuses %s', async (query, reason) => {
    const response = await ask(clientWith(fakeBlob(bytes)), BLOB_PATH + query);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT', reason });
  });

  it('has the type that the reader asks for, when that is one', async () => {
    const typeFor = async (accept: string) =>
      (await ask(clientWith(fakeBlob(bytes)), BLOB_PATH, { headers: { accept } })).headers.get('content-type');
    expect(await typeFor('video/webm')).toBe('video/webm');
    expect(await typeFor('image/*')).toBe('application/octet-stream');
    expect(await typeFor('text/html,application/xml;q=0.9')).toBe('application/octet-stream');
  });

  it.each(['abc', `${BLOB_ID}A`, BLOB_ID.slice(1), '%FF'])('refuses the id %s', async (id) => {
    const response = await ask(clientWith(fakeBlob(bytes)), `/v1/blobs/${id}`);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).reason).toBe('INVALID_BLOB_ID');
  });

  it('says 404 for a blob that is not stored, and lets nobody keep that', async () => {
    const response = await ask(clientWith(fakeBlob(bytes)), `/v1/blobs/${OTHER_BLOB_ID}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toMatchObject({
      error: {
        status: 'NOT_FOUND',
        code: 404,
        message: expect.stringContaining(OTHER_BLOB_ID) as string,
        details: [{ '@type': 'ErrorInfo', reason: 'BLOB_NOT_FOUND', domain: 'daemon.walrus.space' }],
      },
    });
  });

  it('reports a failure before the first byte as an error', async () => {
    const error = clientErrors.SLIVERS_UNAVAILABLE({ blobId: BLOB_ID, found: 1, needed: 34, answers: '' });
    const blob = fakeBlob(bytes, { failAtPart: 0, error });
    const response = await ask(clientWith(blob), BLOB_PATH);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toMatchObject({ status: 'UNAVAILABLE', reason: 'BLOB_UNAVAILABLE' });
  });

  it('cuts the answer when it fails after the first byte', async () => {
    const response = await ask(clientWith(fakeBlob(bytes, { failAtPart: 3 })), BLOB_PATH);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow('lost');
  });

  it('stops fetching when the reader leaves', async () => {
    const blob = fakeBlob(bytes);
    const response = await ask(clientWith(blob), BLOB_PATH);
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    await reader.read();
    await reader.cancel();
    expect(blob.dropped).toBe(1);
    expect(blob.taken).toBeLessThan(10);
  });

  it('gives the place of every kind of answer back', async () => {
    const client = clientWith(fakeBlob(bytes));
    const gateway = createGateway({ maxReads: 1, maxWaitingReads: 0 }, { client });
    const get = (path: string, init?: RequestInit) => gateway.handler(new Request(`http://gateway${path}`, init));
    await (await get(BLOB_PATH)).arrayBuffer();
    expect((await get(BLOB_PATH, { method: 'HEAD' })).status).toBe(200);
    expect((await get(`${BLOB_PATH}/byte-range?start=0&length=5`, { method: 'HEAD' })).status).toBe(200);
    expect((await get(BLOB_PATH, { headers: { 'if-none-match': ETAG } })).status).toBe(304);
    expect((await get(BLOB_PATH, { headers: { range: 'bytes=500-' } })).status).toBe(416);
    expect((await get(`/v1/blobs/${OTHER_BLOB_ID}`)).status).toBe(404);
    const underWay = await get(BLOB_PATH);
    expect(underWay.status).toBe(200);
    const refused = await get(BLOB_PATH);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await errorOf(refused)).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL' });
    await underWay.body?.cancel();
    expect((await get(BLOB_PATH)).status).toBe(200);
  });
});

describe('a slice under its own URL', () => {
  it('is sent with 200, its own entity tag, and only its bytes', async () => {
    const blob = fakeBlob(bytes);
    const response = await ask(clientWith(blob), `${BLOB_PATH}/byte-range?start=30&length=20`);
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${BLOB_ID}-30-20"`);
    expect(equalBytes(await bytesOf(response), bytes.subarray(30, 50))).toBe(true);
    expect(blob.asked).toEqual([{ start: 30, end: 50, consistency: 'default' }]);
  });

  it.each([
    ['start=0', 'INVALID_PARAMETER'],
    ['length=4', 'INVALID_PARAMETER'],
    ['start=-1&length=4', 'INVALID_PARAMETER'],
    ['start=0&length=0', 'INVALID_BYTE_RANGE'],
    ['start=90&length=11', 'INVALID_BYTE_RANGE'],
    ['start=9007199254740991&length=9007199254740991', 'INVALID_BYTE_RANGE'],
  ])('is refused for %s', async (query, reason) => {
    const response = await ask(clientWith(fakeBlob(bytes)), `${BLOB_PATH}/byte-range?${query}`);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).reason).toBe(reason);
  });
});

describe('GET by object id', () => {
  const objectPath = `/v1/blobs/by-object-id/${OBJECT_ID}`;
  const attributes = new Map([
    ['Content-Type', 'video/webm'],
    ['content-disposition', 'inline; filename="a"'],
    ['content-language', 'de\r\nx-evil: 1'],
    ['authorization', 'secret'],
    ['x-other', 'kept back'],
  ]);
  const client = clientWith(fakeBlob(bytes), {
    blobObject: async (objectId) => (objectId === OBJECT_ID ? BLOB_OBJECT : undefined),
    attributes: async () => attributes,
  });

  it('sends the blob with its allowed attributes as headers', async () => {
    const response = await ask(client, objectPath, { headers: { accept: 'text/plain' } });
    expect(response.status).toBe(200);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      etag: ETAG,
      'content-type': 'video/webm',
      'content-disposition': 'inline; filename="a"',
    });
    expect(headers['cache-control']).not.toContain('immutable');
    expect(headers).not.toHaveProperty('x-other');
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('content-language');
    expect(equalBytes(await bytesOf(response), bytes)).toBe(true);
  });

  it('sends the attributes of a shared blob, which lie on the blob object within', async () => {
    const within = parseObjectId('0x17');
    const shared: BlobObject = { ...BLOB_OBJECT, shared: { blobObjectId: within, funds: 5n as Frost } };
    const client = clientWith(fakeBlob(bytes), {
      blobObject: async () => shared,
      attributes: async (objectId) => (objectId === within ? attributes : new Map()),
    });
    const response = await ask(client, objectPath);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'video/webm']);
  });

  it('sends the attributes that the operator allows', async () => {
    const response = await ask(client, objectPath, {}, { allowedHeaders: ['X-Other'] });
    expect(response.headers.get('x-other')).toBe('kept back');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
  });

  it('takes ranges', async () => {
    const response = await ask(client, objectPath, { headers: { range: 'bytes=-1' } });
    expect([response.status, response.headers.get('content-type')]).toEqual([206, 'video/webm']);
  });

  it.each([
    ['an unknown object', async () => undefined],
    [
      'an object that is no blob',
      () => Promise.reject(ledgerErrors.WRONG_OBJECT_TYPE({ objectId: OBJECT_ID, expected: 'Blob', came: 'Coin' })),
    ],
  ])('says 404 for %s', async (_what, blobObject) => {
    const response = await ask(fakeClient({ blobObject, attributes: async () => new Map() }), objectPath);
    expect(response.status).toBe(404);
    expect((await errorOf(response)).reason).toBe('BLOB_NOT_FOUND');
  });

  it('refuses what is no object id', async () => {
    const response = await ask(client, '/v1/blobs/by-object-id/0xyz');
    expect([response.status, (await errorOf(response)).reason]).toEqual([400, 'INVALID_OBJECT_ID']);
  });
});

describe('quilts', () => {
  const patchId = quiltPatchId({ blobId: BLOB_ID, startIndex: 1, endIndex: 3 });
  const patch = {
    patchId,
    identifier: 'a/b c.txt',
    tags: { 'content-type': 'text/plain', color: 'red' },
    contents: utf8('hello, quilt'),
  };
  const notFound = (name: string) => clientErrors.QUILT_PATCH_NOT_FOUND({ quiltId: BLOB_ID, patch: name });
  const client = clientWith(fakeBlob(pattern(100)), {
    readPatch: async (id) => (id === patchId ? patch : Promise.reject(notFound(id))),
    readPatchByIdentifier: async (quiltId, identifier) =>
      quiltId === BLOB_ID && identifier === patch.identifier ? patch : Promise.reject(notFound(identifier)),
    quiltPatches: async () => [{ ...patch, startIndex: 1, endIndex: 3 }],
  });

  it.each([`/v1/blobs/by-quilt-patch-id/${patchId}`, `/v1/blobs/by-quilt-id/${BLOB_ID}/a%2Fb%20c.txt`])(
    'sends a patch for %s',
    async (path) => {
      const response = await ask(client, path);
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        etag: `"${patchId}"`,
        'content-type': 'text/plain',
        'content-length': '12',
        'x-quilt-patch-identifier': 'a/b c.txt',
      });
      expect(response.headers.get('color')).toBeNull();
      expect(await response.text()).toBe('hello, quilt');
    },
  );

  it('sends a part of a patch, and 304 when it did not change', async () => {
    const path = `/v1/blobs/by-quilt-patch-id/${patchId}`;
    const part = await ask(client, path, { headers: { range: 'bytes=7-' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 7-11/12',
      'quilt',
    ]);
    expect((await ask(client, path, { headers: { 'if-none-match': `"${patchId}"` } })).status).toBe(304);
    const head = await ask(client, path, { method: 'HEAD' });
    expect([head.headers.get('content-length'), await head.text()]).toEqual(['12', '']);
  });

  it('lists the patches', async () => {
    const response = await ask(client, `/v1/quilts/${BLOB_ID}/patches`);
    expect(await response.json()).toEqual([{ identifier: 'a/b c.txt', patch_id: patchId, tags: patch.tags }]);
  });

  it('says 404 for patches that are not there', async () => {
    const response = await ask(client, `/v1/blobs/by-quilt-id/${BLOB_ID}/other`);
    expect([response.status, (await errorOf(response)).reason]).toEqual([404, 'QUILT_PATCH_NOT_FOUND']);
  });

  it('says 404 for a blob that is no quilt', async () => {
    const invalid = redstuffErrors.INVALID_QUILT({ part: 'size', expected: '100 bytes', came: '17' });
    const noQuilt = clientWith(fakeBlob(pattern(100)), { quiltPatches: () => Promise.reject(invalid) });
    const response = await ask(noQuilt, `/v1/quilts/${BLOB_ID}/patches`);
    expect([response.status, (await errorOf(response)).reason]).toEqual([404, 'INVALID_QUILT']);
  });

  it('keeps back an identifier that no header can hold', async () => {
    const odd = clientWith(fakeBlob(pattern(100)), { readPatch: async () => ({ ...patch, identifier: 'ünïcode' }) });
    const response = await ask(odd, `/v1/blobs/by-quilt-patch-id/${patchId}`);
    expect([response.status, response.headers.get('x-quilt-patch-identifier')]).toEqual([200, null]);
  });
});
