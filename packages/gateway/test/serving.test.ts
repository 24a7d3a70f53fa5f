/** The gateway behind real sockets. */
import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import type { FloeClient } from '@floe/client';
import { deferred, equalBytes, type HttpServer } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { afterEach, describe, expect, it } from 'vitest';
import { createGateway, type GatewayOptions } from '../src/index.ts';
import {
  BLOB_ID,
  clientWith,
  fakeBlob,
  bytesOf,
  fakeClient,
  newlyCreated,
  OTHER_BLOB_ID,
  pattern,
  SIGNER,
} from './support/fake-client.ts';

const MIB = 1024 * 1024;
const PATH = `/v1/blobs/${BLOB_ID}`;
const servers: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function serve(client: FloeClient, options: GatewayOptions = {}): Promise<HttpServer> {
  const { handler } = createGateway(options, { client, signer: SIGNER });
  const server = await serveHttp(handler, { host: '127.0.0.1', port: 0 });
  servers.push(server);
  return server;
}

/** The whole exchange as text; ends when the server closes the connection. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** Sends `body` with `transfer-encoding: chunked`. */
function putChunked(url: string, parts: number, part: Uint8Array): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'PUT' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    for (let i = 0; i < parts; i += 1) request.write(part);
    request.end();
  });
}

describe('reads over a socket', () => {
  it('arrive whole and in part', async () => {
    const bytes = pattern(3 * MIB);
    const { url } = await serve(clientWith(fakeBlob(bytes, { partBytes: 100_000 })));
    const whole = await fetch(url + PATH);
    expect(equalBytes(await whole.bytes(), bytes)).toBe(true);
    const part = await fetch(url + PATH, { headers: { range: 'bytes=1000000-' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 1000000-${3 * MIB - 1}/${3 * MIB}`]);
    expect(equalBytes(await part.bytes(), bytes.subarray(1_000_000))).toBe(true);
  });

  it('HEAD tells the size and nothing else', async () => {
    const { port } = await serve(clientWith(fakeBlob(pattern(500))));
    const answer = await exchange(port, `HEAD ${PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).toContain('\r\ncontent-length: 500\r\n');
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  it('that fail on the way are cut, never taken for whole', async () => {
    const { url } = await serve(clientWith(fakeBlob(pattern(1000), { partBytes: 100, failAtPart: 5 })));
    const response = await fetch(url + PATH);
    expect(response.status).toBe(200);
    await expect(response.bytes()).rejects.toThrow();
  });

  it('free their place when the reader disconnects', async () => {
    const arrived = deferred<void>();
    const left = deferred<void>();
    const blob = fakeBlob(pattern(20 * MIB), { partBytes: MIB });
    const stream = blob.stream.bind(blob);
    let reads = 0;
    const client = clientWith({
      ...blob,
      stream: (options) => {
        reads += 1;
        options?.signal?.addEventListener('abort', () => left.resolve());
        if (reads === 1) arrived.resolve();
        return stream(options);
      },
    });
    const { url } = await serve(client, { maxReads: 1, maxWaitingReads: 0 });
    const leaving = new AbortController();
    const response = await fetch(url + PATH, { signal: leaving.signal });
    await arrived.promise;
    expect((await fetch(url + PATH)).status).toBe(429);
    leaving.abort();
    await expect(response.bytes()).rejects.toThrow();
    await left.promise;
    const next = await fetch(url + PATH);
    expect(next.status).toBe(200);
    expect((await next.bytes()).length).toBe(20 * MIB);
  });

  it('free their place when the reader disconnects before the first byte', async () => {
    const asked = deferred<void>();
    const left = deferred<void>();
    const open = (_blobId: unknown, { signal }: { signal?: AbortSignal } = {}) =>
      new Promise<never>((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          reject(signal.reason as Error);
          left.resolve();
        });
        asked.resolve();
      });
    const blob = fakeBlob(pattern(10));
    const client = clientWith(blob, {
      open: (blobId, options) => (blobId === BLOB_ID ? Promise.resolve(blob) : open(blobId, options)),
    });
    const { url } = await serve(client, { maxReads: 1, maxWaitingReads: 0 });
    const leaving = new AbortController();
    const response = fetch(`${url}/v1/blobs/${OTHER_BLOB_ID}`, { signal: leaving.signal });
    await asked.promise;
    leaving.abort();
    await expect(response).rejects.toThrow();
    await left.promise;
    expect((await fetch(url + PATH)).status).toBe(200);
  });
});

describe('stores over a socket', () => {
  const storing = () => {
    const sizes: number[] = [];
    const client = fakeClient({
      store: async (blob) => {
        sizes.push(bytesOf(blob).length);
        return newlyCreated();
      },
    });
    return { client, sizes };
  };

  it('take bodies with and without a declared size', async () => {
    const { client, sizes } = storing();
    const { url } = await serve(client);
    expect((await fetch(`${url}/v1/blobs`, { method: 'PUT', body: pattern(MIB) as BodyInit })).status).toBe(200);
    expect((await putChunked(`${url}/v1/blobs`, 30, pattern(100_000))).status).toBe(200);
    expect(sizes).toEqual([MIB, 3_000_000]);
  });

  it('answer a body over the limit with 413, declared or not, while it is still being sent', async () => {
    const { client, sizes } = storing();
    const { url, port } = await serve(client, { maxBlobBodyBytes: 100_000 });
    const declared = await exchange(
      port,
      'PUT /v1/blobs HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9000000\r\n\r\nfirst',
    );
    expect(declared).toMatch(/^HTTP\/1\.1 413 /);
    expect(declared).toContain('BODY_TOO_LARGE');
    const chunked = await exchange(
      port,
      'PUT /v1/blobs HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `30d40\r\n${'x'.repeat(200_000)}\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    expect(sizes).toEqual([]);
    expect((await fetch(`${url}/v1/blobs`, { method: 'PUT', body: 'small' })).status).toBe(200);
  });

  it('say what is wrong with a large upload to one that sends it to its end', async () => {
    const { client } = storing();
    const { url } = await serve(client);
    const { status, text } = await putChunked(`${url}/v1/blobs?epoch=1`, 20, pattern(MIB));
    expect(status).toBe(400);
    expect(text).toContain('unknown parameter epoch');
  });

  it('end when their client leaves in the middle of the body', async () => {
    const { client, sizes } = storing();
    const { url, port } = await serve(client, { maxStores: 1, maxWaitingStores: 0 });
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this');
        socket.destroySoon();
      });
      socket.on('close', () => resolve());
    });
    // The server hears of it in its own time; until then it has no second place.
    await expect
      .poll(async () => (await fetch(`${url}/v1/blobs`, { method: 'PUT', body: 'next' })).status, { interval: 5 })
      .toBe(200);
    expect(sizes).toEqual([4]);
  });
});
