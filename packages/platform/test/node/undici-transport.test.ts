import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { httpTransportCompliance } from '@floe/testkit';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { serveHttp } from '../../src/node/http-server.ts';
import { createUndiciTransport } from '../../src/node/undici-transport.ts';
import { createFetchTransport } from '../../src/web/fetch-transport.ts';

async function freeOrigin(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

for (const [name, make] of [
  ['undici to a socket', () => createUndiciTransport()],
  ['fetch to a socket', () => createFetchTransport()],
] as const) {
  httpTransportCompliance(name, async (handler) => {
    const server = await serveHttp(handler, { host: '127.0.0.1', port: 0 });
    const transport = make();
    return {
      transport,
      origin: server.url,
      deadOrigin: await freeOrigin(),
      async dispose() {
        await transport.close();
        await server.close(0);
      },
    };
  });
}

describe('the undici transport', () => {
  it('keeps to its number of connections and works off the rest in turn', async () => {
    let open = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const server = await serveHttp(
      () =>
        new Promise((resolve) => {
          open += 1;
          most = Math.max(most, open);
          release.push(() => {
            open -= 1;
            resolve(new Response());
          });
          if (release.length === 2 || arrived > 2) for (const each of release.splice(0)) each();
          arrived += 1;
        }),
      { host: '127.0.0.1', port: 0 },
    );
    let arrived = 1;
    const transport = createUndiciTransport({ connectionsPerOrigin: 2 });
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const response = await transport.request({ method: 'GET', url: server.url });
        await response.bytes(10);
      }),
    );
    expect(most).toBe(2);
    await transport.close();
    await server.close(0);
  });

  it('reports a peer that closes in the middle of a declared body', async () => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const transport = createUndiciTransport();
    const response = await transport.request({
      method: 'GET',
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    });
    await expect(response.bytes(1000)).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE' });
    await transport.close();
    server.close();
  });

  it('reports a peer that does not speak HTTP', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.end('SSH-2.0-nothing\r\n'))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const transport = createUndiciTransport();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await expect(transport.request({ method: 'GET', url })).rejects.toMatchObject({
      code: 'HTTP_UNREACHABLE',
      data: { url },
    });
    await transport.close();
    server.close();
  });

  it('does not count the time in which an upload waits for its own source', async () => {
    const server = await serveHttp(async (request) => new Response(String((await request.arrayBuffer()).byteLength)), {
      host: '127.0.0.1',
      port: 0,
    });
    const transport = createUndiciTransport();
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 4; index += 1) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        yield utf8('part');
      }
    }
    const response = await transport.request({ method: 'PUT', url: server.url, body: slowly(), timeoutMs: 100 });
    expect(new TextDecoder().decode(await response.bytes(10))).toBe('16');
    await transport.close();
    await server.close(0);
  });
});
