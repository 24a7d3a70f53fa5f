import { clientErrors } from '@floe/client';
import { silentLogger, type LogFields } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { createGateway } from '../src/index.ts';
import { BLOB_ID, clientWith, fakeBlob, fakeClient, pattern, SIGNER } from './support/fake-client.ts';

const client = clientWith(fakeBlob(pattern(100)));
const request = (path: string, init?: RequestInit) => new Request(`http://gateway${path}`, init);

describe('the gateway', () => {
  it('says OK while it serves', async () => {
    const response = await createGateway({}, { client }).handler(request('/status'));
    expect([response.status, await response.text()]).toEqual([200, 'OK']);
  });

  it('answers every preflight request, for any origin, method and header', async () => {
    const { handler } = createGateway({}, { client });
    const headers = { origin: 'http://page', 'access-control-request-headers': 'range, x-custom' };
    const response = await handler(request('/v1/blobs', { method: 'OPTIONS', headers }));
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, PUT, OPTIONS',
      'access-control-allow-headers': 'range, x-custom',
      'access-control-max-age': '86400',
    });
  });

  it('lets pages read the headers that matter', async () => {
    const response = await createGateway({}, { client }).handler(request(`/v1/blobs/${BLOB_ID}`));
    expect(response.headers.get('access-control-expose-headers')).toContain('content-range');
  });

  it.each(['/', '/v1/blobs', '/v1/other', '/status/'])('says 404 as JSON for GET %s', async (path) => {
    const response = await createGateway({}, { client, signer: SIGNER }).handler(request(path));
    expect(response.status).toBe(404);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toMatchObject({ error: { details: [{ reason: 'NO_SUCH_ROUTE' }] } });
  });

  it('only reads when nobody pays', async () => {
    const { handler } = createGateway({}, { client });
    expect((await handler(request('/v1/blobs', { method: 'PUT', body: 'a' }))).status).toBe(404);
  });

  it('logs each request once, and why it failed, without the text of bugs in the answer', async () => {
    const lines: [string, string, LogFields | undefined][] = [];
    const log = (level: string) => (message: string, fields?: LogFields) => void lines.push([level, message, fields]);
    const logger = { ...silentLogger, info: log('info'), warn: log('warn'), error: log('error') };
    const broken = fakeClient({ open: () => Promise.reject(new TypeError('secret detail')) });
    const response = await createGateway({}, { client: broken, logger }).handler(request(`/v1/blobs/${BLOB_ID}`));
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret detail');
    expect(lines.map(([level, message]) => [level, message])).toEqual([
      ['error', 'request failed'],
      ['info', 'request'],
    ]);
    lines.length = 0;
    const timedOut = clientErrors.READ_TIMEOUT({ blobId: BLOB_ID, timeoutMs: 1, found: 0, needed: 0 });
    const slow = fakeClient({ open: () => Promise.reject(timedOut) });
    await createGateway({}, { client: slow, logger }).handler(request(`/v1/blobs/${BLOB_ID}`));
    expect(lines[0]).toMatchObject(['warn', 'request failed', { error: timedOut }]);
    lines.length = 0;
    await createGateway({}, { client, logger }).handler(
      request(`/v1/blobs/${BLOB_ID}?x=1`, { headers: { range: 'bytes=0-1' } }),
    );
    expect(lines).toMatchObject([['info', 'request', { method: 'GET', status: 400 }]]);
    lines.length = 0;
    await createGateway({}, { client, logger }).handler(
      request(`/v1/blobs/${BLOB_ID}`, { headers: { range: 'bytes=0-1' } }),
    );
    expect(lines).toMatchObject([['info', 'request', { status: 206, range: 'bytes 0-1/100' }]]);
  });
});
